"""One change of a repository: under its lock, by the keys at hand, logged, then written."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from mcp_proxy.app import admin_log
from mcp_proxy.app.signing_keys import SigningKey, find_key, held_keys
from mcp_proxy.edges import clock
from mcp_proxy.edges.places import ensure_home
from mcp_proxy.edges.repository_change import Change
from mcp_proxy.edges.repository_files import Repository, draft_path, load_repository, lock
from mcp_proxy.edges.repository_view import key_names
from mcp_proxy.errors import CredentialError, UsageError

_Result = TypeVar("_Result")


def change_repository(
    folder: str,
    command: str,
    keys: Sequence[str],
    edit: Callable[[Change], _Result],
    *,
    also: Sequence[str] = (),
    **facts: str | int,
) -> _Result:
    """Edits a repository under its lock: signed, logged, then written; what `edit` returned.

    `also` are names of keys that the roles do not name yet, taken from the keychain.

    Raises:
        HomeError: T01. CredentialError: C01; T02 a role lacks signatures. Where it has some, they
            are kept as a draft; nothing is published.
        UsageError: W01 the role has a draft already. AuditError: A01; nothing is written then.
    """
    with lock(folder):
        held = load_repository(folder)
        signing = keys_at_hand(held, keys, also)
        change = Change(held, [key.seed for key in signing], clock.now_s())
        result = edit(change)
        _refuse_waiting(change)
        waits = change.prepare()
        log_command(folder, command, signing, **facts)
        change.commit()
        if waits is not None:
            raise as_draft(folder, waits)
        return result


def as_draft(folder: str, lacks: CredentialError) -> CredentialError:
    """The error of a role that waits for more signatures: what to do about it."""
    why = f"{lacks.why} What is signed so far waits in {os.path.join(folder, 'draft')}."
    return CredentialError(lacks.id, why, f"mcp-proxy repository sign {folder}")


def keys_at_hand(held: Repository, keys: Sequence[str], also: Iterable[str]) -> list[SigningKey]:
    """The keys that were asked for, or else those of the keychain that the repository names."""
    if keys:
        return [find_key(key, make=False) for key in dict.fromkeys(keys)]
    return held_keys((*key_names(held), *also))


def log_command(folder: str, command: str, keys: Iterable[SigningKey], **facts: str | int) -> None:
    """Logs a command that signs, with the keys at hand, before it writes. Raises AuditError A01."""
    held = " ".join(sorted(key.fingerprint for key in keys))
    place = os.path.abspath(folder)
    admin_log.record(ensure_home(), command, repository=place, keys_at_hand=held, **facts)


def _refuse_waiting(change: Change) -> None:
    for role in sorted(change.touched() & change.held.waiting):
        place = os.path.join(change.held.folder, draft_path(role))
        why = f"A change of {role} is waiting for signatures already."
        mend = f"mcp-proxy repository sign {change.held.folder}, or rm {place}"
        raise UsageError("MCPX-W01", why, mend)
