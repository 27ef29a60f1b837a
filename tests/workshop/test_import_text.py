"""An imported source's text: it builds at once, and nothing foreign becomes a key of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workshop.import_samples import candidates_of, subject_of, wide_api
from workshop.source_samples import NOW_S

from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.import_text import (
    FIRST,
    LAST,
    Head,
    Hidden,
    hidden_line,
    hidden_text,
    source_text,
    tool_text,
    write_tool,
)
from mcp_proxy.workshop.import_words import DESCRIPTION_CHARS, draft_description
from mcp_proxy.workshop.source import parse_source

UPSTREAM = ["kind: rest", 'url: "https://shop.example.com"', 'openapi: "api.json"']


PLAIN = Candidate("GET /x", "get_x", "GET", "/x", "", "", "", (), False, "read", (), "")


def whole_text(folder: Path, *chosen: str) -> str:
    subject = subject_of(folder, wide_api())
    found = subject.candidates(set())
    written = [write_tool(one, subject.arguments(one)) for one in found if one.selector in chosen]
    hidden = [hidden_line(one, "shop") for one in found if one.selector not in chosen]
    return source_text(Head("shop", "Shop", UPSTREAM, "2099-01-01"), written, Hidden(hidden, []))


def test_every_operation_that_can_be_built_builds_as_it_is_written(tmp_path: Path) -> None:
    chosen = [key for key in candidates_of(tmp_path, wide_api()) if key != "POST /upload"]
    text = whole_text(tmp_path, *chosen)
    source = parse_source(text.encode(), str(tmp_path / "shop.yaml"))
    assert build_payload(source, NOW_S).warnings == ()
    assert len(source.profile.tools) == len(chosen)


def test_what_changes_something_asks_a_person_and_a_post_that_asks_says_why(tmp_path: Path) -> None:
    found = candidates_of(tmp_path, wide_api())
    text = tool_text(write_tool(found["createOrder"], {}), "shop")
    assert "    effect: write\n" in text
    assert "    approval: always  # it changes something\n" in text
    text = tool_text(write_tool(found["searchAll"], {}), "shop")
    assert '    effect_reason: "By its name this POST only asks."  # REVIEW' in text


def test_everything_hidden_is_a_comment_that_becomes_a_tool_without_its_sign(
    tmp_path: Path,
) -> None:
    text = whole_text(tmp_path, "getOrder")
    lines = text.splitlines()
    hidden = lines[lines.index(f"  {FIRST}") + 1 : lines.index(f"  {LAST}")]
    assert all(line.startswith("  # ") for line in hidden)
    shown = [line.replace("# ", "", 1) for line in hidden if "/upload" not in line]
    source = parse_source(text.replace("\n".join(hidden), "\n".join(shown)).encode(), "shop.yaml")
    assert len(source.profile.tools) == 1 + len(shown)


def test_s25_a_documents_words_stay_words(tmp_path: Path) -> None:
    text = whole_text(tmp_path, "GET /odd")
    source = parse_source(text.encode(), "shop.yaml")
    assert list(source.profile.tools) == ["get_odd"]
    assert "evil" not in source.profile.upstreams
    assert "\u2028" not in text


@given(st.text(), st.text(), st.text(min_size=1))
def test_s25_no_text_of_a_document_ends_its_line(summary: str, text: str, reason: str) -> None:
    one = PLAIN._replace(summary=summary, text=text, id=text, tags=(text,))
    for line in (hidden_line(one, "shop"), hidden_line(one, "shop", reason)):
        assert line.startswith("# ")
        assert len(line.splitlines()) == 1
    block = tool_text(write_tool(one, {}), "shop")
    tools = "profile: x\nversion: 1\nupstreams:\n  shop: {kind: rest, url: a, openapi: b}\ntools:\n"
    source = parse_source((tools + block).encode(), "x.yaml")
    assert list(source.profile.tools) == ["get_x"]


def test_the_hidden_block_is_bounded_and_says_what_it_leaves_out() -> None:
    lines = [f"# tool_{number}: {{}}  # {'x' * 90}" for number in range(10_000)]
    text = hidden_text(Hidden(lines, []))
    assert len(text) < 700_000
    kept = text.count("\n") - 3
    assert f"  # and {10_000 - kept} more: see them with --pick\n" in text


@pytest.mark.parametrize(
    ("summary", "text", "drafted"),
    [
        ("List issues", "Lists the issues of a repository. More.", "Lists the issues of a "),
        ("Get it", "", "Get it."),
        ("", "> [!NOTE]\n> See [the **docs**](https://x/y) `now`.", "See the docs now."),
        ("", "<p>With <a href='x'>Connect</a>, you pay.</p>", "With Connect, you pay."),
        ("Make it", "A thing.\n\n* one\n* two", "Make it. A thing. one two."),
        ("", "", "GET /x."),
    ],
)
def test_a_description_is_drafted_plain(summary: str, text: str, drafted: str) -> None:
    found = draft_description(summary, text, "GET /x.")
    assert found.startswith(drafted)


@given(st.text(max_size=2_000), st.text(max_size=2_000))
def test_a_drafted_description_is_one_short_line(summary: str, text: str) -> None:
    found = draft_description(summary, text, "it")
    assert 0 < len(found) <= DESCRIPTION_CHARS
    assert len(found.splitlines()) == 1
