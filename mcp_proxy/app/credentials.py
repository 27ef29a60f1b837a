"""The commands that set, allow and remove credentials; each change is logged first."""

import re
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.certificate_files import check_pair
from mcp_proxy.app.credential_fit import fitting_profiles
from mcp_proxy.app.keychain_store import credential_store, store_name, token_store
from mcp_proxy.core.binding import (
    CLIENT,
    CLIENT_METHODS,
    CREDENTIAL_NAME,
    Binding,
    make_binding,
    make_client_binding,
    make_command_binding,
)
from mcp_proxy.core.command import UPSTREAM_NAME, Place
from mcp_proxy.core.credential_item import Item, make_item
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credential_use import (
    Grounds,
    describe_command_use,
    trusted_command,
)
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import bump_generation, load_profile, read_records, root_of
from mcp_proxy.edges.reference_command import fix_source
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.settings_credentials import make_reference, parse_source
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.uses import forget_use
from mcp_proxy.errors import CredentialError, UsageError


class Wish(NamedTuple):
    """What `credential set` was asked for; `source` is a reference or None for the keychain.

    `header` is the parameter of kind query. `command` is PROFILE/UPSTREAM, a local server's,
    instead of origins, path, kind and header; kind client has the last three instead.
    """

    name: str
    origins: list[str]
    path: str
    kind: str
    header: str | None
    profiles: list[str]
    source: str | None
    command: str | None = None
    issuer: str = ""
    client: str = ""
    method: str = ""


def check_wish(wish: Wish) -> Binding:
    """The binding asked for, before any secret is read; it names only the profiles asked for.

    Raises:
        UsageError: a name, origin, path, kind, header, profile or reference is not right.
        ProfileError: P01 to P16, the command is not one that is trusted here.
    """
    _check_name(wish.name)
    home = find_home()
    profiles = [(profile, root_text(root_of(home, profile))) for profile in wish.profiles]
    try:
        if wish.source is not None:
            fix_source(parse_source(wish.source))
        if wish.command is not None:
            return _command_binding(wish, wish.command)
        if wish.kind == CLIENT or wish.issuer:
            return _client_binding(wish, profiles)
        return make_binding(wish.kind, wish.header, wish.origins, wish.path, profiles)
    except ValueError as error:
        raise UsageError("MCPX-W01", str(error), "mcp-proxy credential set --help") from None


def set_credential(wish: Wish, secret: str | None, store: CredentialStore | None = None) -> Binding:
    """Stores the credential; `secret` is None for a reference. The binding as it was stored.

    Without profiles in the wish, every installed profile that uses it in this way is allowed.

    Raises:
        UsageError: the wish or the secret is not right.
        CredentialError: C02 the keychain does not answer.
    """
    binding = check_wish(wish)
    checked = _check_secret(wish, secret, binding)
    home = ensure_home()
    store = credential_store(home) if store is None else store
    if not wish.profiles and wish.command is None:
        binding = binding._replace(profiles=fitting_profiles(home, wish.name, binding))
    _record(home, "credential set", wish, binding)
    if checked is None:
        source = fix_source(parse_source(wish.source or ""))
        store.put_reference(wish.name, make_reference(source, binding))
    else:
        try:
            store.put(wish.name, Item(binding, checked))
        except CredentialError as error:
            _record(home, "credential set failed", wish, binding)
            mend = f"{_command(wish)} --from env:VAR, or mcp-proxy doctor"
            raise CredentialError(error.id, error.why, mend) from None
    return binding


def place_of(wish: Wish) -> str:
    """Where the secret is then, in words. Raises HomeError."""
    return wish.source or f"the {store_name(find_home())}"


def allow_credential(
    name: str,
    profile: str,
    store: CredentialStore | None = None,
    logins: TokenStore | None = None,
) -> Binding:
    """Lets one more profile use the credential, and the login of that name; the binding then.

    Raises:
        UsageError: a name is not right.
        CredentialError: C01 no such credential, C02 no answer from the keychain, C09 nor the vault.
    """
    _check_name(name)
    if not re.fullmatch(NAME_PATTERN, profile):
        raise UsageError("MCPX-W01", "That is no profile's name.", "mcp-proxy profile list")
    home = find_home()
    store = credential_store(home) if store is None else store
    logins = token_store(home) if logins is None else logins
    grounds = Grounds(profile, root_text(root_of(home, profile)))
    has_login = name in logins.names()
    if not has_login:
        _require(store, name)
    admin_log.record(home, "credential allow", credential=name, profile=profile)
    binding = _allow_login(home, logins, name, grounds) if has_login else None
    if binding is None or name in store.references():
        return store.allow(name, grounds)
    return binding


def _allow_login(home: Home, logins: TokenStore, name: str, grounds: Grounds) -> Binding | None:
    with logins.lock(name):
        tokens = logins.read(name)
        if tokens is None:
            return None
        pairs = dict.fromkeys((*tokens.binding.profiles, (grounds.profile, grounds.root)))
        binding = tokens.binding._replace(profiles=tuple(pairs))
        logins.write(name, tokens._replace(binding=binding))
    bump_generation(home)
    return binding


def remove_credential(
    name: str, store: CredentialStore | None = None, logins: TokenStore | None = None
) -> None:
    """Removes the credential and its keychain item; a login is ended by `logout`.

    Raises:
        CredentialError: C01 no such credential, C02 the keychain does not answer.
    """
    _check_name(name)
    home = find_home()
    store = credential_store(home) if store is None else store
    logins = token_store(home) if logins is None else logins
    if name not in store.references() and name in logins.names():
        why = f"{name} is a login, which its server has to hear the end of."
        raise CredentialError("MCPX-C01", why, "mcp-proxy logout PROFILE")
    _require(store, name)
    admin_log.record(home, "credential remove", credential=name)
    store.remove(name)
    forget_use(home, name)


def _command_binding(wish: Wish, command: str) -> Binding:
    """To the trusted command of an installed profile's local server, for that profile alone."""
    profile, _, upstream = command.partition("/")
    if not re.fullmatch(NAME_PATTERN, profile) or not UPSTREAM_NAME.fullmatch(upstream):
        raise ValueError("A command is written PROFILE/UPSTREAM.")
    if wish.origins or wish.path or wish.header or wish.profiles or wish.kind != "bearer":
        options = "--origin, --path, --kind, --header or --profile"
        raise ValueError(f"--command takes no {options} beside it.")
    home = find_home()
    place = Place(profile, upstream)
    spec = load_profile(home, profile, clock.now_s()).header.upstreams.get(upstream)
    if spec is None or spec.kind != "stdio":
        raise ValueError(f"The profile {profile} has no local server of that name.")
    grounds = Grounds(profile, root_text(read_records(home)[profile].root))
    record = trusted_command(read_settings(home), spec, place, grounds.root)
    if spec.auth is None or spec.auth.credential != wish.name:
        raise ValueError(f"{place.text} does not name the credential {wish.name}.")
    use = describe_command_use(spec, record, place, grounds)
    return make_command_binding(use.variable, use.command, [(profile, grounds.root)])


def _client_binding(wish: Wish, profiles: list[tuple[str, str]]) -> Binding:
    if wish.kind != CLIENT or wish.origins or wish.path or wish.header:
        raise ValueError("--issuer, --client-id and --method go with --kind client, and none else.")
    if not wish.client:
        raise ValueError("The client's id is missing: give --client-id as the server gave it.")
    return make_client_binding(wish.issuer, wish.client, wish.method or CLIENT_METHODS[0], profiles)


def _check_secret(wish: Wish, secret: str | None, binding: Binding) -> Secret | None:
    if wish.source is not None:
        return None
    try:
        item = make_item(binding, secret or "")
    except ValueError as error:
        raise UsageError("MCPX-W01", str(error), _command(wish)) from None
    if binding.kind == "mtls":
        check_pair(item.secret)
    return item.secret


def _command(wish: Wish) -> str:
    """What was asked for, to be given again."""
    words = ["mcp-proxy credential set", wish.name]
    if wish.command is not None:
        return " ".join([*words, "--command", wish.command])
    words += [f"--origin {origin}" for origin in wish.origins]
    words += [f"--path {wish.path}"] if wish.path else []
    words += [f"--kind {wish.kind}"] if wish.kind != "bearer" else []
    place = "parameter" if wish.kind == "query" else "header"
    words += [f"--{place} {wish.header}"] if wish.header else []
    words += [f"--issuer {wish.issuer}", f"--client-id {wish.client}"] if wish.issuer else []
    words += [f"--method {wish.method}"] if wish.method else []
    words += [f"--profile {profile}" for profile in wish.profiles]
    return " ".join(words)


def _check_name(name: str) -> None:
    if not CREDENTIAL_NAME.fullmatch(name):
        raise UsageError(
            "MCPX-W01",
            "A credential's name is 1 to 64 characters of a-z, 0-9 and -, not starting with -.",
            "mcp-proxy credential list",
        )


def _require(store: CredentialStore, name: str) -> None:
    if name not in store.references():
        raise CredentialError(
            "MCPX-C01", f"There is no credential {name} here.", "mcp-proxy credential list"
        )


def _record(home: Home, command: str, wish: Wish, binding: Binding) -> None:
    admin_log.record(
        home,
        command,
        credential=wish.name,
        kind=binding.kind,
        store=wish.source or store_name(home),
        origins=" ".join(origin.text for origin in binding.origins),
        digest=binding.command,
        issuer=binding.issuer,
        client=binding.client,
        profiles=" ".join(profile for profile, _ in binding.profiles),
    )
