"""What `credential list` shows: each credential's place and binding, its end and last use."""

from typing import NamedTuple

from mcp_proxy.app.keychain_store import credential_store, store_name, token_store
from mcp_proxy.core.binding import ENV, OAUTH, Binding
from mcp_proxy.core.command import command_digest
from mcp_proxy.core.token_set import TokenSet
from mcp_proxy.edges.command_store import read_commands
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.uses import last_use_s
from mcp_proxy.errors import CredentialError

# A store that did not answer, or did not open, once is not asked again.
_SILENT = ("MCPX-C02", "MCPX-C09")


class Listed(NamedTuple):
    """One line; `binding` is None where `problem` says why. Times are seconds of the epoch.

    `commands` are the places whose trusted command the credential is bound to. A login (kind oauth)
    has its server's `issuer`, and `expires_s`, the end of its access token where that is known.
    `is_locked`: its store did not answer or open.
    """

    name: str
    store: str
    binding: Binding | None
    problem: str | None
    commands: tuple[str, ...] = ()
    issuer: str = ""
    expires_s: float | None = None
    used_s: float | None = None
    is_locked: bool = False

    @property
    def kind(self) -> str:
        """Its kind, "" where its binding cannot be read."""
        if self.binding is None:
            return OAUTH if self.issuer else ""
        return self.binding.kind


def list_credentials(
    store: CredentialStore | None = None, logins: TokenStore | None = None
) -> list[Listed]:
    """Every credential and login by name, never a secret. Raises HomeError, CredentialError C09."""
    home = find_home()
    rows = _stored(home, credential_store(home) if store is None else store)
    rows = _with_commands(home, rows)
    rows += _logins(token_store(home) if logins is None else logins)
    rows.sort(key=lambda row: row.name)
    return [row._replace(used_s=last_use_s(home, row.name)) for row in rows]


def _stored(home: Home, store: CredentialStore) -> list[Listed]:
    rows = []
    silent: CredentialError | None = None
    for name, reference in sorted(store.references().items()):
        if reference is not None:
            rows.append(Listed(name, reference.source.text, reference.binding, None))
            continue
        answer = silent or _read_binding(store, name)
        if isinstance(answer, Binding):
            rows.append(Listed(name, store_name(home), answer, None))
            continue
        silent = answer if answer.id in _SILENT else None
        locked = silent is not None
        rows.append(Listed(name, store_name(home), None, answer.why, is_locked=locked))
    return rows


def _read_binding(store: CredentialStore, name: str) -> Binding | CredentialError:
    try:
        return store.read_item(name).binding
    except CredentialError as error:
        return error


def _logins(logins: TokenStore) -> list[Listed]:
    rows = []
    silent: CredentialError | None = None
    for name, about in sorted(logins.names().items()):
        row = Listed(name, "vault", None, None, issuer=about.get("issuer", ""))
        answer = silent or _read_tokens(logins, name)
        if isinstance(answer, CredentialError):
            silent = answer if answer.id in _SILENT else None
            rows.append(row._replace(problem=answer.why, is_locked=silent is not None))
        elif answer is not None:
            problem = answer.needs_login or None
            rows.append(
                row._replace(binding=answer.binding, expires_s=answer.expires_s, problem=problem)
            )
    return rows


def _read_tokens(logins: TokenStore, name: str) -> TokenSet | CredentialError | None:
    try:
        return logins.read(name)
    except CredentialError as error:
        return error


def _with_commands(home: Home, rows: list[Listed]) -> list[Listed]:
    if not any(row.kind == ENV for row in rows):
        return rows
    places: dict[str, tuple[str, ...]] = {}
    for place, record in sorted(read_commands(home).items()):
        digest = command_digest(record)
        places[digest] = (*places.get(digest, ()), place.text)
    named = [
        row if row.binding is None else row._replace(commands=places.get(row.binding.command, ()))
        for row in rows
    ]
    return [
        row._replace(problem="It is bound to a command that is not trusted here any more.")
        if row.kind == ENV and not row.commands
        else row
        for row in named
    ]
