"""MCP Apps of a profile: the pages that its tools name, each pinned by its digest (S14)."""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Resource
from mcp_proxy.core.reading import APP_SCHEME
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.listed_part import free_name, with_icons
from mcp_proxy.workshop.listed_tool import listed_ui
from mcp_proxy.workshop.listing import Listing
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.resources import (
    Listed,
    check_uri,
    claimed_twice,
    resource_entry,
    silent_block,
)
from mcp_proxy.workshop.source_keys import ProfileSource
from mcp_proxy.workshop.tools_rest import BuiltTool
from mcp_proxy.workshop.upstreams import Files, find_server
from mcp_proxy.workshop.yaml_reader import Path


class Placed(NamedTuple):
    """A built tool, and where its block stands."""

    path: Path
    built: BuiltTool


def build_apps(
    tools: Iterable[Placed], taken: set[str], profile: ProfileSource, files: Files, told: Problems
) -> list[Resource]:
    """The pages of all tools, each once; `taken` are the names of the other resources."""
    made: dict[str, Resource] = {}
    for path, built in tools:
        ui = built.entry.get("_meta", {}).get("ui")
        if ui is None or "resourceUri" not in ui:
            continue
        listing = files.listing(find_server(built.tool.upstream, profile))
        one = told.attempt(path, partial(_page, built, ui["resourceUri"], listing))
        if one is None:
            continue
        if one.uri not in made:
            name = free_name(one.name, taken)
            made[one.uri] = one._replace(name=name, entry={**one.entry, "name": name})
        elif made[one.uri].upstream != one.upstream:
            told.add(path, claimed_twice(one, made[one.uri]))
    return list(made.values())


def _page(built: BuiltTool, uri: Any, listing: Listing) -> Resource:
    """One page, read through its tool alone: no list shows it."""
    if not isinstance(uri, str) or not uri.startswith(APP_SCHEME):
        raise Wrong(
            ("operation",),
            f"the listed _meta.ui.resourceUri {str(uri)[:200]!r} is no ui:// resource",
        )
    check_uri(uri)
    if uri not in listing.ui:
        text = f"the listing has no digest of {uri}; run profile build with --refresh"
        raise Wrong(("operation",), text)
    tool, raw = built.tool, listing.resources.get(uri, {})
    name = f"ui:{tool.name}"
    entry = resource_entry(name, silent_block(tool.upstream, uri), Listed(raw, False))
    ui = listed_ui(raw)
    shown = with_icons(entry if ui is None else {**entry, "_meta": {"ui": ui}}, raw)
    return Resource(
        name=name,
        upstream=tool.upstream,
        uri=uri,
        is_template=False,
        is_listed=False,
        entry=shown,
        max_bytes=LIMITS.result_max_bytes,
        digest=listing.ui[uri],
    )
