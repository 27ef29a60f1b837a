"""The last few versions that were installed of a name, so that a person can go back to one (S3).

Nothing is trusted for lying here: what is taken back is verified as if it had just arrived.
"""

import os
import re

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import ensure_folder, read_file, remove_file, write_file
from mcp_proxy.edges.places import Home

_KEPT = 5
_FILE = re.compile(r"([1-9][0-9]{0,17})\.dsse\.json", re.ASCII)


def keep_version(home: Home, name: str, version: int, envelope: bytes) -> None:
    """Keeps an installed envelope beside the four that were the highest before. HomeError."""
    folder = _folder(home, name)
    ensure_folder(folder)
    write_file(_path(folder, version), envelope)
    for other in [item for item in kept_versions(home, name) if item != version][_KEPT - 1 :]:
        remove_file(_path(folder, other))


def kept_versions(home: Home, name: str) -> list[int]:
    """The versions of a name that are kept, the highest first."""
    folder = _folder(home, name)
    entries = os.listdir(folder) if os.path.isdir(folder) else []
    found = (_FILE.fullmatch(entry) for entry in entries)
    return sorted((int(match[1]) for match in found if match), reverse=True)


def read_kept(home: Home, name: str, version: int) -> bytes | None:
    """The envelope that was installed as that version; None where it is kept no longer."""
    return read_file(_path(_folder(home, name), version), LIMITS.envelope_bytes)


def _folder(home: Home, name: str) -> str:
    return os.path.join(home.data, "kept", name)


def _path(folder: str, version: int) -> str:
    return os.path.join(folder, f"{version}.dsse.json")
