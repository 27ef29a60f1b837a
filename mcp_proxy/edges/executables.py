"""The program of a local server's command: found once, and checked before every start (S13)."""

import os
import stat

from mcp_proxy.core.text import is_visible_line
from mcp_proxy.edges.folders import POSIX, check_ancestors, unsafe
from mcp_proxy.errors import HomeError


def find_executable(name: str, search_path: str) -> str:
    """The absolute path of a program: `name` itself, or the first of that name on `search_path`.

    Links are kept: what a virtual environment or a version manager starts depends on the name.

    Raises:
        ValueError: a whole sentence.
    """
    if os.path.isabs(name):
        return os.path.normpath(name)
    if "/" in name or os.sep in name:
        raise ValueError(f"{name[:128]!r} depends on a folder; name a program or its whole path.")
    for folder in search_path.split(os.pathsep):
        # A relative entry means whatever folder somebody stands in.
        if os.path.isabs(folder):
            for ending in ("",) if POSIX else (".exe", ".com", ""):
                path = os.path.join(folder, name + ending)
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    return os.path.normpath(path)
    raise ValueError(f"No program {name[:128]!r} is on the PATH here.")


def check_executable(path: str) -> None:
    """Whether the program at `path` is a file that no other user can have changed (S23).

    Its own folder comes first on the child's PATH, so not even a sticky one may be shared.

    Raises:
        HomeError: H02 not safe to use, H03 not there.
    """
    if not os.path.isabs(path):
        raise unsafe(path, "it depends on a folder")
    if not is_visible_line(path):
        raise unsafe(path, "its name holds what nobody sees")
    try:
        status = os.stat(path)
    except OSError as error:
        why = f"{path} cannot be started: {(error.strerror or 'unknown').lower()}."
        raise HomeError("MCPX-H03", why) from None
    if not stat.S_ISREG(status.st_mode):
        raise unsafe(path, "it is not a regular file")
    if not POSIX:
        if path.lower().endswith((".bat", ".cmd")):
            raise unsafe(path, "Windows gives it to a shell; name the program that it runs")
        return
    _check_mode(path, status)
    _check_folders(path)


def _check_mode(path: str, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise unsafe(path, "it belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise unsafe(path, "other users may write it", f"chmod go-w '{path}'")
    if not os.access(path, os.X_OK):
        raise unsafe(path, "it may not be executed")


def _check_folders(path: str) -> None:
    folder = os.path.dirname(path)
    check_ancestors(folder)
    check_ancestors(os.path.dirname(os.path.realpath(path)))
    if os.stat(folder).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise unsafe(folder, "other users may put programs there", f"chmod go-w '{folder}'")
