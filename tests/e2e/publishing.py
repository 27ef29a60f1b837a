"""A publisher and a developer on one machine: two homes, a repository, a plain file server."""

import base64
import functools
import http.server
import json
import os
import re
import secrets
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from e2e.client import WAIT_S, RawClient
from e2e.stage import COMMAND, KEPT, run_batch

from mcp_proxy.app.assets import asset_path
from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_http import LoopbackServer

KEYS = ("KEY_SIGN", "KEY_ROOT", "KEY_TARGETS", "KEY_ONLINE")
# Makes stdin the terminal of its session, then becomes the command.
_AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files as they lie there, and no word on stderr."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def file_server(folder: str) -> Iterator[str]:
    """A folder as a static file host shows it; yields its URL."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join(WAIT_S)


class Person(NamedTuple):
    """Somebody with a home and an environment of their own, who works in `folder`."""

    folder: str
    env: dict[str, str]

    def run(self, *words: str, code: int = 0) -> str:
        """Runs a command; stdout. `code` is what it must end with."""
        done = self.complete(*words)
        assert done.returncode == code, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout

    def complete(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command; all there is to see of it."""
        return subprocess.run(
            [COMMAND, *words],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def batch(self, *commands: tuple[str, ...]) -> None:
        """Runs the commands in order, in one process; each must end with 0."""
        run_batch(self.env, *commands, folder=self.folder)

    def answer(self, reply: str, *words: str) -> tuple[int, str]:
        """Runs a command at a terminal and types `reply`; its exit code, and what was shown."""
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, COMMAND, *words],
            env=self.env,
            cwd=self.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown, is_told = b"", False
        while select.select([ours], [], [], WAIT_S)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break  # its last holder has ended
            if b"[y/N]" in shown and not is_told:
                is_told = True
                os.write(ours, f"{reply}\n".encode())
        code = process.wait(WAIT_S)
        os.close(ours)
        return code, shown.decode()

    def serve(self, profile: str = "billing") -> RawClient:
        """The real server, as a client launches it."""
        return RawClient([COMMAND, "--profile", profile], self.env)

    def listed(self) -> dict[str, Any]:
        """What `profile list` says of billing."""
        rows = json.loads(self.run("profile", "list", "--json"))
        found: dict[str, Any] = next(row for row in rows if row["name"] == "billing")
        return found


class Day(NamedTuple):
    """Both of them, the billing API that tools call, the repository's folder and its URL."""

    publisher: Person
    developer: Person
    api: LoopbackServer
    site: str
    url: str

    def edit(self, *changes: tuple[str, str], version: int) -> None:
        """Replaces texts in the source, and makes it this version."""
        path = os.path.join(self.publisher.folder, "billing.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        raised = re.sub(r"(?m)^version: \d+", f"version: {version}", text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(raised)

    def publish(self) -> None:
        """Signs the source as it is now, and publishes it."""
        self.publisher.batch(
            ("profile", "sign", "billing.yaml", "--key", "env:KEY_SIGN"),
            ("profile", "publish", "billing.dsse.json", "--to", "site", *SIGNING),
        )


FOUNDING = (
    *("--root-key", "env:KEY_ROOT", "--targets-key", "env:KEY_TARGETS"),
    *("--online-key", "env:KEY_ONLINE"),
)
SIGNING = ("--key", "env:KEY_SIGN", "--key", "env:KEY_ONLINE")
DELEGATING = ("--key", "env:KEY_TARGETS", "--key", "env:KEY_ONLINE")


@contextmanager
def begin_day(folder: str) -> Iterator[Day]:
    """Two homes, the API and the file server; nothing else is made yet."""
    token = f"canary-{secrets.token_hex(16)}"
    api = LoopbackServer(BillingApi(token).handle)
    site = os.path.join(folder, "publisher", "site")
    os.makedirs(site)
    publisher = _person(os.path.join(folder, "publisher"), {name: _seed() for name in KEYS})
    developer = _person(os.path.join(folder, "developer"), {"API_TOKEN": token})
    with open(asset_path("demo-billing.openapi.json"), "rb") as asset:
        document = asset.read()
    with open(os.path.join(publisher.folder, "openapi.json"), "wb") as file:
        file.write(document)
    with api, file_server(site) as url:
        yield Day(publisher, developer, api, site, url)


def _person(folder: str, own: dict[str, str]) -> Person:
    os.makedirs(folder, exist_ok=True)
    env = {name: os.environ[name] for name in KEPT if name in os.environ} | own
    env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    person = Person(folder, env)
    person.run("home", "init", env["MCP_PROXY_HOME"])
    return person


def _seed() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def until(what: Callable[[], bool]) -> bool:
    """Whether it comes true within the bound of every wait."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        if what():
            return True
        time.sleep(0.1)
    return False
