"""Time zones by name, and the account that a process runs under."""

import os
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mcp_proxy.edges.account import account_name
from mcp_proxy.edges.zones import find_zone


def test_a_zone_is_found_by_its_name() -> None:
    berlin = find_zone("Europe/Berlin")
    assert berlin is not None
    assert datetime(2026, 7, 1, tzinfo=berlin).utcoffset() == timedelta(hours=2)
    assert find_zone("UTC") is UTC


@pytest.mark.parametrize("name", ["", "Nowhere/Atlantis", "../etc/passwd", "/etc/localtime", "\0"])
def test_a_name_that_is_no_zone_is_none(name: str) -> None:
    assert find_zone(name) is None


@pytest.mark.skipif(sys.platform == "win32", reason="accounts of POSIX")
def test_s17_the_account_is_the_systems_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pwd  # noqa: PLC0415 - not on every system

    for name in ("LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert account_name() == pwd.getpwuid(os.getuid()).pw_name
