"""A home for profiles over the server that has everything, started once for each era."""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from e2e import matrix_server as full
from e2e.stage import KEPT, LAST, Gate, Stage

from mcp_proxy.core.reading import contents_digest

SERVER = full.__file__


def local_command(era: str) -> list[str]:
    """What starts it as a local server."""
    return [sys.executable, "-I", SERVER, era, "stdio"]


def make_stage(folder: str, **env: str) -> Stage:
    """A new home in `folder`, and the server's listing beside the sources."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ} | env
    kept["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    kept["MATRIX_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    stage = Stage(folder, kept, None, None, {}, Gate())
    with open(stage.path("matrix.tools.json"), "w", encoding="utf-8") as file:
        json.dump(listing(), file)
    stage.batch(("home", "init", stage.path("home")))
    return stage


def listing() -> dict[str, Any]:
    """What a capture of the server gives."""
    return {
        "tools": full.TOOLS,
        "resources": full.RESOURCES,
        "resourceTemplates": full.TEMPLATES,
        "prompts": full.PROMPTS,
        "ui": {"ui://card": contents_digest({"contents": [full.CARD_ROW]})},
    }


@contextlib.contextmanager
def http_server(era: str) -> Iterator[str]:
    """The server over HTTP; its URL."""
    process = subprocess.Popen(
        [sys.executable, SERVER, era, "http"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def install(stage: Stage, name: str, source: str, *local: str) -> None:
    """Signs, trusts and installs a source; `local` are its upstreams whose command is trusted."""
    path, envelope = stage.path(f"{name}.yaml"), stage.path(f"{name}.dsse.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    stage.batch(
        ("profile", "sign", path, "-o", envelope, "--key", "env:MATRIX_KEY"),
        ("trust", "add", LAST, "--profiles", "mx-*", "--yes"),
        ("profile", "install", envelope, "--yes"),
        *(("trust", "command", name, upstream, "--yes") for upstream in local),
    )
