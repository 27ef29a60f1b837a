"""What a local server is started with: one program, its words, and an environment made for it.

Nothing of our own environment is handed on (S13), so that no variable of the client's reaches a
server, nor of the sidecar's.
"""

import os
import sys
from typing import NamedTuple

from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.folders import POSIX

if sys.platform != "win32":
    import pwd

# What a program needs on Windows to run at all; there is no other place to ask for them.
_WINDOWS = (
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA"),
    *("LOCALAPPDATA", "PROGRAMDATA", "TEMP", "TMP", "PROCESSOR_ARCHITECTURE"),
)
_DARWIN_USER_TEMP_DIR = 65537  # confstr's number for it, which os does not name


class Launch(NamedTuple):
    """`executable` is absolute; `argv` is the profile's, whose first word it replaces.

    `environment` are the profile's constants; `variable` gets the `secret`, if there is one.
    """

    executable: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    variable: str = ""
    secret: Secret | None = None


def build_environment(launch: Launch) -> dict[str, str]:
    """The child's whole environment: PATH, HOME, LANG, LC_ALL, TMPDIR, and what the profile adds.

    HOME is the user's, as the account database has it: package runners keep their store there.
    """
    folder = os.path.dirname(launch.executable)
    made = {**_system(folder), **dict(launch.environment)}
    if launch.secret is not None:
        made[launch.variable] = launch.secret.reveal()
    return made


def temporary_root() -> str:
    """The system's folder for temporary files, whatever our own environment says."""
    if sys.platform == "win32":
        return os.environ.get("TEMP") or os.path.join(os.environ["SYSTEMROOT"], "Temp")
    if sys.platform == "darwin":
        return os.path.normpath(os.confstr(_DARWIN_USER_TEMP_DIR) or "/tmp")  # noqa: S108
    return "/tmp"  # noqa: S108  (sticky; what is made there is 0700)


def _system(folder: str) -> dict[str, str]:
    if sys.platform == "win32":
        kept = {name: os.environ[name] for name in _WINDOWS if name in os.environ}
        root = kept.get("SYSTEMROOT", "")
        return {**kept, "PATH": os.pathsep.join((folder, os.path.join(root, "System32"), root))}
    usual = (os.confstr("CS_PATH") if POSIX else None) or os.defpath
    return {
        "PATH": os.pathsep.join((folder, usual)),
        "HOME": pwd.getpwuid(os.geteuid()).pw_dir,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": temporary_root(),
    }
