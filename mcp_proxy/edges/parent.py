"""The death of the process that launched us, as an event: nothing polls for it.

A client that is killed cannot close our stdin if a sibling inherited it; so besides end-of-file we
wait on the parent itself: a pidfd on Linux, a kqueue on macOS and BSD, a process handle on Windows.
"""

import os
import sys


class ParentGone(Exception):
    """The parent had ended before it could be watched."""


def watch_parent() -> int | None:
    """A descriptor that turns readable when the parent ends; None where nothing can be polled.

    Raises ParentGone when it has ended already.
    """
    parent = os.getppid()
    try:
        fd = _watch(parent)
    except ProcessLookupError:
        raise ParentGone from None
    except OSError:
        return None  # an old kernel or a sandbox without the call: end-of-file remains
    if os.getppid() != parent:
        raise ParentGone
    return fd


if sys.platform == "win32":
    import ctypes
    import threading

    _SYNCHRONIZE, _INFINITE = 0x00100000, 0xFFFFFFFF

    def _watch(pid: int) -> int | None:
        handle = ctypes.windll.kernel32.OpenProcess(_SYNCHRONIZE, False, pid)
        if not handle:
            raise ProcessLookupError

        def wait() -> None:
            ctypes.windll.kernel32.WaitForSingleObject(handle, _INFINITE)
            os._exit(0)

        threading.Thread(target=wait, daemon=True).start()
        return None

elif sys.platform == "linux":

    def _watch(pid: int) -> int | None:
        return os.pidfd_open(pid)

else:
    import select

    _kept: list[select.kqueue] = []  # a kqueue closes with its object

    def _watch(pid: int) -> int | None:
        queue = select.kqueue()
        flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
        queue.control([select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)], 0)
        _kept.append(queue)
        return queue.fileno()
