"""How an API document says that it is authorized: its security schemes in, the best guess out."""

from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.core.binding import is_fit
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.references import Node, References

_NOTE_CHARS = 200


class Guess(NamedTuple):
    """The first scheme that a static credential can serve; `note` is for the publisher.

    `kind` is "" where the document names none, `name` the header's for kind header.
    """

    kind: str
    name: str
    note: str


def guess_auth(references: References, credential: str) -> Guess:
    """The scheme of a document's global `security`, else its first usable one.

    The note is one cleaned line, whatever the document's names hold.
    """
    try:
        guess = _first_fit(references, credential)
    except SourceError:
        guess = Guess("", "", "the document's ways to authorize cannot be read")
    return guess._replace(note=one_sentence(guess.note, _NOTE_CHARS))


def _first_fit(references: References, credential: str) -> Guess:
    start = references.start
    components = start.get("components")
    listed = components.get("securitySchemes") if components is not None else None
    listed = listed or start.get("securityDefinitions")
    if listed is None:
        return Guess("", "", "the document names no way to authorize")
    schemes = {name: references.follow(node) for name, node in listed.items()}
    wanted = [name for name in _global_names(start) if name in schemes]
    for name in dict.fromkeys((*wanted, *schemes)):
        guess = _guess(schemes[name], name)
        if guess is not None and is_fit(guess.kind, credential, guess.name):
            return guess
    return Guess("", "", f"none of the document's schemes can be used: {', '.join(schemes)}")


def _global_names(start: Node) -> Iterator[str]:
    listed = start.get("security")
    for requirement in listed.elements() if listed is not None else ():
        yield from requirement.mapping()


def _guess(scheme: Node, name: str) -> Guess | None:
    kind, how = scheme.text("type"), scheme.text("scheme").lower()
    if kind == "http" and how in ("bearer", "basic"):
        return Guess(how, "", f"the document's scheme {name}")
    if kind == "basic":
        return Guess(kind, "", f"the document's scheme {name}")
    if kind == "apiKey" and scheme.text("in") == "header":
        return Guess("header", scheme.text("name"), f"the document's scheme {name}")
    if kind in ("oauth2", "openIdConnect"):
        return Guess("bearer", "", f"the document's scheme {name} ({kind}): give a token")
    return None
