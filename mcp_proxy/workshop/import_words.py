"""A drafted description: an API document's own words, plain and short, to be reviewed."""

import re

from mcp_proxy.core.text import one_sentence

DESCRIPTION_CHARS = 400
_SCAN_CHARS = 4_000

_LINK = re.compile(r"!?\[([^\]\[]{0,300})\]\([^()\s]{0,2000}\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_NOTE = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]", re.IGNORECASE)
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[*-][ \t]+)+", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")


def draft_description(summary: str, text: str, otherwise: str) -> str:
    """The summary and the first sentences of `text`, on one line, at most 400 characters.

    `otherwise` stands where the document says nothing.
    """
    first, rest = plain_words(summary), plain_words(text)
    if rest.lower().startswith(first.lower().rstrip(".")) or _verb(first) == _verb(rest):
        first = ""
    sentences = [first, *_SENTENCE_END.split(rest)]
    kept = ""
    for sentence in filter(None, sentences):
        longer = f"{kept} {_ended(sentence)}".strip()
        if len(longer) > DESCRIPTION_CHARS:
            break
        kept = longer
    shown = kept or one_sentence(f"{first} {rest}", DESCRIPTION_CHARS)
    return shown or one_sentence(otherwise, 100)


def plain_words(text: str) -> str:
    """The text without HTML tags and Markdown's signs, on one line."""
    bare = _NOTE.sub("", _LINK.sub(r"\1", _LINE_MARK.sub("", _TAG.sub(" ", text[:_SCAN_CHARS]))))
    bare = bare.replace("**", "").replace("__", "").replace("`", "")
    return re.sub(r"\s+([.,;:])", r"\1", one_sentence(bare, _SCAN_CHARS))


def _verb(text: str) -> str:
    """The first word, `lists` as `list`: a title and its text often begin with the same."""
    return text.lower().partition(" ")[0].removesuffix("s")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", ":", "…")) else f"{sentence}."
