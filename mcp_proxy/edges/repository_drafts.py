"""Roles that wait for more signatures, beside what is served: `draft/ROLE.json`.

A threshold means that several people sign, each at their own desk. Whoever signs next is shown what
the draft changes, in words made from the draft itself; a profile's draft is held against the files
that it lists, as `profile publish` holds them.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from tuf.api.metadata import Metadata, Targets

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.repository import parse_listed
from mcp_proxy.core.trust import verify_arrival
from mcp_proxy.edges.files import remove_file
from mcp_proxy.edges.repository_change import Change
from mcp_proxy.edges.repository_files import (
    Repository,
    damaged,
    draft_path,
    metadata_path,
    parse_metadata,
)
from mcp_proxy.edges.repository_keys import Delegator, key_view, role_keys, trusted_keys
from mcp_proxy.edges.repository_profiles import listed_now, target_data, versions
from mcp_proxy.edges.repository_root import GROUPS, RootDraft
from mcp_proxy.errors import ProfileError

Drafts = dict[str, Metadata[Targets]]


def read_drafts(held: Repository) -> Drafts:
    """The drafts of targets and of profiles, by role. Raises HomeError T01 where one is stale."""
    roles = [role for role in held.waiting if role != "root"]
    return {role: _read(held, role) for role in sorted(roles)}


def remove_drafts(held: Repository) -> None:
    """Takes the drafts of targets and of profiles away. Raises HomeError H02, H03."""
    for role in held.waiting - {"root"}:
        remove_file(os.path.join(os.path.abspath(held.folder), draft_path(role)))


def drafts_digest(drafts: Mapping[str, Metadata[Any]]) -> str:
    """What was shown to a person, so that exactly that is signed."""
    signed = b"\n".join(
        role.encode() + b"\n" + drafts[role].signed_bytes for role in sorted(drafts)
    )
    return sha256_hex(signed)


def check_drafts(change: Change, drafts: Drafts) -> None:
    """Holds what the profiles' drafts list against their files and signers.

    Raises:
        HomeError: T01 a listed file is missing, changed, of another version or of no signer.
    """
    targets = drafts["targets"].signed if "targets" in drafts else change.targets
    for name, draft in drafts.items():
        if name == "targets":
            continue
        keys = trusted_keys(targets, name)
        for path, target in draft.signed.targets.items():
            data, listed = target_data(change, draft.signed, path), parse_listed(target.custom)
            try:
                header = verify_arrival(data, keys, 0.0).profile.header
            except ProfileError as error:
                raise damaged(change.held.folder, f"{path}: {error.why}") from None
            if listed is None or (header.profile, header.version) != (name, listed.version):
                raise damaged(change.held.folder, f"{path} is not the version that it is said.")


def draft_lines(held: Repository, drafts: Drafts) -> Iterator[str]:
    """What the drafts change, a line each."""
    for role, draft in drafts.items():
        if role == "targets":
            yield from _delegation_lines(held.targets.signed, draft.signed)
        else:
            yield from _profile_lines(role, held.profiles.get(role), draft.signed)


def root_lines(held: Repository, draft: RootDraft) -> Iterator[str]:
    """What a new root changes, a line for each group of keys."""
    root = held.root.signed
    for group, roles in GROUPS.items():
        before, after = _signers(root, roles[0]), _signers(draft.signed, roles[0])
        if before != after:
            yield f"{group}: {after}; until now {before}"
    day = draft.signed.expires.date().isoformat()
    yield f"root version {draft.signed.version}, valid until {day}"


def _read(held: Repository, role: str) -> Metadata[Targets]:
    path = draft_path(role)
    found = parse_metadata(held.folder, path)
    present = held.snapshot.signed.meta.get(f"{role}.json")
    listed = 0 if present is None else present.version
    used = os.path.lexists(os.path.join(held.folder, metadata_path(role, found.signed.version)))
    if not isinstance(found.signed, Targets) or found.signed.version <= listed or used:
        raise damaged(held.folder, f"{path} is older than what is published; take it away.")
    return found


def _delegation_lines(before: Targets, after: Targets) -> Iterator[str]:
    for name in _names(after):
        was = _signers(before, name) if name in _names(before) else "nobody"
        if _signers(after, name) != was:
            yield f"{name}: may be signed by {_signers(after, name)}; until now {was}"
    for name in set(_names(before)) - set(_names(after)):
        yield f"{name}: may be signed by nobody; until now {_signers(before, name)}"


def _profile_lines(name: str, before: Metadata[Targets] | None, after: Targets) -> Iterator[str]:
    old = () if before is None else versions(before.signed, name)
    was, now = None if before is None else listed_now(before.signed, name), listed_now(after, name)
    shown = [("current version", was and was.version, now and now.version)]
    shown.append(("lowest version that may be used", was and was.floor, now and now.floor))
    for what, one, other in shown:
        if one != other:
            yield f"{name}: {what} {other or 'none'}; until now {one or 'none'}"
    gone = [str(item) for item in old if item not in versions(after, name)]
    if gone:
        yield f"{name}: listed no more: {', '.join(gone)}"
    for path in sorted(after.targets):
        if before is None or before.signed.targets.get(path) != after.targets[path]:
            yield f"{name}: {path} is {after.targets[path].hashes.get('sha256', '')}"


def _names(targets: Targets) -> tuple[str, ...]:
    delegations = targets.delegations
    return tuple(sorted((delegations.roles if delegations else None) or ()))


def _signers(delegator: Delegator, role: str) -> str:
    views = sorted(key_view(key) for key in role_keys(delegator, role))
    who = ", ".join(f"{view.name or '?'} ({view.fingerprint})" for view in views)
    return f"{delegator.get_delegated_role(role).threshold} of {who}"
