"""Small TUF repositories in a folder, made by python-tuf itself, and every way to spoil one.

`make_repository(folder, {"billing": {1: envelope}})` writes root (2 of 3 keys), targets, one role
per profile, snapshot and timestamp. A `Repo` then publishes, rotates, revokes and expires as a
publisher does, and attacks as a hostile file host does. `serve(folder)` is that host: it counts
requests, and can answer endlessly, slowly or with an error.
"""

import contextlib
import functools
import http.server
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from trust_samples import SEED, payload
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.ngclient import Updater

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import parse_envelope
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.signing import sign_payload

ROOT_SEEDS = tuple(b"repository-root-key-for-tests-%02d" % n for n in range(3))
TARGETS_SEED = b"repository-targets-key-for-tests"
ONLINE_SEED = b"repository-online-key-for-tests0"
STRANGER_SEED = b"repository-stranger-key-in-tests"
THE_PAST = datetime(2020, 1, 1, tzinfo=UTC)

_FIRST_TOP = ("root", "targets", "snapshot", "timestamp")


def envelope(name: str = "billing", version: int = 1, seed: bytes = SEED, **more: str) -> bytes:
    """A signed profile of that name and version; `title` and `url` as in `trust_samples`."""
    return sign_payload(payload(name, version, **more), seed)


def signer(seed: bytes) -> CryptoSigner:
    """python-tuf's signer of a 32-byte seed."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))


class Repo:
    """A repository folder with the keys of all its roles; every change is written at once."""

    def __init__(self, folder: str, *, root_threshold: int = 2, days: int = 30) -> None:
        """An empty one; `days` is how long every role is valid."""
        self.folder = folder
        self.days = days
        self.seeds: dict[str, tuple[bytes, ...]] = {
            "root": ROOT_SEEDS[: max(root_threshold, 1) + 1],
            "targets": (TARGETS_SEED,),
            "snapshot": (ONLINE_SEED,),
            "timestamp": (ONLINE_SEED,),
        }
        self._old_root_seeds: tuple[bytes, ...] = ()
        self.root = Root(expires=self._expiry(), consistent_snapshot=True)
        for role in _FIRST_TOP:
            for seed in self.seeds[role]:
                self.root.add_key(signer(seed).public_key, role)
        self.root.roles["root"].threshold = root_threshold
        self.targets = Targets(expires=self._expiry(), delegations=Delegations({}, {}))
        self.roles: dict[str, Targets] = {}
        self.snapshot = Snapshot(expires=self._expiry())
        self.timestamp = Timestamp(expires=self._expiry())
        for part in ("metadata", "targets"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
        self.write_root()
        self.write("targets", self.targets)
        self.refresh(bump=False)

    # what a publisher does

    def delegate(self, name: str, *seeds: bytes, threshold: int = 1) -> None:
        """Gives a profile's name to the keys of these seeds (SEED); replaces those that had it."""
        self.seeds[name] = seeds or (SEED,)
        assert self.targets.delegations is not None
        assert self.targets.delegations.roles is not None
        paths = [f"{name}/*"]
        role = DelegatedRole(name, [], threshold, terminating=True, paths=paths)
        self.targets.delegations.roles[name] = role
        for seed in self.seeds[name]:
            self.targets.add_key(signer(seed).public_key, name)
        self._bump("targets", self.targets)
        if name not in self.roles:
            self.roles[name] = Targets(expires=self._expiry())
            self.write(name, self.roles[name])
        else:
            self._bump(name, self.roles[name])
        self.refresh()

    def publish(self, name: str, data: bytes, *, floor: int = 1) -> None:
        """Makes a signed profile the current version of its name; older ones stay listed."""
        version = self._add(name, data)
        self._point(name, data, version, floor)
        self._bump(name, self.roles[name])
        self.refresh()

    def revoke(self, name: str, version: int | None = None) -> None:
        """Takes one version from the list (the next highest becomes current), or all."""
        listed, floor = self.roles[name].targets, self._floor(name)
        gone = {f"{name}/{version}.dsse.json"} if version is not None else set(listed)
        self.roles[name].targets = {path: item for path, item in listed.items() if path not in gone}
        left = self.versions(name)
        self.roles[name].targets.pop(f"{name}/profile.dsse.json", None)
        if left:
            data = self.target(f"{name}/{max(left)}.dsse.json")
            self._point(name, data, max(left), floor)
        self._bump(name, self.roles[name])
        self.refresh()

    def floor(self, name: str, version: int) -> None:
        """Lists no version below `version` any more, and says so beside the current one."""
        role = self.roles[name]
        for old in [item for item in self.versions(name) if item < version]:
            del role.targets[f"{name}/{old}.dsse.json"]
        current = max(self.versions(name))
        self._point(name, self.target(f"{name}/{current}.dsse.json"), current, version)
        self._bump(name, role)
        self.refresh()

    def rotate(self, role: str, *seeds: bytes) -> None:
        """Replaces the keys of root, targets, snapshot or timestamp by those of `seeds`."""
        if role == "root":
            self._old_root_seeds = self.seeds["root"]
        for keyid in list(self.root.roles[role].keyids):
            self.root.revoke_key(keyid, role)
        self.seeds[role] = seeds
        for seed in seeds:
            self.root.add_key(signer(seed).public_key, role)
        self.root.version += 1
        self.write_root()
        self._old_root_seeds = ()
        if role != "root":
            self._bump(role, self._signed(role))
            self.refresh()

    def renew(self) -> None:
        """A new timestamp, nothing else."""
        self._bump("timestamp", self.timestamp)

    def expire(self, role: str, when: datetime = THE_PAST) -> None:
        """Signs the role anew with an expiry of `when`; snapshot and timestamp follow."""
        if role == "root":
            self.root.version += 1
            self.root.expires = when
            self.write_root()
            return
        self._bump(role, self._signed(role), when)
        if role not in ("timestamp", "snapshot"):
            self.refresh()
        elif role == "snapshot":
            self._follow_snapshot()

    def versions(self, name: str) -> list[int]:
        """The versions of a profile that are listed by number, in no order."""
        ends = (path.removeprefix(f"{name}/") for path in self.roles[name].targets)
        return [int(end.split(".")[0]) for end in ends if end[0].isdigit()]

    def target(self, path: str) -> bytes:
        """The bytes behind a listed target path."""
        role = self.roles[os.path.dirname(path)]
        return self._read(self.target_file(path, role.targets[path].hashes["sha256"]))

    @property
    def root_bytes(self) -> bytes:
        """The first root.json: what a developer is handed."""
        return self._read("metadata/1.root.json")

    @property
    def root_digest(self) -> str:
        """Its SHA-256 in hex, as read over the telephone."""
        return sha256_hex(self.root_bytes)

    # what a hostile host does; none of it has the keys, unless it says so

    def saved(self, folder: str) -> str:
        """A copy of everything as it stands, to be replayed later (rollback, freeze)."""
        return shutil.copytree(self.folder, folder)

    def replay(self, saved: str) -> None:
        """Puts an earlier copy in the place of the repository, newer files taken away."""
        shutil.rmtree(self.folder)
        shutil.copytree(saved, self.folder)

    def mix(self, saved: str) -> None:
        """Mix and match: the old snapshot's bytes under the name of the present one."""
        old = max(_numbers(os.path.join(saved, "metadata"), "snapshot"))
        with open(os.path.join(saved, "metadata", f"{old}.snapshot.json"), "rb") as file:
            self._write(f"metadata/{self.snapshot.version}.snapshot.json", file.read())

    def mix_role(self, name: str, saved: str) -> None:
        """Mix and match: a profile's old role under the file name of the present one."""
        old = max(_numbers(os.path.join(saved, "metadata"), name))
        with open(os.path.join(saved, "metadata", f"{old}.{name}.json"), "rb") as file:
            self._write(f"metadata/{self.roles[name].version}.{name}.json", file.read())

    def tamper(self, path: str, data: bytes | None = None) -> None:
        """Other bytes behind a target, at its own address; by default one byte differs."""
        held = self.target(path)
        spoiled = data if data is not None else held[:-1] + bytes([held[-1] ^ 1])
        digest = self.roles[os.path.dirname(path)].targets[path].hashes["sha256"]
        self._write(self.target_file(path, digest), spoiled)

    def edit(self, name: str, field: str, value: object) -> None:
        """Changes a signed field of a metadata file (`timestamp.json`) and keeps the signatures."""
        row = json.loads(self._read(f"metadata/{name}"))
        row["signed"][field] = value
        self._write(f"metadata/{name}", json.dumps(row).encode())

    def bloat(self, name: str, size: int) -> None:
        """Makes a metadata file `size` bytes long, of spaces behind its JSON."""
        self._write(f"metadata/{name}", self._read(f"metadata/{name}").ljust(size))

    def sign_too_little(self, role: str) -> None:
        """A new version of the role with one signature less than its threshold."""
        if role == "root":
            self.root.version += 1
            seeds = self.seeds["root"][: self.root.roles["root"].threshold - 1]
            self._store(f"{self.root.version}.root.json", self.root, seeds)
            return
        signed = self._signed(role)
        signed.version += 1
        self._store(self._file_name(role, signed), signed, ())
        if role not in ("timestamp", "snapshot"):
            self.refresh()
        elif role == "snapshot":
            self._follow_snapshot()

    def sign_as_stranger(self, role: str, seed: bytes = STRANGER_SEED) -> None:
        """A new version of the role, signed by a key that it does not list."""
        signed = self._signed(role)
        signed.version += 1
        self._store(self._file_name(role, signed), signed, (seed,))
        if role not in ("timestamp", "snapshot"):
            self.refresh()

    def list_foreign(self, name: str, path: str, data: bytes) -> None:
        """The signers of `name` list a target of another profile's path (keys: theirs alone)."""
        self.roles[name].targets[path] = TargetFile.from_data(path, data, ["sha256"])
        self._write(self.target_file(path, sha256_hex(data)), data)
        self._bump(name, self.roles[name])
        self.refresh()

    def remove(self, path: str) -> None:
        """A file of the folder is gone: `metadata/timestamp.json`."""
        os.unlink(os.path.join(self.folder, path))

    # how it is written

    def refresh(self, *, bump: bool = True) -> None:
        """Snapshot and timestamp over what the other roles are now."""
        listed = {"targets.json": MetaFile(self.targets.version)}
        listed |= {f"{name}.json": MetaFile(role.version) for name, role in self.roles.items()}
        self.snapshot.meta = listed
        if bump:
            self._bump("snapshot", self.snapshot)
        else:
            self.write("snapshot", self.snapshot)
        self._follow_snapshot(bump=bump)

    def write(self, role: str, signed: Targets | Snapshot | Timestamp) -> None:
        """Signs a role by all its keys and stores it under its file name."""
        self._store(self._file_name(role, signed), signed, self.seeds[role])

    def write_root(self) -> None:
        """Signs root by its keys, and by those of the version before where they were replaced."""
        seeds = dict.fromkeys((*self._old_root_seeds, *self.seeds["root"]))
        self._store(f"{self.root.version}.root.json", self.root, tuple(seeds))

    @staticmethod
    def target_file(path: str, digest: str) -> str:
        """Where a target's bytes lie below the folder: the digest stands before the file name."""
        folder, name = os.path.split(path)
        return f"targets/{folder}/{digest}.{name}"

    def _add(self, name: str, data: bytes) -> int:
        version = _version(data)
        path = f"{name}/{version}.dsse.json"
        target = TargetFile.from_data(path, data, ["sha256"])
        target.unrecognized_fields["custom"] = {"mcp-proxy": {"version": version}}
        self.roles[name].targets[path] = target
        self._write(self.target_file(path, sha256_hex(data)), data)
        return version

    def _point(self, name: str, data: bytes, version: int, floor: int) -> None:
        path = f"{name}/profile.dsse.json"
        target = TargetFile.from_data(path, data, ["sha256"])
        row = {"version": version, "floor": floor}
        target.unrecognized_fields["custom"] = {"mcp-proxy": row}
        self.roles[name].targets[path] = target
        self._write(self.target_file(path, sha256_hex(data)), data)

    def _floor(self, name: str) -> int:
        current = self.roles[name].targets[f"{name}/profile.dsse.json"]
        return int(current.custom["mcp-proxy"]["floor"])

    def _follow_snapshot(self, *, bump: bool = True) -> None:
        self.timestamp.snapshot_meta = MetaFile(self.snapshot.version)
        if bump:
            self._bump("timestamp", self.timestamp)
        else:
            self.write("timestamp", self.timestamp)

    def _bump(
        self, role: str, signed: Targets | Snapshot | Timestamp, when: datetime | None = None
    ) -> None:
        signed.version += 1
        signed.expires = when or self._expiry()
        self.write(role, signed)

    def _signed(self, role: str) -> Targets | Snapshot | Timestamp:
        top = {"targets": self.targets, "snapshot": self.snapshot, "timestamp": self.timestamp}
        return top[role] if role in top else self.roles[role]

    @staticmethod
    def _file_name(role: str, signed: Targets | Snapshot | Timestamp) -> str:
        return "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"

    def _store(
        self, name: str, signed: Root | Targets | Snapshot | Timestamp, seeds: tuple[bytes, ...]
    ) -> None:
        metadata = Metadata(signed)
        for seed in seeds:
            metadata.sign(signer(seed), append=True)
        self._write(f"metadata/{name}", metadata.to_bytes())

    def _expiry(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(days=self.days)

    def _read(self, path: str) -> bytes:
        with open(os.path.join(self.folder, path), "rb") as file:
            return file.read()

    def _write(self, path: str, data: bytes) -> None:
        place = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(f"{place}.new", "wb") as file:
            file.write(data)
        os.replace(f"{place}.new", place)


def make_repository(
    folder: str,
    profiles: Mapping[str, Mapping[int, bytes] | bytes] | None = None,
    *,
    root_threshold: int = 2,
    days: int = 30,
) -> Repo:
    """A repository with these signed profiles, each delegated to SEED (default: billing 1)."""
    repo = Repo(folder, root_threshold=root_threshold, days=days)
    given = {"billing": envelope()} if profiles is None else profiles
    for name, versions in given.items():
        repo.delegate(name)
        listed = {0: versions} if isinstance(versions, bytes) else versions
        for version in sorted(listed):
            repo.publish(name, listed[version])
    return repo


class Host:
    """A static file server that counts; `endless`, `slow` and `status` spoil single paths."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[str] = []
        self.endless: set[str] = set()
        self.slow_s: dict[str, float] = {}
        self.status: dict[str, int] = {}
        self.redirect: dict[str, str] = {}


@contextlib.contextmanager
def serve(folder: str) -> Iterator[Host]:
    """The folder on 127.0.0.1: `url/metadata/...` and `url/targets/...` (no slash at its end)."""
    handler = functools.partial(_Handler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Client:
    """python-tuf's own client, with a cache below `folder`; what our publisher is judged by."""

    def __init__(self, root: bytes, url: str, folder: str) -> None:
        """`root` is the first root.json, `url` the host's."""
        self._bootstrap = root
        self._url = url
        self._folders = [os.path.join(folder, part) for part in ("metadata", "targets")]
        for place in self._folders:
            os.makedirs(place, exist_ok=True)

    def load(self, path: str = "billing/profile.dsse.json") -> bytes | None:
        """A refresh, then the target's bytes; None where nobody may list it or nobody does."""
        metadata, targets = self._folders
        updater = Updater(
            metadata,
            f"{self._url}/metadata/",
            targets,
            f"{self._url}/targets/",
            bootstrap=self._bootstrap,
        )
        updater.refresh()
        info = updater.get_targetinfo(path)
        if info is None:
            return None
        # A version has the bytes of its profile, so two paths may name one file.
        place = updater.download_target(info, os.path.join(targets, path.replace("/", "_")))
        with open(place, "rb") as file:
            return file.read()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        host: Host = self.server.host
        path = self.path.lstrip("/")
        host.requests.append(path)
        time.sleep(host.slow_s.get(path, 0))
        if path in host.redirect:
            self.send_response(302)
            self.send_header("Location", host.redirect[path])
            self.end_headers()
        elif path in host.status:
            self.send_error(host.status[path])
        elif path in host.endless:
            self._send_for_ever()
        else:
            super().do_GET()

    def _send_for_ever(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" " * 65_536)

    def log_message(self, *_args: object) -> None:
        """Nothing: tests read `Host.requests`."""


def _version(data: bytes) -> int:
    body = parse_envelope(data).payload
    return parse_payload(body, sha256_hex(body), "").header.version


def _numbers(folder: str, role: str) -> list[int]:
    end = f".{role}.json"
    return [int(name.removesuffix(end)) for name in os.listdir(folder) if name.endswith(end)]
