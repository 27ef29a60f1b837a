"""HTML as the text that a person would read on the page, in time linear in its size.

Not a browser: no styles are computed. What is hidden by an element, an attribute or its own style
is dropped, links keep their address, and an image its description alone, since an address that is
fetched for being shown can carry data out. `html.parser` is not used: some releases of it take
quadratic time on markup that is never closed.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_VALUE = r'"[^"]*+"|\'[^\']*+\'|[^\s"\'>][^\s>]*+'
_ATTRIBUTE = re.compile(rf"([^\s=>/][^\s=>/]*+)(?:\s*+=\s*+({_VALUE}))?")
_TAG = re.compile(
    rf"<(/?)([a-zA-Z][^\s/>]*+)((?:\s++|/|=|[^\s=>/][^\s=>/]*+(?:\s*+=\s*+(?:{_VALUE}))?+)*+)>"
)
_SPACE = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
# int() of a very long text of digits is refused, and there are no such characters.
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{8,}+;?")
# Long patterns stay text until their first use, which few sessions come to.
_HIDDEN_STYLE = (
    r"(?i)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|(?:opacity|font-size|line-height|max-height|max-width)\s*:\s*[0.]++(?!\d)"
    r"|opacity\s*:\s*0?\.0\d|font-size\s*:\s*1px|scale\s*\(\s*0\s*[,)]"
    r"|(?:text-indent|left|right|top|bottom)\s*:\s*-(?:\d{3}|\d{2}r?em)|clip\s*:\s*rect\(0"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%|color\s*:\s*transparent"
    r"|color\s*:\s*(?:rgb|hsl)a?\((?:[^,/()]{1,20},){3}\s*[0.]++%?\s*\)"
    r"|color\s*:\s*(?:rgb|hsl)a?\([^,/()]{1,60}/\s*[0.]++%?\s*\)"
)
# A box without room shows its text all the same, unless what runs over is cut.
_NO_ROOM = r"(?i)(?:^|[;\s])(?:height|width)\s*:\s*[0.]++(?!\d)"
_IS_CUT = r"(?i)overflow(?:-[xy])?\s*:\s*(?:hidden|clip)"
_LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
_LINK_CHARS = 2_048

_RAW_NAMES = "script style textarea title xmp iframe noembed noframes"
_UNSEEN_NAMES = (
    "script style template noscript iframe noembed noframes object embed svg math canvas audio"
    " video datalist select dialog"
)
_VOID_NAMES = "area base br col embed hr img input link meta source track wbr"
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details div dl dt fieldset figure"
    " figcaption footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main menu nav ol p pre"
    " section summary table tbody tfoot thead title tr ul"
)
# Their text is no markup, up to their end tag.
_RAW = frozenset(_RAW_NAMES.split())
_UNSEEN = frozenset(_UNSEEN_NAMES.split())
_VOID = frozenset(_VOID_NAMES.split())
_BLOCKS = frozenset(_BLOCK_NAMES.split())


class Tag(NamedTuple):
    """A start or end tag: its name in lower case, and its attributes as they stand."""

    name: str
    is_end: bool
    attributes: str
    end: int


class _Page:
    """The text so far, and what is being left out."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.hidden = ""  # the element that hides what follows, "" for none
        self.depth = 0
        self.verbatim = 0
        self.link = ""

    def text(self, raw: str) -> None:
        if not self.hidden and raw:
            text = html.unescape(_LONG_REFERENCE.sub("\ufffd", raw))
            self.parts.append(text if self.verbatim else _SPACE.sub(" ", text))

    def tag(self, tag: Tag) -> None:
        if self.hidden:
            self._within_hidden(tag)
        elif tag.is_end:
            self._close(tag.name)
        elif tag.name in _UNSEEN or _is_hidden(tag.attributes):
            self._hide(tag)
        else:
            self._open(tag)

    def _hide(self, tag: Tag) -> None:
        is_whole = tag.name in {"svg", "math"} and tag.attributes.endswith("/")
        if tag.name not in _VOID and not is_whole:
            self.hidden, self.depth = tag.name, 1

    def _within_hidden(self, tag: Tag) -> None:
        # A paragraph ends where the next block begins, whether its end tag stands there or not.
        is_over = self.hidden == "p" and tag.name in _BLOCKS
        if tag.name == self.hidden and not is_over:
            self.depth += -1 if tag.is_end else 1
        if is_over or self.depth == 0:
            self.hidden = ""
            if is_over:
                self.tag(tag)

    def _open(self, tag: Tag) -> None:
        name = tag.name
        self._break(name)
        if name == "li":
            self.parts.append("- ")
        elif name in {"td", "th"}:
            self.parts.append("\t")
        elif name == "a":
            self.link = _address(tag.attributes)
        elif name == "img":
            words = _SPACE.sub(" ", _attribute(tag.attributes, "alt")).strip()
            self.parts.append(f"[image: {words}]" if words else "")
        self.verbatim += name == "pre"

    def _close(self, name: str) -> None:
        if name == "a" and self.link:
            self.parts.append(f" ({self.link})")
            self.link = ""
        self.verbatim = max(0, self.verbatim - (name == "pre"))
        self._break(name)

    def _break(self, name: str) -> None:
        if name == "br" or name in _BLOCKS:
            self.parts.append("\n")


def text_of_html(markup: str) -> str:
    """The page's text; not cleaned yet, since references may stand for any character."""
    page = _Page()
    at = 0
    while (found := markup.find("<", at)) >= 0:
        page.text(markup[at:found])
        tag = _tag_at(markup, found)
        if tag is None:
            page.text("<")
            at = found + 1
            continue
        at = tag.end
        if tag.name:
            page.tag(tag)
            if tag.name in _RAW and not tag.is_end:
                closed = re.compile(rf"(?ia)</{tag.name}(?![^\s/>])").search(markup, at)
                at = len(markup) if closed is None else closed.start()
                page.text(markup[tag.end : at])
    page.text(markup[at:])
    return _tidy("".join(page.parts))


def _tag_at(markup: str, at: int) -> Tag | None:
    """What begins at a `<`, with no name for a comment; None where it is a mere character.

    What is never closed reaches to the end, as in a browser.
    """
    following = markup[at + 1 : at + 2]
    if following in {"!", "?"}:
        return Tag("", False, "", _comment_end(markup, at))
    if not (following.isascii() and following.isalpha()) and following != "/":
        return None
    match = _TAG.match(markup, at)
    if match is not None:
        return Tag(match[2].lower(), match[1] == "/", match[3], match.end())
    if following == "/" and not markup[at + 2 : at + 3].isalpha():
        return Tag("", False, "", _after(markup, ">", at))
    return Tag("", False, "", len(markup))


def _comment_end(markup: str, at: int) -> int:
    if not markup.startswith("<!--", at):
        return _after(markup, ">", at)
    if markup.startswith(("<!-->", "<!--->"), at):
        return _after(markup, ">", at)
    return _after(markup, "-->", at + 4)


def _after(markup: str, mark: str, at: int) -> int:
    found = markup.find(mark, at)
    return len(markup) if found < 0 else found + len(mark)


def _is_hidden(attributes: str) -> bool:
    if "=" not in attributes and "hidden" not in attributes.lower():
        return False
    style = html.unescape(_LONG_REFERENCE.sub("", _attribute(attributes, "style")))
    names = {match[1].lower() for match in _ATTRIBUTE.finditer(attributes)}
    return "hidden" in names or _hides("".join(_without_comments(style)))


def _hides(style: str) -> bool:
    if re.search(_HIDDEN_STYLE, style):
        return True
    return bool(re.search(_NO_ROOM, style) and re.search(_IS_CUT, style))


def _without_comments(style: str) -> Iterator[str]:
    first, *others = style.split("/*")
    yield first
    for part in others:
        yield part.partition("*/")[2]


def _attribute(attributes: str, name: str) -> str:
    for match in _ATTRIBUTE.finditer(attributes):
        if match[1].lower() == name:
            value = match[2] or ""
            value = value[1:-1] if value[:1] in {'"', "'"} else value
            return html.unescape(_LONG_REFERENCE.sub("\ufffd", value))
    return ""


def _address(attributes: str) -> str:
    address = _attribute(attributes, "href").strip()
    return address if len(address) <= _LINK_CHARS and _LINK.fullmatch(address) else ""


def _tidy(text: str) -> str:
    # Several blanks at a line's begin are those of a <pre>; others were made one.
    lines = [line.rstrip() for line in text.split("\n")]
    lines = [line if line.startswith("  ") else line.lstrip() for line in lines]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
