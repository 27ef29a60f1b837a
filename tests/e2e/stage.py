"""A throw-away home with the demo's profile, made by the command line alone."""

import base64
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from e2e.client import WAIT_S, RawClient

from mcp_proxy.app.assets import asset_path
from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_gateway import Gateway
from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request

COMMAND = os.path.join(os.path.dirname(sys.executable), "mcp-proxy")
PROFILE = "demo-billing"
# What a test's processes inherit: no more than a client would give, and never the developer's home.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")


# Several commands in one process, for their imports are most of their time. LAST stands for the
# last line that the command before wrote to stdout.
LAST = "@last"
_BATCH = """
import contextlib, io, json, sys
from mcp_proxy.cli.main import main
last = ""
for command in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([last if word == "@last" else word for word in command])
    if code:
        sys.exit(f"{command}: exit code {code}")
    last = ([""] + out.getvalue().split("\\n"))[-2]
"""


def run_batch(
    env: Mapping[str, str], *commands: tuple[str, ...], folder: str | None = None
) -> None:
    """Runs the commands in order in one process, in `folder`; each must end with 0."""
    done = subprocess.run(
        [sys.executable, "-c", _BATCH, json.dumps(commands)],
        env=dict(env),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Gate:
    """Holds up the API's answers while a test says so, and lets it wait for their arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed = False
        self._waiting = 0

    def close(self) -> None:
        """From now on no request is answered."""
        self._closed = True

    def open(self) -> None:
        """Every request is answered again."""
        with self._changed:
            self._closed = False
            self._changed.notify_all()

    def wait_for(self, count: int) -> bool:
        """Whether `count` requests wait at the gate, within the bound of every wait."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting >= count, WAIT_S)

    def before(self, handle: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        """`handle` behind this gate."""

        def held(request: Request) -> Reply:
            with self._changed:
                self._waiting += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._closed, WAIT_S)
                self._waiting -= 1
            return handle(request)

        return held


class Stage(NamedTuple):
    """Everything a test needs to drive the installed command."""

    folder: str
    env: dict[str, str]
    api: LoopbackServer
    gateway: LoopbackServer
    secrets: dict[str, str]
    gate: Gate

    def run(self, *arguments: str, text: str = "", code: int | None = 0) -> str:
        """Runs the command; returns stdout. `code` is the exit code it must have, None any."""
        done = self.complete(*arguments, text=text)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def batch(self, *commands: tuple[str, ...]) -> None:
        """Runs the commands in order; each must end with 0."""
        run_batch(self.env, *commands)

    def complete(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Runs the command; returns all there is to see of it."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def serve(self, *, profile: str = PROFILE, command: tuple[str, ...] = (COMMAND,)) -> RawClient:
        """The real server, as a client launches it."""
        return RawClient([*command, "--profile", profile], self.env)

    def path(self, *parts: str) -> str:
        """A path inside the stage's folder."""
        return os.path.join(self.folder, *parts)

    def log(self) -> list[dict[str, Any]]:
        """Every entry of every audit segment of this home, in the order of the segments."""
        return read_log(self.path("home"))

    def ledger(self) -> list[dict[str, Any]]:
        """Every entry of this home's ledger."""
        with open(os.path.join(self.path("home"), "state", "ledger.jsonl"), "rb") as file:
            return [json.loads(line) for line in file]


def read_log(home: str) -> list[dict[str, Any]]:
    """Every entry of every audit segment of a home, in the order of the segments."""
    found = sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(os.path.join(home, "state", "audit"))
        for name in names
        if name.endswith(".jsonl") and not name.endswith(".clear.jsonl")
    )
    rows = []
    for path in found:
        with open(path, "rb") as file:
            rows += [json.loads(line) for line in file.read().split(b"\n") if line]
    return rows


def write_source(
    folder: str, api_origin: str, gateway_origin: str, changes: dict[str, str] | None = None
) -> str:
    """A copy of the shipped source with these addresses, texts changed. Returns its path."""
    for name in ("demo-billing.openapi.json", "demo-gateway.tools.json"):
        with open(asset_path(name), "rb") as asset, open(os.path.join(folder, name), "wb") as copy:
            copy.write(asset.read())
    with open(asset_path("demo-billing.yaml"), encoding="utf-8") as file:
        text = file.read()
    text = text.replace("https://billing.example.com", api_origin)
    text = text.replace("https://gateway.example.com", gateway_origin)
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    path = os.path.join(folder, "demo-billing.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def build_stage(
    folder: str, api: LoopbackServer, gateway: LoopbackServer, tokens: tuple[str, str], gate: Gate
) -> Stage:
    """Home, key, trust, profile and credentials, each by its own command."""
    seed = base64.b64encode(secrets.token_bytes(32)).decode()
    named = {"DEMO_API_TOKEN": tokens[0], "DEMO_GATEWAY_TOKEN": tokens[1], "DEMO_SIGNING_KEY": seed}
    env = {name: os.environ[name] for name in KEPT if name in os.environ} | named
    env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    stage = Stage(folder, env, api, gateway, named, gate)
    stage.batch(
        ("home", "init", stage.path("home")),
        *install_commands(stage),
        *(
            ("credential", "set", name, "--origin", origin, "--profile", PROFILE, "--from", source)
            for name, origin, source in (
                ("demo-billing-api", api.origin, "env:DEMO_API_TOKEN"),
                ("demo-gateway", gateway.origin, "env:DEMO_GATEWAY_TOKEN"),
            )
        ),
    )
    return stage


def install_commands(
    stage: Stage, changes: dict[str, str] | None = None
) -> tuple[tuple[str, ...], ...]:
    """What signs, trusts and installs the example profile, its texts changed."""
    source = write_source(stage.folder, stage.api.origin, stage.gateway.origin, changes)
    envelope = stage.path("demo-billing.dsse.json")
    return (
        ("profile", "sign", source, "-o", envelope, "--key", "env:DEMO_SIGNING_KEY"),
        ("trust", "add", LAST, "--profiles", "demo-*", "--yes"),
        ("profile", "install", envelope, "--yes"),
    )


def servers(tokens: tuple[str, str], gate: "Gate") -> tuple[LoopbackServer, LoopbackServer]:
    """The demo's billing API, behind the gate, and its gateway; not yet started."""
    api = gate.before(BillingApi(tokens[0]).handle)
    return LoopbackServer(api), LoopbackServer(Gateway(tokens[1]).handle)
