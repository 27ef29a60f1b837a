"""Completion: of what the profile names alone, by the upstream's names."""

from typing import Any

import pytest
from core.test_prompting import PROMPT
from core.test_reading import resource
from core.tool_samples import MCP

from mcp_proxy.core.completing import Completing, admit_completion, decide_completion
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected

TEMPLATE = resource("docs://{book}/{page}")
OPEN = {"gateway": MCP._replace(features=("completion",))}
BY_PROMPT = {"type": "ref/prompt", "name": "sum"}
BY_URI = {"type": "ref/resource", "uri": "docs://{book}/{page}"}
ARGUMENT = {"name": "account", "value": "a"}


def decided(params: Any, specs: Any = OPEN, now_s: float = 0) -> Completing:
    return decide_completion(params, [PROMPT], [resource(), TEMPLATE], specs, 100, now_s)


def denied(params: Any, specs: Any = OPEN) -> Deny:
    found = decided(params, specs)
    assert isinstance(found.decision, Deny), found
    return found.decision


def sent(params: Any) -> dict[str, Any]:
    found = decided(params).decision
    assert isinstance(found, Allow), found
    assert isinstance(found.request, McpRequest)
    return found.request.params


def test_a_prompts_argument_is_completed_by_the_upstreams_name() -> None:
    found = decided({"ref": BY_PROMPT, "argument": ARGUMENT})
    assert (found.label, found.upstream) == ("prompt:sum", "gateway")
    assert sent({"ref": BY_PROMPT, "argument": ARGUMENT, "x": 1}) == {
        "ref": {"type": "ref/prompt", "name": "summarize_account"},
        "argument": ARGUMENT,
    }


def test_a_templates_variable_is_completed_with_what_is_known() -> None:
    params = {
        "ref": BY_URI,
        "argument": {"name": "page", "value": ""},
        "context": {"arguments": {"book": "b"}},
    }
    assert decided(params).label == "resource:handbook"
    assert sent(params) == params
    assert sent({**params, "context": {}})["context"] == {}


@pytest.mark.parametrize(
    "ref",
    [
        None,
        {},
        {"type": "ref/prompt", "name": "summarize_account"},
        {"type": "ref/prompt", "name": ["sum"]},
        {"type": "ref/resource", "uri": "docs://a"},
        {"type": "ref/resource", "uri": "docs://x/y"},
        {"type": "ref/tool", "name": "sum"},
    ],
)
def test_what_the_profile_does_not_name_is_unknown(ref: Any) -> None:
    found = decided({"ref": ref, "argument": ARGUMENT})
    assert (found.label, found.upstream) == (None, None)
    assert denied({"ref": ref, "argument": ARGUMENT}).id == "MCPX-D05"


@pytest.mark.parametrize(
    "other",
    [
        {"argument": None},
        {"argument": {"name": "account"}},
        {"argument": {"name": "account", "value": 1}},
        {"argument": {"name": "other", "value": "x"}},
        {"argument": {"name": ["account"], "value": "x"}},
        {"context": "x"},
        {"context": {"arguments": ["x"]}},
        {"context": {"arguments": {"account": 1}}},
        {"context": {"arguments": {"other": "x"}}},
    ],
)
def test_arguments_that_are_not_there_are_denied(other: dict[str, Any]) -> None:
    params = {"ref": BY_PROMPT, "argument": ARGUMENT, **other}
    assert denied(params).id == "MCPX-D01"


def test_s14_completion_is_off_unless_the_profile_names_it() -> None:
    found = denied({"ref": BY_PROMPT, "argument": ARGUMENT}, {"gateway": MCP})
    assert found.id == "MCPX-D02"


def test_an_expired_profile_completes_nothing() -> None:
    found = decided({"ref": BY_PROMPT, "argument": ARGUMENT}, now_s=101).decision
    assert isinstance(found, Deny)
    assert found.id == "MCPX-P06"


def test_values_are_cleaned_and_at_most_a_hundred() -> None:
    found = admit_completion({"completion": {"values": ["a\x1b[2J"] * 101, "total": 7}, "x": None})
    assert isinstance(found, Admitted)
    assert found.result["completion"] == {"values": ["a"] * 100, "total": 7, "hasMore": True}
    assert found.result["x"] is None


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"completion": []},
        {"completion": {"values": "a"}},
        {"completion": {"values": [1]}},
        {"completion": {"values": []}, "resultType": "input_required"},
        {"completion": {"values": ["x" * (1 << 20)]}},
    ],
)
def test_s14_malformed_completions_are_rejected(result: dict[str, Any]) -> None:
    assert isinstance(admit_completion(result), Rejected)
