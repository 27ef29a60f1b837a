"""Root, which says whose signatures count for everything else: the first one, and each after it.

A new root needs the signatures that the old one asks for and those that it asks for itself. Until
it has them it lies as a draft beside what is served, in `draft/root.json`.
"""

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    Targets,
    Timestamp,
    VerificationResult,
)

from mcp_proxy.core.trust_store import KeyLine
from mcp_proxy.edges.files import remove_file
from mcp_proxy.edges.repository_change import DAYS, FIELD, role_days
from mcp_proxy.edges.repository_files import (
    Repository,
    damaged,
    draft_path,
    metadata_path,
    parse_metadata,
    write_below,
)
from mcp_proxy.edges.repository_keys import (
    check_signed,
    key_view,
    lacking,
    role_keys,
    sign_role,
    tuf_key,
)
from mcp_proxy.errors import CredentialError, UsageError

# A root that may wait for signatures.
RootDraft = Metadata[Root]

DRAFT = draft_path("root")
# What a person calls a role, and the roles of TUF that it stands for.
GROUPS = {"root": ("root",), "targets": ("targets",), "online": ("snapshot", "timestamp")}


class RootKeys(NamedTuple):
    """Whose keys a first root lists, and how many of root's must sign the next."""

    root: tuple[KeyLine, ...]
    threshold: int
    targets: tuple[KeyLine, ...]
    online: tuple[KeyLine, ...]


class Edit(NamedTuple):
    """What a new root changes in one group; `removed` are beginnings of fingerprints, or names."""

    group: str
    added: tuple[KeyLine, ...]
    removed: tuple[str, ...]
    threshold: int | None


def create_repository(
    folder: str, keys: RootKeys, days: Mapping[str, int], seeds: Sequence[bytes], now_s: float
) -> bytes:
    """Writes a repository that lists no profile yet; its first root.

    `days` says for how long root and timestamp are valid, where it says so.

    Raises:
        UsageError: W01 the folder has a repository, or is not writable, or a threshold is too high.
        CredentialError: T02 a role lacks signatures, and nothing was written.
    """
    if os.path.lexists(os.path.join(folder, "metadata")):
        why = f"{folder} holds a repository already; it is not replaced."
        raise UsageError("MCPX-W01", why, f"mcp-proxy repository show {folder}")
    now = datetime.fromtimestamp(int(now_s), UTC)
    until = {role: now + timedelta(days=days.get(role, DAYS[role])) for role in DAYS}
    root = _first_root(keys, until["root"], days)
    snapshot = Snapshot(expires=until["snapshot"], meta={"targets.json": MetaFile(1)})
    first: dict[str, Any] = {
        "root": root,
        "targets": Targets(expires=until["targets"], delegations=Delegations({}, {})),
        "snapshot": snapshot,
        "timestamp": Timestamp(expires=until["timestamp"], snapshot_meta=MetaFile(1)),
    }
    files = []
    for role, signed in first.items():
        made: Metadata[Any] = Metadata(signed)
        metadata = sign_role(made, [root], role, seeds)
        check_signed(root, role, metadata)
        files.append((metadata_path(role, 1), metadata.to_bytes()))
    write_below(folder, files)
    return files[0][1]


def next_root(held: Repository, edits: Sequence[Edit], now_s: float) -> RootDraft:
    """The root after the present one, with these edits and a new expiry; not yet signed.

    Raises:
        UsageError: W01 a key to be removed is not there, or a threshold cannot be reached.
    """
    root = deepcopy(held.root.signed)
    root.version += 1
    days = role_days(root, "root")
    root.expires = datetime.fromtimestamp(int(now_s), UTC) + timedelta(days=days)
    for edit in edits:
        for role in GROUPS[edit.group]:
            _edit_role(root, role, edit)
    return Metadata(root)


def read_draft(held: Repository) -> RootDraft | None:
    """The root that waits for signatures, or None. Raises HomeError T01."""
    if "root" not in held.waiting:
        return None
    found = parse_metadata(held.folder, DRAFT)
    if not isinstance(found.signed, Root) or found.signed.version != held.root.signed.version + 1:
        raise damaged(held.folder, f"{DRAFT} does not follow the present root; take it away.")
    return found


def write_draft(folder: str, draft: RootDraft) -> str:
    """Keeps a root until it has its signatures; where. Raises UsageError W01."""
    write_below(folder, [(DRAFT, draft.to_bytes())])
    return os.path.join(folder, DRAFT)


def remove_draft(folder: str) -> None:
    """Takes the draft away, where there is one. Raises HomeError H02, H03."""
    remove_file(os.path.join(os.path.abspath(folder), DRAFT))


def sign_root(held: Repository, draft: RootDraft, seeds: Sequence[bytes]) -> None:
    """Adds the signatures of the keys at hand that the old or the new root lists."""
    sign_role(draft, [held.root.signed, draft.signed], "root", seeds)


def root_lacks(held: Repository, draft: RootDraft) -> CredentialError | None:
    """What the draft lacks before it counts, as the error that says so; None where nothing."""
    result = draft.signed.get_root_verification_result(
        held.root.signed, draft.signed_bytes, draft.signatures
    )
    found: VerificationResult
    for found in (result.first, result.second):
        if not found:
            return lacking(f"root version {draft.signed.version}", found)
    return None


def _first_root(keys: RootKeys, expires: datetime, days: Mapping[str, int]) -> Root:
    root = Root(expires=expires, consistent_snapshot=True)
    root.unrecognized_fields[FIELD] = {"days": dict(days)}
    for lines, group in ((keys.root, "root"), (keys.targets, "targets"), (keys.online, "online")):
        threshold = keys.threshold if group == "root" else None
        for role in GROUPS[group]:
            _edit_role(root, role, Edit(group, lines, (), threshold))
    return root


def _edit_role(root: Root, role: str, edit: Edit) -> None:
    for line in edit.added:
        root.add_key(tuf_key(line), role)
    for which in edit.removed:
        root.revoke_key(_find_key(root, role, which), role)
    if edit.threshold is not None:
        root.roles[role].threshold = edit.threshold
    asked, held = root.roles[role].threshold, len(root.roles[role].keyids)
    if not 1 <= asked <= held:
        why = f"Role {role} would have {held} keys, so {asked} signatures cannot be required."
        raise UsageError("MCPX-W01", why)


def _find_key(root: Root, role: str, which: str) -> str:
    """TUF's id of the one key of the role that has that name or beginning of a fingerprint."""
    found = []
    for key in role_keys(root, role):
        view = key_view(key)
        starts = len(which) >= 8 and view.fingerprint.startswith(which.lower())
        if starts or which == view.name:
            found.append(key.keyid)
    if len(found) != 1:
        how_many = "No key" if not found else "More than one key"
        why = f"{how_many} of role {role} is called {which[:64]!r}."
        raise UsageError("MCPX-W01", why, "mcp-proxy repository show DIR")
    return found[0]
