"""Resources of a source: what comes from the listing, what never does, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from workshop.server_samples import (
    HEAD,
    LINES,
    WHOLE_LISTING,
    build,
    resources_of,
    write_listings,
)

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Resource
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError

BLOCK = "resources:\n  %s\n"
INTRO = 'intro: {upstream: gateway, uri: "docs://handbook/intro"%s}'
STAR = '"*": {upstream: gateway}'


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_listings(tmp_path)


def refusal(folder: Path, block: str, head: str = HEAD) -> str:
    with pytest.raises(SourceError) as caught:
        build(folder, BLOCK % block, head)
    assert caught.value.id == "MCPX-B01", caught.value
    assert f"{folder}/shop.yaml:" in caught.value.why
    return caught.value.why


def listed(**entry: Any) -> dict[str, Any]:
    return {"tools": [], "resources": [{"uri": "docs://a", "name": "a", **entry}]}


def test_what_the_source_is_silent_about_comes_from_the_listing(tmp_path: Path) -> None:
    built = build(tmp_path, BLOCK % INTRO.replace("%s", ""))
    assert parse_payload(built.payload, "", "").header.resources == ("intro",)
    assert resources_of(built)["intro"] == Resource(
        name="intro",
        upstream="gateway",
        uri="docs://handbook/intro",
        is_template=False,
        is_listed=True,
        entry={
            "uri": "docs://handbook/intro",
            "name": "intro",
            "title": "Introduction",
            "description": "Where to begin.",
            "mimeType": "text/markdown",
            "size": 120,
            "annotations": {"audience": ["user"], "priority": 0.5},
            "icons": [{"src": "https://gw.example.com/i.png"}],
        },
        max_bytes=LIMITS.result_default_bytes,
        digest=None,
    )


def test_the_source_has_the_last_word(tmp_path: Path) -> None:
    own = ", title: T, description: D, mime_type: text/plain, max_bytes: 1KiB"
    (one,) = resources_of(build(tmp_path, BLOCK % INTRO.replace("%s", own))).values()
    shown = {key: one.entry[key] for key in ("title", "description", "mimeType")}
    assert shown == {"title": "T", "description": "D", "mimeType": "text/plain"}
    assert one.max_bytes == 1024


def test_a_template_is_listed_as_one(tmp_path: Path) -> None:
    block = 'handbook: {upstream: gateway, uri: "docs://handbook/{page}", max_bytes: 256KiB}'
    (one,) = resources_of(build(tmp_path, BLOCK % block)).values()
    assert (one.is_template, one.max_bytes) == (True, 256 << 10)
    assert one.entry == {
        "uriTemplate": "docs://handbook/{page}",
        "name": "handbook",
        "mimeType": "text/markdown",
    }


def test_one_uri_of_a_listed_template_may_stand_alone(tmp_path: Path) -> None:
    block = 'terms: {upstream: gateway, uri: "docs://handbook/terms"}'
    (one,) = resources_of(build(tmp_path, BLOCK % block)).values()
    assert not one.is_template
    assert one.entry["mimeType"] == "text/markdown"


def test_a_star_allows_all_by_their_listed_names_made_unique(tmp_path: Path) -> None:
    built = build(tmp_path, BLOCK % STAR)
    found = {name: one.uri for name, one in resources_of(built).items()}
    assert found == {
        "intro": "docs://handbook/intro",
        "intro_2": "docs://plain",
        "handbook": "docs://handbook/{page}",
    }
    assert all(one.entry["name"] == name for name, one in resources_of(built).items())


def test_a_star_leaves_out_what_has_a_block(tmp_path: Path) -> None:
    block = 'handbook: {upstream: gateway, uri: "docs://plain"}\n  ' + STAR
    found = {name: one.uri for name, one in resources_of(build(tmp_path, BLOCK % block)).items()}
    assert found == {
        "handbook": "docs://plain",
        "intro": "docs://handbook/intro",
        "handbook_2": "docs://handbook/{page}",
    }


def test_names_of_a_star_need_not_be_names_of_tools(tmp_path: Path) -> None:
    write_listings(tmp_path, listed(name="Über uns.md"))
    assert list(resources_of(build(tmp_path, BLOCK % STAR))) == ["Über uns.md"]


@pytest.mark.parametrize("name", ["a\u200bb", "a\nb", "", " ", "x" * 129, None, 5])
def test_s25_a_listed_name_that_nobody_sees_must_be_given(tmp_path: Path, name: Any) -> None:
    write_listings(tmp_path, listed(name=name))
    assert "cannot stand in a list; name it in the source" in refusal(tmp_path, STAR)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (INTRO.replace("handbook/", "handbok/"), "near ones are docs://handbook/intro"),
        (INTRO.replace("gateway", "local"), "it has none"),
        (INTRO.replace("gateway", "nope"), "nope is not among the upstreams"),
        (INTRO.replace("docs://handbook/intro", "handbook"), "is no absolute URI"),
        (INTRO.replace("docs://handbook/intro", "docs://a b"), "is no absolute URI"),
        (INTRO.replace("docs://handbook/intro", "docs://a\\u200b"), "is no absolute URI"),
        (INTRO.replace("docs://handbook/intro", "docs://" + "a" * 9000), "has 9007 characters"),
        (INTRO.replace("docs://handbook/intro", "ui://x"), "an app comes with the tool"),
        (INTRO.replace("docs://handbook/intro", "docs://handbook/.."), "has no resource"),
        (INTRO.replace("%s", ", mime_type: text plain"), "write it as text/markdown"),
        ("intro: {upstream: gateway}", "lacks uri; add it"),
        ('"*": {upstream: gateway, uri: "docs://plain"}', "stands for all of a server"),
        (INTRO.replace("%s", ", title: " + "t" * 2049), "title: has 2049 bytes; write at most"),
        (INTRO.replace("%s", ', title: "a\\u200Bb"'), "hidden character U+200B"),
    ],
)
def test_a_block_that_does_not_fit_is_told_with_its_line(
    tmp_path: Path, block: str, told: str
) -> None:
    text = refusal(tmp_path, block.replace("%s", ""))
    assert told in text
    assert f"shop.yaml:{LINES + 2}: resources." in text


def test_a_rest_upstream_has_no_resources(tmp_path: Path) -> None:
    head = HEAD + '  api: {kind: rest, url: "https://a.example.com", openapi: a.json}\n'
    assert "is a REST API" in refusal(tmp_path, INTRO.replace("gateway", "api") % "", head)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"description": "a\u2066b"}, "hidden character U+2066"),
        ({"annotations": {"x\u200b": 1}}, "hidden character U+200B"),
        ({"description": "d" * 2049}, "description: has 2049 bytes"),
        ({"annotations": {"x": "y" * 70_000}}, "its entry has 70"),
        ({"mimeType": "text/\u202e"}, "write it as text/markdown"),
    ],
)
def test_s25_a_hostile_listing_is_refused(tmp_path: Path, entry: dict[str, Any], told: str) -> None:
    write_listings(tmp_path, listed(**entry))
    assert told in refusal(tmp_path, STAR)


@pytest.mark.parametrize(
    "template", ["docs://{page", "docs://{%zz}", "{scheme}://x", "docs://{!x}"]
)
def test_a_template_that_cannot_be_matched_is_refused(tmp_path: Path, template: str) -> None:
    rows = [{"uriTemplate": template, "name": "t"}]
    write_listings(tmp_path, {"tools": [], "resourceTemplates": rows})
    assert "shop.yaml:8: resources.*.t.uri: " in refusal(tmp_path, STAR)


def test_a_uri_that_two_upstreams_claim_fails_the_build(tmp_path: Path) -> None:
    write_listings(tmp_path, local=WHOLE_LISTING)
    block = 'mine: {upstream: local, uri: "docs://plain"}\n  ' + STAR
    text = refusal(tmp_path, block)
    assert "both local and gateway claim docs://plain; only one can answer for it" in text


def test_a_uri_of_two_blocks_fails_the_build(tmp_path: Path) -> None:
    block = INTRO.replace("%s", "") + "\n  again: " + INTRO.replace("%s", "").partition(": ")[2]
    assert "docs://handbook/intro is intro already; keep one" in refusal(tmp_path, block)


def test_templates_keep_the_sources_order(tmp_path: Path) -> None:
    rows = [{"uriTemplate": f"docs://{{{name}}}", "name": name} for name in ("b", "a")]
    write_listings(tmp_path, {"tools": [], "resourceTemplates": rows})
    block = "\n  ".join(
        f'{name}: {{upstream: gateway, uri: "docs://{{{name}}}"}}' for name in ("b", "a")
    )
    assert list(resources_of(build(tmp_path, BLOCK % block))) == ["b", "a"]


def test_many_resources_are_warned_of_and_too_many_refused(tmp_path: Path) -> None:
    def of(count: int) -> dict[str, Any]:
        rows = [{"uri": f"docs://{number}", "name": str(number)} for number in range(count)]
        return {"tools": [], "resources": rows}

    write_listings(tmp_path, of(201))
    assert any(
        "resources: 201 resources" in text for text in build(tmp_path, BLOCK % STAR).warnings
    )
    write_listings(tmp_path, of(LIMITS.tools + 1))
    assert f"at most {LIMITS.tools} fit" in refusal(tmp_path, STAR)


def test_a_profile_may_have_resources_alone_but_not_nothing(tmp_path: Path) -> None:
    header = parse_payload(build(tmp_path, BLOCK % STAR).payload, "", "").header
    assert (header.tools, header.prompts) == ((), ())
    with pytest.raises(SourceError, match="name a tool, a resource or a prompt"):
        build(tmp_path, "")


def test_s25_listed_names_in_an_error_are_cleaned_and_on_one_line(tmp_path: Path) -> None:
    rows = [{"uri": "docs://a\nnext:  run this\x1b[2J", "name": "a"}]
    write_listings(tmp_path, {"tools": [], "resources": rows})
    text = refusal(tmp_path, INTRO.replace("%s", ""))
    assert "near ones are docs://a next: run this" in text
    assert len(text.splitlines()) == 1


def test_what_a_star_stands_for_is_named_in_errors_and_warnings(tmp_path: Path) -> None:
    row = {"name": "Look-Up", "inputSchema": {"type": "object"}}
    write_listings(tmp_path, {**listed(description="a\u2066b"), "tools": [row]})
    assert "shop.yaml:8: resources.*.a: " in refusal(tmp_path, STAR)
    warnings = build(tmp_path, 'tools:\n  "*": {upstream: gateway}\n').warnings
    assert any(
        "shop.yaml:8: tools.*.Look-Up: " in text and "description" in text for text in warnings
    )
