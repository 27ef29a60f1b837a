"""A profile repository over the network: python-tuf's updater, one process at a time.

Everything new is verified by the updater, with this machine's clock; what it refuses is told apart,
attack by attack. What it let in is then kept as one proof per profile (`edges.repository_proof`),
so that a refresh which fails half-way leaves what was proved before as it is.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater, UpdaterConfig

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listing import Listing, Target, is_target
from mcp_proxy.core.repository import current_path
from mcp_proxy.core.strict_json import Refused, loads
from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.trust_store import Repository
from mcp_proxy.edges.files import read_file, remove_file, write_file
from mcp_proxy.edges.network import DIRECT, Network
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.repository_fetcher import NetworkFetcher
from mcp_proxy.edges.repository_folder import (
    cache_folder,
    read_root,
    repository_lock,
    target_path,
)
from mcp_proxy.edges.repository_proof import (
    Proof,
    check_root,
    is_listed,
    verify_proof,
    write_proof,
)
from mcp_proxy.errors import HomeError, McpProxyError, ProfileError, UpstreamError

FILE_DEADLINE_S = 30.0
TOTAL_DEADLINE_S = 100.0

# python-tuf's own bounds, drawn closer: an organisation has hundreds of profiles, not millions.
_ROOT_ROTATIONS = 32
_DELEGATIONS = 8
_TIMESTAMP_BYTES = 16 << 10
_ROOT_BYTES = 512_000


class RepositoryClient:
    """One refresh of a repository, under its lock; made by `open_repository`."""

    def __init__(self, home: Home, repository: Repository, fetcher: NetworkFetcher) -> None:
        """Fetches nothing yet. Raises ProfileError P18, P23, P24 for the root it was trusted by."""
        self._home = home
        self._repository = repository
        self._fetcher = fetcher
        self._root = read_root(home, repository.id)
        self._metadata = cache_folder(home, repository.id, "metadata")
        # Made here, and so for nobody else: python-tuf would leave that to the umask.
        cache_folder(home, repository.id, os.path.join("metadata", "root_history"))
        self._targets = cache_folder(home, repository.id, "targets")
        config = UpdaterConfig(
            max_root_rotations=_ROOT_ROTATIONS,
            max_delegations=_DELEGATIONS,
            root_max_length=_ROOT_BYTES,
            timestamp_max_length=_TIMESTAMP_BYTES,
            snapshot_max_length=LIMITS.repository_metadata_bytes,
            targets_max_length=LIMITS.repository_metadata_bytes,
        )
        bases = f"{repository.url}metadata/", self._targets, f"{repository.url}targets/"
        with self._told_apart():
            self._updater = Updater(
                self._metadata, *bases, fetcher, config=config, bootstrap=self._root
            )

    def look(self, name: str) -> Listing:
        """What the repository says now of the profile, asked once; kept as its proof.

        Raises:
            ProfileError: P21 to P24, P27, the attack that it would be.
            UpstreamError: U01 out of reach, U02 too slow.
            HomeError: H03 what was fetched cannot be kept.
        """
        with self._told_apart():
            self._updater.refresh()
            published = is_listed(self._read("snapshot.json") or b"", name)
            if published:
                self._updater.get_targetinfo(current_path(name))
        proof = self._gather(name)
        proof = proof if published else proof._replace(role=b"")
        listing = verify_proof(self._root, proof, name)
        write_proof(self._home, self._repository.id, name, proof)
        return listing

    def fetch(self, name: str, target: Target) -> bytes:
        """A listed version's bytes, from here or from the repository; kept.

        Raises:
            ProfileError: P25 other bytes than those listed, P27 more than a profile may have.
            UpstreamError, HomeError: as `look`.
        """
        path = target_path(self._home, self._repository.id, name, target.version)
        held = read_file(path, LIMITS.envelope_bytes)
        if held is not None and is_target(held, target):
            return held
        if target.length > LIMITS.envelope_bytes:
            why = f"The repository lists {target.path} with {target.length:,} bytes."
            raise ProfileError("MCPX-P27", why)
        fetched = os.path.join(self._targets, ".fetched")
        file = TargetFile(target.length, {"sha256": target.sha256}, target.path)
        with self._told_apart():
            self._updater.download_target(file, fetched)
        data = read_file(fetched, LIMITS.envelope_bytes) or b""
        write_file(path, data)
        remove_file(fetched)
        return data

    def forget_others(self, name: str, versions: set[int]) -> None:
        """Takes away what was fetched of the profile, but for these versions. Raises HomeError."""
        kept = {f"{name}.{version}.dsse.json" for version in versions}
        for entry in os.listdir(self._targets):
            if entry.startswith(f"{name}.") and entry not in kept:
                remove_file(os.path.join(self._targets, entry))

    def _gather(self, name: str) -> Proof:
        """The files that the updater has just let in; under the lock nobody else writes them."""
        roots: list[bytes] = []
        number = check_root(self._root).version + 1
        while (data := self._read("root_history", f"{number}.root.json")) is not None:
            roots.append(data)
            number += 1
        timestamp, snapshot, targets, role = (
            self._read(f"{item}.json") or b"" for item in ("timestamp", "snapshot", "targets", name)
        )
        return Proof(tuple(roots), timestamp, snapshot, targets, role)

    def _read(self, *parts: str) -> bytes | None:
        return read_file(os.path.join(self._metadata, *parts), LIMITS.repository_metadata_bytes)

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        try:
            yield
        except (RepositoryError, DownloadError) as error:
            raise self._refusal(error) from None
        except OSError as error:
            why = f"{self._metadata} cannot be used: {error.strerror}."
            raise HomeError("MCPX-H03", why) from None

    def _refusal(self, error: Exception) -> McpProxyError:
        """What python-tuf refused, by the attack that it is or would look like."""
        last, said = self._fetcher.last, one_sentence(str(error), 200).rstrip(".")
        if isinstance(error, DownloadHTTPError):
            why = f"The repository {self._repository.url} answered {error.status_code} for {last}."
            return UpstreamError("MCPX-U01", why, "check its URL: mcp-proxy trust list")
        found = self._kind(error)
        words = {
            "MCPX-P21": f"What the repository says has expired ({said})",
            "MCPX-P22": f"The repository went back to an older state at {last} ({said})",
            "MCPX-P23": f"The repository's {last} does not fit the rest ({said})",
            "MCPX-P24": f"The repository's {last} lacks valid signatures ({said})",
            "MCPX-P25": f"{last} has other bytes than those that were signed for",
            "MCPX-P27": f"The repository's {last} is longer than it may be",
        }
        return ProfileError(found, f"{words[found]}.")

    def _kind(self, error: Exception) -> str:
        if isinstance(error, ExpiredMetadataError):
            return "MCPX-P21"
        if isinstance(error, UnsignedMetadataError):
            return "MCPX-P24"
        if isinstance(error, DownloadLengthMismatchError):
            return "MCPX-P27"
        if isinstance(error, LengthOrHashMismatchError):
            return "MCPX-P25" if self._fetcher.last.endswith(".dsse.json") else "MCPX-P23"
        is_older = isinstance(error, BadVersionNumberError) and self._is_what_it_is_called()
        return "MCPX-P22" if is_older else "MCPX-P23"

    def _is_what_it_is_called(self) -> bool:
        """Whether the last file is the version that it was asked for by; if so, that is too old."""
        number, _, role = self._fetcher.last.partition(".")
        try:
            version = loads(self._fetcher.data)["signed"]["version"]
        except (Refused, KeyError, TypeError):
            return False
        return self._fetcher.last == "timestamp.json" or (
            role == "snapshot.json" and number == str(version)
        )


@contextmanager
def open_repository(
    home: Home, repository: Repository, *, localhost: bool, wait: bool, network: Network = DIRECT
) -> Iterator[RepositoryClient]:
    """A refresh of the repository, under its lock.

    Raises:
        Held: another process refreshes it, and `wait` is off.
        ProfileError, HomeError: as `RepositoryClient`.
    """
    with repository_lock(home, repository.id, wait=wait):
        fetcher = NetworkFetcher(
            repository.url,
            localhost=localhost,
            file_s=FILE_DEADLINE_S,
            total_s=TOTAL_DEADLINE_S,
            network=network,
        )
        yield RepositoryClient(home, repository, fetcher)
