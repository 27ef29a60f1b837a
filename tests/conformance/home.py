"""Throw-away homes whose profile allows all, and the processes around a sidecar."""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.login import Wants
from e2e.stage import COMMAND, KEPT, LAST, run_batch

HERE = os.path.dirname(os.path.abspath(__file__))
PROFILE = "conformance"
SERVE = (COMMAND, "--profile", PROFILE)
FEATURES = (
    "progress",
    "logging",
    "completion",
    "elicitation",
    "sampling",
    "roots",
    "tasks",
    "apps",
)


def mcp_upstream(url: str, *links: str) -> dict[str, Any]:
    """The upstream `server` of a source: streamable HTTP; `links` as the source's key."""
    return {"kind": "mcp", "url": url, **_rest(links)}


def stdio_upstream(command: list[str], *links: str) -> dict[str, Any]:
    """The upstream `server` of a source: a process launched by the sidecar."""
    return {"kind": "stdio", "command": command, **_rest(links)}


def _rest(links: tuple[str, ...]) -> dict[str, Any]:
    return {"listing": "server.listing.json", "features": FEATURES, "links": links}


def prepare(folder: str, upstream: Mapping[str, Any], wants: Wants | None = None) -> dict[str, str]:
    """A home in `folder` that serves everything of `upstream`; returns the environment to use it.

    A listing that is not there is captured by the build.
    """
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    env["SIGNING_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    source, envelope = (os.path.join(folder, f"{PROFILE}.{end}") for end in ("yaml", "dsse.json"))
    with open(source, "w", encoding="utf-8") as file:
        # JSON is YAML.
        json.dump(everything_of(upstream), file)
    local = upstream["kind"] == "stdio"
    first = [("home", "init", env["MCP_PROXY_HOME"])]
    if wants is not None:
        env |= wants.env
        # Settings stand in a home that is there.
        run_batch(env, *first)
        first = []
        with open(os.path.join(folder, "home", "config", "settings.toml"), "w") as file:
            file.write(wants.settings)
    run_batch(
        env,
        *first,
        *([("profile", "build", source, "--yes")] if local else []),
        ("profile", "sign", source, "-o", envelope, "--key", "env:SIGNING_KEY"),
        ("trust", "add", LAST, "--profiles", PROFILE, "--yes"),
        ("profile", "install", envelope, "--yes"),
        *([("trust", "command", PROFILE, "server", "--yes")] if local else []),
        *(() if wants is None else wants.commands),
    )
    return env


def everything_of(upstream: Mapping[str, Any]) -> dict[str, Any]:
    """The source of a profile that allows whatever the listing holds."""
    every = {"*": {"upstream": "server"}}
    return {
        "profile": PROFILE,
        "version": 1,
        "title": "Conformance",
        "upstreams": {"server": dict(upstream)},
        "tools": every,
        "resources": every,
        "prompts": every,
    }


@contextlib.contextmanager
def running(script: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """One of this folder's servers; yields the URL it prints, ends it by the end of its stdin."""
    process = subprocess.Popen(
        [sys.executable, os.path.join(HERE, script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if env is None else None,
        env=None if env is None else dict(env),
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
