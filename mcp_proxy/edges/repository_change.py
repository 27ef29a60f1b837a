"""One change of a repository: roles edited in memory, signed, then written in a safe order.

Targets first, then the profiles' roles, targets, snapshot, and timestamp last. A new root comes
behind the timestamp where the old root accepts that too, else before it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tuf.api.metadata import DelegatedRole, Metadata, MetaFile, Root, TargetFile, Targets

from mcp_proxy.core.repository import Listed, listed_custom
from mcp_proxy.edges.repository_files import (
    TOP_ROLES,
    Repository,
    draft_path,
    free_version,
    metadata_path,
    write_below,
)
from mcp_proxy.edges.repository_keys import (
    Delegator,
    check_signed,
    lacking,
    sign_role,
    verification,
)
from mcp_proxy.errors import CredentialError

# Days that a role is valid for, where root says nothing else.
DAYS = {"root": 365, "targets": 90, "snapshot": 30, "timestamp": 7}
FIELD = "x-mcp-proxy"


class Change:
    """Edits of a loaded repository; nothing is written before `commit`."""

    def __init__(self, held: Repository, seeds: Sequence[bytes], now_s: float) -> None:
        """`seeds` are the signing keys at hand; `now_s` is seconds since the epoch."""
        self.held = held
        self.targets = held.targets.signed
        self._seeds = seeds
        self._now = datetime.fromtimestamp(int(now_s), UTC)
        self._days: dict[str, int] = {}
        self._root: Metadata[Root] | None = None
        self._dirty: dict[str, Any] = {}
        self._adopted: dict[str, Metadata[Targets]] = {}
        self._files: list[tuple[str, bytes]] = []
        self._ready: list[tuple[str, bytes]] = []

    def view(self, name: str) -> Targets:
        """The role of a delegated profile as it is by now; empty where it has none that counts."""
        if name in self._dirty:
            edited: Targets = self._dirty[name]
            return edited
        held = self.held.profiles.get(name)
        return self._fresh(name) if held is None else held.signed

    def profile(self, name: str) -> Targets:
        """The same, to be edited and signed anew."""
        role = self.view(name)
        self._dirty[name] = role
        return role

    def edit_targets(self) -> Targets:
        """The role that delegates names, to be edited."""
        self._dirty["targets"] = self.targets
        return self.targets

    def resign(self, role: str, days: int | None = None) -> None:
        """Signs the role anew as it is; `days` is how long it will be valid."""
        if days is not None:
            self._days[role] = days
        if role in self.held.profiles:
            self.profile(role)
        else:
            self._dirty[role] = self._top(role).signed

    def set_root(self, root: Metadata[Root]) -> None:
        """A new root, signed as it must be; roles whose keys it replaces are signed anew."""
        self._root = root

    def add_target(self, name: str, path: str, data: bytes, listed: Listed, *, now: bool) -> None:
        """Lists bytes under a target path; `now` says that it is the current version's."""
        target = TargetFile.from_data(path, data, ["sha256"])
        target.unrecognized_fields["custom"] = listed_custom(listed, current=now)
        self.profile(name).targets[path] = target
        self._files.append((f"targets/{target.get_prefixed_paths()[0]}", data))

    def delegates(self, name: str) -> DelegatedRole | None:
        """Who may sign a profile's name, or None."""
        delegations = self.targets.delegations
        roles = (delegations.roles if delegations else None) or {}
        return roles.get(name)

    def verifies(self, name: str) -> bool:
        """Whether the profile's role, as it was read, is signed by those who may sign it now."""
        held = self.held.profiles.get(name)
        return held is not None and bool(verification(self.targets, name, held))

    def keys_suffice(self, role: str) -> bool:
        """Whether the keys at hand can sign targets or a profile's role."""
        delegator: Delegator = self._roots()[0] if role == "targets" else self.targets
        signed = self.targets if role == "targets" else self.view(role)
        made = sign_role(Metadata(signed), [delegator], role, self._seeds)
        return bool(verification(delegator, role, made))

    def drop(self, name: str) -> None:
        """Leaves the profile's role as it lies there."""
        self._dirty.pop(name, None)

    def adopt(self, drafts: Mapping[str, Metadata[Targets]]) -> None:
        """Takes roles as drafts have them; the keys at hand add their signatures."""
        for role, draft in drafts.items():
            self._adopted[role] = draft
            self._dirty[role] = draft.signed
        if "targets" in drafts:
            self.targets = drafts["targets"].signed

    def touched(self) -> frozenset[str]:
        """The profiles' roles, and targets, that will be signed anew."""
        return frozenset(self._dirty) - {"snapshot", "timestamp"}

    def prepare(self) -> CredentialError | None:
        """Signs everything that changed, so that only writing is left.

        Where a role has some of its signatures, what is written is a draft; the error says then
        which role lacks which.

        Raises:
            CredentialError: T02 a role lacks signatures and cannot wait, and nothing was changed.
        """
        roots = self._roots()
        for role in TOP_ROLES:
            if role not in self._adopted and not self._fits(roots[0], role):
                self.resign(role)
        made = {name: self._make(name, (self.targets,)) for name in self._profiles()}
        if "targets" in self._dirty:
            made["targets"] = self._make("targets", roots)
        waits = self._lacking(made)
        if waits is None:
            try:
                self._finish(made, roots)
            except CredentialError as error:
                if not made or self._root is not None:
                    raise
                waits = error
        if waits is not None:
            drafts = [(draft_path(role), metadata.to_bytes()) for role, metadata in made.items()]
            self._ready = [*self._files, *drafts]
        return waits

    def commit(self) -> bool:
        """Writes what `prepare` signed; whether there was anything.

        Raises:
            UsageError: W01 the folder cannot be written; the old state is still whole.
        """
        if self._ready:
            write_below(self.held.folder, self._ready)
        return bool(self._ready)

    def _place_root(self) -> None:
        if self._root is None:
            return
        file = (metadata_path("root", self._root.signed.version), self._root.to_bytes())
        old = self.held.root.signed
        fits = all(self._fits(old, role) for role in TOP_ROLES if role in self._dirty)
        self._ready = [*self._ready, file] if fits else [file, *self._ready]

    def _fits(self, root: Root, role: str) -> bool:
        return bool(verification(root, role, self._top(role)))

    def _roots(self) -> list[Root]:
        """The root that counts first, then the one that it replaces."""
        held = self.held.root.signed
        return [held] if self._root is None else [self._root.signed, held]

    def _top(self, role: str) -> Metadata[Any]:
        found: Metadata[Any] = getattr(self.held, role)
        return found

    def _profiles(self) -> list[str]:
        return sorted(name for name in self._dirty if name not in TOP_ROLES)

    def _fresh(self, name: str) -> Targets:
        listed = self.held.snapshot.signed.meta.get(f"{name}.json")
        fresh = Targets(expires=self._now)
        # Signing counts one up.
        fresh.version = listed.version if listed else 0
        return fresh

    def _list_roles(self) -> None:
        self._dirty["snapshot"] = self.held.snapshot.signed
        meta = self.held.snapshot.signed.meta
        meta["targets.json"] = MetaFile(self.targets.version)
        for name in self._profiles():
            meta[f"{name}.json"] = MetaFile(self._dirty[name].version)

    def _finish(self, made: Mapping[str, Metadata[Any]], roots: Sequence[Root]) -> None:
        """Snapshot and timestamp over what was made; then everything may be written."""
        signed = [self._file(role, metadata) for role, metadata in made.items()]
        if signed or "snapshot" in self._dirty:
            self._list_roles()
            signed.append(self._sign("snapshot", roots))
        if signed or "timestamp" in self._dirty:
            self.held.timestamp.signed.snapshot_meta = MetaFile(self.held.snapshot.signed.version)
            self._dirty["timestamp"] = self.held.timestamp.signed
            signed.append(self._sign("timestamp", roots))
        self._ready = [*self._files, *signed]
        self._place_root()

    def _lacking(self, made: Mapping[str, Metadata[Any]]) -> CredentialError | None:
        """The first role that waits for signatures. Raises where none of them has any."""
        found, signed = [], False
        for role, metadata in made.items():
            delegator: Delegator = self._roots()[0] if role == "targets" else self.targets
            result = verification(delegator, role, metadata)
            signed = signed or bool(result.signed)
            found += [] if result else [lacking(role, result)]
        if found and (not signed or self._root is not None):
            raise found[0]
        return found[0] if found else None

    def _sign(self, role: str, delegators: Sequence[Delegator]) -> tuple[str, bytes]:
        metadata = self._make(role, delegators)
        check_signed(delegators[0], role, metadata)
        return self._file(role, metadata)

    def _make(self, role: str, delegators: Sequence[Delegator]) -> Metadata[Any]:
        if role in self._adopted:
            return sign_role(self._adopted[role], delegators, role, self._seeds)
        signed = self._dirty[role]
        if role == "timestamp":
            signed.version += 1
        else:
            signed.version = free_version(self.held.folder, role, signed.version)
        signed.expires = self._now + timedelta(days=self._valid_days(role))
        metadata: Metadata[Any] = sign_role(Metadata(signed), delegators, role, self._seeds)
        if role in TOP_ROLES:
            self._top(role).signatures = metadata.signatures
        return metadata

    def _file(self, role: str, metadata: Metadata[Any]) -> tuple[str, bytes]:
        return metadata_path(role, metadata.signed.version), metadata.to_bytes()

    def _valid_days(self, role: str) -> int:
        if role in self._days:
            return self._days[role]
        return role_days(self._roots()[0], role)


def role_days(root: Root, role: str) -> int:
    """For how many days a new version of the role is valid; a profile's is as targets."""
    kind = role if role in DAYS else "targets"
    own = root.unrecognized_fields.get(FIELD)
    days = own.get("days", {}).get(kind) if isinstance(own, dict) else None
    return days if type(days) is int and days > 0 else DAYS[kind]
