"""`profile build` and `profile new`: files and gateways in, a payload or a source file out."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.app.capture import MayStart, capture_listings
from mcp_proxy.app.first_listing import first_listing
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import read_given, write_given
from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.draft import New
from mcp_proxy.workshop.lint_descriptions import unreviewed_lines
from mcp_proxy.workshop.listing import parse_listing
from mcp_proxy.workshop.new_source import (
    source_before_login,
    source_from_document,
    source_from_listing,
    source_from_nothing,
)
from mcp_proxy.workshop.source import read_source


class BuiltFile(NamedTuple):
    """A written payload; `captured` are the listings that were fetched for it."""

    path: str
    profile: str
    version: int
    warnings: tuple[str, ...]
    captured: tuple[str, ...]


def build(source_path: str, out_path: str | None) -> str:
    """Builds a source; the payload's path. Raises as `build_file`."""
    return build_file(source_path, out_path).path


def build_file(
    source_path: str,
    out_path: str | None,
    *,
    refresh: bool = False,
    may_start: MayStart | None = None,
) -> BuiltFile:
    """Builds a source into STEM.payload.jsonl beside it, or into `out_path`.

    A server's listing is captured where it is missing, and where `refresh` asks for it; a local
    server is started for that only if `may_start` agrees to its command.

    Raises:
        SourceError: the source, a document or a listing is wrong, or a command was not confirmed.
        UpstreamError, CredentialError: a server does not list what it has.
        UsageError: a file cannot be written.
    """
    source = read_source(source_path)
    captured = tuple(capture_listings(source, may_start, refresh=refresh))
    built = build_payload(source, int(clock.now_s()))
    path = out_path or f"{os.path.splitext(source_path)[0]}.payload.jsonl"
    write_given(path, built.payload)
    warnings = (*built.warnings, *_unreviewed(source_path))
    return BuiltFile(path, built.profile, built.version, warnings, captured)


def _unreviewed(path: str) -> Iterator[str]:
    """That what an import drafted would be signed unread."""
    text = read_given(path, LIMITS.small_file_bytes).decode("utf-8-sig", errors="replace")
    count = sum(1 for _ in unreviewed_lines(text))
    if count:
        lines = "1 line says" if count == 1 else f"{count} lines say"
        told = f"{lines} REVIEW: what stands there was drafted, and nobody has confirmed it"
        yield f"{path}: {told}; see each with: mcp-proxy profile lint {path}"


def new_file(name: str, openapi: str | None, mcp: str | None, url: str | None) -> tuple[str, New]:
    """Writes NAME.yaml into the current folder; its path and what was written.

    Of a gateway that wants a login, what a login needs is written, and no tool yet.

    Raises:
        UsageError: the name is none, or the file is there already.
        SourceError: the document or the listing cannot be used.
        UpstreamError, CredentialError: the gateway does not list what it has.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError("MCPX-W01", "A profile's name is 1 to 16 of a-z, 0-9 and -.")
    if url is not None and openapi is None:
        raise UsageError("MCPX-W01", "--url goes with --openapi.")
    path = f"{name}.yaml"
    _refuse_existing(path)
    if openapi is not None:
        new = source_from_document(name, openapi, os.getcwd(), url)
    elif mcp is not None:
        new = _new_from_gateway(name, mcp)
    else:
        new = source_from_nothing(name)
    write_given(path, new.text.encode())
    return path, new


def _new_from_gateway(name: str, url: str) -> New:
    listing_file = f"{name}.tools.json"
    _refuse_existing(listing_file)
    spec, data = first_listing(name, url, listing_file)
    if data is None:
        return source_before_login(name, spec, listing_file)
    new = source_from_listing(name, spec, listing_file, parse_listing(data, listing_file))
    write_given(listing_file, data)
    return new


def _refuse_existing(path: str) -> None:
    if os.path.lexists(path):
        next_step = f"mcp-proxy profile build {path}" if path.endswith(".yaml") else f"rm {path}"
        raise UsageError("MCPX-W01", f"{path} is there already; it is not replaced.", next_step)
