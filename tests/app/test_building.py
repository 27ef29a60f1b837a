"""`profile new` and `profile build`, with real files and real gateways on loopback."""

import argparse
import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from edges.fakes_http import Handler, Heard, Loopback, http
from edges.fakes_mcp import LegacyGateway, ModernGateway
from workshop.source_samples import API, LISTING

from mcp_proxy.app.building import BuiltFile, build, build_file, new_file
from mcp_proxy.app.credentials import Wish, set_credential
from mcp_proxy.cli.profile_build import add_build_commands
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.errors import CredentialError, SourceError, UpstreamError, UsageError

Made = TypeVar("Made")
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


class Guarded(ModernGateway):
    """A gateway that wants a token."""

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.headers.get("authorization") != "Bearer canary-5d1f":
            return http(401)
        return await super().__call__(heard, writer)


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_the_first_build_captures_the_listing(gateway: Any) -> None:
    built = build_beside(gateway(pages=PAGES))
    assert built.path == "shop.payload.jsonl"
    assert built.captured == (os.path.realpath("tools.json"),)
    assert json.loads(Path("tools.json").read_text()) == LISTING
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
    built = build_beside(ModernGateway(pages=PAGES), refresh=True)
    assert built.captured
    assert json.loads(Path("tools.json").read_text()) == LISTING


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


def test_new_from_a_document_builds_and_is_not_replaced() -> None:
    Path("api.json").write_text(json.dumps(API))
    path, new = new_file("shop", "api.json", None, None)
    assert path == "shop.yaml"
    assert Path(path).read_text() == new.text
    assert build_file(path, None).profile == "shop"
    with pytest.raises(UsageError, match="is there already"):
        new_file("shop", "api.json", None, None)


def test_new_from_an_open_gateway_writes_source_and_listing() -> None:
    path, new = beside(ModernGateway(pages=PAGES), lambda url: new_file("shop", None, url, None))
    assert (new.tools, new.commented) == (1, 2)
    assert "auth:" not in new.text
    assert json.loads(Path("shop.tools.json").read_text()) == LISTING
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

    text = beside(Guarded(pages=PAGES), work)
    assert "auth: {kind: bearer, credential: shop}" in text
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
