"""Prompts: decided by the profile's entry, admitted block by block."""

from typing import Any

import pytest

from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Prompt
from mcp_proxy.core.prompting import admit_prompt, decide_prompt
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected

ENTRY = {"name": "sum", "arguments": [{"name": "account", "required": True}, {"name": "tone"}]}
PROMPT = Prompt("sum", "gateway", "summarize_account", ENTRY, 1_000)
BARE = PROMPT._replace(entry={"name": "sum"})


def denied(arguments: Any, prompt: Prompt = PROMPT) -> str:
    found = decide_prompt(prompt, arguments, None, 0)
    assert isinstance(found, Deny), found
    assert found.id == "MCPX-D01"
    return found.text


def test_a_prompt_is_asked_for_by_its_own_name() -> None:
    arguments = {"account": "a1", "tone": ""}
    params = {"name": "summarize_account", "arguments": arguments}
    request = McpRequest("prompts/get", params, "summarize_account", (), True)
    assert decide_prompt(PROMPT, arguments, None, 0) == Allow("allow", request, arguments)


def test_no_arguments_are_none() -> None:
    found = decide_prompt(BARE, None, None, 0)
    assert isinstance(found, Allow)
    assert isinstance(found.request, McpRequest)
    assert found.request.params == {"name": "summarize_account"}


def test_arguments_that_do_not_fit_are_denied() -> None:
    assert "account: is required" in denied(None)
    assert "account: is required" in denied({"tone": "x"})
    assert "takes: account, tone" in denied({"account": "a", "secret\u200b": "x"})
    assert "account: must be a string" in denied({"account": 1})
    assert "must be an object" in denied(["a"])
    assert "takes: nothing" in denied({"x": "y"}, BARE)


def test_a_denial_holds_no_value() -> None:
    assert "hunter2" not in denied({"account": ["hunter2"]}) + denied({"hunter2": "x"})


def test_an_expired_profile_has_no_prompts() -> None:
    found = decide_prompt(BARE, None, 100, 101)
    assert isinstance(found, Deny)
    assert found.id == "MCPX-P06"


def message(content: Any, role: Any = "user") -> dict[str, Any]:
    return {"role": role, "content": content}


def got(*messages: Any, **other: Any) -> Admitted | Rejected:
    return admit_prompt({"messages": list(messages), **other}, PROMPT)


def test_messages_keep_their_blocks_and_are_clean() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "a"},
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "docs://a", "text": "x"}},
        {"type": "resource_link", "uri": "docs://a", "name": "a"},
        {"type": "hologram", "x": None},
    ]
    rows = [message(block, role) for block in blocks for role in ("user", "assistant")]
    found = got(*rows, description="d\u202e", other=None)
    assert isinstance(found, Admitted)
    assert found.result == {"messages": rows, "description": "d", "other": None}


@pytest.mark.parametrize(
    "row",
    [
        "x",
        message({"type": "text", "text": "x"}, "system"),
        message("x"),
        message([{"type": "text", "text": "x"}]),
        message({"text": "x"}),
        message({"type": "text"}),
        message({"type": "te\u200bxt", "text": "x"}),
        message({"type": "image", "data": "*"}),
        message({"type": "audio"}),
        message({"type": "resource"}),
        message({"type": "resource", "resource": {"uri": "docs://a"}}),
    ],
)
def test_s14_malformed_messages_are_rejected(row: Any) -> None:
    found = got(row)
    assert isinstance(found, Rejected)
    assert found.id == "MCPX-U05"


def test_s14_a_prompt_above_the_bound_is_rejected() -> None:
    found = got(message({"type": "text", "text": "x" * 1_000}))
    assert isinstance(found, Rejected)
    assert found.id == "MCPX-R01"


def test_s14_an_answer_of_another_kind_is_rejected() -> None:
    assert isinstance(got(resultType="input_required"), Rejected)
    assert isinstance(admit_prompt({}, PROMPT), Rejected)
