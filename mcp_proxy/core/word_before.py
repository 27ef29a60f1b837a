"""Whether the words before a value tell what it is: its key, or a word of the sentence."""

import re

# Ends a part of what is searched; a word in another part says nothing.
END = "\x00"
# Stands between a key and its value.
IS = "\x01"

_REACH_CHARS = 40
_NEAR = re.compile(f"[^0-9{END}]*+")


def stands_behind(text: str, start: int, words: re.Pattern[str]) -> bool:
    """Whether `words`, which ends in `$`, is found in what stands right before `start`."""
    left = text[max(0, start - _REACH_CHARS) : start]
    # Neither a word nor what may stand behind it holds a digit; one character more is its edge.
    near = _NEAR.match(left[::-1])
    return near is not None and words.search(left[-near.end() - 1 :]) is not None
