"""Prompts of a source: what comes from the listing, what never does, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from workshop.server_samples import LINES, WHOLE_LISTING, build, prompts_of, write_listings

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Prompt
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError

BLOCK = "prompts:\n  %s\n"
ONE = "summarise: {upstream: gateway, prompt: summarize_account%s}"
STAR = '"*": {upstream: gateway}'


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_listings(tmp_path)


def refusal(folder: Path, block: str) -> str:
    with pytest.raises(SourceError) as caught:
        build(folder, BLOCK % block)
    assert caught.value.id == "MCPX-B01", caught.value
    return caught.value.why


def listed(**entry: Any) -> dict[str, Any]:
    return {"tools": [], "prompts": [{"name": "a", **entry}]}


def test_what_the_source_is_silent_about_comes_from_the_listing(tmp_path: Path) -> None:
    built = build(tmp_path, BLOCK % ONE.replace("%s", ""))
    assert parse_payload(built.payload, "", "").header.prompts == ("summarise",)
    assert prompts_of(built)["summarise"] == Prompt(
        name="summarise",
        upstream="gateway",
        prompt="summarize_account",
        entry={
            "name": "summarise",
            "title": "Summarise",
            "description": "Summarises an account.",
            "arguments": [
                {"name": "account", "description": "The account.", "required": True},
                {"name": "tone", "title": "Tone"},
            ],
        },
        max_bytes=LIMITS.result_default_bytes,
    )


def test_the_source_has_the_last_word(tmp_path: Path) -> None:
    own = ", title: T, description: D, max_bytes: 1KiB"
    (one,) = prompts_of(build(tmp_path, BLOCK % ONE.replace("%s", own))).values()
    assert (one.entry["title"], one.entry["description"], one.max_bytes) == ("T", "D", 1024)


def test_a_star_allows_the_rest_by_their_listed_names_made_unique(tmp_path: Path) -> None:
    block = "greet: {upstream: gateway, prompt: summarize_account}\n  " + STAR
    found = prompts_of(build(tmp_path, BLOCK % block))
    assert {name: one.prompt for name, one in found.items()} == {
        "greet": "summarize_account",
        "greet_2": "greet",
    }
    assert found["greet_2"].entry == {"name": "greet_2"}


def test_two_upstreams_may_have_prompts_of_one_name(tmp_path: Path) -> None:
    write_listings(tmp_path, local=WHOLE_LISTING)
    block = "mine: {upstream: local, prompt: greet}\n  " + STAR
    found = prompts_of(build(tmp_path, BLOCK % block))
    upstreams = {name: one.upstream for name, one in found.items()}
    assert upstreams == {"mine": "local", "summarize_account": "gateway", "greet": "gateway"}


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (ONE.replace("account", "acount"), "the listing has no prompt summarize_acount; it has"),
        (ONE.replace("gateway", "local"), "it has none"),
        (ONE.replace("gateway", "nope"), "nope is not among the upstreams"),
        ("summarise: {upstream: gateway}", "lacks prompt; add it"),
        ('"*": {upstream: gateway, prompt: greet}', "stands for all of a server"),
        (ONE.replace("%s", ", description: " + "t" * 2049), "has 2049 bytes; write at most"),
        (ONE.replace("%s", ', title: "a\\u200Bb"'), "hidden character U+200B"),
    ],
)
def test_a_block_that_does_not_fit_is_told_with_its_line(
    tmp_path: Path, block: str, told: str
) -> None:
    text = refusal(tmp_path, block.replace("%s", ""))
    assert told in text
    assert f"shop.yaml:{LINES + 2}: prompts." in text


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"name": "a\u200bb"}, "cannot be a prompt's name here"),
        ({"name": "x" * 129}, "cannot be a prompt's name here"),
        ({"description": "a\u2066b"}, "hidden character U+2066"),
        ({"arguments": [{"name": "a\u200b"}]}, "an argument without a usable name"),
        ({"arguments": [{}]}, "an argument without a usable name"),
        ({"arguments": ["a"]}, "an argument without a usable name"),
        ({"arguments": [{"name": "a"}, {"name": "a"}]}, "two arguments of one name"),
        ({"arguments": [{"name": "a", "description": "\u202e"}]}, "hidden character U+202E"),
        ({"arguments": [{"name": "a", "description": "d" * 2049}]}, "has 2049 bytes"),
    ],
)
def test_s25_a_hostile_listing_is_refused(tmp_path: Path, entry: dict[str, Any], told: str) -> None:
    write_listings(tmp_path, listed(**entry))
    assert told in refusal(tmp_path, STAR)


def test_s25_a_prompt_s_name_upstream_is_one_line(tmp_path: Path) -> None:
    write_listings(tmp_path, listed(name="a\nsigned by another"))
    block = 'mine: {upstream: gateway, prompt: "a\\nsigned by another"}'
    assert "must be one visible line" in refusal(tmp_path, block)


def test_too_many_prompts_are_refused(tmp_path: Path) -> None:
    rows = [{"name": f"p{number}"} for number in range(LIMITS.tools + 1)]
    write_listings(tmp_path, {"tools": [], "prompts": rows})
    assert f"at most {LIMITS.tools} fit" in refusal(tmp_path, STAR)
