"""Bodies of answers: decoded in bounded pieces, so that a small bomb stays small in memory."""

import zlib
from collections.abc import Iterator

PIECE_BYTES = 64 << 10

# RFC 9110 section 8.4.1.3: x-gzip is to be taken as gzip.
_PLAIN = frozenset({"", "identity"})
_GZIP = frozenset({"gzip", "x-gzip"})


class BodyRefused(ValueError):
    """The bytes do not fit their Content-Encoding, or the encoding was not asked for."""


class Decoder:
    """Undoes one Content-Encoding: identity or gzip."""

    def __init__(self, encoding: str) -> None:
        """`encoding` is the header's value. Raises BodyRefused for any that was not asked for."""
        name = encoding.strip().lower()
        if name not in _PLAIN and name not in _GZIP:
            raise BodyRefused("it is compressed in a way that was not asked for")
        self._inflater = zlib.decompressobj(31) if name in _GZIP else None
        self._begun = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded bytes of one chunk, each piece at most PIECE_BYTES. Raises BodyRefused."""
        if self._inflater is None:
            for start in range(0, len(chunk), PIECE_BYTES):
                yield chunk[start : start + PIECE_BYTES]
            return
        while True:
            self._begun = self._begun or bool(chunk)
            if self._inflater.eof and chunk:
                # RFC 1952 section 2.2: a file may hold several members, one after the other.
                self._inflater = zlib.decompressobj(31)
            piece = self._inflate(self._inflater, chunk)
            yield piece
            chunk = self._inflater.unconsumed_tail or self._inflater.unused_data
            # A full piece may leave more inside the inflater although all input is consumed.
            if not chunk and len(piece) < PIECE_BYTES:
                return

    def finish(self) -> None:
        """The body has ended. Raises BodyRefused where the compressed data has not."""
        if self._inflater is not None and self._begun and not self._inflater.eof:
            raise BodyRefused("its compressed data is cut off")

    @staticmethod
    def _inflate(inflater: "zlib._Decompress", chunk: bytes) -> bytes:
        try:
            return inflater.decompress(chunk, PIECE_BYTES)
        except zlib.error:
            raise BodyRefused("its compressed data is damaged") from None
