"""A repository as a person reads it: roles, keys, expiries, profiles, versions."""

from collections.abc import Iterator
from typing import Any

from tuf.api.metadata import Key, Metadata, Root

from mcp_proxy.core.repository import ProfileView, RepositoryView, RoleView
from mcp_proxy.edges.repository_files import Repository
from mcp_proxy.edges.repository_keys import Delegator, key_view, role_keys
from mcp_proxy.edges.repository_profiles import listed_now, versions

_TOP = ("root", "targets", "snapshot", "timestamp")


def view_repository(held: Repository) -> RepositoryView:
    """Everything that is worth a line."""
    root = held.root.signed
    roles = tuple(_role(root, role, getattr(held, role)) for role in _TOP)
    profiles = tuple(_profile(held, name) for name in held.profiles)
    return RepositoryView(roles, profiles, tuple(sorted(held.waiting)))


def key_names(held: Repository, draft: Metadata[Root] | None = None) -> list[str]:
    """The names of all keys that the repository lists, as their owners gave them."""
    found = [key_view(key).name for key in _keys(held, draft)]
    return [name for name in dict.fromkeys(found) if name]


def _keys(held: Repository, draft: Metadata[Root] | None) -> Iterator[Key]:
    roots = [held.root.signed] if draft is None else [held.root.signed, draft.signed]
    for root in roots:
        yield from root.keys.values()
    delegations = held.targets.signed.delegations
    yield from (delegations.keys if delegations else {}).values()


def _role(delegator: Delegator, role: str, metadata: Metadata[Any] | None) -> RoleView:
    signed = None if metadata is None else metadata.signed
    return RoleView(
        role,
        0 if signed is None else signed.version,
        0 if signed is None else int(signed.expires.timestamp()),
        delegator.get_delegated_role(role).threshold,
        tuple(key_view(key) for key in role_keys(delegator, role)),
    )


def _profile(held: Repository, name: str) -> ProfileView:
    metadata = held.profiles[name]
    role = _role(held.targets.signed, name, metadata)
    if metadata is None:
        published = f"{name}.json" in held.snapshot.signed.meta
        problem = "its signers have not signed it" if published else "nothing is published yet"
        return ProfileView(role, None, (), problem)
    signed = metadata.signed
    return ProfileView(role, listed_now(signed, name), versions(signed, name), "")
