"""A home for the installed command whose profile is logged in to, with a vault or the keychain."""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import login_stage
from authorization_server import AuthorizationServer
from e2e.client import WAIT_S, text_of
from e2e.stage import COMMAND, KEPT, Gate, Stage

from mcp_proxy.edges.places import Home

PASSPHRASE = "TESTS_VAULT_PASSPHRASE"


class World:
    """The stage, its home, the server, and what a test says to them."""

    def __init__(self, stage: Stage, home: Home, server: AuthorizationServer) -> None:
        self.stage, self.home, self.server = stage, home, server
        self.version = 0

    def install(self, kind: str = "mcp", **auth: Any) -> None:
        """A new version of the profile over the server's resource of this kind."""
        self.version += 1
        server = self.server
        made = {"issuer": server.issuer, **auth} if kind == "rest" else auth
        place = server.mcp if kind == "mcp" else server.rest
        login_stage.install(self.home, place, kind, login_stage.oauth(**made), version=self.version)

    def run(self, *words: str, text: str = "", code: int | None = 0) -> str:
        """A command's stdout and stderr; it must end with `code` (None: any)."""
        done = self.stage.complete(*words, text=text)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return " ".join((done.stdout + " " + done.stderr).split())

    def login(self, *words: str, code: int | None = 0) -> str:
        """`login guarded WORDS`."""
        return self.run("login", login_stage.PROFILE, *words, code=code)

    def outlive(self) -> None:
        """Waits until every access token has ended; those given from now on last."""
        time.sleep(self.server.knobs.access_s + 0.2)
        self.server.knobs.access_s = 3600

    def status(self) -> dict[str, Any]:
        """The one row of `status guarded --json`."""
        done = self.stage.complete("status", login_stage.PROFILE, "--json")
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        assert len(rows) == 1
        return rows[0]

    def sidecar(self) -> "Sidecar":
        """A running sidecar of the profile."""
        return Sidecar(self)

    def started(self, *words: str) -> "Started":
        """A command that goes on."""
        return Started([COMMAND, *words], self.stage.env)


class Sidecar:
    """A served profile and its one tool."""

    def __init__(self, world: World) -> None:
        self._client = world.stage.serve(profile=login_stage.PROFILE)

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    def call(self) -> str:
        """The text of whoami's result, an error's too."""
        return text_of(self._client.call("whoami", {}))

    @property
    def client(self) -> Any:
        """The raw client."""
        return self._client


class Started:
    """A command under way, and what it has printed so far."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT
        )
        self.said = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_for(self, word: str) -> str:
        """All that was printed, once `word` is in it."""
        assert until(lambda: word in self.said.decode()), self.said
        return self.said.decode()

    def end(self) -> int:
        """How it ends by itself."""
        code = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.said += data


def until(true: Callable[[], object], within_s: float = WAIT_S) -> bool:
    """Whether that becomes true in time."""
    end_s = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def open_world(folder: str, *, vault: bool = True, **env: str) -> Iterator[World]:
    """A home in `folder` with the profile installed; HOME and TMPDIR are folders in it."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    for name, place in (("HOME", "person"), ("TMPDIR", "tmp")):
        kept[name] = os.path.join(folder, place)
        os.mkdir(kept[name])
    kept["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    kept[PASSPHRASE] = env.pop(PASSPHRASE, "canary-passphrase-of-the-vault")
    stage = Stage(folder, {**kept, **env}, None, None, {}, Gate())
    with AuthorizationServer() as server:
        world = World(stage, login_stage.make_home(folder), server)
        server.knobs.access_s = 2
        if vault:
            world.run("vault", "init", "--from", f"env:{PASSPHRASE}")
        world.install()
        yield world
