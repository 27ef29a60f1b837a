"""`profile import` as a publisher types it: what is written, printed, kept and refused."""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from edges.fakes_http import Handler, Heard, Loopback, http
from edges.fakes_mcp import ModernGateway, result
from workshop.import_samples import wide_api
from workshop.server_samples import WHOLE_LISTING
from workshop.source_samples import LISTING

from mcp_proxy.app import importing
from mcp_proxy.app.building import build
from mcp_proxy.app.linting import lint_given
from mcp_proxy.cli import profile, render
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.edges.places import init_home
from mcp_proxy.errors import SourceError, UpstreamError, UsageError
from mcp_proxy.workshop.import_text import FIRST, LAST

Made = TypeVar("Made")
PAGES = (tuple(LISTING["tools"][:1]), tuple(LISTING["tools"][1:]))
SERVER = """\
import json, pathlib, sys
pathlib.Path("started").touch()
for line in sys.stdin:
    heard = json.loads(line)
    if "id" not in heard:
        continue
    answer = {"jsonrpc": "2.0", "id": heard["id"]}
    tools = [{"name": "list_things", "description": "Lists.", "inputSchema": {"type": "object"}}]
    results = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "x", "version": "1"},
        },
        "tools/list": {"tools": tools},
    }
    if heard["method"] in results:
        answer["result"] = results[heard["method"]]
    else:
        answer["error"] = {"code": -32601, "message": "no"}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with api.json, and no terminal anywhere."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(render, "_TERMINAL", str(tmp_path / "no-terminal"))
    init_home(str(tmp_path / "home"))
    write_api(wide_api())
    return folder


def write_api(api: Any) -> None:
    Path("api.json").write_text(json.dumps(api))


def run(*words: str) -> int:
    return profile_command("import", *words)


def profile_command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    profile.add_commands(parser.add_subparsers())
    options = parser.parse_args(["profile", *words])
    return int(options.run(options))


def beside(handler: Handler, work: Callable[[str], Made]) -> Made:
    async def main() -> Made:
        async with Loopback(handler) as server:
            return await asyncio.to_thread(work, server.url)

    return asyncio.run(main())


def built_tools(path: str = "shop.yaml") -> tuple[str, ...]:
    return parse_payload(Path(build(path, None)).read_bytes(), "", "").header.tools


def hidden() -> str:
    text = Path("shop.yaml").read_text()
    return text[text.index(FIRST) : text.index(LAST)]


def test_everything_starts_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("shop", "--openapi", "api.json") == 0
    out, err = capsys.readouterr()
    assert out == "shop.yaml\n"
    assert "Tools written out: 0; hidden: 10." in err
    assert "# list_orders: {" in hidden()
    with pytest.raises(SourceError, match="name a tool"):
        build("shop.yaml", None)


def test_a_hidden_line_becomes_a_tool_when_its_sign_is_taken_away() -> None:
    assert run("shop", "--openapi", "api.json") == 0
    drafted = Path("shop.yaml").read_text()
    Path("shop.yaml").write_text(drafted.replace("  # list_buyers:", "  list_buyers:"))
    assert build("shop.yaml", None) == "shop.payload.jsonl"
    (found,) = [one for one in lint_given("shop.yaml").findings if one.rule == "L104"]
    assert (found.level, found.place) == ("error", ("tools", "list_buyers"))


def test_sign_says_how_many_lines_nobody_has_reviewed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEY", base64.b64encode(bytes(32)).decode())
    run("shop", "--openapi", "api.json", "--select", "order")
    assert profile_command("sign", "shop.yaml", "--key", "env:KEY") == 0
    err = capsys.readouterr().err
    assert "warning: shop.yaml: 3 lines say REVIEW: " in err
    assert "mcp-proxy profile lint shop.yaml" in err
    drafted = Path("shop.yaml").read_text()
    Path("shop.yaml").write_text(drafted.replace("  # REVIEW: drafted from the document", ""))
    assert profile_command("sign", "shop.yaml", "--key", "env:KEY") == 0
    assert "REVIEW" not in capsys.readouterr().err


def test_taking_every_review_away_leaves_no_second_hidden_line_and_the_next_import_asks_again() -> (
    None
):
    run("shop", "--openapi", "api.json")
    drafted = Path("shop.yaml").read_bytes()
    Path("shop.yaml").write_text(re.sub(r" *# REVIEW:.*", "", drafted.decode()))
    run("shop")
    assert Path("shop.yaml").read_bytes() == drafted


def test_what_is_selected_builds_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("shop", "--openapi", "api.json", "--select", "order", "--select", "tag:buyers") == 0
    err = capsys.readouterr().err
    assert "Tools written out: 4 (about " in err
    assert "Selected, but left out: 1 admin, 1 destructive, 1 bulk." in err
    assert built_tools() == ("get_order", "list_orders", "create_order", "list_buyers")
    text = Path("shop.yaml").read_text()
    assert '      path_id: {from: "path.id"}\n' in text
    assert "      per_page: {maximum: 100}\n" in text
    assert text.count("# REVIEW: drafted from the document") == 4
    assert "expires: 20" in text
    assert "    # grace" not in text
    assert "\n# grace: " in text
    assert 'auth: {kind: header, credential: shop, name: "X-Api-Key"}' in text


def test_s12_the_documents_server_is_taken_with_a_word_to_check_it_or_given() -> None:
    run("shop", "--openapi", "api.json")
    line = 'url: "https://shop.example.com/api"  # from the document\'s `servers`: CHECK'
    assert line in Path("shop.yaml").read_text()
    run("two", "--openapi", "api.json", "--url", "https://two.example.com")
    assert 'url: "https://two.example.com"  # as given' in Path("two.yaml").read_text()


def test_a_mark_is_taken_when_it_is_asked_for() -> None:
    run("shop", "--openapi", "api.json", "--select", "tag:buyers", "--include", "admin")
    assert built_tools() == ("list_buyers", "list_secrets")


def test_one_that_cannot_be_built_stands_among_the_hidden_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("shop", "--openapi", "api.json", "--select", "GET /orders", "--select", "POST /upload")
    assert "No tool can be built of POST /upload: api.json#/paths" in capsys.readouterr().err
    assert "# CANNOT BE BUILT post_upload: api.json#/paths" in hidden()
    assert built_tools() == ("list_orders",)
    before = hidden()
    run("shop")
    assert hidden() == before


def test_a_name_that_a_tool_of_the_publishers_has_is_given_to_no_other() -> None:
    api = wide_api()
    for number in range(3):
        api["paths"][f"/x/{number}"] = {"get": {"operationId": f"x/x/{number}", "responses": {}}}
    api["paths"]["/x"] = {"get": {"operationId": "x:x:2", "responses": {}}}
    write_api(api)
    run("shop", "--openapi", "api.json", "--select", "id:x/x/0", "--select", "id:x/x/2")
    before = hidden()
    assert "# x_x_2_2: " in before
    run("shop")
    assert hidden() == before
    text = Path("shop.yaml").read_text()
    Path("shop.yaml").write_text(text.replace("  x_x_0:", "  x_x_1:"))
    run("shop", "--select", "id:x/x/1")
    assert built_tools() == ("x_x_1", "x_x_2", "x_x_1_2")


def test_a_selection_that_would_make_too_large_a_source_writes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "LIMITS", LIMITS._replace(small_file_bytes=2_000))
    with pytest.raises(UsageError, match="larger than 2,000 bytes with 6 more tools"):
        run("shop", "--openapi", "api.json", "--select", "path:/*")
    assert os.listdir() == ["api.json"]


def test_an_import_says_all_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    run("shop", "--openapi", "api.json", "--select", "id:get*", "--select", "path:/up*", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["source"] == "shop.yaml"
    assert told["tools"] == ["get_order"]
    assert (told["hidden"], told["left_out"], told["moves"]) == (9, {"file": 1}, None)
    run("shop", "--json")
    assert json.loads(capsys.readouterr().out)["moves"] == []


def test_a_later_import_keeps_every_word_and_adds_what_is_selected_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("shop", "--openapi", "api.json", "--select", "id:getOrder")
    text = Path("shop.yaml").read_text()
    mine = text.replace("  get_order:", "  # Ann wants it so.\n  read_order:  # shown first")
    Path("shop.yaml").write_text(mine)
    assert run("shop", "--select", "id:listOrders") == 0
    now = Path("shop.yaml").read_text()
    at = mine.index(f"  {FIRST}")
    assert now.startswith(mine[:at] + "  list_orders:\n")
    assert built_tools() == ("read_order", "list_orders")
    assert "Nothing moved that a tool of this profile uses." in capsys.readouterr().err
    run("shop")
    assert Path("shop.yaml").read_text() == now


def test_a_later_import_says_what_moved_and_whom_it_hits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("shop", "--openapi", "api.json", "--select", "order")
    before = Path("shop.yaml").read_text()
    api = wide_api()
    api["paths"]["/orders/{id}"]["get"]["operationId"] = "fetchOrder"
    del api["paths"]["/orders"]["post"]
    api["paths"]["/orders"]["get"]["parameters"].pop()
    api["paths"]["/new"] = {"get": {"responses": {}}}
    write_api(api)
    capsys.readouterr()
    assert run("shop") == 0
    err = capsys.readouterr().err.splitlines()
    lost = "LOST     create_order (createOrder): there is no such operation any more."
    assert err[:5] == [
        f"{lost} Near to it: fetchOrder.",
        "RENAMED  get_order (getOrder): it is called fetchOrder now; write that as its operation.",
        "CHANGED  list_orders (listOrders):",
        "  argument query.filter[status] is gone",
        "New beside the profile's: GET /new",
    ]
    assert before[: before.index(FIRST)] == Path("shop.yaml").read_text()[: before.index(FIRST)]
    assert "# get_new: {" in hidden()


def test_an_operation_whose_form_would_be_left_out_is_written_only_when_it_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = wide_api()
    form = "application/x-www-form-urlencoded"
    for name, properties in (("fill", {"a": {"type": "string"}}), ("empty", {})):
        schema = {"type": "object", "properties": properties}
        body = {"content": {form: {"schema": schema}}}
        row = {"operationId": name, "requestBody": body, "responses": {}}
        api["paths"][f"/forms/{name}"] = {"post": row}
    write_api(api)
    run("shop", "--openapi", "api.json", "--select", "path:/forms*")
    told = capsys.readouterr().err
    assert "Selected, but left out: 1 form. " in told
    assert "only JSON bodies are sent" in told
    assert built_tools() == ("empty",)
    assert "# REVIEW: [its form body is left out] POST /forms/fill" in hidden()
    run("shop", "--select", "POST /forms/fill")
    assert built_tools() == ("empty", "fill")
    assert f"    # Its body is a form ({form}) and is left out" in Path("shop.yaml").read_text()


def test_what_is_lost_or_renamed_is_told_until_the_source_follows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("shop", "--openapi", "api.json", "--select", "order")
    api = wide_api()
    api["paths"]["/orders/{id}"]["get"]["operationId"] = "fetchOrder"
    del api["paths"]["/orders"]["post"]
    write_api(api)
    for _ in range(3):
        capsys.readouterr()
        run("shop")
        told = capsys.readouterr().err
        assert "LOST     create_order (createOrder): " in told
        assert "RENAMED  get_order (getOrder): it is called fetchOrder now" in told
    text = Path("shop.yaml").read_text()
    Path("shop.yaml").write_text(text.replace('"getOrder"', '"fetchOrder"'))
    capsys.readouterr()
    run("shop")
    told = capsys.readouterr().err
    assert "(getOrder)" not in told
    assert "getOrder" not in Path("shop.import.json").read_text()
    assert "LOST     create_order" in told


def other_api() -> dict[str, Any]:
    api = wide_api()
    api["paths"] = {"/else": {"get": {"operationId": "somethingElse", "responses": {}}}}
    return api


def test_the_document_of_another_api_is_refused_before_anything_is_written() -> None:
    run("shop", "--openapi", "api.json", "--select", "order")
    Path("other.json").write_text(json.dumps(other_api()))
    before = {name: Path(name).read_bytes() for name in os.listdir()}
    with pytest.raises(UsageError, match=r"None of the operations.*is in other\.json") as caught:
        run("shop", "--openapi", "other.json")
    assert "getOrder" in caught.value.why
    assert "-o FILE.yaml" in caught.value.next
    assert {name: Path(name).read_bytes() for name in os.listdir()} == before
    assert run("shop", "--openapi", "other.json", "-o", "other.yaml") == 0
    write_api(other_api())
    with pytest.raises(UsageError, match=r"None of the operations.*is in api\.json"):
        run("shop")
    Path("shop.import.json").unlink()
    with pytest.raises(UsageError, match=r"None of the operations.*is in other\.json"):
        run("shop", "--openapi", "other.json")


def test_the_only_tool_of_an_api_that_stands_may_be_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("shop", "--openapi", "api.json", "--select", "id:createOrder")
    api = wide_api()
    del api["paths"]["/orders"]["post"]
    write_api(api)
    assert run("shop", "--openapi", "api.json") == 0
    assert "LOST     create_order (createOrder): " in capsys.readouterr().err


def test_a_mistyped_address_is_told_with_the_one_that_the_source_names() -> None:
    source = (
        "profile: shop\nversion: 1\nupstreams:\n"
        "  gw: {kind: mcp, url: 'https://gw.example.com/mcp', listing: shop.tools.json}\n"
    )
    Path("shop.yaml").write_text(
        source + "tools:\n  x: {upstream: gw, operation: x, effect: read}\n"
    )
    with pytest.raises(UsageError) as caught:
        run("shop", "--mcp", "https://gw.example.com/mpc")
    assert caught.value.why == (
        "shop.yaml names the MCP server at https://gw.example.com/mcp,"
        " and not the MCP server at https://gw.example.com/mpc."
    )
    assert "mcp-proxy profile import shop;" in caught.value.next
    with pytest.raises(UsageError, match="and not an API's document"):
        run("shop", "--openapi", "api.json")


def test_a_change_of_texts_alone_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run("shop", "--openapi", "api.json", "--select", "id:*Order*")
    api = wide_api()
    for path in ("/orders", "/orders/{id}"):
        api["paths"][path]["get"]["description"] = "Otherwise said."
    write_api(api)
    run("shop")
    assert "changed in texts or details alone: get_order, list_orders\n" in capsys.readouterr().err


def test_a_source_written_by_hand_is_imported_into(capsys: pytest.CaptureFixture[str]) -> None:
    source = (
        "profile: shop\nversion: 7\nupstreams:\n"
        "  api: {kind: rest, url: 'https://shop.example.com', openapi: api.json}\n"
        "tools:\n  orders: {upstream: api, operation: listOrderz, effect: read}\n# end\n"
    )
    Path("shop.yaml").write_text(source)
    assert run("shop", "--select", "id:getOrder") == 0
    assert "LOST     orders (listOrderz): " in capsys.readouterr().err
    text = Path("shop.yaml").read_text()
    assert text.startswith(source)
    assert "    upstream: api\n" in text


def test_an_import_into_another_file_keeps_its_record_beside_it(work: Path) -> None:
    (work / "deep").mkdir()
    run("shop", "--openapi", "api.json", "--select", "id:listOrders", "-o", "deep/one.yaml")
    assert sorted(os.listdir("deep")) == ["one.import.json", "one.yaml"]
    assert 'openapi: "../api.json"' in Path("deep/one.yaml").read_text()


def test_another_document_than_the_sources_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run("shop", "--openapi", "api.json")
    os.rename("api.json", "next.json")
    run("shop", "--openapi", "next.json")
    assert "shop.yaml still names api.json as its document" in capsys.readouterr().err


def test_s12_a_later_import_reads_the_files_that_the_source_lists_for_references(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("shop", "--openapi", "api.json", "--select", "id:listOrders")
    common = b'{"limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}}'
    Path("common.json").write_bytes(common)
    of = "https://schemas.example.com/common.json"
    row = f'{{of: "{of}", file: common.json, sha256: {hashlib.sha256(common).hexdigest()}}}'
    text = Path("shop.yaml").read_text()
    named = 'openapi: "api.json"\n'
    Path("shop.yaml").write_text(text.replace(named, f"{named}    references: [{row}]\n"))
    api = wide_api()
    api["paths"]["/orders"]["get"]["parameters"] = [{"$ref": f"{of}#/limit"}]
    write_api(api)
    assert run("shop") == 0
    assert "argument query.limit" in capsys.readouterr().err

    def again(url: str) -> None:
        assert run("shop", "--openapi", f"{url}/api") == 0

    beside(api_at("/api", [api]), again)


def test_a_file_in_the_records_place_that_is_none_is_not_replaced() -> None:
    Path("shop.import.json").write_text('{"mine": 1}')
    with pytest.raises(SourceError, match="no record of an import"):
        run("shop", "--openapi", "api.json")
    assert Path("shop.import.json").read_text() == '{"mine": 1}'
    assert not Path("shop.yaml").exists()


def test_names_of_others_stay_in_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    api = wide_api()
    get = api["paths"]["/orders"]["get"]
    api["paths"]["/orders"]["get"] = {**get, "operationId": "x\nLOST     y", "parameters": [{}]}
    write_api(api)
    run("shop", "--openapi", "api.json", "--select", "GET /orders")
    api["paths"]["/orders"]["get"]["operationId"] = "\x1b[31mz"
    write_api(api)
    run("shop")
    told = capsys.readouterr().err
    assert "No tool can be built of x LOST y: " in told
    assert not any(line.startswith("LOST") for line in told.splitlines())


def api_at(target: str, answers: list[Any]) -> Handler:
    async def handle(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        api = answers.pop(0)
        return http(200, json.dumps(api).encode()) if heard.target == target else http(404)

    return handle


def test_a_document_is_downloaded_beside_the_source_and_again_when_it_is_imported_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    later = wide_api()
    del later["paths"]["/orders"]["get"]

    def twice(url: str) -> None:
        assert run("shop", "--openapi", f"{url}/api", "--select", "id:listOrders") == 0
        assert json.loads(Path("shop.openapi.json").read_text()) == wide_api()
        assert built_tools() == ("list_orders",)
        assert run("shop") == 0

    beside(api_at("/api", [wide_api(), later]), twice)
    assert "LOST     list_orders (listOrders)" in capsys.readouterr().err
    assert json.loads(Path("shop.openapi.json").read_text()) == later


def test_a_yaml_document_is_kept_as_yaml() -> None:
    text = b"openapi: 3.0.0\ninfo: {title: x}\npaths: {/x: {get: {responses: {}}}}\n"

    async def handle(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        return http(200, text)

    def once(url: str) -> None:
        words = ("--url", "https://x.example.com", "--select", "GET /x")
        assert run("shop", "--openapi", f"{url}/api", *words) == 0

    beside(handle, once)
    assert Path("shop.openapi.yaml").read_bytes() == text
    assert built_tools() == ("get_x",)


def test_a_file_that_is_no_earlier_download_is_not_replaced() -> None:
    Path("shop.openapi.json").write_text("mine")

    def once(url: str) -> None:
        with pytest.raises(UsageError, match="is there already") as caught:
            run("shop", "--openapi", f"{url}/api")
        assert caught.value.next.startswith("move it away")

    beside(api_at("/api", [wide_api()]), once)
    assert Path("shop.openapi.json").read_text() == "mine"
    assert not Path("shop.yaml").exists()


@pytest.mark.parametrize("answer", [http(200, b"<html>no</html>"), http(404), http(200, b"{}")])
def test_a_url_without_a_document_leaves_nothing(answer: bytes) -> None:
    async def handle(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        return answer

    def once(url: str) -> None:
        with pytest.raises((SourceError, UpstreamError)):
            run("shop", "--openapi", f"{url}/api")

    beside(handle, once)
    assert os.listdir() == ["api.json"]


async def whole(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    """All that a server has beside tools, and the page of its app."""
    method = heard.json()["method"]
    keys = {
        "resources/list": "resources",
        "resources/templates/list": "resourceTemplates",
        "prompts/list": "prompts",
    }
    await asyncio.sleep(0)
    if method == "resources/read":
        page = {"uri": "ui://x", "mimeType": "text/html;profile=mcp-app", "text": "<p>app</p>"}
        return result(heard, {"contents": [page]})
    return result(heard, {keys[method]: WHOLE_LISTING[keys[method]]})


def test_a_gateways_tools_start_hidden_with_their_declared_effects() -> None:
    def once(url: str) -> None:
        assert run("shop", "--mcp", f"{url}/mcp", "--select", "id:look_up") == 0
        assert run("shop", "--mcp", f"{url}/mcp", "--select", "id:put_down") == 0

    beside(ModernGateway(whole, PAGES), once)
    text = Path("shop.yaml").read_text()
    assert 'operation: "look_up"\n    effect: read\n' in text
    assert 'operation: "put_down"\n    effect: write\n' in text
    assert '# wipe: {upstream: shop, operation: "wipe", effect: destructive' in hidden()
    assert built_tools() == ("look_up", "put_down")
    _, _, others = hidden().partition("\n# resources:\n")
    shown = text.replace(others, others.replace("# ", "", 1)).replace("# resources:", "resources:")
    Path("shop.yaml").write_text(shown)
    assert [one.place[0] for one in lint_given("shop.yaml").findings if one.rule == "L104"] == [
        *["tools"] * 2,
        "resources",
    ]
    assert (
        len(parse_payload(Path(build("shop.yaml", None)).read_bytes(), "", "").header.resources)
        == 1
    )


def test_s13_a_local_server_is_started_only_when_it_was_confirmed(work: Path) -> None:
    (work / "server.py").write_text(SERVER.replace('"started"', repr(str(work / "started"))))
    command = (sys.executable, str(work / "server.py"))
    with pytest.raises(UsageError, match="no terminal to confirm"):
        run("shop", "--select", "*", "--stdio", *command)
    assert not (work / "started").exists()
    assert run("shop", "--yes", "--select", "*", "--stdio", *command) == 0
    assert (work / "started").exists()
    assert built_tools() == ("list_things",)
    assert 'effect_reason: "By its name it only reads' in Path("shop.yaml").read_text()
    assert run("shop", "--yes") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Shop", "--openapi", "api.json"), "1 to 16 of a-z"),
        (("shop",), "say what to import"),
        (("shop", "--openapi", "none.json"), "none.json cannot be read"),
        (("shop", "--openapi", "api.json", "--select", "tags:x"), "before the colon"),
        (("shop", "--openapi", "api.json", "--select", "zebra"), "takes nothing there is"),
        (("shop", "--openapi", "api.json", "-o", "x.txt"), "must end with .yaml"),
        (("shop", "--openapi", "api.json", "--pick"), "no terminal to choose in"),
        (("shop", "--mcp", "https://x.example", "--url", "https://y.example"), "--url goes with"),
        (("shop", "--stdio"), "needs the command"),
        (("shop", "--openapi", "http://x.example/api"), "cannot be asked for"),
    ],
)
def test_wrong_usage_writes_nothing(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run(*words)
    assert os.listdir() == ["api.json"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("other", "-o", "shop.yaml"), "the source of the profile shop, not of other"),
        (("shop", "--url", "https://x.example"), "has its address already"),
        (("shop", "--mcp", "https://x.example"), "names the API at .*, and not the MCP server"),
    ],
)
def test_an_import_that_does_not_fit_the_source_changes_nothing(
    words: tuple[str, ...], told: str
) -> None:
    run("shop", "--openapi", "api.json", "--select", "id:listOrders")
    before = Path("shop.yaml").read_bytes()
    with pytest.raises(UsageError, match=told):
        run(*words)
    assert Path("shop.yaml").read_bytes() == before


def test_a_damaged_record_is_told_and_changes_nothing() -> None:
    run("shop", "--openapi", "api.json", "--select", "id:listOrders")
    before = Path("shop.yaml").read_bytes()
    Path("shop.import.json").write_text("{}")
    with pytest.raises(SourceError, match="is no record of an import"):
        run("shop")
    assert Path("shop.yaml").read_bytes() == before
