"""When each credential was last used here, to ten minutes: the times of empty files."""

import contextlib
import os
from collections.abc import Callable

from mcp_proxy.edges.files import ensure_folder, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError

EVERY_S = 600.0


class Uses:
    """Records the uses of this process; `name` is a credential's, checked before."""

    def __init__(self, home: Home, now_s: Callable[[], float]) -> None:
        """Writes nothing yet."""
        self._home = home
        self._now_s = now_s
        self._noted_s: dict[str, float] = {}

    def is_due(self, name: str) -> bool:
        """Whether ten minutes have passed since the last record; it counts as made then."""
        now_s, last_s = self._now_s(), self._noted_s.get(name)
        # A clock that was set back makes it due, too.
        if last_s is not None and last_s <= now_s < last_s + EVERY_S:
            return False
        self._noted_s[name] = now_s
        return True

    def record(self, name: str) -> None:
        """The credential is used now. A folder that cannot be written is no reason not to."""
        folder = _folder(self._home)
        with contextlib.suppress(HomeError):
            ensure_folder(folder)
            write_file(os.path.join(folder, name), b"")


def last_use_s(home: Home, name: str) -> float | None:
    """When it was last used, in seconds of the epoch, to ten minutes; None where it never was."""
    try:
        return os.lstat(os.path.join(_folder(home), name)).st_mtime
    except OSError:
        return None


def forget_use(home: Home, name: str) -> None:
    """Another credential may come to bear that name."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(_folder(home), name))


def _folder(home: Home) -> str:
    return os.path.join(home.state, "uses")
