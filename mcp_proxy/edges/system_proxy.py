"""Whether this system's own settings name a proxy auto-configuration file (PAC), for `doctor`.

Asked of the desktop by its own program, by absolute path; nothing is run or fetched that it names.
"""

import os
import re
import subprocess
import sys

from mcp_proxy.edges.browser import environment

if sys.platform == "win32":
    import winreg

_DEADLINE_S = 3.0
_GNOME = ("/usr/bin/gsettings", "get", "org.gnome.system.proxy", "mode")
_MACOS = ("/usr/sbin/scutil", "--proxy")
_WINDOWS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_MACOS_PAC = re.compile(r"ProxyAutoConfigEnable\s*:\s*1\b")


def has_pac() -> bool:
    """Whether the system's settings say so; no where they cannot be read."""
    if sys.platform == "win32":
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _WINDOWS) as key:
                return bool(winreg.QueryValueEx(key, "AutoConfigURL")[0])
        except OSError:
            return False
    elif sys.platform == "darwin":
        return says_pac_on_macos(_answer(_MACOS))
    else:
        return says_pac_in_gnome(_answer(_GNOME))


def says_pac_on_macos(text: str) -> bool:
    """From the dictionary that `scutil --proxy` prints."""
    return _MACOS_PAC.search(text) is not None


def says_pac_in_gnome(text: str) -> bool:
    """From the mode that `gsettings` prints: none, manual or auto."""
    return text.strip().strip("'") == "auto"


def _answer(command: tuple[str, ...]) -> str:
    if not os.access(command[0], os.X_OK):
        return ""
    try:
        found = subprocess.run(  # noqa: PLW1510 - a failure has an answer too: none
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment(os.environ),  # ours may hold a secret that a reference names
            timeout=_DEADLINE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode(errors="replace") if found.returncode == 0 else ""
