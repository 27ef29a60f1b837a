"""Where configuration, data and state lie, and the marker that says this home was made here (S10).

Computes what platformdirs does, without its import cost on the start path; a test compares the two.
The marker (config/home.json) holds a random id, the three folders and the config folder's inode: a
copy, a checkout or a redirected folder does not match, so no environment variable brings in trust.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.admin_policy import forbidden
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.files import ensure_folder, read_file, write_file
from mcp_proxy.edges.folders import check_own_folder
from mcp_proxy.errors import HomeError

VARIABLE = "MCP_PROXY_HOME"

# What a home may not hold before it has a marker: each of these grants something.
_AUTHORITY = (("trust.json", "settings.toml"), ("profiles", "seen.json"))


class Home(NamedTuple):
    """The folders of one home; `id` is 32 hex digits, or "" for a default home not yet made."""

    id: str
    config: str
    data: str
    state: str


def find_home() -> Home:
    """The home that the environment names, or the default one; reads only.

    Raises:
        HomeError: H01 made elsewhere or never, H02 and H03 as `read_file`.
        ProfileError: P29 the administrator allows the default home alone.
    """
    named = os.environ.get(VARIABLE)
    if named is not None and not read_policy().home:
        raise forbidden(f"{VARIABLE} to name a home", f"unset {VARIABLE}")
    folders = default_folders(sys.platform, os.environ) if named is None else _named(named)
    marker = _read_marker(folders.config)
    if marker is None and named is None:
        return folders
    if marker is None or marker != _marker(folders._replace(id=str(marker.get("id")))):
        raise _foreign(folders, named)
    return folders._replace(id=marker["id"])


def ensure_home() -> Home:
    """As `find_home`, and makes the default home where it is not made yet.

    Raises:
        HomeError: as `find_home`; H01 also where files of trust lie there that no home made.
    """
    home = find_home()
    if home.id:
        return home
    check_unmade(home)
    return _make(home)


def check_unmade(home: Home) -> None:
    """Raises HomeError H01 where files of trust lie in the folders of a home not made yet."""
    for folder, names in zip((home.config, home.data), _AUTHORITY, strict=True):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.lexists(path):
                why = f"{path} is there, but no home was ever made in its folder."
                mend = f"move {path} away, repeat the command"
                if path.endswith(".toml"):
                    mend += f", which makes the home, then write your lines into {path} anew"
                raise HomeError("MCPX-H01", why, mend)


def init_home(folder: str) -> Home:
    """Makes a home in `folder`, which must be new, empty, or a home made there before.

    Raises:
        HomeError: H01 a relative path, or the folder holds something else; H02, H03.
    """
    home = _named(folder)
    if _read_marker(home.config) is not None:
        return _reread(home)
    if os.path.isdir(folder) and os.listdir(folder):
        raise HomeError("MCPX-H01", f"{folder} is not empty and is no home.", "choose a new folder")
    ensure_folder(folder)
    os.chmod(folder, 0o700)
    return _make(home)


def default_folders(platform: str, environ: Mapping[str, str]) -> Home:
    """The default home's folders, without an id, equal to platformdirs' for `mcp-proxy`.

    Raises:
        HomeError: H03 no folder of the user is known.
    """
    if platform == "win32":
        base = environ.get("LOCALAPPDATA", "")
        if not base:
            raise HomeError("MCPX-H03", "The environment has no LOCALAPPDATA.", "set LOCALAPPDATA")
        folder = os.path.join(os.path.normpath(base), "mcp-proxy")
        return Home("", folder, folder, folder)
    mac = platform == "darwin"
    return Home(
        "",
        *(
            os.path.join(_xdg(variable, environ, mac_default if mac else default), "mcp-proxy")
            for variable, default, mac_default in (
                ("XDG_CONFIG_HOME", ".config", "Library/Application Support"),
                ("XDG_DATA_HOME", ".local/share", "Library/Application Support"),
                ("XDG_STATE_HOME", ".local/state", "Library/Application Support"),
            )
        ),
    )


def _xdg(variable: str, environ: Mapping[str, str], default: str) -> str:
    # The XDG base directory specification: a relative value is invalid and passed over.
    path = environ.get(variable, "")
    if path.startswith("/"):
        return path
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise HomeError("MCPX-H03", "The environment has no absolute HOME.", "set HOME")
    return os.path.join(home.rstrip("/") or "/", default)


def _named(folder: str) -> Home:
    if not os.path.isabs(folder) or os.path.normpath(folder) != folder:
        raise HomeError(
            "MCPX-H01",
            f"{VARIABLE} must be an absolute path, and is {folder!r}.",
            "mcp-proxy home init DIR",
        )
    return Home("", *(os.path.join(folder, name) for name in ("config", "data", "state")))


def _make(home: Home) -> Home:
    for folder in home[1:]:
        ensure_folder(folder)
    made = home._replace(id=os.urandom(16).hex())
    write_file(_marker_path(home.config), json.dumps(_marker(made)).encode() + b"\n")
    return made


def _reread(home: Home) -> Home:
    marker = _read_marker(home.config)
    found = home._replace(id=str((marker or {}).get("id")))
    if marker != _marker(found):
        raise HomeError(
            "MCPX-H01", f"{home.config} was made in another place.", "choose a new folder"
        )
    return found


def _foreign(home: Home, named: str | None) -> HomeError:
    if named is None:
        why = f"The home in {home.config} was made on another machine or in another place."
        return HomeError("MCPX-H01", why, f"move {home.config} away, then repeat the command")
    why = f"{VARIABLE} names {named}, where no home was made on this machine."
    if not os.path.lexists(named):
        return HomeError("MCPX-H01", why, f"mcp-proxy home init '{named}'")
    return HomeError("MCPX-H01", why, f"mcp-proxy home init DIR, then set {VARIABLE} to DIR")


def _marker(home: Home) -> dict[str, Any]:
    return {
        "id": home.id,
        "path": home.config,
        "inode": os.stat(home.config).st_ino,
        "data": home.data,
        "state": home.state,
    }


def _marker_path(config: str) -> str:
    return os.path.join(config, "home.json")


def _read_marker(config: str) -> dict[str, Any] | None:
    data = read_file(_marker_path(config), LIMITS.small_file_bytes)
    if data is None:
        return None
    check_own_folder(config)
    try:
        marker = json.loads(data)
    except (ValueError, RecursionError):
        marker = None
    return marker if isinstance(marker, dict) else {}
