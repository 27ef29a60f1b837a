"""How an API document says that it is authorized: its security schemes in, the best guess out."""

from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.core.binding import is_fit
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.document_login import Login, find_login
from mcp_proxy.workshop.references import Node, References

_NOTE_CHARS = 200
# API Gateway exports AWS's signatures as a key in the header Authorization.
_AWS = "x-amazon-apigateway-authtype"


class Guess(NamedTuple):
    """The first scheme that a static credential can serve; `note` is for the publisher.

    `kind` is "" where the document names none, `name` the header's or parameter's for kinds header
    and query. `login` is what OAuth would be instead, where the scheme is one of those.
    """

    kind: str
    name: str
    note: str
    login: Login | None = None


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
    names = list(dict.fromkeys((*wanted, *schemes)))
    guesses = [_guess(schemes[name], name, _global_scopes(start, name)) for name in names]
    fit = [one for one in guesses if one is not None and is_fit(one.kind, credential, one.name)]
    # A key in the address gets into logs on its way: only where there is no other scheme.
    fit.sort(key=lambda one: one.kind == "query")
    if fit:
        return fit[0]
    return Guess("", "", f"none of the document's schemes can be used: {', '.join(schemes)}")


def _global_scopes(start: Node, name: str) -> tuple[str, ...]:
    listed = start.get("security")
    for requirement in listed.elements() if listed is not None else ():
        scopes = requirement.get(name)
        if scopes is not None:
            texts = (one.value for one in scopes.elements())
            return tuple(dict.fromkeys(text for text in texts if isinstance(text, str)))
    return ()


def _global_names(start: Node) -> Iterator[str]:
    listed = start.get("security")
    for requirement in listed.elements() if listed is not None else ():
        yield from requirement.mapping()


def _guess(scheme: Node, name: str, scopes: tuple[str, ...]) -> Guess | None:
    kind, how = scheme.text("type"), scheme.text("scheme").lower()
    note = f"the document's scheme {name}"
    if kind == "http" and how in ("bearer", "basic"):
        return Guess(how, "", note)
    if kind == "basic":
        return Guess(kind, "", note)
    if kind == "mutualTLS":
        return Guess("mtls", "", note)
    if kind == "apiKey" and scheme.text("in") == "header" and not scheme.text(_AWS):
        return Guess("header", scheme.text("name"), note)
    if kind == "apiKey" and scheme.text("in") == "query":
        return Guess("query", scheme.text("name"), note)
    if kind in ("oauth2", "openIdConnect"):
        return Guess("bearer", "", f"{note} ({kind}): give a token", find_login(scheme, scopes))
    return None
