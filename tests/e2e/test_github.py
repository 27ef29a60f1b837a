"""GitHub's own API document, 13 MB and about 1,200 operations: ten tools of it, built in time."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import published
import pytest
from e2e.stage import COMMAND

from mcp_proxy.core.profile_lines import parse_payload, parse_tool

BUILD_S = 10.0
SOURCE = """
profile: github
version: 1
expires: 2099-01-01
upstreams:
  github:
    kind: rest
    url: https://api.github.com
    openapi: github.openapi.json
    auth: {kind: bearer, credential: github}
tools:
  read_repository: {upstream: github, operation: repos/get, effect: read}
  list_issues:
    upstream: github
    operation: issues/list-for-repo
    effect: read
    arguments:
      owner: {constant: octo-org}
      repo: {}
      state: {default: open}
      per_page: {maximum: 50, default: 20}
    result: {pick: [number, title, state, user.login], validate: strip, max_bytes: 128KiB}
  read_issue: {upstream: github, operation: issues/get, effect: read}
  create_issue:
    upstream: github
    operation: issues/create
    effect: write
    arguments: {owner: {constant: octo-org}, repo: {}, title: {from: body#/title}, body: {}}
    approval: always
  comment: {upstream: github, operation: issues/create-comment, effect: write}
  list_pulls: {upstream: github, operation: pulls/list, effect: read}
  read_pull:
    upstream: github
    operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}"
    effect: read
  search_code: {upstream: github, operation: search/code, effect: read}
  list_commits: {upstream: github, operation: repos/list-commits, effect: read}
  delete_label:
    upstream: github
    operation: issues/delete-label
    effect: destructive
    approval: always
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    shutil.copy(published.document("github"), tmp_path / "github.openapi.json")
    return tmp_path


@pytest.mark.slow
def test_ten_tools_of_githubs_document_build_in_ten_seconds(document: Path) -> None:
    (document / "github.yaml").write_text(SOURCE)
    began = time.monotonic()
    command = (COMMAND, "profile", "build", "github.yaml")
    done = subprocess.run(command, cwd=document, capture_output=True, text=True, check=False)
    took_s = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    payload = (document / "github.payload.jsonl").read_bytes()
    profile = parse_payload(payload, "", "")
    assert len(profile.header.tools) == 10
    tools = [parse_tool(line, name) for name, line in profile.tool_lines.items()]
    assert all(tool.enforced["additionalProperties"] is False for tool in tools)
    shown = {entry["name"]: entry["inputSchema"] for entry in json.loads(profile.tools_json)}
    assert "owner" not in shown["list_issues"]["properties"]
    assert '"$ref"' not in profile.tools_json.decode()
    assert took_s < BUILD_S
