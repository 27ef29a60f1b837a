"""What the README says is so: generated parts are fresh, commands exist, examples are valid."""

import json
import os
import re
import runpy

import pytest

from mcp_proxy.core.grant_conditions import parse_conditions
from mcp_proxy.errors import CATALOG

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def readme() -> str:
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return file.read()


def test_generated_parts_are_fresh() -> None:
    script = runpy.run_path(os.path.join(ROOT, "scripts", "readme"))
    assert script["render"](readme()) == readme(), "run .venv/bin/python scripts/readme"


def test_the_other_program_of_this_name_is_named_first() -> None:
    first_screen = readme().split("\n## ")[0]
    assert "another program" in first_screen.lower()
    assert re.search(r"uvx --from \S+ mcp-proxy", first_screen)


def test_every_error_that_is_named_exists() -> None:
    assert set(re.findall(r"MCPX-[A-Z]\d\d", readme())) == set(CATALOG)


def test_the_client_entry_is_json_with_an_absolute_command() -> None:
    entries = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", readme(), re.DOTALL)]
    servers = [item for entry in entries for item in entry.get("mcpServers", {}).values()]
    assert servers
    assert all(os.path.isabs(server["command"]) for server in servers)
    assert all(server["args"][0] == "--profile" for server in servers)


def test_every_condition_of_an_approval_and_a_grant_is_named() -> None:
    words = readme().split("Its words, as those of")[1].split("\n- ")[0]
    with pytest.raises(ValueError, match="is none of") as refused:
        parse_conditions({"a": {"unknown": 1}}, ["a"])
    known = re.findall(r"\w+", str(refused.value).split("none of ")[1])
    assert set(known) <= set(re.findall(r"`(\w+)`", words))


def test_the_two_commands_of_the_checkout_exist() -> None:
    for name in ("demo", "test", "bench"):
        assert f"scripts/{name}" in readme()
        assert os.access(os.path.join(ROOT, "scripts", name), os.X_OK)


def test_every_dependency_has_its_reason() -> None:
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        block = file.read().split("dependencies = [")[1].split("]")[0]
    for name in re.findall(r'"([A-Za-z0-9.-]+)', block):
        assert re.search(rf"^\| `{re.escape(name)}` \| \S", readme(), re.MULTILINE), name
