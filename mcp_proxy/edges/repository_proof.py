"""A repository's metadata on one profile in one file, verified from the trusted root on (S4, S19).

python-tuf's updater has verified them when they came from the network, with this machine's clock;
that alone lets metadata in. Here the same chain is verified once more from the file, by the part of
python-tuf's metadata API that knows no clock: each root by its predecessor, every role by the keys
and the threshold of its delegator, every version and digest against what lists it. So metadata that
have expired meanwhile can still be told from changed ones, without giving anything another time;
`Listing.until_s` says how long they hold, and whoever asks judges that.
"""

import json
from typing import NamedTuple, TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError, UnsignedMetadataError
from tuf.api.metadata import (
    DelegatedRole,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listing import Listing, Target
from mcp_proxy.core.repository import RoleView, current_path, parse_listed, parse_version_path
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.files import ensure_folder, read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.repository_folder import cache_folder, proof_path, read_root
from mcp_proxy.edges.repository_keys import key_view, public_bytes, role_keys
from mcp_proxy.errors import ProfileError

# What is kept of a profile stays small, however much its repository says of it.
_MOST_SIGNERS = 64

Role = TypeVar("Role", Root, Timestamp, Snapshot, Targets)


class Proof(NamedTuple):
    """Metadata files as they came: the roots after the trusted one, then one of each role.

    `role` is empty where the profile is not delegated, or was never published.
    """

    roots: tuple[bytes, ...]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    role: bytes


def is_listed(snapshot: bytes, name: str) -> bool:
    """Whether a verified snapshot lists the role of a profile: its signers listed something."""
    found: Metadata[Snapshot] = Metadata.from_bytes(snapshot)
    return f"{name}.json" in found.signed.meta


def read_listing(home: Home, repository: str, name: str) -> Listing:
    """What the last refresh proved of the profile, verified again; nothing says that it is fresh.

    Raises:
        ProfileError: P18 the trusted root is gone, P23 damaged, P24 lacking signatures.
        HomeError: H02, H03.
    """
    data = read_file(proof_path(home, repository, name), LIMITS.envelope_bytes)
    try:
        row = json.loads(b"" if data is None else data)
        roots = tuple(item.encode() for item in row["roots"])
        proof = Proof(roots, *(row[field].encode() for field in Proof._fields[1:]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        why = f"What the repository signed for profile {name} is missing here, or damaged."
        raise ProfileError("MCPX-P23", why, f"mcp-proxy profile update {name}") from None
    return verify_proof(read_root(home, repository), proof, name)


def write_proof(home: Home, repository: str, name: str, proof: Proof) -> None:
    """Replaces the profile's proof in one step. Raises HomeError."""
    row = {"roots": [item.decode() for item in proof.roots]}
    texts = {field: getattr(proof, field).decode() for field in Proof._fields[1:]}
    ensure_folder(cache_folder(home, repository, "proofs"))
    write_file(proof_path(home, repository, name), json.dumps({**row, **texts}).encode() + b"\n")


def check_root(data: bytes) -> Root:
    """Root metadata that sign themselves; whether to trust them is a person's question.

    Raises:
        ProfileError: P23 no root metadata, P24 not signed by a threshold of their own keys.
    """
    try:
        return _own_root(data)
    except UnsignedMetadataError as error:
        raise _unsigned(error) from None
    except (RepositoryError, ValueError) as error:
        raise _unfit(f"it is no root metadata ({type(error).__name__})") from None


def view_root(data: bytes) -> RoleView:
    """What a person compares before trusting root metadata. Raises as `check_root`."""
    root = check_root(data)
    keys = tuple(key_view(key) for key in role_keys(root, Root.type))
    threshold = root.roles[Root.type].threshold
    return RoleView(Root.type, root.version, _expiry_s(root), threshold, keys)


def verify_proof(first_root: bytes, proof: Proof, name: str) -> Listing:
    """The listing of a profile, proved from the trusted root on.

    Raises:
        ProfileError: P23 the files do not fit together, P24 one lacks signatures.
    """
    try:
        return _walk(first_root, proof, name)
    except UnsignedMetadataError as error:
        raise _unsigned(error) from None
    except LengthOrHashMismatchError:
        raise _unfit("a file has other bytes than those that were listed") from None
    except (RepositoryError, ValueError, KeyError) as error:
        raise _unfit(f"{type(error).__name__}") from None


def _walk(first_root: bytes, proof: Proof, name: str) -> Listing:
    root = _own_root(first_root)
    for data in proof.roots:
        root = _next_root(root, data)
    timestamp = _signed(Timestamp, proof.timestamp, root, Timestamp.type)
    snapshot = _signed(Snapshot, proof.snapshot, root, Snapshot.type)
    _check_listed(timestamp.snapshot_meta, proof.snapshot, snapshot)
    targets = _signed(Targets, proof.targets, root, Targets.type)
    _check_listed(snapshot.meta["targets.json"], proof.targets, targets)
    until_s = min(_expiry_s(item) for item in (root, timestamp, snapshot, targets))
    roles = (None if targets.delegations is None else targets.delegations.roles) or {}
    if name not in roles:
        return Listing((), until_s, 1, None, {})
    keys = _raw_keys(targets, roles[name])
    if f"{name}.json" not in snapshot.meta:
        return Listing(keys, until_s, 1, None, {}, is_published=False)
    role = _signed(Targets, proof.role, targets, name)
    _check_listed(snapshot.meta[f"{name}.json"], proof.role, role)
    return _listing(name, role, roles[name], keys, min(until_s, _expiry_s(role)))


def _own_root(data: bytes) -> Root:
    found: Metadata[Root] = Metadata.from_bytes(data)
    if found.signed.type != Root.type:
        raise ValueError(Root.type)
    found.signed.verify_delegate(Root.type, found.signed_bytes, found.signatures)
    return found.signed


def _next_root(root: Root, data: bytes) -> Root:
    new = _signed(Root, data, root, Root.type)
    if new.version != root.version + 1:
        raise ValueError(Root.type)
    return _own_root(data)


def _signed(kind: type[Role], data: bytes, delegator: Root | Targets, name: str) -> Role:
    found: Metadata[Role] = Metadata.from_bytes(data)
    if found.signed.type != kind.type:
        raise ValueError(name)
    delegator.verify_delegate(name, found.signed_bytes, found.signatures)
    return found.signed


def _check_listed(meta: MetaFile, data: bytes, signed: Snapshot | Targets) -> None:
    meta.verify_length_and_hashes(data)
    if signed.version != meta.version:
        raise ValueError(signed.type)


def _raw_keys(targets: Targets, role: DelegatedRole) -> tuple[bytes, ...]:
    """The Ed25519 keys of a delegation: others cannot sign a profile."""
    if len(role.keyids) > _MOST_SIGNERS:
        raise ValueError(role.name)
    found = (public_bytes(key) for key in role_keys(targets, role.name))
    return tuple(key for key in found if key is not None)


def _listing(
    name: str, role: Targets, delegated: DelegatedRole, keys: tuple[bytes, ...], until_s: int
) -> Listing:
    files = {path: role.targets[path] for path in role.targets if delegated.is_delegated_path(path)}
    versions = {}
    for path, file in files.items():
        version = parse_version_path(path, name)
        if version is not None:
            versions[version] = _target(file)[0]
    if current_path(name) not in files:
        return Listing(keys, until_s, 1, None, versions)
    current, floor = _target(files[current_path(name)])
    return Listing(keys, until_s, floor, current, {current.version: current, **versions})


def _target(file: TargetFile) -> tuple[Target, int]:
    """A listed file, and the floor that stands beside it."""
    listed = parse_listed(file.custom)
    if listed is None or parse_version_path(file.path, file.path.split("/")[0]) not in (
        None,
        listed.version,
    ):
        raise ValueError(file.path)
    return Target(file.path, listed.version, file.length, file.hashes["sha256"]), listed.floor


def _expiry_s(signed: Root | Timestamp | Snapshot | Targets) -> int:
    return int(signed.expires.timestamp())


def _unsigned(error: UnsignedMetadataError) -> ProfileError:
    said = one_sentence(str(error), 200)
    return ProfileError("MCPX-P24", f"The repository's metadata lack signatures: {said}.")


def _unfit(what: str) -> ProfileError:
    why = f"The repository's files are damaged or do not fit together: {what}."
    return ProfileError("MCPX-P23", why)
