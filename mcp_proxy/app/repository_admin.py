"""`repository init`, `delegate`, `root`, `sign`, `revoke`, `floor`, `show`: the publisher's host.

Each command that signs is logged before it writes, works under the folder's lock, and takes the
keys that it was given, or else those of the keychain that the roles name.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from mcp_proxy.app.repository_work import change_repository, keys_at_hand, log_command
from mcp_proxy.app.signing_keys import SigningKey, find_key, find_or_make_key
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.repository import Listed, ProfileView, RepositoryView
from mcp_proxy.core.trust_store import parse_key_line
from mcp_proxy.edges import clock
from mcp_proxy.edges.repository_change import Change
from mcp_proxy.edges.repository_files import Repository, load_repository, lock
from mcp_proxy.edges.repository_profiles import delegate, raise_floor, revoke, undelegate
from mcp_proxy.edges.repository_root import (
    DRAFT,
    Edit,
    RootDraft,
    RootKeys,
    create_repository,
    next_root,
    read_draft,
    remove_draft,
    root_lacks,
    sign_root,
    write_draft,
)
from mcp_proxy.edges.repository_view import key_names, view_repository
from mcp_proxy.errors import CredentialError, UsageError


class Founding(NamedTuple):
    """Names of the keys of a new repository, and for how many days root and timestamp hold."""

    root_keys: tuple[str, ...]
    threshold: int
    targets_key: str
    online_key: str
    days: dict[str, int]


class Created(NamedTuple):
    """A new repository: its root's path and SHA-256, and the keys that were made for it."""

    path: str
    digest: str
    made: tuple[SigningKey, ...]


class RootStep(NamedTuple):
    """A new root's version; `lacks` is what it waits for, as a draft, or None where it counts."""

    version: int
    lacks: CredentialError | None


def create(folder: str, plan: Founding) -> Created:
    """A repository without profiles in `folder`; keys that the keychain lacks are made.

    Raises:
        UsageError: W01 the folder has one already, or the threshold cannot be reached.
        CredentialError: C01, C02 a key cannot be had.
        AuditError: A01, and nothing is written.
    """
    names = dict.fromkeys((*plan.root_keys, plan.targets_key, plan.online_key))
    found = {name: _make_key(name, folder) for name in names}
    lines = {name: parse_key_line(key.line) for name, key in found.items()}
    keys = RootKeys(
        tuple(lines[name] for name in dict.fromkeys(plan.root_keys)),
        plan.threshold,
        (lines[plan.targets_key],),
        (lines[plan.online_key],),
    )
    log_command(folder, "repository init", found.values())
    _make_folder(folder)
    with lock(folder, new=True):
        seeds = [key.seed for key in found.values()]
        root = create_repository(folder, keys, plan.days, seeds, clock.now_s())
    made = tuple(key for key in found.values() if key.made)
    return Created(os.path.join(folder, "metadata", "1.root.json"), sha256_hex(root), made)


def delegate_name(
    folder: str, name: str, signers: Sequence[str], threshold: int, keys: Sequence[str]
) -> tuple[int, ...]:
    """Gives a profile's name to the signers of these key lines, and to nobody else.

    What is returned are the versions that are listed no more, since none of them signed those.

    Raises:
        HomeError: T01. CredentialError: T02, C01. UsageError: W01. AuditError: A01.
    """
    lines = [parse_key_line(line) for line in signers]
    held = [line.name for line in lines]
    return change_repository(
        folder,
        "repository delegate",
        keys,
        lambda change: delegate(change, name, lines, threshold),
        also=held,
        profile=name,
    )


def undelegate_name(folder: str, name: str, keys: Sequence[str], *, unasked: bool = False) -> None:
    """Gives a profile's name to nobody; `unasked`: nobody confirmed. Raises as `delegate_name`."""
    change_repository(
        folder,
        "repository undelegate",
        keys,
        lambda change: undelegate(change, _known(change, name)),
        profile=name,
        yes=unasked,
    )


def revoke_version(
    folder: str, name: str, version: int | None, keys: Sequence[str], *, unasked: bool = False
) -> Listed | None:
    """Lists one version of a profile no more, or none of it; what is current then.

    `unasked` says that nobody confirmed.

    Raises:
        HomeError: T01. CredentialError: T02, C01. UsageError: W01. AuditError: A01.
    """
    return change_repository(
        folder,
        "repository revoke",
        keys,
        lambda change: revoke(change, _known(change, name), version),
        profile=name,
        version=version or 0,
        yes=unasked,
    )


def set_floor(folder: str, name: str, version: int, keys: Sequence[str]) -> tuple[int, ...]:
    """Lists no version below `version` any more; those that are gone. Raises as `revoke`."""
    return change_repository(
        folder,
        "repository floor",
        keys,
        lambda change: raise_floor(change, _known(change, name), version),
        profile=name,
        version=version,
    )


def make_edit(
    group: str, added: Sequence[str], removed: Sequence[str], threshold: int | None
) -> Edit:
    """What a new root changes for root, targets or online. Raises UsageError W01."""
    return Edit(group, tuple(map(parse_key_line, added)), tuple(removed), threshold)


def edit_root(folder: str, edit: Edit, keys: Sequence[str]) -> RootStep:
    """A new root with this edit; without one it is the same for another term.

    Raises:
        UsageError: W01 a draft is waiting, or the edit cannot be made.
        HomeError: T01. CredentialError: C01; T02 another role has to be signed anew and cannot be.
        AuditError: A01, and nothing is written.
    """
    with lock(folder):
        held = load_repository(folder)
        if read_draft(held) is not None:
            why = "A new root is waiting for signatures already."
            mend = f"mcp-proxy repository sign {folder}, or rm {os.path.join(folder, DRAFT)}"
            raise UsageError("MCPX-W01", why, mend)
        draft = next_root(held, [edit], clock.now_s())
        signing = keys_at_hand(held, keys, key_names(held, draft))
        sign_root(held, draft, [key.seed for key in signing])
        log_command(folder, "repository root", signing, version=draft.signed.version)
        return settle_root(held, draft, signing)


def show(folder: str) -> RepositoryView:
    """What the repository holds. Raises HomeError T01."""
    return view_repository(load_repository(folder))


def show_profile(folder: str, name: str) -> ProfileView:
    """What the repository holds of one profile. Raises HomeError T01, UsageError W01."""
    for row in show(folder).profiles:
        if row.role.role == name:
            return row
    raise _unknown(name)


def show_key(key: str, *, new: bool = False) -> SigningKey:
    """A signing key by its name; `new` as in `profile sign`. Raises CredentialError C01, C02."""
    return find_or_make_key(key, new=new)


def settle_root(held: Repository, draft: RootDraft, signing: Sequence[SigningKey]) -> RootStep:
    """Publishes a root that has its signatures; keeps it as a draft where it has not.

    Raises:
        CredentialError: T02 another role has to be signed anew and cannot be; the draft is kept.
    """
    lacks = root_lacks(held, draft)
    if lacks is not None:
        write_draft(held.folder, draft)
        return RootStep(draft.signed.version, lacks)
    change = Change(held, [key.seed for key in signing], clock.now_s())
    change.set_root(draft)
    try:
        change.prepare()
    except CredentialError:
        write_draft(held.folder, draft)
        raise
    change.commit()
    remove_draft(held.folder)
    return RootStep(draft.signed.version, None)


def _make_key(name: str, folder: str) -> SigningKey:
    try:
        return find_key(name, make=True)
    except CredentialError as error:
        if error.id != "MCPX-C02":
            raise
        given = "--root-key env:VAR --targets-key env:VAR --online-key env:VAR"
        mend = f"mcp-proxy repository init {folder} {given}"
        raise CredentialError(error.id, error.why, mend) from None


def _known(change: Change, name: str) -> str:
    if change.delegates(name) is None:
        raise _unknown(name)
    return name


def _unknown(name: str) -> UsageError:
    why = f"The repository gives the profile {name[:64]!r} to nobody."
    return UsageError("MCPX-W01", why, "mcp-proxy repository delegate DIR NAME --signer KEY-LINE")


def _make_folder(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError("MCPX-W01", f"{folder} cannot be made: {error.strerror}.") from None
