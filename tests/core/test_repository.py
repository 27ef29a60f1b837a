"""Target paths and what stands beside them: written and read back, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.repository import (
    RESERVED,
    Listed,
    current_path,
    is_role_name,
    listed_custom,
    parse_listed,
    parse_version_path,
    version_path,
)

NAMES = st.from_regex(NAME_PATTERN, fullmatch=True)
VERSIONS = st.integers(1, 10**18 - 1)


@given(NAMES, VERSIONS)
def test_a_version_is_found_in_its_path(name: str, version: int) -> None:
    assert parse_version_path(version_path(name, version), name) == version
    assert parse_version_path(version_path(name, version), name[:-1] + "_") is None
    assert parse_version_path(current_path(name), name) is None


@pytest.mark.parametrize(
    "path", ["billing/01.dsse.json", "billing/0.dsse.json", "billing/1.json", "hr/1.dsse.json"]
)
def test_other_paths_are_no_version(path: str) -> None:
    assert parse_version_path(path, "billing") is None


@given(VERSIONS, VERSIONS)
def test_what_stands_beside_a_target_is_read_back(one: int, other: int) -> None:
    listed = Listed(max(one, other), min(one, other))
    assert parse_listed(listed_custom(listed, current=True)) == listed
    assert parse_listed(listed_custom(listed, current=False)) == Listed(listed.version, 1)


@pytest.mark.parametrize(
    "custom",
    [
        None,
        [],
        {},
        {"mcp-proxy": 3},
        {"mcp-proxy": {"version": "3"}},
        {"mcp-proxy": {"version": True}},
        {"mcp-proxy": {"version": 3, "floor": 4}},
        {"mcp-proxy": {"version": 3, "floor": 0}},
    ],
)
def test_what_is_not_as_we_write_it_is_none(custom: object) -> None:
    assert parse_listed(custom) is None


def test_names_that_tuf_keeps_are_no_profiles() -> None:
    assert is_role_name("billing")
    assert not any(is_role_name(name) for name in (*RESERVED, "", "Billing", "a/b"))
