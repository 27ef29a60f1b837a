"""What a person is told when an upstream refuses a login: the scopes, the command, or neither."""

import re

import pytest
from edges.kept_login import AUTH

from mcp_proxy.core.authorization import Login
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.refusals import refusal

SPEC = UpstreamSpec("rest", "https://api.example.com", AUTH, 1_000, ())
LOGIN = Login("billing", ("read",))


def told(status: int, challenge: str) -> Broken:
    headers = {"www-authenticate": challenge}
    return refusal(SPEC, status, headers, b"", LIMITS, LOGIN)


def test_too_few_scopes_are_told_with_the_command_that_asks_for_them() -> None:
    found = told(403, 'Bearer error="insufficient_scope", scope="read write"')
    assert found.id == "MCPX-C06"
    assert found.why.endswith('can run: mcp-proxy login billing --scope "read write"')
    assert "the upstream wants read write" in found.why


def test_scopes_that_were_granted_are_no_reason_for_another_login() -> None:
    found = told(403, 'Bearer error="insufficient_scope", scope="read"')
    assert found.id == "MCPX-U03"
    assert "refuses all the same" in found.why
    assert "mcp-proxy login" not in found.why


def test_scopes_that_are_not_named_leave_the_choice_to_the_person() -> None:
    found = told(403, 'Bearer error="insufficient_scope"')
    assert (found.id, found.why[-13:]) == ("MCPX-C06", "--scope SCOPE")


@pytest.mark.parametrize("scope", ["$(id)", "`id`", "a;b", "a%PATH%", "a&b", "it's", "a|b"])
def test_an_upstream_puts_nothing_into_a_command_that_a_shell_would_run(scope: str) -> None:
    found = told(403, f'Bearer error="insufficient_scope", scope="{scope}"')
    command = found.why.partition("can run: ")[2]
    assert command == "mcp-proxy login billing --scope SCOPE, with each of these"


def test_scopes_without_end_are_cut() -> None:
    found = told(403, f'Bearer error="insufficient_scope", scope="{"s" * 250} {"t" * 250}"')
    assert len(found.why) < 600
    assert found.why.endswith("SCOPE, with each of these")


def test_a_401_names_the_login_and_no_command_for_a_secret() -> None:
    found = told(401, 'Bearer error="invalid_token"')
    assert found.id == "MCPX-U03"
    assert "run `mcp-proxy login billing`" in found.why
    assert not re.search("credential set", found.why)


def test_a_403_of_another_cause_blames_no_login() -> None:
    found = told(403, "")
    assert found.id == "MCPX-U03"
    assert "mcp-proxy" not in found.why
