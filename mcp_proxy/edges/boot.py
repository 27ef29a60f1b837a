"""The clocks of this machine that limits go by: the wall's, and the one that counts since the boot.

The second goes on while the machine sleeps, and nobody can set it.
"""

import functools
import sys
import time

from mcp_proxy.core.ledger_time import Reading

if sys.platform == "win32":
    import winreg
elif sys.platform == "darwin":
    import ctypes

_BOOT_KEY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
_NAME_BYTES = 64


def read_clocks() -> Reading:
    """The clocks now."""
    return Reading(time.time(), _boot_s(), boot_id())


def _boot_s() -> float:
    if sys.platform == "linux":
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    elif sys.platform == "darwin":
        # Python's monotonic clock stops there while the machine sleeps; this one does not.
        now_s = time.clock_gettime(time.CLOCK_MONOTONIC)
    else:
        now_s = time.monotonic()
    return now_s


@functools.cache
def boot_id() -> str:
    """What the system names this boot; "" where it names none."""
    try:
        return _boot_id()
    except OSError:
        return ""


def _boot_id() -> str:
    if sys.platform == "linux":
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            named = file.read(_NAME_BYTES).strip()
    elif sys.platform == "darwin":
        size = ctypes.c_size_t(_NAME_BYTES)
        text = ctypes.create_string_buffer(_NAME_BYTES)
        library = ctypes.CDLL(None)
        failed = library.sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0)
        named = "" if failed else text.value.decode("ascii", "replace")
    elif sys.platform == "win32":
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _BOOT_KEY) as key:
            named = str(winreg.QueryValueEx(key, "BootId")[0])
    else:
        named = ""
    return named
