"""A TUF repository's folder, read and written by its publisher.

`metadata/` and `targets/` are what a file host serves; consistent snapshots, so a file is written
once and never changed, but `timestamp.json`. It is written last: a client that reads meanwhile, or
after a crash, sees the repository as it was. Everything read is verified by root before it is built
upon, expiry apart: a publisher may renew what has expired.
"""

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import CanonicalJSONSerializer

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.edges.files import FileLock, read_given, write_given
from mcp_proxy.edges.folders import sync_folder
from mcp_proxy.edges.repository_keys import Delegator, verification
from mcp_proxy.errors import HomeError, UsageError

TOP_ROLES = ("targets", "snapshot", "timestamp")


class Repository(NamedTuple):
    """What a folder holds. `previous` is the root before `root`, the same where there is none.

    `profiles` are the roles of delegated names; None where a role has no file yet, or one that its
    present keys have not signed. `waiting` are the roles of which a draft waits for signatures.
    """

    folder: str
    root: Metadata[Root]
    previous: Metadata[Root]
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]
    profiles: dict[str, Metadata[Targets] | None]
    waiting: frozenset[str]


def load_repository(folder: str) -> Repository:
    """The repository in `folder`, verified.

    Raises:
        HomeError: T01 it is none, or what it holds does not fit together.
    """
    previous, root = _load_roots(folder)
    roots = (root.signed, previous.signed)
    timestamp: Metadata[Timestamp] = _load(folder, "timestamp", None, roots)
    number = timestamp.signed.snapshot_meta.version
    snapshot: Metadata[Snapshot] = _load(folder, "snapshot", number, roots)
    number = _listed_version(folder, snapshot.signed, "targets")
    targets: Metadata[Targets] = _load(folder, "targets", number, roots)
    profiles = {
        name: _load_profile(folder, name, snapshot.signed, targets.signed)
        for name in delegated_names(targets.signed)
    }
    waiting = _waiting(folder)
    return Repository(folder, root, previous, targets, snapshot, timestamp, profiles, waiting)


def delegated_names(targets: Targets) -> tuple[str, ...]:
    """The profile names that are given to somebody, in order."""
    delegations = targets.delegations
    return tuple(sorted((delegations.roles if delegations else None) or ()))


def lock(folder: str, *, new: bool = False) -> FileLock:
    """Whose holder alone changes the repository; `new` says that there is none yet.

    Raises:
        HomeError: T01 there is none, and it is not new.
    """
    if not new and not os.path.isdir(os.path.join(folder, "metadata")):
        raise _none(folder)
    return FileLock(os.path.join(os.path.abspath(folder), ".lock"))


def free_version(folder: str, role: str, current: int) -> int:
    """A number above `current` that no file of the role has: a crash may have left one."""
    pattern = re.compile(rf"([1-9][0-9]{{0,17}})\.{re.escape(role)}\.json", re.ASCII)
    found = map(pattern.fullmatch, os.listdir(os.path.join(folder, "metadata")))
    return max([current, *(int(match[1]) for match in found if match)]) + 1


def metadata_path(role: str, version: int) -> str:
    """Where a role's file lies below the folder."""
    name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
    return os.path.join("metadata", name)


def draft_path(role: str) -> str:
    """Where a role lies that waits for signatures, below the folder."""
    return os.path.join("draft", f"{role}.json")


def read_below(folder: str, path: str, max_bytes: int) -> bytes:
    """A file of the repository. Raises HomeError T01 where it is not there or too large."""
    place = os.path.join(folder, path)
    if os.path.exists(place) and not os.path.isfile(place):
        raise damaged(folder, f"{path} is no file.")  # a named pipe would never end
    try:
        return read_given(place, max_bytes)
    except UsageError as error:
        raise damaged(folder, error.why) from None


def write_below(folder: str, files: Sequence[tuple[str, bytes]]) -> None:
    """Writes files in this order, each whole or not at all, and on disk before the last one.

    Raises:
        UsageError: W01 the folder cannot be written.
    """
    *before, last = files
    for path, data in before:
        _write(folder, path, data)
    places = {os.path.dirname(path) for path, _ in before}
    # A new folder has its name in the one above it.
    for place in sorted({*places, *map(os.path.dirname, places)}):
        sync_folder(os.path.join(folder, place))
    _write(folder, *last)
    sync_folder(os.path.join(folder, os.path.dirname(last[0])))


def parse_metadata(folder: str, path: str) -> Metadata[Any]:
    """A metadata file, nothing of it verified. Raises HomeError T01."""
    data = read_below(folder, path, LIMITS.repository_metadata_bytes)
    try:
        found: Metadata[Any] = Metadata.from_bytes(data)
        # Text that cannot be signed (half characters) is told here, not by a crash further on.
        CanonicalJSONSerializer().serialize(found.signed)
    except (DeserializationError, SerializationError):
        raise damaged(folder, f"{path} is no TUF metadata.") from None
    return found


def damaged(folder: str, reason: str) -> HomeError:
    """The error for a folder that cannot be published from; `reason` is a sentence."""
    return HomeError("MCPX-T01", f"{folder} is no whole profile repository: {reason}")


def _waiting(folder: str) -> frozenset[str]:
    try:
        names = os.listdir(os.path.join(folder, "draft"))
    except FileNotFoundError:
        return frozenset()
    roles = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return frozenset(role for role in roles if re.fullmatch(NAME_PATTERN, role))


def _none(folder: str) -> HomeError:
    why = f"{folder} is no profile repository."
    return HomeError("MCPX-T01", why, "mcp-proxy repository init DIR")


def _load_roots(folder: str) -> tuple[Metadata[Root], Metadata[Root]]:
    """The last two roots; each is signed by itself and by the one before it."""
    if not os.path.exists(os.path.join(folder, metadata_path("root", 1))):
        raise _none(folder)
    roots: list[Metadata[Root]] = []
    while os.path.exists(os.path.join(folder, metadata_path("root", len(roots) + 1))):
        path = metadata_path("root", len(roots) + 1)
        found = parse_metadata(folder, path)
        delegators = [found.signed] + [root.signed for root in roots[-1:]]
        if not isinstance(found.signed, Root) or found.signed.version != len(roots) + 1:
            raise damaged(folder, f"{path} is not that root.")
        for delegator in delegators:
            _verify(folder, path, "root", found, (delegator,))
        roots = [*roots, found]
    return roots[max(len(roots) - 2, 0)], roots[-1]


def _load(folder: str, role: str, number: int | None, roots: Sequence[Root]) -> Metadata[Any]:
    path = metadata_path(role, number or 0)
    found = parse_metadata(folder, path)
    if found.signed.type != role or number not in (None, found.signed.version):
        raise damaged(folder, f"{path} is another role or version than its name says.")
    # The root before counts too: a crash may have come between a new root and what follows it.
    _verify(folder, path, role, found, roots)
    return found


def _load_profile(
    folder: str, name: str, snapshot: Snapshot, targets: Targets
) -> Metadata[Targets] | None:
    listed = snapshot.meta.get(f"{name}.json")
    if listed is None:
        return None
    found = parse_metadata(folder, metadata_path(name, listed.version))
    if not isinstance(found.signed, Targets) or found.signed.version != listed.version:
        raise damaged(folder, f"the role of profile {name} is another than its name says.")
    return found if verification(targets, name, found) else None


def _listed_version(folder: str, snapshot: Snapshot, role: str) -> int:
    listed = snapshot.meta.get(f"{role}.json")
    if listed is None:
        raise damaged(folder, f"its snapshot does not name {role}.json.")
    return listed.version


def _verify(
    folder: str, path: str, role: str, found: Metadata[Any], delegators: Sequence[Delegator]
) -> None:
    try:
        verified = any(verification(delegator, role, found) for delegator in delegators)
    except (ValueError, RepositoryError):
        verified = False
    if not verified:
        raise damaged(folder, f"{path} is not signed by enough of its keys.")


def _write(folder: str, path: str, data: bytes) -> None:
    place = os.path.join(folder, path)
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
    except OSError as error:
        why = f"{os.path.dirname(place)} cannot be made: {error.strerror}."
        raise UsageError("MCPX-W01", why) from None
    write_given(place, data)
