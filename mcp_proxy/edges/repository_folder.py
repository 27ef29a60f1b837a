"""Where a trusted repository lies on this machine.

`config/repositories/ID.root.json` is the root metadata it was trusted with, held against ID at each
reading. `data/repositories/ID` holds `metadata` (python-tuf's own), `targets` (profiles as they
came), `proofs` (per profile the metadata of the last refresh that held, in one file) and `lock`.
"""

import os

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import FileLock, ensure_folder, read_file, remove_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import ProfileError


def read_root(home: Home, repository: str) -> bytes:
    """The root metadata that the repository was trusted with.

    Raises:
        ProfileError: P18 missing, or other bytes than those that were trusted.
        HomeError: H02, H03.
    """
    data = read_file(_root_path(home, repository), LIMITS.repository_metadata_bytes)
    if data is None or sha256_hex(data) != repository:
        why = "The root metadata that a repository was trusted with are not there any more."
        raise ProfileError("MCPX-P18", why)
    return data


def write_root(home: Home, data: bytes) -> str:
    """Keeps root metadata; their id. Raises HomeError."""
    repository = sha256_hex(data)
    path = _root_path(home, repository)
    ensure_folder(os.path.dirname(path))
    write_file(path, data)
    return repository


def remove_root(home: Home, repository: str) -> None:
    """Takes the root metadata away; what was fetched stays, for its version numbers. HomeError."""
    remove_file(_root_path(home, repository))


def cache_folder(home: Home, repository: str, part: str) -> str:
    """A folder of what was fetched (`metadata`, `targets`, `proofs`), made where it is missing."""
    path = os.path.join(home.data, "repositories", repository, part)
    ensure_folder(path)
    return path


def repository_lock(home: Home, repository: str, *, wait: bool) -> FileLock:
    """Whose holder alone fetches from the repository, and writes what it said into the records."""
    folder = os.path.join(home.data, "repositories", repository)
    ensure_folder(folder)
    return FileLock(os.path.join(folder, "lock"), wait=wait)


def proof_path(home: Home, repository: str, name: str) -> str:
    """Where the proof of a profile lies."""
    return os.path.join(home.data, "repositories", repository, "proofs", f"{name}.json")


def target_path(home: Home, repository: str, name: str, version: int) -> str:
    """Where a fetched version lies, as its publisher made it."""
    folder = os.path.join(home.data, "repositories", repository, "targets")
    return os.path.join(folder, f"{name}.{version}.dsse.json")


def _root_path(home: Home, repository: str) -> str:
    return os.path.join(home.config, "repositories", f"{repository}.root.json")
