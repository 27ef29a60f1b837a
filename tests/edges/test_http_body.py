"""The bounded decoder: the same bytes as zlib's own, never more than a piece at a time."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.edges.http_body import PIECE_BYTES, BodyRefused, Decoder


def decode(encoding: str, chunks: list[bytes]) -> bytes:
    decoder = Decoder(encoding)
    pieces = [piece for chunk in chunks for piece in decoder.pieces(chunk)]
    decoder.finish()
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(
    st.lists(st.tuples(st.binary(max_size=50), st.integers(0, 40_000)), max_size=3),
    st.integers(1, 70_000),
)
def test_a_body_survives_any_cut(parts: list[tuple[bytes, int]], size: int):
    bodies = [part * times for part, times in parts]
    packed = b"".join(gzip.compress(body, 1) for body in bodies)
    assert decode("gzip", cut(packed, size)) == b"".join(bodies)
    assert decode("", cut(packed, size)) == packed


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES])
def test_a_body_that_just_fills_a_piece_is_whole(size: int):
    assert decode("x-gzip", [gzip.compress(b"a" * size)]) == b"a" * size


def test_an_empty_body_needs_no_compressed_data():
    assert decode("gzip", []) == b""


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip;q=1"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str):
    with pytest.raises(BodyRefused):
        Decoder(encoding)


@pytest.mark.parametrize(
    "body", [b"plain", gzip.compress(b"abc" * 99)[:-3], gzip.compress(b"abc") + b"tail"]
)
def test_damaged_or_cut_off_data_is_refused(body: bytes):
    with pytest.raises(BodyRefused):
        decode("gzip", [body])
