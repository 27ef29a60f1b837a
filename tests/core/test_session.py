"""Handshake, lists and refusals of one session, in both eras.

Calls, their progress and their logs are in test_session_calls.py.
"""

import json
from typing import Any

import pytest
from core.session_driver import (
    ALL,
    NOW_S,
    OFFER,
    PREFIX,
    REFUSAL,
    TOOLS,
    Client,
    envelope,
    error,
    notes,
    read,
    reply,
    result,
)
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy import __version__
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.session import Call, Cancel, Outcome, Reply

LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
SUPPORTED = ["2026-07-28", *LEGACY]
SERVER = {"name": "mcp-proxy", "version": __version__}


@pytest.mark.parametrize("version", LEGACY)
def test_initialize_answers_with_the_clients_version(version: str) -> None:
    assert Client().handshake(version) == {
        "protocolVersion": version,
        "capabilities": {"tools": {}, "logging": {}},
        "serverInfo": {**SERVER, "title": "Billing"},
        "instructions": "Look up invoices.",
    }


@pytest.mark.parametrize("version", ["2026-07-28", "1999-01-01", "", None, 7, ["2025-11-25"]])
def test_initialize_answers_an_unknown_version_with_the_newest_legacy_one(version: Any) -> None:
    outcomes = Client().ask("initialize", protocolVersion=version)
    assert result(outcomes)["protocolVersion"] == "2025-11-25"


def test_discover_answers_at_once_and_lists_every_version() -> None:
    assert result(Client().modern("server/discover")) == {
        "resultType": "complete",
        "supportedVersions": SUPPORTED,
        "capabilities": {"tools": {}, "logging": {}},
        "instructions": "Look up invoices.",
        "ttlMs": 3_600_000,
        "cacheScope": "private",
        "_meta": {PREFIX + "serverInfo": {**SERVER, "title": "Billing"}},
    }


def test_features_and_texts_a_profile_lacks_are_not_claimed() -> None:
    bare = OFFER._replace(title="", instructions="", capabilities={"tools": {}})
    assert result(Client(bare).modern("server/discover"))["capabilities"] == {"tools": {}}
    assert Client(bare).handshake() == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": SERVER,
    }


def test_the_list_is_spliced_and_worded_for_each_era_in_one_process() -> None:
    client = Client()
    client.handshake()
    assert result(client.ask("tools/list")) == {"tools": TOOLS}
    assert result(client.modern("tools/list")) == {
        "resultType": "complete",
        "tools": TOOLS,
        "ttlMs": 3_600_000,
        "cacheScope": "private",
        "_meta": {PREFIX + "serverInfo": SERVER},
    }
    assert result(client.ask("tools/list")) == {"tools": TOOLS}


@pytest.mark.parametrize("method", ["tools/list", "server/discover", "initialize"])
def test_a_request_that_describes_itself_and_names_no_version_is_refused(method: str) -> None:
    client = Client()
    meta = {PREFIX + "clientCapabilities": {}}
    if method != "initialize":
        assert error(client.ask(method, _meta=meta)) == (1, -32602)
    client.handshake()
    outcomes = client.ask(method, _meta=meta)
    assert ("error" in reply(outcomes)) is (method != "initialize")


def test_the_modern_era_has_no_handshake() -> None:
    client = Client()
    assert error(client.modern("initialize", protocolVersion="2025-11-25")) == (1, -32601)
    assert error(client.ask("tools/list")) == (1, -32602), "no handshake was made"


def test_a_client_whose_modern_probe_timed_out_may_still_say_initialize() -> None:
    client = Client()
    assert "result" in reply(client.modern("server/discover"))
    assert client.handshake()["protocolVersion"] == "2025-11-25"
    assert "result" in reply(client.modern("server/discover"))


def test_a_list_says_that_it_was_answered_and_nothing_else_does() -> None:
    client = Client()
    client.handshake()
    listed = [client.ask("tools/list"), client.ask("ping"), client.modern("server/discover")]
    assert [[item.listed for item in said if isinstance(item, Reply)] for said in listed] == [
        [True],
        [False],
        [False],
    ]


def test_there_is_one_page_and_no_cursor() -> None:
    assert result(Client().modern("tools/list", cursor=None))["tools"] == TOOLS
    assert error(Client().modern("tools/list", cursor="x")) == (1, -32602)


def test_s6_a_list_is_never_cached_past_expiry_nor_after_a_change() -> None:
    client = Client(OFFER._replace(expires_s=int(NOW_S) + 10))
    assert result(client.modern("tools/list"))["ttlMs"] == 10_000
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": envelope()}}
    assert result(client.say(request, NOW_S + 11))["ttlMs"] == 0
    client = Client()
    client.session.mark_stale()
    assert result(client.modern("tools/list"))["ttlMs"] == 0
    assert result(client.modern("server/discover"))["ttlMs"] == 0


@pytest.mark.parametrize("version", ["2099-01-01", "2025-11-25", "", 7, None, {"a": 1}])
def test_an_unsupported_version_is_answered_with_the_list(version: Any) -> None:
    outcomes = Client().modern("tools/list", 9, {PREFIX + "protocolVersion": version})
    answer = reply(outcomes)["error"]
    assert (answer["code"], answer["data"]["supported"]) == (-32022, SUPPORTED)
    assert answer["data"]["requested"] == str(version)


@pytest.mark.parametrize("capabilities", [None, [], "x"])
def test_an_envelope_without_capabilities_is_refused(capabilities: Any) -> None:
    meta = {PREFIX + "clientCapabilities": capabilities}
    assert error(Client().modern("tools/list", 1, meta)) == (1, -32602)


def test_before_any_handshake_a_legacy_client_gets_ping_alone() -> None:
    assert result(Client().ask("ping")) == {}
    for method in ("tools/list", "tools/call", "server/discover", "nonsense"):
        assert error(Client().ask(method)) == (1, -32602)
        assert PREFIX + "protocolVersion" in reply(Client().ask(method))["error"]["message"]


@pytest.mark.parametrize(
    "method", ["ping", "logging/setLevel", "resources/subscribe", "tasks/get", "nonsense"]
)
def test_what_the_modern_era_does_not_have_is_not_found(method: str) -> None:
    assert error(Client().modern(method)) == (1, -32601)


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen", "nonsense", ""])
def test_what_the_legacy_era_does_not_have_is_not_found(method: str) -> None:
    client = Client()
    client.handshake()
    outcomes = client.ask(method)
    assert error(outcomes) == (1, -32601)
    assert notes(outcomes) == ["unknown method"]


def test_what_clients_ask_for_out_of_habit_is_no_event_for_the_log() -> None:
    outcomes = Client().modern("resources/list")
    assert error(outcomes) == (1, -32601)
    assert notes(outcomes) == []


def test_set_level_takes_the_eight_names_alone() -> None:
    client = Client()
    client.handshake()
    assert result(client.ask("logging/setLevel", level="warning")) == {}
    for level in ("WARNING", "trace", 4, None):
        assert error(client.ask("logging/setLevel", level=level)) == (1, -32602)


def test_the_client_is_known_by_what_it_first_says_of_itself_and_bounded() -> None:
    client = Client()
    assert client.session.client == {}
    info = {"name": "n" * 1000, "version": ["x"], "title": "dropped"}
    client.modern("server/discover", 1, {PREFIX + "clientInfo": info})
    assert client.session.client == {"name": "n" * LIMITS.client_name_chars, "version": "['x']"}
    client.handshake()
    assert client.session.client["name"] == "n" * LIMITS.client_name_chars


def test_blank_lines_responses_and_unknown_notifications_are_passed_over() -> None:
    client = Client()
    assert client.send(b"") == client.send(b"  \r") == []
    assert client.say({"jsonrpc": "2.0", "id": 1, "result": {}}) == []
    assert client.say({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": ""}}) == []
    assert client.tell("notifications/cancelled", requestId=[1]) == []
    assert client.tell("notifications/cancelled") == []


def test_a_carriage_return_before_the_newline_is_no_fault() -> None:
    assert result(Client().send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\r')) == {}


@pytest.mark.parametrize(
    ("line", "code", "note"),
    [
        (b"{", -32700, "malformed"),
        (b"\xff", -32700, "malformed"),
        (b"{}", -32600, "invalid"),
        (b"[]", -32600, "invalid"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, "invalid"),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32602, "invalid"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32602, "invalid"),
    ],
)
def test_a_malformed_line_is_answered_told_to_the_log_and_ends_nothing(
    line: bytes, code: int, note: str
) -> None:
    client = Client()
    outcomes = client.send(line)
    assert error(outcomes)[1] == code
    assert notes(outcomes) == [note]
    assert result(client.ask("ping")) == {}


def test_a_malformed_notification_is_never_answered() -> None:
    outcomes = Client().send(b'{"jsonrpc":"2.0","method":"m","params":[]}')
    assert [type(item).__name__ for item in outcomes] == ["Note"]


def test_a_line_above_the_bound_is_answered_and_ends_nothing() -> None:
    client = Client()
    outcomes = client.session.oversized()
    assert error(outcomes) == (None, -32600)
    assert notes(outcomes) == ["invalid"]
    assert result(client.ask("ping")) == {}


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2024-11-05", None])
def test_batches_exist_in_one_version_alone(version: str | None) -> None:
    client = Client()
    if version is not None:
        client.handshake(version)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert error(client.say([ping])) == (None, -32600)


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
FIND = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "find"}}
CANCEL = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}


def batch(*messages: Any) -> tuple[Client, list[Outcome]]:
    client = Client()
    client.handshake("2025-03-26")
    return client, client.say(list(messages))


def lines(outcomes: list[Outcome]) -> list[Any]:
    return [read(item.line) for item in outcomes if isinstance(item, Reply)]


def test_a_batch_of_2025_03_26_is_answered_in_one_line() -> None:
    client, outcomes = batch(PING, {"jsonrpc": "2.0", "method": "m"}, 5, [PING])
    (answers,) = lines(outcomes)
    assert [(line["id"], line.get("error", {}).get("code")) for line in answers] == [
        (1, None),
        (None, -32600),
        (None, -32600),
    ]
    assert result(client.ask("ping")) == {}


def test_a_batch_with_a_list_says_that_it_was_answered() -> None:
    _, outcomes = batch({**PING, "method": "tools/list"})
    assert [item.listed for item in outcomes if isinstance(item, Reply)] == [True]


def test_a_batch_of_notifications_is_not_answered() -> None:
    assert batch(CANCEL, {**CANCEL, "method": "m"})[1] == []


@pytest.mark.parametrize("fails", [True, False])
def test_a_batch_waits_for_its_calls(fails: bool) -> None:
    client, outcomes = batch(FIND, PING, {**FIND, "id": 3})
    assert lines(outcomes) == []
    first, second = [item for item in outcomes if isinstance(item, Call)]
    assert client.voice.finish(first.asked, {"content": []}) is None
    assert client.voice.finish(first.asked, {"content": []}) is None
    if fails:
        answers = read(client.voice.fail(second.asked, -32603, "no"))
    else:
        answers = read(client.voice.finish(second.asked, {"content": []}))
    assert [answer["id"] for answer in answers] == [1, 2, 3]


def test_a_cancelled_call_holds_up_no_batch() -> None:
    client, outcomes = batch(FIND, PING)
    assert lines(outcomes) == []
    cancelled = client.say(CANCEL)
    assert cancelled[0] == Cancel(2)
    assert [answer["id"] for answer in lines(cancelled)[0]] == [1]
    assert [answer["id"] for answer in lines(batch(FIND, CANCEL, PING)[1])[0]] == [1]
    client, _ = batch(FIND)
    assert client.say(CANCEL) == [Cancel(2)]
    assert read(client.voice.finish(client.call(2).asked, {"content": []}))["id"] == 2


def test_a_batch_is_bounded() -> None:
    client = Client()
    client.handshake("2025-03-26")
    assert error(client.say([{}] * (LIMITS.batch_messages + 1))) == (None, -32600)


@pytest.mark.parametrize(
    "method", ["initialize", "server/discover", "tools/list", "tools/call", "nonsense"]
)
@pytest.mark.parametrize("modern", [True, False])
def test_s4_a_refused_profile_answers_every_request_with_its_reason(
    method: str, modern: bool
) -> None:
    client = Client(REFUSAL)
    outcomes = client.modern(method, "x") if modern else client.ask(method, "x")
    assert reply(outcomes) == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {
            "code": 1003,
            "message": "Signed by a stranger. (MCPX-P03)",
            "data": {"id": "MCPX-P03", "next": "mcp-proxy trust add KEY-LINE"},
        },
    }


def test_s4_a_refused_profile_still_answers_ping_and_names_faults() -> None:
    client = Client(REFUSAL)
    assert result(client.ask("ping")) == {}
    assert error(client.send(b"{")) == (None, -32700)
    assert client.tell("notifications/initialized") == []
    wrong = {PREFIX + "protocolVersion": "2099-01-01"}
    assert error(client.modern("tools/list", 1, wrong)) == (1, 1003)


METHODS = st.sampled_from(
    [
        *("initialize", "ping", "tools/list", "tools/call", "server/discover", "x"),
        *("logging/setLevel", "notifications/cancelled", "subscriptions/listen", "resources/list"),
        *("resources/read", "resources/subscribe", "prompts/list", "prompts/get", "tasks/get"),
        *("completion/complete", "tasks/update", "notifications/roots/list_changed"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
META = st.fixed_dictionaries(
    {},
    optional={
        PREFIX + "protocolVersion": st.sampled_from(SUPPORTED) | JSON,
        PREFIX + "clientCapabilities": st.just({}) | JSON,
        PREFIX + "clientInfo": JSON,
        PREFIX + "logLevel": st.just("info") | JSON,
        "progressToken": JSON,
    },
)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "_meta": META | JSON,
        "name": JSON,
        "uri": JSON,
        "ref": JSON,
        "argument": JSON,
        "taskId": JSON,
        "inputResponses": JSON,
        "requestState": JSON,
        "notifications": JSON,
        "arguments": JSON,
        "cursor": JSON,
        "level": JSON,
        "requestId": JSON,
        "protocolVersion": st.sampled_from(LEGACY) | JSON,
        "clientInfo": JSON,
    },
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": METHODS},
    optional={"id": st.integers(0, 3) | JSON, "params": PARAMS | JSON},
)


def check(client: Client, line: bytes) -> None:
    """Never an exception, and every reply is one line of JSON."""
    for outcome in client.send(line):
        if isinstance(outcome, Reply):
            said = read(outcome.line)
            assert all(one["jsonrpc"] == "2.0" for one in (said if type(said) is list else [said]))


@given(st.sampled_from([OFFER, ALL, REFUSAL]), st.lists(st.binary(), max_size=3))
def test_any_bytes_leave_a_session_that_answers(offered: Any, lines: list[bytes]) -> None:
    client = Client(offered)
    for line in lines:
        check(client, line.replace(b"\n", b""))
    assert result(client.ask("ping", "alive")) == {}


@given(
    st.sampled_from([OFFER, ALL, REFUSAL]),
    st.sampled_from([*LEGACY, None]),
    st.lists(MESSAGES | st.lists(MESSAGES, max_size=2), max_size=5),
)
def test_any_messages_leave_a_session_that_answers(
    offered: Any, version: str | None, messages: list[Any]
) -> None:
    client = Client(offered)
    if version is not None:
        client.ask("initialize", "hello", protocolVersion=version)
    for message in messages:
        check(client, json.dumps(message).encode())
    assert result(client.ask("ping", "alive")) == {}
