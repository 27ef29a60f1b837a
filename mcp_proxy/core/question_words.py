"""Words that no question may bear: requests for secrets, and speech in our or the client's name.

A list of words finds the careless and stops the plain attack; it is no proof of innocence.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

from mcp_proxy.core import secret_words
from mcp_proxy.core.eras import PREFIX


class Unaskable(ValueError):
    """A question or reply that goes no further; its words hold no foreign text."""


_RESERVED = frozenset({"progressToken"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_APART = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]+[^\W_])+(?![^\W_])")
# Letters that look like Latin ones: Cyrillic, Greek, Coptic, small capitals, boxed letters, and
# what stands for letters in "p@ssw0rd".
_LOOKALIKES = str.maketrans(
    "аесорхукмтвнїіјѕԁԛԝαβεικνορτυχⲟⲣⲥᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ013457@$!|",
    "aecopxykmtbhiijsdqwabeiknoptuxopcabcdeghijklmnoprstuvwyzoieastasil",
) | {
    first + number: chr(ord("a") + number)
    for first in (0x1F150, 0x1F170, 0x1F1E6)
    for number in range(26)
}
_OUR_NAME = re.compile(r"mcp[\W_]*+proxy|mcpx", re.IGNORECASE)

# Long patterns stay text until their first use, which few sessions come to.
_IMITATIONS = (
    r"type the (?:amount|name)|type \w+(?: \w+){0,3} to (?:confirm|approve)"
    r"|needs? (?:a |your |the )?(?:person ?s |human |user ?s )?approval"
    r"|(?:waiting|asks?|asking|ask you|request(?:s|ed)?|required?) (?:for )?(?:your |an )?approval"
    r"|approval (?:is )?(?:needed|required|request|code|pending)"
    r"|approve (?:this|the|that|a|an) (?:tool |pending |following )?(?:call|request|tool|command)"
    r"|(?:must|needs? to|has to|have to) be approved"
    r"|(?:person|human) (?:must|needs to|has to) approve"
    r"|(?:this|i) (?:is|am) (?:the |your )?(?:ai )?(?:client|assistant|system|operating system)\b"
    r"|(?:message|prompt|request|notice|warning|alert|question) (?:is |comes )?(?:sent )?"
    r"(?:from|by) (?:the |your )?(?:ai )?(?:client|system|assistant|operating system|browser"
    r"|administrator|sidecar)"
    r"|(?:on behalf of|in the name of) (?:the |your )?(?:ai )?(?:client|system|assistant|sidecar)"
    r"|(?:^|this is (?:a|an|the) )(?:system|security) (?:message|prompt|notice|alert)"
    r"|your (?:ai )?(?:client|assistant|sidecar) (?:asks|needs|requires|wants|requests)"
)
_SPEAKER = r"(?im)^[\s<\[({*#>-]*(?:system|assistant|sidecar)[\s\])}*>]*[:\]>]"
# "Do not give us your PIN or other secrets": a warning, if its clause wants nothing after all.
_GIVING = (
    r"(?:give|enter|share|provide|include|type|put|write|send|submit|tell|reveal|disclose|paste)"
)
_WARNING = (
    r"(?i)(?:\(|^|[.!?;]\s)\s*(?:please\s+)?(?:do\s+not|don['\u2019]t|never)\s+(?:ever\s+)?"
    rf"{_GIVING}\b(?P<what>[^().!?;:\n]{{0,200}})(?=[).!?;]|$)"
)
_AFTER_ALL = (
    rf"(?i)\b(?:{_GIVING}|need|want|use|ask|here|below|but|except|only|other\s+than|unless|until|"
    r"instead|yet|it|them|wrong|invalid|fake|old|someone|others?['\u2019]s?|anyone)\b"
)
_COUNTED = re.compile(r"\b(?:max|maximum|number of|how many) tokens\b")


def without_reserved(params: dict[str, Any]) -> dict[str, Any]:
    """Params of a question without what belongs to the connection it came on, or to none of ours.

    `task` would have the client answer later (MCP 2025-11-25, "Tasks"), which nobody agreed to.
    """
    kept = {key: value for key, value in params.items() if key not in {"task", "_meta"}}
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        return kept
    own = {
        key: value
        for key, value in meta.items()
        if key not in _RESERVED and not key.startswith(PREFIX)
    }
    return {**kept, "_meta": own} if own else kept


def asks_for_secret(value: Any) -> bool:
    """Whether a text or name in a cleaned JSON value speaks of a secret, save to warn of it."""
    return any(_names_secret(re.sub(_WARNING, _warned, text)) for text in strings_in(value))


def imitates_us(value: Any) -> bool:
    """Whether a text in a cleaned JSON value could pass for a prompt of ours or the client's."""
    return any(
        any(re.search(_SPEAKER, form) for form in (text, _plain(text).translate(_LOOKALIKES)))
        or any(_OUR_NAME.search(form) or re.search(_IMITATIONS, form) for form in _forms(text))
        for text in strings_in(value)
    )


def bears_our_name(text: str) -> bool:
    """Whether a cleaned text names mcp-proxy, or an error id of ours."""
    return _OUR_NAME.search(text) is not None


def likeness(text: str) -> str:
    """The text in lower case without accents, letters that look like Latin ones read as these."""
    return _plain(unicodedata.normalize("NFKC", text)).translate(_LOOKALIKES)


def strings_in(value: Any) -> Iterator[str]:
    """Every string of a JSON value, keys included."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += [*item.keys(), *item.values()]


def _warned(found: re.Match[str]) -> str:
    """Nothing of a clause that only warns; all of one that asks in the same breath."""
    return found[0] if re.search(_AFTER_ALL, found["what"]) else " "


def _names_secret(text: str) -> bool:
    for form in _forms(text):
        counted = _COUNTED.sub(" ", form)
        if not _secret_words().isdisjoint(counted.split()):
            return True
        squeezed = counted.replace(" ", "")
        if any(part in squeezed for part in _secret_parts()):
            return True
    return False


def _forms(text: str) -> set[str]:
    """The words of a text, folded, blanks between, in each way that they may be meant.

    As they stand, with lookalikes read as Latin, apart in camelCase, and spelled out ("p.i.n").
    """
    whole = unicodedata.normalize("NFKC", text)
    spaced = _CAMEL.sub(" ", whole)
    together = _APART.sub(lambda found: "".join(_WORD.findall(found[0])), whole)
    folded = [_plain(form) for form in (whole, spaced, together)]
    return {_words(form) for one in folded for form in (one, one.translate(_LOOKALIKES))}


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text))


@cache
def _secret_words() -> frozenset[str]:
    return frozenset(_words(_plain(word)) for word in secret_words.WORDS.split())


@cache
def _secret_parts() -> tuple[str, ...]:
    return tuple(_words(_plain(part)).replace(" ", "") for part in secret_words.PARTS.split())
