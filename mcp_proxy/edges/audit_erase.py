"""Taking one call's line out of a clear file: its bytes become spaces, in place.

The process that the segment belongs to may be appending to the file meanwhile, so neither the
file's length nor any other line changes.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.audit_reader import bereft_paths, segment_paths
from mcp_proxy.edges.files import broken, open_file

# What is left of it still names its call where only bytes behind it were overwritten.
_BEGINNING = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,11}),')


class Span(NamedTuple):
    """Where a line stands in its file, without its newline."""

    offset: int
    bytes: int


def find_segment(state: str, ulid: str) -> str | None:
    """The path of the segment of that name, of which the clear file may be all that is there.

    None where there is neither. Raises HomeError H03.
    """
    paths = (*segment_paths(state), *bereft_paths(state))
    return next((path for path in paths if os.path.basename(path) == f"{ulid}.jsonl"), None)


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
    """Every line of entry `seq` in a clear file, and what a cut off erasure left of any line.

    Raises HomeError as `read_entry`.
    """
    return tuple(
        span for span, line in _lines(path) if _number(line) == seq or _is_half_erased(line)
    )


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


def _number(line: bytes) -> Any:
    match = _BEGINNING.match(line)
    return int(match[1]) if match else (_row(line) or {}).get("seq")


def _is_half_erased(line: bytes) -> bool:
    """No line is written with a space before it, so that its call was to be erased anyway."""
    return line.startswith(b" ") and bool(line.strip(b" "))


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
