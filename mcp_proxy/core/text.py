"""Text of others, made safe to show: no control, escape or invisible characters (rule S25).

A terminal obeys ANSI sequences, and a model reads what a person cannot see; both are ways to speak
past the person. Emoji alone keep their joiner and variation selector, inside one emoji sequence.
"""

import re

# C0 and C1 controls but \n and \t, all of category Cf, lone surrogates, line and paragraph
# separators, and what Unicode calls default ignorable (fillers, variation selectors): one string of
# ranges, so that `clean` and `hidden_character` cannot disagree. Unicode 16.
HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI_UNIT = _EMOJI + "\ufe0f?[\U0001f3fb-\U0001f3ff]?"

_ANY_HIDDEN = re.compile(f"[{HIDDEN}]")
_ASCII = bytes(range(128))
_ASCII_CONTROLS = bytes({*range(32), 127} - {9, 10})
_BREAK = re.compile("\r\n?|[\x85\u2028\u2029]")
# ECMA-48: control strings up to their terminator, CSI sequences, two-character escapes. The classes
# exclude every introducer, and the quantifiers give nothing back, so that the scan stays linear.
_ESCAPE = re.compile(
    "(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9b-\x9f]*+(?:\x07|\x1b\\\\|\x9c)"
    "|(?:\x1b\\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    "|\x1b[ -/]*+[0-~]"
)
_SEQUENCE_OR_HIDDEN = re.compile(
    f"(?P<keep>{_EMOJI_UNIT}(?:\u200d{_EMOJI_UNIT})*|[#*0-9]\ufe0f(?=\u20e3))"
    f"|(?P<half>[\ud800-\udfff])|[{HIDDEN}]"
)

# What compact JSON text holds wherever a string of it holds an ASCII control below DEL.
_JSON_MARKS = (b"\\u", b"\\r", b"\\b", b"\\f")


def clean(text: str) -> str:
    """The text without escapes, controls (but newline and tab) and invisible characters.

    Line ends of any kind become newlines; half a character (lone surrogate) becomes U+FFFD.
    """
    data = text.encode(errors="surrogatepass")
    if len(data.translate(None, _ASCII_CONTROLS)) == len(data) and _shows_all(data):
        return text
    text = _BREAK.sub("\n", _ESCAPE.sub("", text))
    return _SEQUENCE_OR_HIDDEN.sub(_kept, text)


def clean_value(value: object) -> object:
    """A JSON value with every string and every key cleaned.

    Raises:
        ValueError: two keys of one object are the same once cleaned.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    if isinstance(value, dict):
        cleaned = {clean(key): clean_value(item) for key, item in value.items()}
        if len(cleaned) != len(value):
            raise ValueError("two keys of one object differ by invisible characters only")
        return cleaned
    return value


def is_clean_json(data: bytes) -> bool:
    """Whether compact UTF-8 JSON surely holds clean strings alone; False means: look closer."""
    if b"\x7f" in data or (b"\\" in data and any(mark in data for mark in _JSON_MARKS)):
        return False
    return _shows_all(data)


def hidden_character(text: str) -> str | None:
    """The first control or invisible character, as "U+200B"; None where every one can be seen.

    Newline and tab can be seen. Stricter than `clean`: emoji joiners count as hidden, since a
    publisher's text needs none.
    """
    found = _ANY_HIDDEN.search(text)
    return None if found is None else f"U+{ord(found.group()):04X}"


def is_visible_line(text: str) -> bool:
    """Whether the text is one line, all of which can be seen, without tabs."""
    return hidden_character(text) is None and not {"\n", "\t"} & set(text)


def one_sentence(text: str, max_chars: int) -> str:
    """The text cleaned, on one line, at most `max_chars` characters with an ellipsis where cut."""
    line = " ".join(clean(text[: max_chars * 8]).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def _shows_all(data: bytes) -> bool:
    # Deleting bytes is far faster than a scan by characters, and most texts are mostly ASCII.
    if data.isascii():
        return True
    rest = data.translate(None, _ASCII).decode(errors="surrogatepass")
    return _ANY_HIDDEN.search(rest) is None


def _kept(match: re.Match[str]) -> str:
    if match["keep"] is not None:
        return match["keep"]
    return "�" if match["half"] is not None else ""
