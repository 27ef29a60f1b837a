"""What a signed payload may not hold, whoever built it: the build's rules held against it."""

import json
import os
from typing import Any

import pytest

from mcp_proxy.app.entry_check import check_listed
from mcp_proxy.app.profile_check import check_tools
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import ProfileError

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(TESTS, "assets", "vector.payload.jsonl"), "rb") as _file:
    LINES = _file.read().split(b"\n")[:-1]
RESOURCE = next(index for index, line in enumerate(LINES) if b'"is_template"' in line)
TEMPLATE = RESOURCE + 2
APP = RESOURCE + 3
PROMPT = RESOURCE + 4


def profile(line: int = 0, change: dict[str, Any] | None = None, path: str = "") -> Profile:
    """The vector with keys of one line replaced, at `path` where one is given."""
    row = json.loads(LINES[line])
    found = row
    for step in path.split("/") if path else ():
        found = found[step]
    found.update(change or {})
    lines = [*LINES[:line], json.dumps(row).encode(), *LINES[line + 1 :], b""]
    return parse_payload(b"\n".join(lines), "", "")


def refusal(line: int, change: dict[str, Any], path: str = "") -> str:
    with pytest.raises(ProfileError) as caught:
        check_tools(profile(line, change, path))
    assert caught.value.id == "MCPX-P10", caught.value
    return caught.value.why


def test_the_vector_is_good() -> None:
    assert len(check_tools(profile())) == 7
    listed = check_listed(profile())
    assert [one.name for one in listed.resources] == ["terms", "intro", "handbook", "ui:look_up"]
    assert [one.name for one in listed.prompts] == ["summarise", "greet"]


@pytest.mark.parametrize(
    ("path", "change", "told"),
    [
        ("local", {"command": []}, "names no command"),
        ("local", {"command": ["a\u200b"]}, "which nobody sees"),
        ("local", {"command": ["./server"]}, "relative"),
        ("local", {"command": ["npx", "-y", "server"]}, "needs an exact version"),
        ("local", {"environment": [["LD_PRELOAD", "x"]]}, "which no profile may set"),
        ("local", {"environment": [["NOTES_KEY", "x"]]}, "sets a variable twice"),
        ("local", {"url": "https://a.example"}, "Its URL does not fit"),
        (
            "local",
            {"auth": {"kind": "bearer", "credential": "c", "name": "X"}},
            "auth.kind does not fit",
        ),
        ("local", {"links": ["https://a.example/x"]}, "one of its links is no origin"),
        ("local", {"links": ["javascript:x"]}, "does not start with https://"),
        ("gateway", {"command": ["server"]}, "is no local server, yet names a command"),
        ("gateway", {"environment": [["A", "b"]]}, "is no local server, yet names a command"),
        ("gateway", {"url": ""}, "Its URL does not fit"),
        ("gateway", {"url": "http://gw.example.com/mcp"}, "not https"),
        (
            "gateway",
            {"auth": {"kind": "env", "credential": "c", "name": "X"}},
            "auth.kind does not fit",
        ),
        ("gateway", {"deadline_ms": 1 << 40}, "its deadline"),
        ("gateway", {"deadline_ms": 0}, "its deadline"),
        ("shop", {"features": ["tasks"]}, "is an API, yet names features"),
    ],
)
def test_s13_s14_an_upstream_that_no_build_makes_is_refused(
    path: str, change: dict[str, Any], told: str
) -> None:
    why = refusal(0, change, f"upstreams/{path}")
    assert f"upstream {path} cannot be used" in why
    assert told.lower() in why.lower()


@pytest.mark.parametrize(
    ("line", "path", "change"),
    [
        (RESOURCE, "", {"upstream": "shop"}),
        (RESOURCE, "", {"upstream": "nowhere"}),
        (RESOURCE, "", {"uri": "docs://other"}),
        (RESOURCE, "", {"is_template": True}),
        (RESOURCE, "", {"digest": "ab" * 32}),
        (RESOURCE, "", {"is_listed": False}),
        (RESOURCE, "entry", {"name": "other"}),
        (RESOURCE, "entry", {"uri": "docs://other"}),
        (RESOURCE, "entry", {"description": "a\u202eb"}),
        (RESOURCE, "entry", {"mimeType": "text/\x1b[2J"}),
        (RESOURCE, "", {"max_bytes": 1 << 40}),
        (TEMPLATE, "", {"is_template": False}),
        (APP, "", {"digest": None}),
        (APP, "", {"digest": "zz"}),
        (APP, "", {"is_listed": True}),
        (APP, "", {"uri": "UI://x"}),
        (PROMPT, "", {"upstream": "shop"}),
        (PROMPT, "", {"max_bytes": 1 << 40}),
        (PROMPT, "", {"prompt": "summarise\nsigned by another"}),
        (PROMPT, "entry", {"name": "other"}),
        (PROMPT, "entry", {"arguments": [{"name": "a\u200b"}]}),
        (PROMPT, "entry", {"arguments": "all"}),
        (PROMPT, "entry", {"arguments": ["a"]}),
    ],
)
def test_an_entry_that_no_build_makes_is_refused(
    line: int, path: str, change: dict[str, Any]
) -> None:
    refusal(line, change, path)


@pytest.mark.parametrize("name", ["bearer\nsigned by another", "c\u202e", "C"])
def test_s25_a_credential_s_name_that_speaks_past_the_person_is_refused(name: str) -> None:
    auth = {"kind": "bearer", "credential": name, "name": "Authorization"}
    assert "auth.credential is no name" in refusal(0, {"auth": auth}, "upstreams/gateway")


def test_s25_a_title_adds_no_line_to_the_summary() -> None:
    assert "its title" in refusal(0, {"title": "Billing\nsigned by another"})


def test_s25_an_upstream_s_name_adds_no_line_to_the_summary() -> None:
    upstreams = json.loads(LINES[0])["upstreams"]
    spoof = {**upstreams, "x\nsigned by another": upstreams["gateway"]}
    assert "is no upstream's name" in refusal(0, {"upstreams": spoof})


def test_no_profile_widens_the_size_of_a_result() -> None:
    result = json.loads(LINES[2])["result"]
    assert "more bytes" in refusal(2, {"result": {**result, "max_bytes": 1 << 40}})


@pytest.mark.parametrize("uri", ["docs://{page", "docs://{%zz}", "docs://../{page}"])
def test_a_template_that_cannot_be_matched_is_refused(uri: str) -> None:
    entry = {"uriTemplate": uri, "name": "handbook"}
    assert "its URI" in refusal(TEMPLATE, {"uri": uri, "entry": entry})


def test_two_resources_of_one_uri_are_refused() -> None:
    uri = json.loads(LINES[RESOURCE + 1])["uri"]
    why = refusal(RESOURCE, {"uri": uri, "entry": {"uri": uri, "name": "terms"}})
    assert "two of its resources have one URI" in why
