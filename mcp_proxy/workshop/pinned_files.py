"""Files that stand in for references which lead out of a source's folder (security rule S12).

A source lists each with the SHA-256 of its bytes. Nothing is fetched, and what a listed file refers
to is resolved from where it came from (RFC 3986, 5.2), so that it must be listed too.
"""

import os
import re
from typing import NamedTuple
from urllib.parse import unquote, urljoin

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.spec_file import TOLD_CHARS, read_bounded

# Two characters at least: one alone is a drive.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class Pinned(NamedTuple):
    """`of` is a URL, or a path from the source's folder; `file` a path below it, `sha256` hex."""

    of: str
    file: str
    sha256: str


class PinnedFiles:
    """What a source lists for one document."""

    def __init__(self, root: str, listed: tuple[Pinned, ...]) -> None:
        """`root` is the source's folder, without links. Raises SourceError MCPX-B02: one twice."""
        self._root = root
        self._listed: dict[str, Pinned] = {}
        for one in listed:
            place = one.of if _URL.match(one.of) else _joined(root, one.of)
            if place in self._listed:
                raise _wrong(f"`references` lists {one.of} twice")
            self._listed[place] = one

    def __contains__(self, place: str) -> bool:
        """Whether the URL or absolute path is listed."""
        return place in self._listed

    def read(self, place: str, max_bytes: int) -> tuple[bytes, str]:
        """The bytes of the file that stands for a listed place, and its name for errors.

        Raises:
            SourceError: MCPX-B02 not below the folder, not to be read, or with another SHA-256.
        """
        one = self._listed[place]
        real = os.path.realpath(_joined(self._root, one.file))
        if not is_below(real, self._root):
            raise _wrong(f"{one.file}, listed for {one.of}, lies outside the source's folder")
        name = os.path.relpath(real, self._root)
        data = read_bounded(real, name, max_bytes)
        found = sha256_hex(data)
        if found != one.sha256.lower():
            raise _wrong(
                f"{name}: its SHA-256 is {found}, not the one listed for {one.of}; "
                "look at what changed before you write the new one"
            )
        return data, name


def reference_place(base: str, path: str) -> str:
    """Where a reference in `base` leads, as a URL or an absolute path; nothing is opened."""
    if _URL.match(path):
        return path
    if _URL.match(base):
        return urljoin(base, path)
    return _joined(os.path.dirname(base), unquote(path))


def is_below(real: str, root: str) -> bool:
    """Whether a path without links is the folder `root` or in it."""
    try:
        return os.path.commonpath([real, root]) == root
    except ValueError:  # two drives
        return False


def _joined(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def _wrong(text: str) -> SourceError:
    why = one_sentence(text, TOLD_CHARS)
    return SourceError("MCPX-B02", why, "correct the source or the file, then build again")
