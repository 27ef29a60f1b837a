"""A new profile source: an API document or a gateway's listing in, commented YAML text out.

Reading comes first: up to ten tools that only read are written out, everything else stands below as
comments, so that whatever changes something is a publisher's own decision.
"""

import os
from functools import partial

from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.draft import (
    Draft,
    New,
    Page,
    choose_drafts,
    credential_name,
    plain,
    tool_name,
    write_page,
)
from mcp_proxy.workshop.draft_lists import list_blocks
from mcp_proxy.workshop.listing import Listing
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tools_mcp import all_tools, mcp_tool
from mcp_proxy.workshop.tools_rest import rest_tool
from mcp_proxy.workshop.upstream_lines import document_lines, gateway_lines

_EFFECTS = {"GET": "read", "HEAD": "read", "DELETE": "destructive"}

_SKELETON = """\
# The source of an mcp-proxy profile. Fill it in, then: mcp-proxy profile build {name}.yaml
# Quicker: take this file away and run mcp-proxy profile new {name} --openapi FILE, or --mcp URL.
profile: {plain}
version: 1        # raise it with every release
title: {plain}
instructions: ""  # what the model should know of these tools, at most 2 KB
upstreams:
  {plain}:
    kind: rest    # or mcp (url, listing), or stdio (command, listing)
    url: https://api.example.com
    openapi: {name}.openapi.yaml
    auth: {{kind: bearer, credential: {credential}}}
tools:
  read_something:
    upstream: {plain}
    operation: operationId of the document, or "GET /path"
    effect: read  # or write, or destructive
    description: What the tool does, and what it needs.
"""


def source_from_document(name: str, openapi: str, folder: str, url: str | None) -> New:
    """The source of profile `name` for the document at `openapi`, to stand in `folder`.

    Raises:
        SourceError: MCPX-B02 the document cannot be read or no operation of it can be built;
            MCPX-B01 it names no server that can be used, and no `url` is given.
    """
    path = os.path.join(folder, openapi)
    document = read_document(path, folder)
    lines = document_lines(name, document, os.path.relpath(path, folder), url)
    drafts = _document_drafts(document)
    chosen = choose_drafts(drafts, partial(_build_rest, name, document))
    return write_page(Page(name, document.title or name, lines, drafts, chosen))


def source_from_listing(name: str, spec: UpstreamSpec, file: str, listing: Listing) -> New:
    """The source of profile `name` for a gateway whose listing is in `file`.

    Raises:
        SourceError: MCPX-B02, it lists tools and none can be built, or nothing at all.
    """
    lines = gateway_lines(spec, file)
    taken: set[str] = set()
    drafts = [
        Draft(tool_name(tool, taken), tool, block.effect, _text(listing.tools[tool]), tool)
        for tool, block in all_tools(name, listing.tools, set()).items()
    ]
    tail = list_blocks(name, listing)
    has_others = not drafts and bool(tail)
    chosen = [] if has_others else choose_drafts(drafts, partial(_build_mcp, name, listing))
    return write_page(Page(name, name, lines, drafts, chosen, tail))


def source_before_login(name: str, spec: UpstreamSpec, file: str) -> New:
    """The source of a gateway whose listing will be in `file` once somebody has logged in."""
    next_ = f"mcp-proxy login {name}.yaml, then: mcp-proxy profile import {name} --select '*'"
    page = Page(name, name, gateway_lines(spec, file), [], [], next=next_)
    return write_page(page)._replace(waits=True)


def source_from_nothing(name: str) -> New:
    """The source's form, to be filled in by hand."""
    names = {"plain": plain(name), "credential": credential_name(name)}
    return New(_SKELETON.format(name=name, **names), 0, 0)


def _document_drafts(document: Document) -> list[Draft]:
    drafts = []
    taken: set[str] = set()
    operations = [one for one in document.operations() if not one.deprecated]
    ids = [one.id for one in operations]
    for one in operations:
        place = f"{one.method} {one.path}"
        selector = one.id if one.id and ids.count(one.id) == 1 else place
        effect = _EFFECTS.get(one.method, "write")
        name = tool_name(one.id or place, taken)
        drafts.append(Draft(name, selector, effect, one.summary, place))
    return drafts


def _build_rest(upstream: str, document: Document, draft: Draft) -> None:
    rest_tool(draft.name, _block(upstream, draft), document.operation(draft.operation))


def _build_mcp(upstream: str, listing: Listing, draft: Draft) -> None:
    mcp_tool(draft.name, _block(upstream, draft), listing.tools)


def _block(upstream: str, draft: Draft) -> ToolSource:
    row = {"upstream": upstream, "operation": draft.operation, "effect": draft.effect}
    return ToolSource.model_validate({**row, "description": draft.description})


def _text(tool: dict[str, object]) -> str:
    text = tool.get("description") or tool.get("title")
    return text if isinstance(text, str) else ""
