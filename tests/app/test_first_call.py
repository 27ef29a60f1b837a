"""The dry-run call that install ends with, and the client's entry."""

import json
import shlex
import sys

import pytest

from mcp_proxy.app.client_entry import client_entry, launch_command
from mcp_proxy.app.first_call import first_call, placeholder
from mcp_proxy.app.pattern_sample import pattern_sample
from mcp_proxy.app.profile_check import Argument, ToolSummary
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.edges.places import VARIABLE


def tool(name: str, effect: str, *arguments: Argument, approval: object = "never") -> ToolSummary:
    return ToolSummary(name, effect, "api", "", approval, arguments)


def test_the_most_harmless_tool_is_tried() -> None:
    tools = (
        tool("destroy", "destructive"),
        tool("asks", "read", approval="always"),
        tool("read", "read", Argument("it's", True, {"type": "string"}), Argument("b", False, {})),
    )
    command = first_call("billing", tools)
    assert command is not None
    words = shlex.split(command)
    assert words[:4] == ["mcp-proxy", "call", "billing", "read"]
    assert json.loads(words[4]) == {"it's": "x"}
    assert words[5:] == ["--dry-run"]
    assert first_call("billing", ()) is None


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "minLength": 5},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "uuid"},
        {"type": "string", "enum": ["open", "closed"]},
        {"type": "string", "pattern": "^cus_[0-9]{4}$"},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
        {"type": "string", "pattern": r"^v\d+\.\d*x?[a-f]{2,8}.$"},
        {"type": ["integer", "null"], "minimum": 10},
        {"type": "integer", "maximum": 0},
        {"type": "number", "default": 2.5},
        {"type": "boolean"},
        {"type": "null"},
        {"const": 7},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        },
    ],
)
def test_placeholders_fit_the_usual_schemas(schema: dict[str, object]) -> None:
    assert compile_schema(schema).violation(placeholder(schema)) is None


@pytest.mark.parametrize("pattern", ["(a|b)", "[^a]", "a|b", "(?=a)", "[[:alpha:]]", "\\p{L}"])
def test_patterns_beyond_the_simple_ones_have_no_sample(pattern: str) -> None:
    assert pattern_sample(pattern) is None


def test_entry_names_the_absolute_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "/attacker")
    entry = client_entry("billing")["mcpServers"]["billing"]
    assert entry["command"].startswith("/")
    assert entry["args"][-2:] == ["--profile", "billing"]
    assert VARIABLE not in entry.get("env", {})


def test_entry_carries_the_home_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/a/home")
    assert client_entry("x")["mcpServers"]["x"]["env"][VARIABLE] == "/a/home"


def test_without_the_script_the_interpreter_runs_the_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(sys, "executable", f"{tmp_path}/python")
    assert launch_command() == [f"{tmp_path}/python", "-I", "-m", "mcp_proxy"]
