"""The event stream parser: any cut of the bytes gives the same events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.sse import SseEvent, SseParser, SseRefused


def parse(*pieces: bytes) -> list[SseEvent]:
    parser = SseParser(LIMITS)
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [("message", b"a")]),
        (b"data:a\r\n\r\n", [("message", b"a")]),
        (b"data:  a\r\r", [("message", b" a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", b"a")]),
        (b"data: a\ndata\ndata: b\n\n", [("message", b"a\n\nb")]),
        (b"event: ping\ndata: x\n\ndata: y\n\n", [("ping", b"x"), ("message", b"y")]),
        (b": comment\nid: 1\nretry: 5\nother: z\ndata: a\n\n", [("message", b"a")]),
        (b"event: ping\n\n", []),
        (b"data\n\n", [("message", b"")]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, events: list[tuple[str, bytes]]):
    assert parse(stream) == [SseEvent(*event) for event in events]
    assert parse(*(bytes([byte]) for byte in stream)) == [SseEvent(*event) for event in events]


LINES = st.sampled_from([b"data: a", b"data", b":c", b"event: k", b"", b"id: 1", b"\xef\xbb\xbfx"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(0, 200), max_size=6))
def test_the_cut_does_not_matter(lines: list[tuple[bytes, bytes]], cuts: list[int]):
    stream = b"".join(line + end for line, end in lines)
    at = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:stop] for start, stop in pairwise(at)]
    assert parse(*pieces) == parse(stream)


@pytest.mark.parametrize("flood", [b"x" * 64, b"data: x\n", b"data\n", b": c\n", b"\n"])
def test_s25_a_flood_is_refused(flood: bytes):
    parser = SseParser(LIMITS._replace(sse_event_bytes=10_000, sse_events=1_000))
    with pytest.raises(SseRefused):
        parser.feed(b"data: begun\n" + flood * 10_000)
    pieces = SseParser(LIMITS._replace(sse_event_bytes=10_000, sse_events=1_000))
    with pytest.raises(SseRefused):
        all(pieces.feed(flood) is not None for _ in range(100_000))


@pytest.mark.parametrize(
    ("stream", "last_id", "retry_ms"),
    [
        (b"data: a\n\n", "", None),
        (b"id: 1\ndata: a\n\n", "1", None),
        (b"id: 1\n\n", "1", None),
        (b"id: 1\ndata: a\n\ndata: b\n\n", "1", None),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", "", None),
        (b"id: 1\ndata: a\n\nid: 2\ndata: cut off", "1", None),
        (b"id: a\0b\ndata: a\n\n", "", None),
        (b"id: a b/c=\ndata: a\n\n", "a b/c=", None),
        (b"retry: 500\nid: 7\ndata:\n\n", "7", 500),
        (b"retry: 5s\nretry: -1\nretry:\n\n", "", None),
        (b"retry: 99999999999\n\n", "", None),
    ],
)
def test_the_place_to_go_on_from_is_read(stream: bytes, last_id: str, retry_ms: int | None):
    parser = SseParser(LIMITS)
    parser.feed(stream)
    assert (parser.last_id, parser.retry_ms) == (last_id, retry_ms)


@pytest.mark.parametrize(
    "name", [b"x" * (LIMITS.sse_id_chars + 1), "ü".encode(), b"a\x07b", b"a\tb", b" a "]
)
def test_s25_an_id_that_no_header_carries_is_no_place_to_go_on_from(name: bytes):
    parser = SseParser(LIMITS)
    parser.feed(b"id: 1\ndata: a\n\nid: " + name + b"\ndata: b\n\n")
    assert parser.last_id == ""
