"""Credentials by name: settings say where one is, the item or reference what it may do.

A secret leaves this module only after its binding has been checked against the use.
"""

import os
from collections.abc import Callable
from typing import Protocol

from mcp_proxy.core.binding import Binding
from mcp_proxy.core.binding_use import (
    ClientUse,
    check_client_use,
    check_command_use,
    check_use,
    set_client_words,
    set_command,
    set_command_words,
    set_words,
)
from mcp_proxy.core.command import Place
from mcp_proxy.core.credential_item import Item, dump_item, make_item, parse_item
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.credential_use import (
    Grounds,
    describe_command_use,
    describe_use,
    trusted_command,
)
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.reference_command import read_source
from mcp_proxy.edges.settings import Settings, read_settings, write_settings
from mcp_proxy.edges.settings_credentials import Reference, Source, make_reference
from mcp_proxy.errors import CredentialError


class Keychain(Protocol):
    """One home's items by name, such as `credential:billing-api` or `signing:default`."""

    def get(self, name: str) -> str | None:
        """The item's value, or None. Raises CredentialError C02."""

    def set(self, name: str, value: str) -> None:
        """Create or replace the item. Raises CredentialError C02."""

    def delete(self, name: str) -> None:
        """Remove the item; one that is not there is no error. Raises CredentialError C02."""


class CredentialStore:
    """The credentials of one home; every change is made under a lock and announced (S6)."""

    def __init__(self, home: Home, opener: Callable[[str], Keychain]) -> None:
        """`opener` makes the keychain of a home's id; it is called at the first need."""
        self._home = home
        self._opener = opener
        self._opened: Keychain | None = None

    def references(self) -> dict[str, Reference | None]:
        """Every credential's name; None stands for a keychain item. Raises HomeError."""
        return read_settings(self._home).credentials

    def read_item(self, name: str) -> Item:
        """The keychain item of a credential.

        Raises:
            CredentialError: C01 not there or damaged, C02 the keychain does not answer.
        """
        try:
            return self._item(name)
        except CredentialError as error:
            if error.id != "MCPX-C01":
                raise
        # macOS deletes an item to replace it: whoever does that holds the lock meanwhile.
        with self._lock():
            return self._item(name)

    def _item(self, name: str) -> Item:
        text = self._keychain().get(item_name(name))
        mend = f"mcp-proxy credential set {name} --origin URL"
        if text is None:
            why = f"The {self._store_name()} holds no credential {name}."
            raise CredentialError("MCPX-C01", why, mend)
        try:
            return parse_item(text)
        except ValueError:
            why = f"The {self._store_name()} item of {name} is damaged."
            raise CredentialError("MCPX-C01", why, mend) from None

    def put(self, name: str, item: Item) -> None:
        """Store a secret with its binding. Raises CredentialError C02, HomeError."""
        with self._lock():
            settings = read_settings(self._home)
            self._keychain().set(item_name(name), dump_item(item))
            self._write(settings, {**settings.credentials, name: None})

    def put_reference(self, name: str, reference: Reference) -> None:
        """Store a reference with its binding; a keychain item of that name is removed.

        Raises:
            CredentialError: C02, and nothing was changed.
            HomeError: the settings cannot be read or written.
        """
        with self._lock():
            settings = read_settings(self._home)
            if settings.credentials.get(name, reference) is None:
                self._keychain().delete(item_name(name))
            self._write(settings, {**settings.credentials, name: reference})

    def allow(self, name: str, grounds: Grounds) -> Binding:
        """Let one more profile use the credential; the binding as it is then.

        Raises:
            CredentialError: C01 no such credential, C02.
            HomeError: the settings cannot be read or written.
        """
        with self._lock():
            settings = read_settings(self._home)
            reference = _find(settings, name)
            if reference is None:
                item = self._item(name)
                binding = _with_profile(item.binding, grounds)
                self._keychain().set(item_name(name), dump_item(item._replace(binding=binding)))
            else:
                binding = _with_profile(reference.binding, grounds)
                reference = reference._replace(binding=binding)
            self._write(settings, {**settings.credentials, name: reference})
            return binding

    def rotate(self, name: str, made: Secret | Source) -> None:
        """Another secret, or another place to take it from, under the same binding.

        Raises:
            CredentialError: C01 no such credential, C02.
            HomeError: the settings cannot be read or written.
        """
        with self._lock():
            settings = read_settings(self._home)
            reference = _find(settings, name)
            binding = self._item(name).binding if reference is None else reference.binding
            if isinstance(made, Secret):
                self._keychain().set(item_name(name), dump_item(Item(binding, made)))
                self._write(settings, {**settings.credentials, name: None})
                return
            moved = make_reference(made, binding)
            self._write(settings, {**settings.credentials, name: moved})
            if reference is None:
                self._keychain().delete(item_name(name))

    def remove(self, name: str) -> None:
        """Remove the credential, its keychain item first. Raises CredentialError C01, C02."""
        with self._lock():
            settings = read_settings(self._home)
            if _find(settings, name) is None:
                self._keychain().delete(item_name(name))
            rest = {key: item for key, item in settings.credentials.items() if key != name}
            self._write(settings, rest)

    def resolve(self, spec: UpstreamSpec, grounds: Grounds) -> Item:
        """The secret that `spec.auth` names, once its binding allows this use; blocks.

        Raises:
            CredentialError: C01 missing or empty, C02, C03, C04.
            HomeError: the settings cannot be read.
        """
        settings = read_settings(self._home)
        use = describe_use(spec, grounds, settings.localhost)
        return self._read(
            settings, use.credential, lambda binding: check_use(binding, use), set_command(use)
        )

    def resolve_client(self, use: ClientUse) -> Item:
        """A client's own secret, once its binding allows this use; blocks.

        Raises:
            CredentialError: C01 missing or empty, C02, C03, C04.
            HomeError: the settings cannot be read.
        """
        return self._read(
            read_settings(self._home),
            use.credential,
            lambda binding: check_client_use(binding, use),
            set_client_words(use),
        )

    def resolve_origin(self, name: str, kind: str, origin: Origin) -> Item | None:
        """What the settings name for a whole origin, whoever calls; None where bound to others.

        That is a proxy's login (kind basic) and a client's certificate (kind mtls); blocks.

        Raises:
            CredentialError: C01 missing, empty or damaged, C02, C04 of another kind.
            HomeError: the settings cannot be read.
        """
        mend = set_words(name, origin.text, kind, "")
        held = self._held(read_settings(self._home), name, mend)
        if held.binding.kind != kind:
            why = f"The credential {name} is of kind {held.binding.kind}, not {kind}."
            raise CredentialError("MCPX-C04", why, mend)
        if held.binding.path or origin not in held.binding.origins:
            return None
        return _opened(name, held)

    def binding(self, name: str) -> Binding | None:
        """What the credential may be used for; None where none of that name is set; blocks.

        Raises:
            CredentialError: C01 damaged, C02.
            HomeError: the settings cannot be read.
        """
        settings = read_settings(self._home)
        return self._held(settings, name, "").binding if name in settings.credentials else None

    def resolve_launch(self, spec: UpstreamSpec, upstream: str, grounds: Grounds) -> Launch:
        """What the local server `upstream` may be started with, its secret included; blocks.

        Raises:
            ProfileError: P16 its command is not trusted here.
            CredentialError: C01 missing or empty, C02, C03, C04.
            HomeError: the settings cannot be read.
        """
        settings = read_settings(self._home)
        place = Place(grounds.profile, upstream)
        record = trusted_command(settings, spec, place, grounds.root)
        launch = Launch(record.executable, record.argv, spec.environment)
        if spec.auth is None:
            return launch
        use = describe_command_use(spec, record, place, grounds)
        item = self._read(
            settings,
            use.credential,
            lambda binding: check_command_use(binding, use),
            set_command_words(use.credential, place),
        )
        return launch._replace(variable=use.variable, secret=item.secret)

    def _read(
        self, settings: Settings, name: str, check: Callable[[Binding], None], mend: str
    ) -> Item:
        """The secret of that name, after `check` of its binding."""
        held = self._held(settings, name, mend)
        check(held.binding)
        return _opened(name, held)

    def _held(self, settings: Settings, name: str, mend: str) -> Item | Reference:
        if name not in settings.credentials:
            raise CredentialError("MCPX-C01", f"The credential {name} is not set here.", mend)
        return settings.credentials[name] or self.read_item(name)

    def _keychain(self) -> Keychain:
        if self._opened is None:
            self._opened = self._opener(self._home.id)
        return self._opened

    def _store_name(self) -> str:
        return "keychain" if read_settings(self._home).vault is None else "vault"

    def _lock(self) -> FileLock:
        return FileLock(os.path.join(self._home.config, "settings.lock"))

    def _write(self, settings: Settings, credentials: dict[str, Reference | None]) -> None:
        write_settings(self._home, settings._replace(credentials=credentials))
        bump_generation(self._home)


def item_name(name: str) -> str:
    """What the credential is called in the keychain."""
    return f"credential:{name}"


def _find(settings: Settings, name: str) -> Reference | None:
    if name not in settings.credentials:
        raise CredentialError(
            "MCPX-C01", f"There is no credential {name} here.", "mcp-proxy credential list"
        )
    return settings.credentials[name]


def _with_profile(binding: Binding, grounds: Grounds) -> Binding:
    pairs = dict.fromkeys((*binding.profiles, (grounds.profile, grounds.root)))
    return binding._replace(profiles=tuple(pairs))


def _opened(name: str, held: Item | Reference) -> Item:
    """The secret itself, which a reference has elsewhere."""
    if isinstance(held, Item):
        return held
    what = f"The credential {name}"
    value = read_source(held.source, what)
    try:
        return make_item(held.binding, value)
    except ValueError as error:
        why = f"{what} comes from {held.source.text}. {error}"
        raise CredentialError("MCPX-C01", why, "mcp-proxy credential list") from None
