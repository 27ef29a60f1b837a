"""Subscriptions of both eras: what is granted, acknowledged first, and told to whom."""

from typing import Any

import pytest
from core.session_driver import (
    ALL,
    OFFER,
    PREFIX,
    REFUSAL,
    TASKS,
    Client,
    error,
    read,
    result,
)

from mcp_proxy.core.answer import Change
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listeners import Listeners
from mcp_proxy.core.session import Call, Cancel, Listen, RootsChanged
from mcp_proxy.core.session_params import ListenFilter

EVERYTHING = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["docs://readme"],
    "taskIds": ["t1"],
}
SUBSCRIPTION = PREFIX + "subscriptionId"
CHANGES = [
    (Change("tools"), "notifications/tools/list_changed"),
    (Change("prompts"), "notifications/prompts/list_changed"),
    (Change("resources"), "notifications/resources/list_changed"),
]


def heard(client: Client, change: Change) -> list[Any]:
    return [read(line) for line in Listeners(client.session).changed(change)]


def wanted(client: Client, meta: Any = None, **filter_: Any) -> ListenFilter:
    (listen,) = client.modern("subscriptions/listen", 1, meta, notifications=filter_)
    assert isinstance(listen, Listen)
    return listen.wanted


def subscribe(client: Client, uri: str, method: str = "resources/subscribe") -> Any:
    (call,) = client.ask(method, uri=uri)
    assert isinstance(call, Call)
    return read(client.voice.finish(call.asked, {}))["result"]


def test_a_listener_is_acknowledged_with_what_it_was_granted() -> None:
    assert Client(ALL).listen("listen:0", TASKS, **EVERYTHING) == {
        "notifications": EVERYTHING,
        "_meta": {SUBSCRIPTION: "listen:0"},
    }
    ack = Client(ALL).listen(7, toolsListChanged=False, promptsListChanged=True, skills=True)
    assert ack == {"notifications": {"promptsListChanged": True}, "_meta": {SUBSCRIPTION: 7}}


@pytest.mark.parametrize("filter_", [{}, {"toolsListChanged": True, "taskIds": ["t"]}])
def test_s14_a_listener_hears_of_nothing_that_the_profile_lacks(filter_: dict[str, Any]) -> None:
    assert Client(OFFER).listen(**filter_)["notifications"] == {}
    can: dict[str, Any] = {"tools": {}, "prompts": {"listChanged": True}}
    lacking = wanted(Client(OFFER._replace(capabilities=can)), TASKS, **EVERYTHING)
    assert lacking == ListenFilter(frozenset({"prompts"}), frozenset(), frozenset())


def test_tasks_are_told_to_a_listener_that_declares_them() -> None:
    assert wanted(Client(ALL), TASKS, **EVERYTHING).tasks == {"t1"}
    assert wanted(Client(ALL), **EVERYTHING).tasks == frozenset()
    wrong = {PREFIX + "clientCapabilities": {"extensions": [PREFIX + "tasks"]}}
    assert wanted(Client(ALL), wrong, **EVERYTHING).tasks == frozenset()


@pytest.mark.parametrize(
    "filter_",
    [
        *([], "x", 1, None),
        *({"toolsListChanged": 1}, {"toolsListChanged": None}, {"promptsListChanged": "true"}),
        *({"resourceSubscriptions": "x"}, {"resourceSubscriptions": [1]}, {"taskIds": {}}),
        {"resourceSubscriptions": ["x"] * (LIMITS.subscriptions + 1)},
        {"taskIds": ["x" * (LIMITS.uri_chars + 1)]},
    ],
)
def test_a_filter_of_another_form_is_refused(filter_: Any) -> None:
    client = Client(ALL)
    outcomes = client.modern("subscriptions/listen", 1, notifications=filter_)
    assert error(outcomes) == (1, -32602)
    assert isinstance(client.modern("subscriptions/listen")[0], Listen), "its id is free again"


def test_nothing_is_told_before_the_acknowledgement() -> None:
    client = Client(ALL)
    (listen,) = client.modern("subscriptions/listen", notifications=EVERYTHING)
    assert isinstance(listen, Listen)
    assert heard(client, Change("tools")) == []
    assert client.session.acknowledge(*listen) is not None
    assert client.session.acknowledge(*listen) is None, "it is acknowledged once"
    assert len(heard(client, Change("tools"))) == 1


@pytest.mark.parametrize("request_id", ["7", 7])
def test_a_change_bears_its_subscription_in_the_ids_own_type(request_id: Any) -> None:
    client = Client(ALL)
    client.listen(request_id, **EVERYTHING)
    for change, method in CHANGES:
        (told,) = heard(client, change)
        assert told["method"] == method
        assert told["params"] == {"_meta": {SUBSCRIPTION: request_id}}
        assert type(told["params"]["_meta"][SUBSCRIPTION]) is type(request_id)


def test_each_listener_hears_of_what_it_asked_for_alone() -> None:
    client = Client(ALL)
    client.listen("a", toolsListChanged=True)
    client.listen("b", promptsListChanged=True, resourceSubscriptions=["docs://readme"])
    client.listen("c", TASKS, taskIds=["t1"], toolsListChanged=True)

    def who(change: Change) -> list[Any]:
        return [told["params"]["_meta"][SUBSCRIPTION] for told in heard(client, change)]

    assert who(Change("tools")) == ["a", "c"]
    assert who(Change("prompts")) == ["b"]
    assert who(Change("resources")) == []
    assert who(Change("updated", "docs://readme")) == ["b"]
    assert who(Change("updated", "docs://other")) == []
    assert who(Change("task", params={"taskId": "t1"})) == ["c"]
    assert who(Change("task", params={"taskId": "t2"})) == []
    assert who(Change("task")) == []


def test_an_upstream_cannot_speak_on_another_subscription() -> None:
    client = Client(ALL)
    client.listen("mine", TASKS, **EVERYTHING)
    meta = {SUBSCRIPTION: "other", "com.example/trace": 1}
    task = {"taskId": "t1", "status": "working", "_meta": meta}
    (told,) = heard(client, Change("task", params=task))
    assert told["method"] == "notifications/tasks"
    assert told["params"] == {
        "taskId": "t1",
        "status": "working",
        "_meta": {SUBSCRIPTION: "mine", "com.example/trace": 1},
    }
    (told,) = heard(client, Change("updated", "docs://readme", {"_meta": meta}))
    assert told["params"] == {"uri": "docs://readme", "_meta": {SUBSCRIPTION: "mine"}}


def test_a_cancelled_listener_hears_of_nothing_more() -> None:
    client = Client(ALL)
    client.listen("l", **EVERYTHING)
    assert error(client.modern("subscriptions/listen", "l")) == ("l", -32600)
    assert error(client.modern("tools/list", "l")) == ("l", -32600)
    assert client.tell("notifications/cancelled", requestId="l") == [Cancel("l")]
    assert client.tell("notifications/cancelled", requestId="l") == []
    assert heard(client, Change("tools")) == []
    assert client.listen("l")["_meta"] == {SUBSCRIPTION: "l"}


def test_a_listener_cancelled_before_its_acknowledgement_gets_none() -> None:
    client = Client(ALL)
    (listen,) = client.modern("subscriptions/listen", "l", notifications=EVERYTHING)
    assert isinstance(listen, Listen)
    assert client.tell("notifications/cancelled", requestId="l") == [Cancel("l")]
    (again,) = client.modern("subscriptions/listen", "l", notifications={})
    assert isinstance(again, Listen)
    assert client.session.acknowledge(*listen) is None, "nor does its successor get its grant"
    assert client.session.acknowledge(*again) is not None


def test_open_subscriptions_are_bounded() -> None:
    client = Client(ALL)
    for number in range(LIMITS.calls_in_flight):
        client.listen(number)
    assert error(client.modern("subscriptions/listen", "more")) == ("more", -32600)


def test_a_legacy_client_hears_of_changed_lists_after_its_handshake() -> None:
    client = Client(ALL)
    assert heard(client, Change("tools")) == []
    client.handshake()
    for change, method in CHANGES:
        assert heard(client, change) == [{"jsonrpc": "2.0", "method": method, "params": {}}]
    assert heard(client, Change("task", params={"taskId": "t1"})) == []


def test_a_legacy_client_hears_of_no_list_that_was_not_said_to_change() -> None:
    client = Client(OFFER)
    client.handshake()
    assert [heard(client, change) for change, _ in CHANGES] == [[], [], []]


def test_a_legacy_client_hears_of_the_resources_it_subscribed_to() -> None:
    client = Client(ALL)
    client.handshake()
    assert heard(client, Change("updated", "docs://readme")) == []
    assert subscribe(client, "docs://readme") == {}
    (told,) = heard(client, Change("updated", "docs://readme"))
    assert (told["method"], told["params"]) == (
        "notifications/resources/updated",
        {"uri": "docs://readme"},
    )
    assert heard(client, Change("updated", "docs://about")) == []
    subscribe(client, "docs://readme", "resources/unsubscribe")
    assert heard(client, Change("updated", "docs://readme")) == []


def test_a_refused_subscription_is_none() -> None:
    client = Client(ALL)
    client.handshake()
    (call,) = client.ask("resources/subscribe", uri="docs://secret")
    assert isinstance(call, Call)
    assert client.voice.fail(call.asked, -32002, "Unknown resource") is not None
    assert heard(client, Change("updated", "docs://secret")) == []


def test_subscriptions_of_a_legacy_client_are_bounded() -> None:
    client = Client(ALL)
    client.handshake()
    for number in range(LIMITS.subscriptions):
        subscribe(client, f"docs://{number}")
    assert error(client.ask("resources/subscribe", uri="docs://more")) == (1, -32600)
    subscribe(client, "docs://0", "resources/unsubscribe")
    assert subscribe(client, "docs://more") == {}


def test_what_anybody_wants_is_what_upstreams_are_watched_for() -> None:
    client = Client(ALL)
    listeners = Listeners(client.session)
    assert listeners.wanted() == ListenFilter(frozenset(), frozenset(), frozenset())
    client.listen("a", TASKS, promptsListChanged=True, taskIds=["t1"])
    client.listen("b", resourceSubscriptions=["docs://about"])
    assert listeners.wanted() == ListenFilter(
        frozenset({"prompts"}), frozenset({"docs://about"}), frozenset({"t1"})
    )
    client.handshake()
    subscribe(client, "docs://readme")
    client.tell("notifications/cancelled", requestId="a")
    assert listeners.wanted() == ListenFilter(
        frozenset({"tools", "prompts", "resources"}),
        frozenset({"docs://about", "docs://readme"}),
        frozenset(),
    )


def test_changed_roots_are_a_legacy_clients_to_tell() -> None:
    client = Client(ALL)
    assert client.tell("notifications/roots/list_changed") == []
    client.handshake()
    assert client.tell("notifications/roots/list_changed") == [RootsChanged()]


def test_s4_without_a_profile_nobody_listens() -> None:
    client = Client(REFUSAL)
    assert error(client.modern("subscriptions/listen")) == (1, 1003)
    listeners = Listeners(client.session)
    assert listeners.changed(Change("tools")) == []
    assert listeners.hide(frozenset({"find"})) is False
    assert result(client.ask("ping")) == {}


def names(client: Client) -> list[str]:
    return [row["name"] for row in result(client.modern("tools/list"))["tools"]]


def test_s4_lists_are_empty_until_what_was_refused_is_proved_after_all() -> None:
    client = Client(OFFER)
    listeners, before = Listeners(client.session), names(client)
    assert not listeners.offer(is_proved=True)
    assert listeners.offer(is_proved=False)
    assert not listeners.offer(is_proved=False)
    assert names(client) == []
    assert not listeners.hide(frozenset(before[:1]))
    assert listeners.offer(is_proved=True)
    assert names(client) == before[1:]
