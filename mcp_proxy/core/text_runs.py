"""Where runs of characters of one kind stand in a text, found at the speed of bytes.

A search by expression looks at each character for itself; most texts hold little that could be a
number or a token, and this finds those places some ten times faster.
"""

Run = tuple[int, int]


def kind_of_characters(more: bytes, *, digits_only: bool = False) -> bytes:
    """A table for `runs`: ASCII digits, letters unless `digits_only`, and the bytes of `more`."""
    kept = {code for code in range(128) if chr(code).isdigit()}
    if not digits_only:
        kept |= {code for code in range(128) if chr(code).isalpha()}
    return bytes(ord("w") if code in kept | {*more} else ord(" ") for code in range(256))


def runs(text: str, kind: bytes, least: int) -> list[Run]:
    """Start and end of each run of at least `least` characters of a kind, in order."""
    if len(text) < least:
        return []
    # A byte a character, so that places in the one are places in the other.
    classes = text.encode("ascii", "replace").translate(kind)
    wanted = b"w" * least
    found = []
    start = classes.find(wanted)
    while start >= 0:
        end = classes.find(b" ", start)
        end = len(text) if end < 0 else end
        found.append((start, end))
        start = classes.find(wanted, end)
    return found
