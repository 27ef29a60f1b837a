"""Roles that wait for more signatures, beside what is served: `draft/ROLE.json`.

A threshold means that several people sign, each at their own desk. Whoever signs next is shown what
the draft changes, in words made from the draft itself; a profile's draft is held against the files
that it lists, as `profile publish` holds them. Whoever may write the folder may leave a draft
there, so one that says anything beyond what is shown is refused.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from tuf.api.metadata import DelegatedRole, Delegations, Metadata, TargetFile, Targets

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.repository import (
    current_path,
    is_role_name,
    listed_custom,
    parse_listed,
    parse_version_path,
)
from mcp_proxy.core.trust import verify_arrival
from mcp_proxy.core.trust_store import TrustedKey
from mcp_proxy.edges.files import remove_file
from mcp_proxy.edges.repository_change import FIELD, Change
from mcp_proxy.edges.repository_files import (
    Repository,
    damaged,
    delegated_names,
    draft_path,
    metadata_path,
    parse_metadata,
)
from mcp_proxy.edges.repository_keys import Delegator, key_view, role_keys, trusted_keys
from mcp_proxy.edges.repository_profiles import listed_now, target_data, versions
from mcp_proxy.edges.repository_root import GROUPS, RootDraft
from mcp_proxy.errors import HomeError, ProfileError

Drafts = dict[str, Metadata[Targets]]


def read_drafts(held: Repository) -> Drafts:
    """The drafts of targets and of profiles, by role.

    Raises:
        HomeError: T01 where one is stale, or of a name that is given to nobody.
    """
    drafts = {role: _read(held, role) for role in sorted(held.waiting - {"root"})}
    targets = drafts.get("targets", held.targets)
    for role in drafts.keys() - {"targets", *delegated_names(targets.signed)}:
        raise damaged(held.folder, f"{draft_path(role)} is of no role that is signed.")
    return drafts


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
        HomeError: T01 a listed file is missing, changed, of another version or of no signer; a
            draft says what no command of ours writes, and so what nobody is shown.
    """
    targets = drafts["targets"].signed if "targets" in drafts else change.targets
    if "targets" in drafts and not _is_plain(change.held.targets.signed, targets):
        raise _foreign(change.held, "targets")
    for name, draft in drafts.items():
        if name == "targets":
            continue
        if draft.signed.delegations is not None or not _fields(draft.signed) <= {FIELD}:
            raise _foreign(change.held, name)
        keys = trusted_keys(targets, name)
        for path in draft.signed.targets:
            _check_file(change, name, draft.signed, path, keys)


def check_root_draft(held: Repository, draft: RootDraft) -> None:
    """Raises HomeError T01 where a new root says what nobody is shown."""
    root, new = held.root.signed, draft.signed
    same = (root.consistent_snapshot, root.spec_version, root.unrecognized_fields)
    is_same = same == (new.consistent_snapshot, new.spec_version, new.unrecognized_fields)
    if not is_same or not all(_is_each_once(new, role) for role in new.roles):
        raise _foreign(held, "root")


def _check_file(
    change: Change, name: str, role: Targets, path: str, keys: dict[str, TrustedKey]
) -> None:
    folder, target = change.held.folder, role.targets[path]
    number = parse_version_path(path, name)
    if number is None and path != current_path(name):
        raise _foreign(change.held, name)
    data, listed = target_data(change, role, path), parse_listed(target.custom)
    try:
        header = verify_arrival(data, keys, 0.0).profile.header
    except ProfileError as error:
        raise damaged(folder, f"a file that {name} lists: {error.why}") from None
    if listed is None or (header.profile, header.version) != (name, listed.version):
        raise damaged(folder, f"a file that {name} lists is not the version that it is said.")
    own = TargetFile.from_data(path, data, ["sha256"])
    own.unrecognized_fields["custom"] = listed_custom(listed, current=path == current_path(name))
    if number not in (None, listed.version) or target != own:
        raise _foreign(change.held, name)


def _is_plain(before: Targets, after: Targets) -> bool:
    """Whether it gives whole names to keys, each once, and says nothing else."""
    given = after.delegations or Delegations({}, {})
    held = (before.delegations.roles if before.delegations else None) or {}
    if after.targets or _fields(after) or given.succinct_roles is not None:
        return False
    return all(
        role == held.get(name)
        or (
            is_role_name(name)
            and role == DelegatedRole(name, role.keyids, role.threshold, True, [f"{name}/*"])
        )
        for name, role in (given.roles or {}).items()
    ) and all(_is_each_once(after, name) for name in given.roles or {})


def _is_each_once(delegator: Delegator, role: str) -> bool:
    """One key under two of TUF's ids would count for two signers."""
    prints = [key_view(key).fingerprint for key in role_keys(delegator, role)]
    return len(prints) == len(set(prints))


def _fields(signed: Targets) -> set[str]:
    return set(signed.unrecognized_fields)


def _foreign(held: Repository, role: str) -> HomeError:
    why = f"{draft_path(role)} says what mcp-proxy does not write; take it away."
    return damaged(held.folder, why)


def draft_lines(held: Repository, drafts: Drafts) -> Iterator[str]:
    """What the drafts change, a line each."""
    for role, draft in drafts.items():
        if role == "targets":
            yield from _delegation_lines(held.targets.signed, draft.signed)
        else:
            yield from _profile_lines(role, held.profiles.get(role), draft.signed)
        yield f"{role}: valid until {draft.signed.expires.date().isoformat()}"


def root_lines(held: Repository, draft: RootDraft) -> Iterator[str]:
    """What a new root changes, a line for each group of keys, or role where they differ in one."""
    root = held.root.signed
    for group, roles in GROUPS.items():
        moved = {role: (_signers(root, role), _signers(draft.signed, role)) for role in roles}
        alike = len(set(moved.values())) == 1
        for role, (before, after) in moved.items() if not alike else [(group, moved[roles[0]])]:
            if before != after:
                yield f"{role}: {after}; until now {before}"
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
