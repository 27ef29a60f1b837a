"""server-everything behind the sidecar gives what it gives directly, value by value."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from conformance import home, node
from e2e.everything import (
    LINK,
    SERVER,
    TEMPLATES,
    USES,
    http_server,
    local_server,
    sidecar,
    use_all,
)

pytestmark = pytest.mark.slow
# What a request's era adds to its result; the server here is of the handshake era.
ERA_FIELDS = {"resultType", "ttlMs", "cacheScope"}
SERVER_KEY = "io.modelcontextprotocol/serverInfo"


class Both(NamedTuple):
    """Values by label: without the sidecar, and through it."""

    directly: dict[str, Any]
    through: dict[str, Any]


@pytest.fixture(scope="module", params=["mcp", "sse", "stdio"])
def kind(request: pytest.FixtureRequest) -> str:
    """How the sidecar reaches the server."""
    return str(request.param)


@pytest.fixture(scope="module")
def served(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, dict[str, str]]]:
    """The server itself, and the environment of a sidecar in front of it."""
    if why := node.install():
        assert os.environ.get("CI") != "true", why
        pytest.skip(why)
    folder = str(tmp_path_factory.mktemp("everything"))
    if kind == "stdio":
        command = [node.node_binary(), node.package_path(*SERVER), "stdio"]
        yield local_server(), home.prepare(folder, home.stdio_upstream(command, LINK))
        return
    with http_server("streamableHttp") as direct, contextlib.ExitStack() as stack:
        url = stack.enter_context(http_server("sse")) if kind == "sse" else direct
        yield direct, home.prepare(folder, home.mcp_upstream(url, LINK))


@pytest.fixture(scope="module")
def directly(served: tuple[Any, dict[str, str]]) -> dict[str, Any]:
    return asyncio.run(use_all(served[0], "legacy"))


@pytest.fixture(scope="module", params=["legacy", "auto"], ids=["legacy", "modern"])
def both(
    request: pytest.FixtureRequest,
    served: tuple[Any, dict[str, str]],
    directly: dict[str, Any],
) -> Both:
    return Both(directly, asyncio.run(use_all(sidecar(served[1]), request.param)))


def as_direct(row: dict[str, Any]) -> dict[str, Any]:
    """What came through, less what the sidecar and the client's era are to change."""
    value = {key: item for key, item in row["value"].items() if key not in ERA_FIELDS}
    meta = {key: item for key, item in value.pop("_meta", {}).items() if key != SERVER_KEY}
    asked = [[method, _unprefixed(params)] for method, params in row["asked"]]
    return {**row, "value": {**value, **({"_meta": meta} if meta else {})}, "asked": asked}


def _unprefixed(params: dict[str, Any]) -> dict[str, Any]:
    """S14: an elicitation names the upstream that asks."""
    message = params.get("message")
    return params if message is None else {**params, "message": message.partition(": ")[2]}


@pytest.mark.parametrize("label", sorted(USES))
def test_the_same_comes_through(both: Both, kind: str, label: str) -> None:
    direct, through = both.directly[label], as_direct(both.through[label])
    if label == "get-env" and kind != "mcp":
        # Another process than the one asked directly; a local one gets a fixed environment (S13).
        direct, through = _kinds(direct), _kinds(through)
    assert through == direct


def _kinds(row: dict[str, Any]) -> dict[str, Any]:
    kinds = [block["type"] for block in row["value"]["content"]]
    return {**row, "value": kinds}


def test_what_the_server_lists_is_used_here(directly: dict[str, Any]) -> None:
    used = {label.partition("/")[0] for label in USES if "://" not in label}
    listed = directly["listed"]
    assert used - {"completion"} == {*listed["tools"], *listed["prompts"]}
    assert {label for label in USES if "static" in label} == set(listed["resources"])
    assert set(TEMPLATES) == set(listed["templates"])


def test_the_same_is_listed(both: Both) -> None:
    assert both.through["listed"] == both.directly["listed"]
