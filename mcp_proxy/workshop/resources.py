"""The resources of a source: its blocks and the listings in; the payload's resources out.

What a block is silent about comes from the listing: title, description, media type, size, icons,
annotations. Never `_meta`.
"""

import difflib
import re
from functools import partial
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Resource
from mcp_proxy.core.reading import APP_SCHEME
from mcp_proxy.core.text import hidden_character
from mcp_proxy.core.uri_template import compile_template, matches
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.blocks import Block, unfold_blocks
from mcp_proxy.workshop.listed_part import is_name, named, shown_texts, with_icons
from mcp_proxy.workshop.listing import Listing
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.source_keys import AllListed, ProfileSource, ResourceSource
from mcp_proxy.workshop.upstreams import Files, find_server

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\\]+")
_MEDIA_TYPE = re.compile(r"[\x21-\x7e]{1,127}/[\x21-\x7e][\x20-\x7e]{0,126}")
_RESOURCES_LINT = 200
_NEAR = 3


class Listed(NamedTuple):
    """What the listing says of a URI: its entry, and whether the URI is a template there."""

    raw: dict[str, Any]
    is_template: bool


def build_resources(profile: ProfileSource, files: Files, problems: Problems) -> list[Resource]:
    """Every listed resource of the profile, in the source's order."""
    unfold = partial(_unfold, profile, files)
    blocks = unfold_blocks("resources", profile.resources, unfold, problems)
    made: dict[str, Resource] = {}
    for block in blocks:
        one = problems.attempt(block.path, partial(_build, block, profile, files))
        if one is not None and one.uri in made:
            problems.add(block.path, claimed_twice(one, made[one.uri]))
        elif one is not None:
            made[one.uri] = one
    if len(blocks) > LIMITS.tools:
        problems.add(("resources",), f"hold {len(blocks)}; at most {LIMITS.tools} fit")
    elif len(blocks) > _RESOURCES_LINT:
        problems.warn(("resources",), [f"{len(blocks)} resources; clients show all of them"])
    return list(made.values())


def check_uri(uri: str) -> None:
    """Raises Wrong for what is no absolute URI or URI template of visible characters."""
    if len(uri) > LIMITS.uri_chars:
        raise Wrong(("uri",), f"has {len(uri)} characters; at most {LIMITS.uri_chars} fit")
    if hidden_character(uri) is not None or not _SCHEME.fullmatch(uri):
        raise Wrong(("uri",), f"{uri[:200]!r} is no absolute URI such as docs://handbook/intro")


def silent_block(upstream: str, uri: str) -> ResourceSource:
    """A block that leaves everything to the listing."""
    return ResourceSource.model_validate({"upstream": upstream, "uri": uri})


def claimed_twice(one: Resource, other: Resource) -> str:
    """Why two resources of one URI do not fit into one profile."""
    if one.upstream == other.upstream:
        return f"{one.uri} is {other.name} already; keep one"
    both = f"{other.upstream} and {one.upstream}"
    return f"both {both} claim {one.uri}; only one can answer for it"


def resource_entry(name: str, source: ResourceSource, listed: Listed) -> dict[str, Any]:
    """What a list of resources shows of one, but for its icons.

    Raises:
        Wrong: a text too long, or a media type that is none.
    """
    raw = listed.raw
    entry: dict[str, Any] = {"uriTemplate" if listed.is_template else "uri": source.uri}
    entry["name"] = name
    entry.update(shown_texts(source, raw))
    media_type = source.mime_type or raw.get("mimeType")
    if isinstance(media_type, str):
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise Wrong(("mime_type",), f"{media_type!r}: write it as text/markdown")
        entry["mimeType"] = media_type
    size = raw.get("size")
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        entry["size"] = size
    if isinstance(raw.get("annotations"), dict):
        entry["annotations"] = raw["annotations"]
    return entry


def make_resource(block: Block[ResourceSource], listing: Listing) -> Resource:
    """The resource of one block. Raises Wrong for anything that does not fit the listing."""
    source = block.source
    check_uri(source.uri)
    if source.uri.startswith(APP_SCHEME):
        raise Wrong(("uri",), "an app comes with the tool that names it; take this block out")
    listed = _find(source.uri, listing)
    if listed.is_template:
        _check_template(source.uri)
    entry = with_icons(resource_entry(block.name, source, listed), listed.raw)
    return Resource(
        name=block.name,
        upstream=source.upstream,
        uri=source.uri,
        is_template=listed.is_template,
        is_listed=True,
        entry=entry,
        max_bytes=source.max_bytes,
        digest=None,
    )


def _unfold(
    profile: ProfileSource, files: Files, name: str, entry: AllListed
) -> list[tuple[str, ResourceSource]]:
    """A name and a block for each listed resource and template that no other block has."""
    if name != "*":
        raise Wrong((), "lacks uri; add it")
    listing = files.listing(find_server(entry.upstream, profile))
    bound = {
        block.uri
        for block in profile.resources.values()
        if isinstance(block, ResourceSource) and block.upstream == entry.upstream
    }
    found = []
    for uri, raw in (*listing.resources.items(), *listing.templates.items()):
        # An app's page is reached through its tool alone.
        if uri not in bound and not uri.startswith(APP_SCHEME):
            found.append((_listed_name(uri, raw), silent_block(entry.upstream, uri)))
    return found


def _listed_name(uri: str, raw: dict[str, Any]) -> str:
    name = raw.get("name")
    if not is_name(name):
        fix = "name it in the source: NAME: {upstream: ..., uri: ...}"
        raise Wrong((), f"the listed name of {uri[:200]!r} cannot stand in a list; {fix}")
    return str(name)


def _build(block: Block[ResourceSource], profile: ProfileSource, files: Files) -> Resource:
    return make_resource(block, files.listing(find_server(block.source.upstream, profile)))


def _find(uri: str, listing: Listing) -> Listed:
    if uri in listing.resources:
        return Listed(listing.resources[uri], False)
    if uri in listing.templates:
        return Listed(listing.templates[uri], True)
    for template, raw in listing.templates.items():
        if "{" not in uri and _matches(template, uri):
            return Listed(raw, False)
    known = [*listing.resources, *listing.templates]
    near = difflib.get_close_matches(uri, known, n=_NEAR, cutoff=0.5) or known[:_NEAR]
    it_has = f"near ones are {named(near)}" if near else "it has none"
    raise Wrong(("uri",), f"the listing has no resource {uri}; {it_has}")


def _matches(template: str, uri: str) -> bool:
    try:
        return matches(compile_template(template), uri)
    except ValueError:
        return False


def _check_template(template: str) -> None:
    try:
        compile_template(template)
    except ValueError as error:
        raise Wrong(("uri",), f"the template {template} {error}") from None
