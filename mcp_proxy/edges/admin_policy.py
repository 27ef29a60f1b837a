"""The administrator's policy file: one fixed place a system, believed only if its owner is root.

No variable names it, and the user who is bound by it cannot write it (S10, S23). It is looked for
at every start, so what reads its language is loaded only where there is one.
"""

import importlib
import os
import sys

from mcp_proxy.core.admin_policy import FREE, AdminPolicy, parse_policy
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import read_file
from mcp_proxy.errors import ProfileError

if sys.platform == "win32":
    import winreg

ADMINISTRATOR = 0


def _find_place() -> str:
    if sys.platform == "win32":
        # Not %PROGRAMDATA%: whoever starts us sets that.
        key = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as folders:
                folder = str(winreg.QueryValueEx(folders, "Common AppData")[0])
        except OSError:
            folder = r"C:\ProgramData"
        return os.path.join(folder, "mcp-proxy", "policy.toml")
    if sys.platform == "darwin":
        return "/Library/Application Support/mcp-proxy/policy.toml"
    return "/etc/mcp-proxy/policy.toml"


POLICY_PATH = _find_place()


def read_policy() -> AdminPolicy:
    """The policy in force; one that allows everything where there is no file.

    Raises:
        HomeError: H02, H03 it is there, but not root's alone to write, or not readable.
        ProfileError: P29 it is not right, so that nothing is allowed.
    """
    data = read_file(POLICY_PATH, LIMITS.settings_bytes, owner=ADMINISTRATOR)
    if data is None:
        return FREE
    try:
        return parse_policy(importlib.import_module("tomllib").loads(data.decode()))
    except (ValueError, RecursionError) as error:
        raise _wrong(str(error)) from None


def policy_mark() -> tuple[int, ...]:
    """Differs after every change of the file: one stat, () where there is none."""
    try:
        status = os.stat(POLICY_PATH)
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _wrong(reason: str) -> ProfileError:
    why = f"The administrator's policy, {POLICY_PATH}, is not right: {reason}."
    return ProfileError("MCPX-P29", why, f"the administrator has to mend {POLICY_PATH}")
