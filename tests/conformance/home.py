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


def mcp_upstream(url: str) -> dict[str, Any]:
    """The upstream `server` of a source: streamable HTTP."""
    return {"kind": "mcp", "url": url, "features": FEATURES, "listing": "server.listing.json"}


def stdio_upstream(*argv: str) -> dict[str, Any]:
    """The upstream `server` of a source: a process launched by the sidecar."""
    listing = "server.listing.json"
    return {"kind": "stdio", "command": argv, "features": FEATURES, "listing": listing}


def prepare(folder: str, upstream: Mapping[str, Any], *more: tuple[str, ...]) -> dict[str, str]:
    """A home in `folder` that serves everything of `upstream`; returns the environment to use it.

    The listing is captured by the build. `more` are commands between trust and installation.
    """
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    env["SIGNING_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    source, envelope = (os.path.join(folder, f"{PROFILE}.{end}") for end in ("yaml", "dsse.json"))
    with open(source, "w", encoding="utf-8") as file:
        # JSON is YAML.
        json.dump(everything_of(upstream), file)
    run_batch(
        env,
        ("home", "init", env["MCP_PROXY_HOME"]),
        ("profile", "sign", source, "-o", envelope, "--key", "env:SIGNING_KEY"),
        ("trust", "add", LAST, "--profiles", PROFILE, "--yes"),
        *more,
        ("profile", "install", envelope, "--yes"),
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
