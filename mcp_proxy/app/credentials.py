"""The commands that set, allow, list and remove credentials; each change is logged first."""

import re
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.binding import CREDENTIAL_NAME, ENV, Binding, make_binding, make_command_binding
from mcp_proxy.core.binding_use import check_use
from mcp_proxy.core.command import UPSTREAM_NAME, Place, command_digest
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.core.secret import Secret, check_secret
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.command_store import read_commands
from mcp_proxy.edges.credential_use import (
    Grounds,
    describe_command_use,
    describe_use,
    trusted_command,
)
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import load_profile, read_records, root_of
from mcp_proxy.edges.reference_command import fix_source
from mcp_proxy.edges.settings import Settings, read_settings
from mcp_proxy.edges.settings_credentials import make_reference, parse_source
from mcp_proxy.errors import CredentialError, ProfileError, UsageError


class Wish(NamedTuple):
    """What `credential set` was asked for; `source` is `env:VAR` or None for the keychain.

    `command` is PROFILE/UPSTREAM, a local server's, instead of origins, path, kind and header.
    """

    name: str
    origins: list[str]
    path: str
    kind: str
    header: str | None
    profiles: list[str]
    source: str | None
    command: str | None = None


class Listed(NamedTuple):
    """One line of `credential list`; `binding` is None where `problem` says why.

    `commands` are the places whose trusted command the credential is bound to.
    """

    name: str
    store: str
    binding: Binding | None
    problem: str | None
    commands: tuple[str, ...] = ()


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
    checked = _check_secret(wish, secret)
    home = ensure_home()
    store = credential_store(home) if store is None else store
    if not wish.profiles and wish.command is None:
        binding = binding._replace(profiles=_fitting_profiles(home, wish.name, binding))
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


def allow_credential(name: str, profile: str, store: CredentialStore | None = None) -> Binding:
    """Lets one more profile use the credential; the binding as it is then.

    Raises:
        UsageError: a name is not right.
        CredentialError: C01 no such credential, C02 the keychain does not answer.
    """
    _check_name(name)
    if not re.fullmatch(NAME_PATTERN, profile):
        raise UsageError("MCPX-W01", "That is no profile's name.", "mcp-proxy profile list")
    home = find_home()
    store = credential_store(home) if store is None else store
    _require(store, name)
    admin_log.record(home, "credential allow", credential=name, profile=profile)
    return store.allow(name, Grounds(profile, root_text(root_of(home, profile))))


def remove_credential(name: str, store: CredentialStore | None = None) -> None:
    """Removes the credential and its keychain item.

    Raises:
        CredentialError: C01 no such credential, C02 the keychain does not answer.
    """
    _check_name(name)
    home = find_home()
    store = credential_store(home) if store is None else store
    _require(store, name)
    admin_log.record(home, "credential remove", credential=name)
    store.remove(name)


def list_credentials(store: CredentialStore | None = None) -> list[Listed]:
    """Every credential by name; one whose binding cannot be read says why. Raises HomeError."""
    home = find_home()
    store = credential_store(home) if store is None else store
    rows = []
    silent: CredentialError | None = None
    for name, reference in sorted(store.references().items()):
        if reference is not None:
            rows.append(Listed(name, reference.source.text, reference.binding, None))
            continue
        # A keychain that did not answer once is not waited for again.
        answer = silent or _read_binding(store, name)
        if isinstance(answer, Binding):
            rows.append(Listed(name, "keychain", answer, None))
            continue
        silent = answer if answer.id == "MCPX-C02" else None
        rows.append(Listed(name, "keychain", None, answer.why))
    return _with_commands(home, rows)


def _with_commands(home: Home, rows: list[Listed]) -> list[Listed]:
    if not any(row.binding is not None and row.binding.kind == ENV for row in rows):
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
        if row.binding is not None and row.binding.kind == ENV and not row.commands
        else row
        for row in named
    ]


def _read_binding(store: CredentialStore, name: str) -> Binding | CredentialError:
    try:
        return store.read_item(name).binding
    except CredentialError as error:
        return error


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


def _fitting_profiles(home: Home, name: str, binding: Binding) -> tuple[tuple[str, str], ...]:
    settings = read_settings(home)
    fitting = []
    for profile_name, record in sorted(read_records(home).items()):
        grounds = Grounds(profile_name, root_text(record.root))
        try:
            profile = load_profile(home, profile_name, clock.now_s())
        except ProfileError:
            continue
        if _uses(profile, name, binding, grounds, settings):
            fitting.append((grounds.profile, grounds.root))
    return tuple(fitting)


def _uses(
    profile: Profile, name: str, binding: Binding, grounds: Grounds, settings: Settings
) -> bool:
    allowed = binding._replace(profiles=((grounds.profile, grounds.root),))
    for spec in profile.header.upstreams.values():
        if spec.kind == "stdio" or spec.auth is None or spec.auth.credential != name:
            continue
        try:
            check_use(allowed, describe_use(spec, grounds, settings.localhost))
        except CredentialError:
            continue
        return True
    return False


def _check_secret(wish: Wish, secret: str | None) -> Secret | None:
    if wish.source is not None:
        return None
    try:
        return check_secret(ENV if wish.command else wish.kind, secret or "")
    except ValueError as error:
        raise UsageError("MCPX-W01", str(error), _command(wish)) from None


def _command(wish: Wish) -> str:
    """What was asked for, to be given again."""
    words = ["mcp-proxy credential set", wish.name]
    if wish.command is not None:
        return " ".join([*words, "--command", wish.command])
    words += [f"--origin {origin}" for origin in wish.origins]
    words += [f"--path {wish.path}"] if wish.path else []
    words += [f"--kind {wish.kind}"] if wish.kind != "bearer" else []
    words += [f"--header {wish.header}"] if wish.header else []
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
        store=wish.source or "keychain",
        origins=" ".join(origin.text for origin in binding.origins),
        digest=binding.command,
        profiles=" ".join(profile for profile, _ in binding.profiles),
    )
