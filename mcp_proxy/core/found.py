"""What a detector found in a text."""

from typing import NamedTuple


class Found(NamedTuple):
    """From `start` up to `end`; equal `normal` of one name are the same thing, however written."""

    start: int
    end: int
    name: str
    normal: str
