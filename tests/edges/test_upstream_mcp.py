"""A gateway against real loopback servers: eras, headers, streams, errors, sessions."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback, always, http, json_answer
from edges.fakes_mcp import (
    META,
    MODERN,
    RESULT,
    LegacyGateway,
    ModernGateway,
    error,
    event,
    response,
    result,
    stream,
)

from mcp_proxy.core.answer import Answer, Event, Failure, Log, McpAnswer, Progress, Told, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.request import McpRequest
from mcp_proxy.edges.upstream_mcp import http_upstream

CALL = McpRequest(
    "tools/call",
    {"name": "refund", "arguments": {"amount": 5}},
    "refund",
    (("Mcp-Param-Region", "eu"),),
    retry_safe=False,
)
FEATURES = ("progress", "logging")


class Run:
    """One upstream's calls to one loopback gateway."""

    def __init__(self, handler: Handler, **spec: Any) -> None:
        self.server = Loopback(handler)
        self.spec = {"kind": "mcp", **spec}
        self.events: list[Event] = []
        self.authorizer = FakeAuthorizer(("Authorization", "Bearer gateway-secret"))

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        spec = self.server.spec("/mcp", **self.spec)
        self.upstream = http_upstream(spec, self.authorizer, LIMITS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.upstream.close()
        await self.server.__aexit__()

    async def call(self, request: McpRequest = CALL, deadline_s: float = 5.0) -> Answer:
        return await self.upstream.call(
            request, Wishes({}, "info", progress=True), self.events.append, deadline_s
        )

    def methods(self) -> list[str]:
        posts = [heard.json() for heard in self.server.heard if heard.method == "POST"]
        return [message.get("method", "response") for message in posts]


def answered(handler: Handler, calls: int = 1, **spec: Any) -> tuple[Answer, Run]:
    """The last answer of some calls in a row."""

    async def main() -> tuple[Answer, Run]:
        async with Run(handler, **spec) as run:
            for _ in range(calls):
                answer = await run.call()
            return answer, run

    return asyncio.run(main())


def failed(handler: Handler, **spec: Any) -> Failure:
    answer, _ = answered(handler, **spec)
    assert isinstance(answer, Failure), answer
    return answer


def test_a_modern_gateway_is_found_and_asked_with_all_its_headers():
    answer, run = answered(ModernGateway(), calls=2)
    assert answer == McpAnswer(RESULT)
    assert run.methods() == ["server/discover", "tools/call", "tools/call"]
    heard = run.server.heard[1]
    params = heard.json()["params"]
    assert heard.target == "/mcp"
    assert heard.headers["mcp-protocol-version"] == MODERN
    assert heard.headers["mcp-name"] == "refund"
    assert heard.headers["mcp-param-region"] == "eu"
    assert heard.headers["authorization"] == "Bearer gateway-secret"
    assert (params["name"], params["arguments"]) == ("refund", {"amount": 5})
    assert set(params["_meta"]) == {
        META + "protocolVersion",
        META + "clientCapabilities",
        META + "clientInfo",
    }
    ids = [heard.json()["id"] for heard in run.server.heard]
    assert len(set(ids)) == 3


def test_a_tool_name_no_header_can_carry_is_encoded():
    async def main() -> Heard:
        async with Run(ModernGateway()) as run:
            await run.call(CALL._replace(name="zurück"))
            return run.server.heard[1]

    assert asyncio.run(main()).headers["mcp-name"] == "=?base64?enVyw7xjaw==?="


def test_concurrent_first_calls_share_one_probe():
    async def main(gateway: Any) -> None:
        async with Run(gateway) as run:
            answers = await asyncio.gather(*(run.call() for _ in range(20)))
            assert all(isinstance(answer, McpAnswer) for answer in answers)

    modern, legacy = ModernGateway(), LegacyGateway()
    asyncio.run(main(modern))
    asyncio.run(main(legacy))
    assert modern.discovered == 1
    assert legacy.opened == 1


def test_a_cancelled_first_call_does_not_end_the_probe_for_others():
    async def main() -> Answer:
        async with Run(ModernGateway()) as run:
            first = asyncio.create_task(run.call())
            second = asyncio.create_task(run.call())
            await asyncio.sleep(0)
            first.cancel()
            return await second

    assert asyncio.run(main()) == McpAnswer(RESULT)


LEGACY_ANSWERS = [
    http(400),
    http(404, b"<h1>Not Found</h1>", content_type="text/html"),
    http(405),
    json_answer({"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "x"}}, 400),
    json_answer({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "x"}}, 404),
    json_answer(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "error": {"code": -32022, "message": "x", "data": {"supported": ["2025-11-25"]}},
        },
        400,
    ),
    json_answer({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "x"}}),
    json_answer({"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2025-06-18"]}}),
    json_answer({"jsonrpc": "2.0", "id": 1, "result": {}}),
    http(202),
]


@pytest.mark.parametrize("refusal", LEGACY_ANSWERS)
def test_a_legacy_gateway_is_found_by_how_it_refuses(refusal: bytes):
    answer, run = answered(LegacyGateway(refusal=refusal), calls=2)
    assert answer == McpAnswer(RESULT)
    assert run.methods() == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/call",
        "tools/call",
    ]


MODERN_ANSWERS = [
    (-32022, 400, {"supported": [MODERN], "requested": "x"}),
    (-32021, 400, None),
    (-32020, 400, None),
    (-32601, 404, None),
]


@pytest.mark.parametrize(("code", "status", "data"), MODERN_ANSWERS)
def test_a_modern_gateway_is_found_by_how_it_refuses(code: int, status: int, data: Any):
    async def handler(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        if heard.json()["method"] == "server/discover":
            return error(heard, code, status=status, data=data)
        return result(heard, RESULT)

    answer, run = answered(handler)
    assert answer == McpAnswer(RESULT)
    assert run.methods() == ["server/discover", "tools/call"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
def test_a_failure_that_says_nothing_about_the_era_is_probed_again(status: int):
    async def main() -> tuple[Answer, Answer]:
        gateway = ModernGateway()
        answers = [http(status)]

        async def handler(heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            return answers.pop() if answers else await gateway(heard, writer)

        async with Run(handler) as run:
            return await run.call(), await run.call()

    first, second = asyncio.run(main())
    assert isinstance(first, Failure)
    assert (first.status, first.sent) == (status, "no")
    assert second == McpAnswer(RESULT)


def test_a_gateway_of_unknown_versions_only_is_refused():
    newer = json_answer(
        {"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2031-01-01"]}}
    )
    assert failed(always(newer)).id == "MCPX-U05"


def test_a_gateway_that_became_legacy_is_found_again():
    async def main() -> list[Answer]:
        current: list[Any] = [ModernGateway()]

        async def handler(heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            return await current[0](heard, writer)

        async with Run(handler) as run:
            answers = [await run.call()]
            current[0] = LegacyGateway(refusal=http(400))
            answers += [await run.call(), await run.call()]
            return answers

    first, second, third = asyncio.run(main())
    assert (first, third) == (McpAnswer(RESULT), McpAnswer(RESULT))
    assert isinstance(second, Failure)


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_every_legacy_version_is_spoken(version: str):
    answer, run = answered(LegacyGateway(version=version))
    assert answer == McpAnswer(RESULT)
    assert "mcp-method" not in run.server.heard[-2].headers


def test_a_legacy_gateway_without_sessions_is_spoken_to():
    answer, run = answered(LegacyGateway(session=False), calls=2)
    assert answer == McpAnswer(RESULT)
    assert all(heard.method == "POST" for heard in run.server.heard)


def test_s16_a_call_into_a_forgotten_session_is_decided_again_before_it_is_repeated():
    async def main() -> None:
        gateway = LegacyGateway()
        async with Run(gateway) as run:
            await run.call()
            before = run.upstream.session
            gateway.sessions.clear()
            answers = await asyncio.gather(run.call(), run.call(), run.call())
            assert all(isinstance(answer, Failure) and answer.renewed for answer in answers)
            assert run.upstream.session is not before
            answers = await asyncio.gather(run.call(), run.call(), run.call())
            assert all(answer == McpAnswer(RESULT) for answer in answers)
        assert gateway.opened == 2
        assert gateway.deleted == ["session-2"]

    asyncio.run(main())


def test_a_session_that_is_never_known_ends_in_a_failure():
    class Forgetful(LegacyGateway):
        def open(self, heard: Heard) -> bytes:
            answer = super().open(heard)
            self.sessions.clear()
            return answer

    failure = failed(Forgetful())
    assert failure.status == 404


@pytest.mark.parametrize("session", ["a b", "ü", "x" * 2000])
def test_a_session_id_beyond_the_rules_is_refused(session: str):
    class Odd(LegacyGateway):
        def open(self, heard: Heard) -> bytes:
            value = {"protocolVersion": self.version, "capabilities": {}}
            return result(heard, value, mcp_session_id=session)

    assert failed(Odd()).id == "MCPX-U05"


def test_an_unknown_version_in_the_handshake_is_refused():
    assert failed(LegacyGateway(version="1999-01-01")).id == "MCPX-U05"


def notes(token: Any) -> list[bytes]:
    def progress(value: Any, **more: Any) -> bytes:
        params = {"progressToken": token, "progress": value, **more}
        return event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})

    def log(**params: Any) -> bytes:
        return event({"jsonrpc": "2.0", "method": "notifications/message", "params": params})

    other = {"progressToken": "other", "progress": 3}
    return [
        b": keep-alive\n\n",
        progress(1, total=4, message="half\x1b[31m way\u200b"),
        progress(1),
        progress(0.5),
        progress(True),
        progress("2"),
        event({"jsonrpc": "2.0", "method": "notifications/progress", "params": other}),
        event({"jsonrpc": "2.0", "method": "notifications/progress"}),
        log(level="warning", logger="db", data={"text": "slow\x1b[0m", "n": 1}),
        log(level="shouting", data="x"),
        log(level="info", data={"a": 1, "a\u200b": 2}),
        event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
        event("gibberish", kind="ping"),
        b"id: 7\ndata:\n\n",
        progress(4),
    ]


async def chatty(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    meta = heard.json()["params"].get("_meta", {})
    return stream(*notes(meta.get("progressToken")), event(response(heard)))


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_s14_progress_and_logs_are_handed_on_where_the_profile_names_them(gateway: Any):
    async def main() -> None:
        async with Run(gateway(chatty), features=FEATURES) as run:
            assert await run.call() == McpAnswer(RESULT)
            assert run.events == [
                Progress(1, 4, "half way"),
                Log("warning", "db", {"text": "slow", "n": 1}),
                Progress(4, None, None),
            ]

    asyncio.run(main())


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_s14_features_that_the_profile_does_not_name_are_neither_asked_for_nor_handed_on(
    gateway: Any,
):
    answer, run = answered(gateway(chatty))
    assert answer == McpAnswer(RESULT)
    assert run.events == []
    call = next(heard for heard in run.server.heard if b"tools/call" in heard.body)
    meta = call.json()["params"].get("_meta", {})
    assert "progressToken" not in meta
    assert META + "logLevel" not in meta


def test_a_modern_request_asks_for_logs_where_the_profile_names_them():
    _, run = answered(ModernGateway(), features=FEATURES)
    assert run.server.heard[1].json()["params"]["_meta"][META + "logLevel"] == "info"


def test_a_legacy_gateways_requests_are_answered_as_not_offered():
    async def curious(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        asked = {"jsonrpc": "2.0", "id": "s1", "method": "sampling/createMessage", "params": {}}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        return stream(event(asked), event(ping), event(response(heard)))

    async def main() -> list[Any]:
        gateway = LegacyGateway(curious)
        async with Run(gateway) as run:
            assert await run.call() == McpAnswer(RESULT)
        return gateway.notified

    answers = {note["id"]: note for note in asyncio.run(main()) if "id" in note}
    assert answers["s1"]["error"]["code"] == -32601
    assert answers[2]["result"] == {}


def test_a_modern_gateway_may_not_ask():
    async def curious(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return stream(event({"jsonrpc": "2.0", "id": 1, "method": "ping"}), event(response(heard)))

    assert failed(ModernGateway(curious)).id == "MCPX-U05"


@pytest.mark.parametrize(
    ("code", "status", "id_"),
    [
        (-32602, 200, "MCPX-U03"),
        (-32602, 400, "MCPX-U03"),
        (-32021, 400, "MCPX-U03"),
        (-32020, 400, "MCPX-U05"),
        (-32022, 400, "MCPX-U05"),
        (-32603, 500, "MCPX-U03"),
    ],
)
def test_a_gateways_error_is_told_in_one_clean_sentence(code: int, status: int, id_: str):
    async def refuse(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        said = "unknown\r\ntool \x1b[1m" + "x" * 900
        return error(heard, code, said, status)

    failure = failed(ModernGateway(refuse))
    assert (failure.id, failure.sent) == (id_, "yes")
    assert str(code) in failure.text
    assert "unknown tool" in failure.text
    assert "\x1b" not in failure.text
    assert len(failure.text) < 450


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_a_gateways_error_is_kept_raw_beside_its_sentence(gateway: Any):
    async def refuse(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, -32602, "no\x1b[1m such", data={"uri": "a", "x": None})

    told = Told(-32602, "no\x1b[1m such", {"uri": "a", "x": None})
    assert failed(gateway(refuse)).error == told


def test_s16_a_gateway_that_wants_other_headers_has_changed_what_it_declares():
    async def refuse(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, -32020, "Mcp-Param-Region missing", 400)

    async def main() -> None:
        async with Run(ModernGateway(refuse)) as run:
            before = run.upstream.session
            failure = await run.call(CALL._replace(retry_safe=True))
            found = run.upstream.session
            assert isinstance(failure, Failure)
            assert failure.id == "MCPX-U05"
            assert "declare the call otherwise" in failure.text
            assert run.methods() == ["server/discover", "tools/call"]
            await run.call()
            assert len({id(before), id(found), id(run.upstream.session)}) == 3

    asyncio.run(main())


def test_s16_a_session_is_the_same_while_it_holds():
    async def main(gateway: Any, lose: Callable[[Any], None]) -> bool:
        async with Run(gateway) as run:
            await run.call()
            first = run.upstream.session
            await run.call()
            assert run.upstream.session is first
            lose(gateway)
            await run.call()
            return run.upstream.session is first

    assert asyncio.run(main(ModernGateway(), lambda _: None))
    assert asyncio.run(main(LegacyGateway(), lambda _: None))
    assert not asyncio.run(main(LegacyGateway(), lambda legacy: legacy.sessions.clear()))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_names_the_command(status: int):
    async def refuse(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return json_answer({"error": "invalid_token"}, status=status)

    answer, run = answered(ModernGateway(refuse))
    assert isinstance(answer, Failure)
    assert "mcp-proxy credential set api --origin http://127.0.0.1" in answer.text
    assert run.authorizer.renewals == (status == 401)


def test_s9_a_redirecting_gateway_is_refused():
    failure = failed(always(http(308, location="https://evil.example/mcp?x=1")))
    assert (failure.id, failure.sent) == ("MCPX-U04", "no")
    assert "https://evil.example" in failure.text
    assert "/mcp" not in failure.text


@pytest.mark.parametrize("kind", ["input_required", "task", 7, None, ["complete"]])
def test_a_result_of_another_kind_is_refused(kind: Any):
    async def other(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return result(heard, {"resultType": kind, "inputRequests": {}})

    assert failed(ModernGateway(other)).id == "MCPX-U05"


def test_a_result_without_a_kind_is_complete_and_kept_whole():
    raw = {"content": [{"type": "odd", "x": None}], "_meta": {"a": None}, "unknown": [1]}

    async def bare(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return result(heard, raw)

    assert answered(ModernGateway(bare))[0] == McpAnswer(raw)


def test_a_busy_gateway_is_asked_again_under_a_new_id_where_that_is_safe():
    async def main() -> Run:
        answers = [http(503, retry_after="0")]

        async def busy(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
            return answers.pop() if answers else result(heard, RESULT)

        async with Run(ModernGateway(busy)) as run:
            assert await run.call(CALL._replace(retry_safe=True)) == McpAnswer(RESULT)
            return run

    run = asyncio.run(main())
    ids = [heard.json()["id"] for heard in run.server.heard]
    assert len(ids) == len(set(ids)) == 3


def test_a_gateway_of_a_newer_version_only_is_asked_again_in_the_other_era():
    async def main() -> list[str]:
        current: list[Any] = [LegacyGateway()]

        async def handler(heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            return await current[0](heard, writer)

        async def other_version(heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            current[0] = ModernGateway()
            return error(heard, -32022, status=400, data={"supported": [MODERN]})

        async with Run(handler) as run:
            assert await run.call() == McpAnswer(RESULT)
            current[0] = other_version
            assert await run.call() == McpAnswer(RESULT)
            return run.methods()[3:]

    assert asyncio.run(main()) == ["tools/call", "tools/call", "server/discover", "tools/call"]


def test_a_gateway_that_refuses_the_version_that_it_names_is_not_asked_for_ever():
    async def refuse(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, -32022, status=400, data={"supported": [MODERN]})

    answer, run = answered(ModernGateway(refuse))
    assert isinstance(answer, Failure)
    assert answer.id == "MCPX-U05"
    assert run.methods().count("tools/call") == 1


OTHERS = [
    McpRequest("resources/read", {"uri": "doc://ü"}, "doc://ü", (), retry_safe=True),
    McpRequest("prompts/get", {"name": "p", "arguments": {}}, "p", (), retry_safe=True),
    McpRequest("completion/complete", {"ref": {}}, None, (), retry_safe=True),
    McpRequest("tasks/get", {"taskId": "t"}, "t", (), retry_safe=True),
    McpRequest("tasks/update", {"taskId": "t", "inputResponses": {}}, "t", (), retry_safe=False),
    McpRequest("tasks/cancel", {"taskId": "t"}, "t", (), retry_safe=True),
]


@pytest.mark.parametrize("request_", OTHERS, ids=lambda request: request.method)
@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_every_method_goes_as_it_is_with_its_name_in_the_header(request_: McpRequest, gateway: Any):
    async def main() -> Heard:
        async with Run(gateway(chatty), features=FEATURES) as run:
            assert await run.call(request_) == McpAnswer(RESULT)
            assert run.events[0] == Progress(1, 4, "half way")
            return next(one for one in run.server.heard if request_.method.encode() in one.body)

    heard = asyncio.run(main())
    params = heard.json()["params"]
    assert {key: value for key, value in params.items() if key != "_meta"} == request_.params
    names = {None: None, "doc://ü": "=?base64?ZG9jOi8vw7w=?="}
    expected = names.get(request_.name, request_.name) if gateway is ModernGateway else None
    assert heard.headers.get("mcp-name") == expected


async def never(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("by_deadline", [True, False])
def test_cancelling_a_modern_call_closes_its_stream_and_posts_nothing(by_deadline: bool):
    async def main() -> Run:
        async with Run(ModernGateway(never)) as run:
            await give_up(run, by_deadline)
            async with asyncio.timeout(5):
                await run.server.closed.wait()
            return run

    assert asyncio.run(main()).methods() == ["server/discover", "tools/call"]


@pytest.mark.parametrize("by_deadline", [True, False])
def test_cancelling_a_legacy_call_is_said(by_deadline: bool):
    async def main() -> tuple[Run, LegacyGateway]:
        gateway = LegacyGateway(never)
        async with Run(gateway) as run:
            await give_up(run, by_deadline)
        return run, gateway

    run, gateway = asyncio.run(main())
    call = next(heard for heard in run.server.heard if b"tools/call" in heard.body)
    note = gateway.notified[-1]
    assert note["method"] == "notifications/cancelled"
    assert note["params"]["requestId"] == call.json()["id"]


async def give_up(run: Run, by_deadline: bool) -> None:
    if by_deadline:
        answer = await run.call(deadline_s=0.5)
        assert isinstance(answer, Failure)
        assert (answer.id, answer.sent) == ("MCPX-U02", "maybe")
        return
    task = asyncio.create_task(run.call())
    while "tools/call" not in run.methods():
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_gateway_that_echoes_the_credential_does_not_leak_it():
    async def echo(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        value = {"content": [{"type": "text", "text": heard.headers["authorization"]}]}
        return stream(event(response(heard, value)))

    async def refuse(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, -32602, f"bad {heard.headers['authorization']}")

    for tool in (echo, refuse):
        for gateway in (ModernGateway(tool), LegacyGateway(tool)):
            answer, _ = answered(gateway)
            assert "gateway-secret" not in repr(answer)
            assert "[credential removed]" in repr(answer)
