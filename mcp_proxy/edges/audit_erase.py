"""Taking one call's line out of a clear file: its bytes become spaces, in place.

The process that the segment belongs to may be appending to the file meanwhile, so neither the
file's length nor any other line changes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.files import broken, open_file


class Span(NamedTuple):
    """Where a line stands in its file, without its newline."""

    offset: int
    bytes: int


def find_segment(state: str, ulid: str) -> str | None:
    """The path of the segment of that name; None where there is none. Raises HomeError H03."""
    named = (path for path in segment_paths(state) if os.path.basename(path) == f"{ulid}.jsonl")
    return next(named, None)


def segment_name(segment: str) -> str:
    """DAY/ULID, as the ledger names it."""
    day, name = os.path.split(segment.removesuffix(".jsonl"))
    return f"{os.path.basename(day)}/{name}"


def clear_path(segment: str) -> str:
    """The file of keys and clear values beside a segment."""
    return segment.removesuffix(".jsonl") + ".clear.jsonl"


def read_entry(segment: str, seq: int) -> dict[str, Any] | None:
    """The entry of that number as it stands there, unproven; None where there is none such.

    Raises HomeError: the file is not safe to use, or not readable.
    """
    for number, (_, line) in enumerate(_lines(segment)):
        if number == seq:
            entry = _row(line)
            return entry if entry is not None and entry.get("seq") == seq else None
    return None


def find_clear(path: str, seq: int) -> tuple[Span, ...]:
    """Every line of entry `seq` in a clear file. Raises HomeError as `read_entry`."""
    rows = ((span, _row(line)) for span, line in _lines(path))
    return tuple(span for span, row in rows if row is not None and row.get("seq") == seq)


def blank(path: str, spans: tuple[Span, ...]) -> None:
    """Overwrites these lines with spaces, on disk when this returns.

    Raises HomeError: the file is not safe to use, or cannot be written.
    """
    descriptor = open_file(path, os.O_RDWR, secret=True)
    if descriptor is None:
        return
    try:
        for span in spans:
            os.lseek(descriptor, span.offset, os.SEEK_SET)
            view = memoryview(b" " * span.bytes)
            while view:
                view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError as error:
        raise broken(path, error) from None
    finally:
        os.close(descriptor)


def _lines(path: str) -> Iterator[tuple[Span, bytes]]:
    """Every whole line of a file with its place; none where there is no file."""
    offset = 0
    with closing(Lines(path)) as lines:
        for line in lines.read():
            yield Span(offset, len(line)), line
            offset += len(line) + 1


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
