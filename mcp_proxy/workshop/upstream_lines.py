"""The keys of a drafted upstream, as lines: what a document or a gateway says of itself."""

from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import FEATURES, OAuth, UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.document import Document
from mcp_proxy.workshop.document_auth import Guess, guess_auth
from mcp_proxy.workshop.document_login import Login
from mcp_proxy.workshop.draft import credential_name, plain, quoted

_NOTE_CHARS = 200
_BY_LOGIN = "# instead of a token, by mcp-proxy login, where the gateway has OAuth:"
_BY_TOKEN = "# instead of a login, by a token of yours, where the gateway takes one:"  # noqa: S105


def document_lines(name: str, document: Document, file: str, url: str | None) -> list[str]:
    """A REST API whose document is `file`, seen from the source; `url` is what a person gave.

    Raises:
        SourceError: MCPX-B01 the document names no server that can be used, and no `url` is given.
    """
    address, note = _address(document, url)
    return [
        "kind: rest",
        f"url: {quoted(address)}  # {note}",
        f"openapi: {quoted(file)}",
        *_auth_lines(guess_auth(document.references, name.lstrip("-") or "api"), name),
    ]


def gateway_lines(spec: UpstreamSpec, file: str) -> list[str]:
    """A gateway whose listing is `file`."""
    lines = ["kind: mcp", f"url: {quoted(spec.url)}", f"listing: {quoted(file)}"]
    if spec.auth is not None:
        credential = plain(spec.auth.credential)
        lines.append(f"auth: {{kind: {spec.auth.kind}, credential: {credential}}}")
        is_login = isinstance(spec.auth, OAuth)
        other, words = ("bearer", _BY_TOKEN) if is_login else ("oauth", _BY_LOGIN)
        lines.append(words)
        lines.append(f"# auth: {{kind: {other}, credential: {credential}}}")
    return [*lines, _features_line()]


def command_lines(command: tuple[str, ...], file: str) -> list[str]:
    """A local server that `command` starts, whose listing is `file`."""
    words = ", ".join(map(quoted, command))
    return ["kind: stdio", f"command: [{words}]", f"listing: {quoted(file)}", _features_line()]


def _features_line() -> str:
    return f"# features: [{', '.join(FEATURES)}]  # off unless named"


def _address(document: Document, url: str | None) -> tuple[str, str]:
    """The upstream's address, and where it is from: never silently from the document (S12)."""
    given = url or next(iter(document.servers), "")
    try:
        origin, path = parse_url(given)
    except ValueError as error:
        where = "--url" if url else "the document's `servers`"
        why = f"No address of the API can be taken from {where}. {error}"
        next_step = "repeat the command with --url https://HOST"
        raise SourceError("MCPX-B01", why, next_step) from None
    note = "as given" if url else "from the document's `servers`: CHECK that it is the API you mean"
    return origin.text + path, note


def _auth_lines(guess: Guess, name: str) -> list[str]:
    note, credential = one_sentence(guess.note, _NOTE_CHARS), credential_name(name)
    if not guess.kind:
        return [f"# auth: {{kind: bearer, credential: {credential}}}  # {note}"]
    place = f", name: {quoted(guess.name)}" if guess.name else ""
    line = f"auth: {{kind: {guess.kind}, credential: {credential}{place}}}  # {note}"
    return [line, *(_login_lines(guess.login, credential) if guess.login else [])]


def _login_lines(login: Login, credential: str) -> list[str]:
    """OAuth instead, as a comment: a document names no client, and its issuer only by a guess."""
    terms = [f"issuer: {quoted(login.issuer)}", "client_id: ID"]
    if login.grant != "authorization_code":
        terms.insert(0, f"grant: {login.grant}")
    if login.scopes:
        terms.append(f"scopes: [{', '.join(map(quoted, login.scopes))}]")
    if login.endpoints:
        pinned = ", ".join(f"{name}: {quoted(url)}" for name, url in login.endpoints)
        terms.append(f"endpoints: {{{pinned}}}")
    return [
        "# instead of a token, by mcp-proxy login; CHECK the issuer, and give your client's id:",
        f"# auth: {{kind: oauth, credential: {credential}, {', '.join(terms)}}}",
    ]
