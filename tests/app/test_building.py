"""`profile new` and `profile build`, with real files and real gateways on loopback."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from edges.fakes_http import Handler, Heard, Loopback, http
from edges.fakes_mcp import LegacyGateway, ModernGateway, error, result
from workshop.server_samples import WHOLE_LISTING
from workshop.source_samples import API, LISTING

from mcp_proxy.app.building import BuiltFile, build, build_file, new_file
from mcp_proxy.app.capture import Start
from mcp_proxy.app.credentials import Wish, set_credential
from mcp_proxy.cli.profile_build import add_build_commands
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.reading import contents_digest
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.errors import CredentialError, SourceError, UpstreamError, UsageError

Made = TypeVar("Made")
PAGE = {"uri": "ui://x", "mimeType": "text/html;profile=mcp-app", "text": "<p>app</p>"}
LISTED = {**WHOLE_LISTING, "ui": {"ui://x": contents_digest({"contents": [PAGE]})}}
PAGES = (tuple(LISTING["tools"][:1]), tuple(LISTING["tools"][1:]))
SOURCE = """\
profile: shop
version: 3
title: Shop
upstreams:
  gateway: {kind: mcp, url: "URL", listing: tools.json}
tools:
  look: {upstream: gateway, operation: look_up, effect: read}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    return init_home(str(tmp_path / "home"))


def beside(handler: Handler, work: Callable[[str], Made]) -> Made:
    """What `work` makes of the URL of a gateway that runs meanwhile."""

    async def main() -> Made:
        async with Loopback(handler) as server:
            return await asyncio.to_thread(work, server.url + "/mcp")

    return asyncio.run(main())


def build_beside(handler: Handler, **options: Any) -> BuiltFile:
    def work(url: str) -> BuiltFile:
        Path("shop.yaml").write_text(SOURCE.replace("URL", url))
        return build_file("shop.yaml", None, **options)

    return beside(handler, work)


async def whole(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    """All that LISTED holds beside tools, and the page of its app."""
    method = heard.json()["method"]
    keys = {
        "resources/list": "resources",
        "resources/templates/list": "resourceTemplates",
        "prompts/list": "prompts",
    }
    if method == "resources/read":
        return result(heard, {"contents": [PAGE]})
    if method not in keys:
        return error(heard, -32601)
    return result(heard, {keys[method]: WHOLE_LISTING[keys[method]]})


class Guarded(ModernGateway):
    """A gateway that wants a token."""

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.headers.get("authorization") != "Bearer canary-5d1f":
            return http(401)
        return await super().__call__(heard, writer)


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_the_first_build_captures_the_listing(gateway: Any) -> None:
    built = build_beside(gateway(whole, PAGES))
    assert built.path == "shop.payload.jsonl"
    assert built.captured == (os.path.realpath("tools.json"),)
    captured = json.loads(Path("tools.json").read_text())
    assert captured.keys() == LISTED.keys()
    for key, entries in LISTED.items():
        assert sorted(captured[key], key=str) == sorted(entries, key=str)
    header = parse_payload(Path(built.path).read_bytes(), "", "").header
    assert (header.profile, header.version, header.tools) == ("shop", 3, ("look",))


def test_a_listing_that_is_there_is_not_fetched_again() -> None:
    Path("tools.json").write_text(json.dumps(LISTING))
    Path("shop.yaml").write_text(SOURCE.replace("URL", "https://nowhere.example/mcp"))
    assert build_file("shop.yaml", "out.jsonl").captured == ()
    assert build("shop.yaml", None) == "shop.payload.jsonl"
    assert os.path.exists("out.jsonl")


def test_a_refresh_captures_the_listing_anew() -> None:
    Path("tools.json").write_text('{"tools": []}')
    built = build_beside(ModernGateway(whole, PAGES), refresh=True)
    assert built.captured
    assert json.loads(Path("tools.json").read_text())["tools"] == LISTING["tools"]


def test_a_gateway_that_cannot_be_reached_leaves_no_file() -> None:
    Path("shop.yaml").write_text(SOURCE.replace("URL", "http://127.0.0.1:1/mcp"))
    with pytest.raises(UpstreamError):
        build_file("shop.yaml", None)
    assert os.listdir() == ["shop.yaml"]


def test_s12_a_listing_is_not_captured_outside_the_sources_folder() -> None:
    text = SOURCE.replace("URL", "http://127.0.0.1:1/mcp").replace("tools.json", "../t.json")
    Path("shop.yaml").write_text(text)
    with pytest.raises(SourceError, match="outside the source's folder"):
        build_file("shop.yaml", None)


def test_a_source_does_not_capture_into_what_a_shell_may_run() -> None:
    text = SOURCE.replace("URL", "http://127.0.0.1:1/mcp").replace("tools.json", ".bash_profile")
    Path("shop.yaml").write_text(text)
    with pytest.raises(SourceError, match=r"must end with \.json"):
        build_file("shop.yaml", None)


SERVER = """\
import json, os, sys
open("started", "a").close()
for line in sys.stdin:
    heard = json.loads(line)
    if "id" not in heard:
        continue
    answer = {"jsonrpc": "2.0", "id": heard["id"]}
    told = str(len(os.environ.get("API_KEY", "")))
    tool = {"name": "t", "description": told, "inputSchema": {"type": "object"}}
    results = {
        "initialize": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}},
        "tools/list": {"tools": [tool]},
        "ping": {},
    }
    if heard["method"] in results:
        answer["result"] = results[heard["method"]]
    else:
        answer["error"] = {"code": -32601, "message": "no"}
    print(json.dumps(answer), flush=True)
"""
LOCAL = """\
profile: shop
version: 3
upstreams:
  local:
    kind: stdio
    command: [%s, %s]
    listing: local.json
    auth: {kind: env, credential: token, name: API_KEY}
tools:
  "*": {upstream: local}
"""


def local_source(folder: Path) -> str:
    """A source with a local server, whose file says `started` once it runs."""
    server = folder / "server.py"
    server.write_text(SERVER.replace('"started"', repr(str(folder / "started"))))
    Path("shop.yaml").write_text(LOCAL % (json.dumps(sys.executable), json.dumps(str(server))))
    return "shop.yaml"


def test_s13_a_source_from_elsewhere_starts_no_program_by_being_built(tmp_path: Path) -> None:
    source = local_source(tmp_path)
    with pytest.raises(SourceError, match="capturing it starts a program") as caught:
        build(source, None)
    assert caught.value.next == "mcp-proxy profile build shop.yaml"
    asked: list[Start] = []
    with pytest.raises(SourceError, match="was not confirmed, so nothing was started"):
        build_file(source, None, may_start=lambda start: bool(asked.append(start)))
    assert [start.spec.command[0] for start in asked] == [sys.executable]
    assert not (tmp_path / "started").exists()
    assert os.listdir() == ["shop.yaml"]


def test_s13_a_confirmed_command_is_started_once_and_its_listing_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-77")
    asked: list[Start] = []

    def yes(start: Start) -> bool:
        asked.append(start)
        return True

    source = local_source(tmp_path)
    assert build_file(source, None, may_start=yes).captured
    assert (tmp_path / "started").exists()
    assert (asked[0].variable, asked[0].is_set) == ("API_KEY", True)
    assert json.loads(Path("local.json").read_text())["tools"][0]["description"] == "9"
    assert build_file(source, None).captured == ()
    with pytest.raises(SourceError, match="starts a program"):
        build_file(source, None, refresh=True)


def test_a_local_server_that_is_not_here_is_told(tmp_path: Path) -> None:
    local_source(tmp_path)
    text = Path("shop.yaml").read_text().replace(json.dumps(sys.executable), "no-such-program")
    Path("shop.yaml").write_text(text)
    with pytest.raises(SourceError, match="No program 'no-such-program' is on the PATH"):
        build_file("shop.yaml", None, may_start=lambda _start: True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("kind: stdio\n    command: [./x]", "upstreams.local.command.0: is a relative path"),
        ("kind: stdio\n    command: [npx, x]", "needs an exact version"),
    ],
)
def test_s13_what_cannot_be_trusted_is_not_even_asked_about(words: str, told: str) -> None:
    lines = LOCAL.replace("kind: stdio\n    command: [%s, %s]", words)
    Path("shop.yaml").write_text(lines)
    with pytest.raises(SourceError, match=told):
        build_file("shop.yaml", None, may_start=lambda _start: pytest.fail("asked"))


def test_new_from_a_document_builds_and_is_not_replaced() -> None:
    Path("api.json").write_text(json.dumps(API))
    path, new = new_file("shop", "api.json", None, None)
    assert path == "shop.yaml"
    assert Path(path).read_text() == new.text
    assert build_file(path, None).profile == "shop"
    with pytest.raises(UsageError, match="is there already"):
        new_file("shop", "api.json", None, None)


def test_new_from_an_open_gateway_writes_source_and_listing() -> None:
    path, new = beside(ModernGateway(whole, PAGES), lambda url: new_file("shop", None, url, None))
    assert (new.tools, new.commented) == (1, 2)
    assert "auth:" not in new.text
    assert json.loads(Path("shop.tools.json").read_text())["tools"] == LISTING["tools"]
    assert build_file(path, None).captured == ()


def test_new_from_a_guarded_gateway_uses_the_profiles_credential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "canary-5d1f")

    def work(url: str) -> str:
        origin = url.removesuffix("/mcp")
        wish = Wish("shop", [origin], "", "bearer", None, ["shop"], "env:GATEWAY_TOKEN")
        set_credential(wish, None)
        return new_file("shop", None, url, None)[1].text

    text = beside(Guarded(whole, PAGES), work)
    assert "auth: {kind: bearer, credential: shop}" in text
    assert "    # auth: {kind: oauth, credential: shop}\n" in text
    assert "canary" not in text


def test_a_guarded_gateway_without_a_credential_names_the_command() -> None:
    with pytest.raises(CredentialError) as caught:
        beside(Guarded(pages=PAGES), lambda url: new_file("shop", None, url, None))
    assert caught.value.next.startswith("mcp-proxy credential set shop --origin http://127.0.0.1:")
    assert caught.value.next.endswith(" --profile shop")
    assert os.listdir() == []


def test_new_without_anything_writes_the_form() -> None:
    path, new = new_file("shop", None, None, None)
    assert (new.tools, new.commented) == (0, 0)
    assert "profile: shop" in Path(path).read_text()


@pytest.mark.parametrize("name", ["", "Shop", "a" * 17, "../x", "a/b"])
def test_a_name_that_is_none_touches_no_file(name: str) -> None:
    with pytest.raises(UsageError, match="1 to 16 of a-z"):
        new_file(name, None, None, None)
    assert os.listdir() == []


def test_an_address_goes_with_a_document() -> None:
    with pytest.raises(UsageError, match="--url goes with --openapi"):
        new_file("shop", None, None, "https://x.example")


def test_the_commands_print_paths_on_stdout_and_talk_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("api.json").write_text(json.dumps(API))
    parser = argparse.ArgumentParser()
    add_build_commands(parser.add_subparsers())
    for line, printed in (
        ("new shop --openapi api.json --url https://shop.example.com", "shop.yaml\n"),
        ("build shop.yaml", "shop.payload.jsonl\n"),
        ("build shop.yaml -o other.jsonl", "other.jsonl\n"),
    ):
        options = parser.parse_args(line.split())
        assert options.run(options) == 0
        told = capsys.readouterr()
        assert told.out == printed
        assert told.err
