"""Clients of other makers on stdio: the Inspector's command line, the TypeScript SDK's client."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from conformance import home, node

pytestmark = pytest.mark.slow
HERE = os.path.dirname(os.path.abspath(__file__))
INSPECTOR = ("@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
ERAS = pytest.mark.parametrize(
    ("era", "version"),
    [("legacy", "2025-11-25"), ("modern", "2026-07-28")],
    ids=["legacy", "modern"],
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a sidecar with the everything server behind it."""
    if why := node.install():
        assert os.environ.get("CI") != "true", why
        pytest.skip(why)
    with home.running("everything_server.py") as upstream:
        folder = str(tmp_path_factory.mktemp("clients"))
        yield home.prepare(folder, home.mcp_upstream(upstream))


def run_node(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [node.node_binary(), *arguments],
        env={**node.node_env(), **env, "PATH": node.node_env()["PATH"]},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def inspect(env: dict[str, str], era: str, *options: str) -> Any:
    """The result that the Inspector prints for a method."""
    passed = [item for name in ("MCP_PROXY_HOME",) for item in ("-e", f"{name}={env[name]}")]
    launcher = node.package_path(*INSPECTOR)
    words = ("--cli", "--protocol-era", era, *passed, "--format", "json", *home.SERVE, "--method")
    return json.loads(run_node(env, launcher, *words, *options))["result"]


@ERAS
def test_the_inspector_lists_tools_and_calls_one(
    served: dict[str, str], era: str, version: str
) -> None:
    listed = inspect(served, era, "tools/list")["tools"]
    assert "test_simple_text" in [tool["name"] for tool in listed]
    options = ("--tool-name", "test_simple_text")
    result = inspect(served, era, "tools/call", *options)
    assert result["content"][0]["text"] == "This is a simple text response for testing."


@ERAS
def test_the_inspector_lists_resources_and_reads_one(
    served: dict[str, str], era: str, version: str
) -> None:
    listed = inspect(served, era, "resources/list")["resources"]
    assert "test://static-text" in [resource["uri"] for resource in listed]
    result = inspect(served, era, "resources/read", "--uri", "test://static-text")
    assert result["contents"][0]["text"] == "This is the content of the static text resource."


@ERAS
def test_the_inspector_lists_prompts_and_gets_one(
    served: dict[str, str], era: str, version: str
) -> None:
    listed = inspect(served, era, "prompts/list")["prompts"]
    assert "test_prompt_with_arguments" in [prompt["name"] for prompt in listed]
    options = ("--prompt-name", "test_prompt_with_arguments", "--prompt-args", "arg1=a", "arg2=b")
    result = inspect(served, era, "prompts/get", *options)
    text = "Prompt with arguments: arg1='a', arg2='b'"
    assert result["messages"][0]["content"]["text"] == text


@ERAS
def test_the_typescript_client_lists_calls_and_answers(
    served: dict[str, str], era: str, version: str
) -> None:
    mode = "auto" if era == "modern" else "legacy"
    script = os.path.join(HERE, "typescript_client.mjs")
    packages = node.package_path("@modelcontextprotocol")
    found = json.loads(run_node(served, script, packages, mode, *home.SERVE))
    assert found["version"] == version
    assert "test_elicitation" in found["tools"]
    assert found["text"] == "This is a simple text response for testing."
    assert found["progress"] == [[0, 100], [50, 100], [100, 100]]
    assert "granted" in found["elicited"]
    assert found["sampled"] == "LLM response: blue"
    assert found["resource"] == "This is the content of the static text resource."
    assert found["prompt"] == "This is a simple prompt for testing."
    # S14: the elicitation names the upstream that asks.
    assert "server" in found["asked"][0]
    assert found["asked"][0].endswith("May I?")
    assert found["asked"][1] == "Which color?"
