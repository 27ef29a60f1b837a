"""What a profile offers: capabilities by what it holds, and the lists of each kind, both eras."""

from typing import Any

import pytest
from core.session_driver import (
    ALL,
    ALL_CAN,
    NOW_S,
    OFFER,
    PREFIX,
    TOOLS,
    Client,
    envelope,
    error,
    notes,
    reply,
    result,
)

from mcp_proxy import __version__
from mcp_proxy.core.answer import Change
from mcp_proxy.core.listeners import Listeners
from mcp_proxy.core.offer import capabilities, offer_of
from mcp_proxy.core.profile import AuditRules, Header, Profile, UpstreamSpec

SERVER = {"name": "mcp-proxy", "version": __version__}
LISTED = {
    "resources/list": (
        "resources",
        [
            {"uri": "docs://readme", "name": "readme"},
            {"uri": "docs://about", "name": "about"},
        ],
    ),
    "resources/templates/list": (
        "resourceTemplates",
        [{"uriTemplate": "docs://page/{n}", "name": "page"}],
    ),
    "prompts/list": (
        "prompts",
        [{"name": "summarise", "arguments": []}, {"name": "greet", "arguments": []}],
    ),
}


def header(*upstreams: UpstreamSpec, **more: Any) -> Header:
    specs = {f"up{number}": spec for number, spec in enumerate(upstreams)}
    rules = AuditRules((), "deny")
    bare = Header("p", 1, "T", "I", 0, 9, "UTC", (), specs, rules, ())
    return bare._replace(**more)


def upstream(kind: str, *features: str) -> UpstreamSpec:
    return UpstreamSpec(kind, "https://api.example.com", None, 1000, features)


def test_a_profile_of_an_api_alone_offers_tools_that_never_change() -> None:
    assert capabilities(header(upstream("rest"))) == {"tools": {}}


@pytest.mark.parametrize("kind", ["mcp", "stdio"])
def test_tools_of_an_mcp_upstream_may_change(kind: str) -> None:
    found = capabilities(header(upstream("rest"), upstream(kind)))
    assert found == {"tools": {"listChanged": True}}


def test_s14_a_feature_that_no_upstream_names_is_not_offered() -> None:
    entries: dict[str, Any] = {"resources": ("r",), "prompts": ("p",)}
    features = ("completion", "logging", "tasks", "apps")
    everything = capabilities(header(upstream("mcp", *features), **entries))
    assert everything == ALL_CAN
    assert set(capabilities(header(upstream("mcp"), **entries))) == {
        *("tools", "resources", "prompts")
    }
    assert "completions" not in capabilities(header(upstream("mcp", *features)))
    assert "prompts" not in capabilities(header(upstream("mcp"), resources=("r",)))
    extensions = capabilities(header(upstream("mcp", "tasks")))["extensions"]
    assert list(extensions) == [PREFIX + "tasks"]


def test_an_offer_holds_a_profile_unparsed() -> None:
    lines = {"r": b"not parsed"}
    profile = Profile(header(upstream("mcp")), "d", "k", b"[]", {}, lines, {})
    offered = offer_of(profile)
    assert offered[:4] == ("T", "I", b"[]", 9)
    assert offered.resource_lines is lines


def test_both_eras_are_told_what_there_is_and_tasks_are_modern_alone() -> None:
    assert result(Client(ALL).modern("server/discover"))["capabilities"] == ALL_CAN
    apps = {PREFIX + "ui": ALL_CAN["extensions"][PREFIX + "ui"]}
    assert Client(ALL).handshake()["capabilities"] == {**ALL_CAN, "extensions": apps}


@pytest.mark.parametrize("method", LISTED)
def test_a_list_holds_what_is_listed_in_the_profiles_order(method: str) -> None:
    key, entries = LISTED[method]
    client = Client(ALL)
    client.handshake()
    assert result(client.ask(method)) == {key: entries}
    assert result(client.modern(method)) == {
        "resultType": "complete",
        key: entries,
        "ttlMs": 3_600_000,
        "cacheScope": "private",
        "_meta": {PREFIX + "serverInfo": SERVER},
    }
    assert reply(client.modern(method)) == reply(client.modern(method))


@pytest.mark.parametrize("method", LISTED)
def test_every_list_has_one_page(method: str) -> None:
    assert error(Client(ALL).modern(method, cursor="")) == (1, -32602)
    assert "result" in reply(Client(ALL).modern(method, cursor=None))


@pytest.mark.parametrize("method", LISTED)
def test_s6_no_list_is_cached_past_expiry_nor_after_a_change(method: str) -> None:
    client = Client(ALL._replace(expires_s=int(NOW_S) + 10))
    assert result(client.modern(method))["ttlMs"] == 10_000
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": envelope()}}
    assert result(client.say(message, NOW_S + 11))["ttlMs"] == 0
    client = Client(ALL)
    client.session.mark_stale()
    assert result(client.modern(method))["ttlMs"] == 0


@pytest.mark.parametrize(
    "method",
    [
        *LISTED,
        *("resources/read", "resources/subscribe", "resources/unsubscribe", "prompts/get"),
        *("completion/complete", "tasks/get", "tasks/update", "tasks/cancel"),
    ],
)
def test_what_a_profile_lacks_is_not_found_and_no_event_for_the_log(method: str) -> None:
    client = Client(OFFER)
    client.handshake()
    for outcomes in (client.ask(method, uri="docs://readme"), client.modern(method)):
        assert error(outcomes) == (1, -32601)
        assert notes(outcomes) == []


def test_a_malformed_line_of_a_payload_refuses_its_list_alone() -> None:
    client = Client(ALL._replace(prompt_lines={"greet": b"{}"}))
    answer = reply(client.modern("prompts/list"))["error"]
    assert (answer["code"], answer["data"]["id"]) == (1003, "MCPX-P10")
    assert "result" in reply(client.modern("resources/list"))


def test_s16_a_drifted_tool_leaves_the_list_until_it_matches_again() -> None:
    client = Client(ALL)
    listeners = Listeners(client.session)
    assert listeners.hide(frozenset()) is False
    assert listeners.hide(frozenset({"other"})) is False
    assert listeners.hide(frozenset({"find"})) is True
    assert result(client.modern("tools/list"))["tools"] == []
    assert listeners.hide(frozenset({"find"})) is False
    assert listeners.hide(frozenset()) is True
    assert result(client.modern("tools/list"))["tools"] == TOOLS


def test_s16_who_listens_is_told_that_the_list_changed() -> None:
    client = Client(ALL)
    client.listen(toolsListChanged=True)
    listeners = Listeners(client.session)
    assert listeners.hide(frozenset({"find"}))
    assert len(listeners.changed(Change("tools"))) == 1


def test_s16_a_list_that_lacks_a_drifted_tool_is_not_worth_caching() -> None:
    client = Client(ALL)
    listeners = Listeners(client.session)
    listeners.hide(frozenset({"find"}))
    assert result(client.modern("tools/list"))["ttlMs"] == 0
    listeners.hide(frozenset())
    assert result(client.modern("tools/list"))["ttlMs"] == 3_600_000
