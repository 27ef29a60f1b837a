"""`repository sign`: what waits for signatures is shown, then signed by one more person."""

from collections.abc import Sequence
from typing import NamedTuple

from mcp_proxy.app.repository_admin import settle_root
from mcp_proxy.app.repository_work import keys_at_hand, log_command
from mcp_proxy.app.signing_keys import SigningKey
from mcp_proxy.edges import clock
from mcp_proxy.edges.repository_change import Change
from mcp_proxy.edges.repository_drafts import (
    Drafts,
    check_drafts,
    check_root_draft,
    draft_lines,
    drafts_digest,
    read_drafts,
    remove_drafts,
    root_lines,
)
from mcp_proxy.edges.repository_files import Repository, load_repository, lock
from mcp_proxy.edges.repository_root import RootDraft, read_draft, sign_root
from mcp_proxy.edges.repository_view import key_names
from mcp_proxy.errors import CredentialError, UsageError


class Waiting(NamedTuple):
    """What waits, in words; `digest` is of exactly that."""

    lines: tuple[str, ...]
    digest: str


class Step(NamedTuple):
    """Roles that were signed; `lacks` is what they wait for still, or None: they count now."""

    roles: tuple[str, ...]
    lacks: CredentialError | None


def show_waiting(folder: str) -> Waiting:
    """The drafts of a repository, checked as far as a machine can.

    Raises:
        UsageError: W01 nothing waits. HomeError: T01 a draft is stale or lists what it may not.
    """
    held = load_repository(folder)
    root, drafts = _read(held)
    check_drafts(Change(held, (), clock.now_s()), drafts)
    lines = [] if root is None else list(root_lines(held, root))
    return Waiting((*lines, *draft_lines(held, drafts)), _digest(root, drafts))


def sign_waiting(folder: str, keys: Sequence[str], digest: str, *, unasked: bool) -> list[Step]:
    """Adds the signatures of the keys at hand to the drafts that were shown, and to no others.

    `unasked` says that nobody confirmed. A root is settled by itself; the drafts of targets and of
    profiles count together.

    Raises:
        UsageError: W01 nothing waits, or something else than what was shown.
        HomeError: T01. CredentialError: T02, C01. AuditError: A01.
    """
    steps = []
    with lock(folder):
        held = load_repository(folder)
        root, drafts = _read(held)
        if _digest(root, drafts) != digest:
            why = "What waits for signatures was changed since it was shown."
            raise UsageError("MCPX-W01", why, f"mcp-proxy repository sign {folder}")
        signing = keys_at_hand(held, keys, key_names(held, root))
        log_command(folder, "repository sign", signing, digest=digest, yes=unasked)
        if root is not None:
            sign_root(held, root, [key.seed for key in signing])
            done = settle_root(held, root, signing)
            steps.append(Step((f"root version {done.version}",), done.lacks))
        if drafts:
            steps.append(_sign_drafts(load_repository(folder), drafts, signing))
    return steps


def _sign_drafts(held: Repository, drafts: Drafts, signing: Sequence[SigningKey]) -> Step:
    change = Change(held, [key.seed for key in signing], clock.now_s())
    check_drafts(change, drafts)
    change.adopt(drafts)
    lacks = change.prepare()
    change.commit()
    if lacks is None:
        remove_drafts(held)
    return Step(tuple(drafts), lacks)


def _read(held: Repository) -> tuple[RootDraft | None, Drafts]:
    root, drafts = read_draft(held), read_drafts(held)
    if root is None and not drafts:
        why = f"In {held.folder} nothing is waiting for signatures."
        raise UsageError("MCPX-W01", why, f"mcp-proxy repository show {held.folder}")
    if root is not None:
        check_root_draft(held, root)
    return root, drafts


def _digest(root: RootDraft | None, drafts: Drafts) -> str:
    return drafts_digest({**drafts, **({} if root is None else {"root": root})})
