"""Throw-away homes whose profile `guarded` is logged in to, at the tests' authorization server.

`open_desk(...)` gives a Desk: its commands run in this process over a keychain in memory, which is
quick. `make_home` alone is for tests of the installed command. Both have a browser of their own.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import homes
import pytest
from authorization_resource import TOOL
from authorization_server import AuthorizationServer
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import keychain_store
from mcp_proxy.cli.main import main
from mcp_proxy.core.fingerprint import fingerprint
from mcp_proxy.core.profile import McpTemplate, OAuth, Tool, UpstreamSpec
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import read_settings, write_settings
from mcp_proxy.edges.settings_login import LoginSettings

PROFILE = CREDENTIAL = "guarded"
BROWSER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser.py")


class Done(NamedTuple):
    """How a command ended, and all that it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams, blanks joined, as lines may be broken anywhere."""
        return " ".join((self.out + " " + self.err).split())


def oauth(**changed: Any) -> OAuth:
    """A login by code, everything else discovered, at a server that knows the client "app"."""
    made = OAuth("oauth", CREDENTIAL, "authorization_code", "", "app", "", (), ())
    return made._replace(**changed)


def mcp_tool() -> Tool:
    """The MCP server's one tool."""
    template = McpTemplate(TOOL["name"], fingerprint(TOOL), {})
    schema = {"type": "object", "properties": {}}
    made = homes.tool("whoami", upstream="api", enforced=schema, arguments={})
    return made._replace(template=template)


def rest_tool() -> Tool:
    """GET /api/who."""
    made = homes.tool("who", enforced={"type": "object", "properties": {}}, arguments={})
    return made._replace(name="whoami")


def install(home: Home, url: str, kind: str, auth: Any, *, version: int = 1) -> None:
    """The profile `guarded` with the tool `whoami` of one upstream `api`."""
    spec = UpstreamSpec(kind, url, auth, 20_000, ())
    tools = [mcp_tool() if kind == "mcp" else rest_tool()]
    homes.install(home, name=PROFILE, version=version, tools=tools, upstreams={"api": spec})


def make_home(folder: str, *browser: str) -> Home:
    """A home that trusts the key of `homes` for `guarded`; its browser follows pages by itself."""
    home = homes.make_home(os.path.join(folder, "home"), PROFILE)
    set_browser(home, *(browser or (sys.executable, BROWSER, "--log", folder + "/browser.log")))
    return home


def set_browser(home: Home, *argv: str, port: int = 0) -> None:
    """Writes [login] of the local settings."""
    settings = read_settings(home)
    write_settings(home, settings._replace(login=LoginSettings(argv, port)))


class Desk(NamedTuple):
    """A home, its keychain and the server; commands run in this process."""

    folder: str
    home: Home
    keychain: MemoryKeychain
    server: AuthorizationServer

    def install(self, kind: str = "mcp", *, version: int = 1, url: str = "", **auth: Any) -> None:
        """The profile over the server's resource of this kind; `auth` changes `oauth()`'s."""
        place = url or (self.server.mcp if kind == "mcp" else self.server.rest)
        if kind == "rest":
            auth = {"issuer": self.server.issuer, **auth}
        install(self.home, place, kind, oauth(**auth), version=version)

    def run(self, *words: str) -> Done:
        """One command of the product."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(list(words))
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def login(self, *words: str, code: int = 0) -> Done:
        """`login guarded WORDS`, which must end with `code`."""
        done = self.run("login", PROFILE, *words)
        assert done.code == code, done.text
        return done

    def call(self, code: int = 0) -> Done:
        """One call of the tool through the whole road."""
        done = self.run("call", PROFILE, "whoami", "{}")
        assert done.code == code, done.text
        return done

    def pages(self) -> list[dict[str, Any]]:
        """What the browser saw so far."""
        path = self.folder + "/browser.log"
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def files(self) -> bytes:
        """Every byte of every file below the desk's folder, but for the browser's own log."""
        found = b""
        for place, _, names in os.walk(self.folder):
            for name in names:
                if name != "browser.log":
                    with open(os.path.join(place, name), "rb") as file:
                        found += file.read()
        return found


@contextlib.contextmanager
def open_desk(
    folder: str, monkeypatch: pytest.MonkeyPatch, server: AuthorizationServer
) -> Iterator[Desk]:
    """A desk in `folder`; HOME is a folder in it, where the redirect file goes."""
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    os.mkdir(os.path.join(folder, "person"))
    monkeypatch.setenv("HOME", os.path.join(folder, "person"))
    keychain = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: keychain)
    yield Desk(folder, make_home(folder), keychain, server)
