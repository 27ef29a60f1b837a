"""Apps: published where the profile names the feature, each page pinned by its digest (S14)."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from workshop.server_samples import (
    DIGEST,
    HEAD,
    WHOLE_LISTING,
    build,
    resources_of,
    write_listings,
)
from workshop.source_samples import entry_of

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Resource
from mcp_proxy.errors import SourceError

STAR = 'tools:\n  "*": {upstream: gateway}\n'
APPS = HEAD.replace("listing: tools.json", "listing: tools.json, features: [apps]")
UI = {"resourceUri": "ui://x", "visibility": ["model", "app"]}


def listing(ui: Any = UI, **more: Any) -> dict[str, Any]:
    """WHOLE_LISTING with this `_meta.ui` at its first two tools."""
    row = copy.deepcopy(WHOLE_LISTING)
    for tool in row["tools"][:2]:
        tool["_meta"] = {"ui": ui, "own": "never published"}
    return {**row, **more}


def refusal(folder: Path, head: str = APPS, blocks: str = STAR) -> str:
    with pytest.raises(SourceError) as caught:
        build(folder, blocks, head)
    return caught.value.why


def test_an_app_is_published_with_its_tools_and_its_page_pinned_once(tmp_path: Path) -> None:
    write_listings(tmp_path, listing())
    built = build(tmp_path, STAR, APPS)
    assert entry_of(built, "look_up")["_meta"] == {"ui": UI}
    assert entry_of(built, "put_down")["_meta"] == {"ui": UI}
    assert "_meta" not in entry_of(built, "wipe")
    assert resources_of(built) == {
        "ui:look_up": Resource(
            name="ui:look_up",
            upstream="gateway",
            uri="ui://x",
            is_template=False,
            is_listed=False,
            entry={
                "uri": "ui://x",
                "name": "ui:look_up",
                "mimeType": "text/html;profile=mcp-app",
                "_meta": {"ui": {"csp": {"connectDomains": ["https://api.example.com"]}}},
            },
            max_bytes=LIMITS.result_max_bytes,
            digest=DIGEST,
        )
    }


def test_s14_without_the_feature_no_app_is_published(tmp_path: Path) -> None:
    write_listings(tmp_path, listing())
    built = build(tmp_path, STAR)
    assert "_meta" not in entry_of(built, "look_up")
    assert resources_of(built) == {}
    assert b"ui://" not in built.payload


def test_s14_a_star_of_resources_brings_no_page_of_an_app(tmp_path: Path) -> None:
    write_listings(tmp_path, listing())
    blocks = 'resources:\n  "*": {upstream: gateway}\n'
    uris = {one.uri for one in resources_of(build(tmp_path, blocks, APPS)).values()}
    assert uris == {"docs://handbook/intro", "docs://plain", "docs://handbook/{page}"}


def test_a_page_that_no_list_shows_is_pinned_all_the_same(tmp_path: Path) -> None:
    write_listings(tmp_path, listing(resources=[]))
    (page,) = resources_of(build(tmp_path, STAR, APPS)).values()
    assert page.entry == {"uri": "ui://x", "name": "ui:look_up"}


def test_a_tool_may_say_who_sees_it_without_a_page(tmp_path: Path) -> None:
    write_listings(tmp_path, listing({"visibility": ["app"]}))
    built = build(tmp_path, STAR, APPS)
    assert entry_of(built, "look_up")["_meta"] == {"ui": {"visibility": ["app"]}}
    assert resources_of(built) == {}


@pytest.mark.parametrize("uri", ["https://evil.example/x", "file:///etc/passwd", 5, "UI://x"])
def test_s14_an_app_is_a_ui_resource(tmp_path: Path, uri: Any) -> None:
    write_listings(tmp_path, listing({"resourceUri": uri}))
    assert "is no ui:// resource" in refusal(tmp_path)


def test_s14_a_page_without_a_digest_is_refused(tmp_path: Path) -> None:
    write_listings(tmp_path, {**listing(), "ui": {}})
    text = refusal(tmp_path)
    assert "the listing has no digest of ui://x; run profile build with --refresh" in text
    assert "shop.yaml:8: tools.*" in text


def test_s25_hidden_characters_of_an_app_are_refused(tmp_path: Path) -> None:
    write_listings(tmp_path, listing({**UI, "domain": "a\u202eb"}))
    assert "hidden character U+202E" in refusal(tmp_path)


def test_an_app_is_bounded(tmp_path: Path) -> None:
    write_listings(tmp_path, listing({**UI, "x": "y" * LIMITS.entry_bytes}))
    assert f"its listed _meta has more than {LIMITS.entry_bytes} bytes" in refusal(tmp_path)


def test_a_page_that_two_upstreams_claim_fails_the_build(tmp_path: Path) -> None:
    write_listings(tmp_path, listing(), listing())
    head = APPS.replace("listing: local.json", "listing: local.json, features: [apps]")
    block = STAR + "  mine: {upstream: local, operation: put_down, effect: write}\n"
    assert "both gateway and local claim ui://x" in refusal(tmp_path, head, block)


@pytest.mark.parametrize(
    "change",
    [
        {"ui": {"ui://x": "AB" * 32}},
        {"ui": {"ui://x": "ab"}},
        {"ui": ["ui://x"]},
        {"resources": {}},
        {"resources": [{"name": "a"}]},
        {"resources": [{"uri": "a:b"}, {"uri": "a:b"}]},
        {"resourceTemplates": [{"uriTemplate": 5}]},
        {"prompts": [{"name": "a"}, {"name": "a"}]},
        {"resource": []},
    ],
)
def test_a_file_that_is_no_listing_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_listings(tmp_path)
    (tmp_path / "tools.json").write_text(json.dumps({**WHOLE_LISTING, **change}))
    assert "is no listing: " in refusal(tmp_path)
