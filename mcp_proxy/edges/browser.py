"""The person's browser, sent to a page by way of a small file (S22).

What starts it gets the path of a file that redirects: no address of a login or an approval stands
in a process list, where every user of the machine reads. No shell, and no word of $BROWSER.
"""

import asyncio
import contextlib
import html
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from mcp_proxy.edges import clock
from mcp_proxy.edges.executables import check_executable
from mcp_proxy.edges.files import remove_file, write_file
from mcp_proxy.errors import CredentialError, HomeError

# How long a failure of the program is waited for; one that works may stay for hours.
_FAILS_WITHIN_S = 3.0
# What a process that was killed has left, with the temporary file of its writing.
_NAME = r"mcp-proxy-(?:login|approval)-[0-9a-f]{16}\.html"
_LEFT = re.compile(rf"{_NAME}|\.{_NAME}\.\w+")
_LEFT_S = 3600.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_WSL = ("/usr/bin/wslview", "/usr/local/bin/wslview")
_LINUX = ("/usr/bin/xdg-open", "/usr/local/bin/xdg-open", "/bin/xdg-open")
_PATH = "/usr/local/bin:/usr/bin:/bin:/snap/bin"
_HANDED_ON = (
    *("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "DISPLAY", "WAYLAND_DISPLAY"),
    *("XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION", "KDE_FULL_SESSION"),
    *("KDE_SESSION_VERSION", "GNOME_DESKTOP_SESSION_ID", "WSL_DISTRO_NAME", "WSL_INTEROP"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP"),
)


class Machine(NamedTuple):
    """What decides how a page is opened: sys.platform, the environment, the kernel's name."""

    platform: str
    environment: Mapping[str, str]
    kernel: str


def this_machine() -> Machine:
    """The machine that we run on."""
    kernel = ""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/osrelease", encoding="ascii") as file:
        kernel = file.read(256)
    return Machine(sys.platform, os.environ, kernel)


def opener_of(machine: Machine) -> tuple[str, ...] | None:
    """The program that opens a page, as an argv to add the page to; None without a display.

    On Windows it is empty: there the system itself opens what it is given.
    """
    if machine.platform == "win32":
        return ()
    if machine.platform == "darwin":
        return None if "SSH_CONNECTION" in machine.environment else ("/usr/bin/open",)
    places = _WSL if "microsoft" in machine.kernel.lower() else ()
    if machine.environment.get("DISPLAY") or machine.environment.get("WAYLAND_DISPLAY"):
        places = (*places, *_LINUX)
    return next(((place,) for place in places if os.path.isfile(place)), None)


def check_page(url: str) -> None:
    """Whether a browser may be sent there: https, or http on this machine.

    Raises:
        CredentialError: C07.
    """
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme == "https" and bool(parts.hostname)
        is_fit = is_fit or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        is_fit = False
    if not is_fit or not url.isascii() or not url.isprintable() or " " in url:
        why = "The authorization server names a page to log in at that is not https."
        raise CredentialError("MCPX-C07", why)


def person_folder() -> str:
    """Where the person's own files lie; browsers that are shut in may read there."""
    return os.path.expanduser("~")


@contextmanager
def redirect_file(url: str, folder: str, purpose: str = "login") -> Iterator[str]:
    """The path of a file, readable by this user alone, that sends a browser to `url`.

    It lies in `folder` under a name that is not hidden, or a browser in a sandbox could not read
    it, and is taken away in any case. `purpose` is login or approval.

    Raises:
        CredentialError: C07 `url` is not one to send a browser to.
        HomeError: H02, H03 it cannot be written.
    """
    check_page(url)
    _sweep(folder)
    path = os.path.join(folder, f"mcp-proxy-{purpose}-{os.urandom(8).hex()}.html")
    try:
        write_file(path, _redirect(url))
        yield path
    finally:
        remove_file(path)


async def open_page(url: str, opener: tuple[str, ...], folder: str, kept_s: float) -> str:
    """Show the person a page of this machine; "" or why it is not shown, in a whole sentence.

    The file that redirects lies in `folder` for `kept_s` seconds, since a browser that has to
    start reads it late, or until this is cancelled.

    Raises:
        CredentialError: C07 `url` is not one to send a browser to.
        HomeError: H02, H03 the file cannot be written.
    """
    with redirect_file(url, folder, "approval") as path:
        why = await open_file(opener, path)
        if not why:
            await asyncio.sleep(kept_s)
    return why


async def open_file(opener: tuple[str, ...], path: str) -> str:
    """Start the browser with that file; "" or why it did not start, in a whole sentence."""
    if not opener:
        return _start(path)
    try:
        check_executable(opener[0])
        process = subprocess.Popen(  # noqa: ASYNC220 - it is not waited for here
            [*opener, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(os.environ),
            close_fds=True,
            start_new_session=True,
        )
    except HomeError as error:
        return error.why
    except OSError as error:
        return f"The browser could not be started: {(error.strerror or 'unknown').lower()}."
    code = await _code(process)
    return f"{opener[0]} ended with code {code}, so no browser was opened." if code else ""


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a browser needs of our environment, and no secret of it."""
    kept = {name: value for name, value in ours.items() if name in _HANDED_ON}
    kept |= {name: value for name, value in ours.items() if name.startswith("XDG_")}
    return {**kept, "PATH": ours.get("PATH", "") if sys.platform == "win32" else _PATH}


async def _code(process: "subprocess.Popen[bytes]") -> int:
    """How it ended; 0 also while it goes on."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def settle(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def wait() -> None:
        code = process.wait()
        # The loop is closed when the login is over.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, code)

    threading.Thread(target=wait, name="browser", daemon=True).start()
    try:
        async with asyncio.timeout(_FAILS_WITHIN_S):
            return await ended
    except TimeoutError:
        return 0


def _start(path: str) -> str:
    if sys.platform == "win32":
        try:
            os.startfile(path)  # noqa: S606 - a file that we have just written
        except OSError as error:
            return f"The browser could not be started: {(error.strerror or 'unknown').lower()}."
    return ""


def _sweep(folder: str) -> None:
    """Takes away the files of logins that were killed, so long ago that none can be under way."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if _LEFT.fullmatch(entry.name):
                age_s = clock.now_s() - entry.stat(follow_symlinks=False).st_mtime
                if age_s > _LEFT_S:
                    os.unlink(entry.path)


def _redirect(url: str) -> bytes:
    target = html.escape(url)
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>mcp-proxy</title>'
        '<meta name="referrer" content="no-referrer">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
        f'<meta http-equiv="refresh" content="0;url={target}">'
        f'<p><a href="{target}">Go on</a></p></html>\n'
    )
    return text.encode()
