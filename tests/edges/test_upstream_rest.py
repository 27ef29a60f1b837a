"""A REST upstream against a real loopback server: answers, refusals, retries, what was sent."""

import asyncio
import base64
import email.utils
import time
from typing import Any

import pytest
from edges.fakes_http import FakeAuthorizer, Heard, Loopback, always, http, in_turn, json_answer

from mcp_proxy.core.answer import Answer, Failure, HttpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.request import RestRequest
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.errors import CredentialError

SECRET = "s3cr3t/tok+en="
BEARER = FakeAuthorizer(("Authorization", f"Bearer {SECRET}"))


def request(url: str, **changes: Any) -> RestRequest:
    return RestRequest("GET", url, (), None, retry_safe=True)._replace(**changes)


async def call(
    server: Loopback,
    authorizer: FakeAuthorizer | None = None,
    deadline_s: float = 5.0,
    path: str = "/v1/x",
    **changes: Any,
) -> Answer:
    upstream = RestUpstream(server.spec(), authorizer or FakeAuthorizer(), LIMITS)
    try:
        outgoing = request(server.url + path, **changes)
        return await upstream.call(
            outgoing, Wishes({}, progress=True), lambda _event: None, deadline_s
        )
    finally:
        await upstream.close()


def answered(handler: Any, authorizer: FakeAuthorizer | None = None, **changes: Any) -> Answer:
    """The answer of one call to a server with this handler."""

    async def main() -> Answer:
        async with Loopback(handler) as server:
            return await call(server, authorizer, **changes)

    return asyncio.run(main())


def failed(handler: Any, authorizer: FakeAuthorizer | None = None, **changes: Any) -> Failure:
    answer = answered(handler, authorizer, **changes)
    assert isinstance(answer, Failure), answer
    return answer


def test_a_2xx_answer_comes_with_status_type_and_body():
    answer = answered(always(json_answer({"a": 1}, status=201)))
    assert answer == HttpAnswer(201, "application/json", b'{"a": 1}')


def test_an_answer_without_a_body_is_empty():
    assert answered(always(http(204)), method="DELETE") == HttpAnswer(204, "", b"")


def test_the_request_goes_out_as_decided_with_the_credential():
    async def main() -> Heard:
        async with Loopback(always(http(200))) as server:
            await call(
                server,
                BEARER,
                path="/a%2Fb/..%2e/c?x=1%202&y=[]'",
                method="POST",
                headers=(("X-Tenant", "acme"), ("Content-Type", "application/json")),
                body=b'{"n":1}',
            )
            return server.heard[0]

    heard = asyncio.run(main())
    assert (heard.method, heard.target) == ("POST", "/a%2Fb/..%2e/c?x=1%202&y=[]'")
    assert heard.body == b'{"n":1}'
    assert heard.headers["authorization"] == f"Bearer {SECRET}"
    assert heard.headers["x-tenant"] == "acme"
    assert heard.headers["accept-encoding"] == "gzip"
    assert heard.headers["user-agent"].startswith("mcp-proxy/")
    assert "cookie" not in heard.headers


def test_s11_a_url_of_another_origin_is_never_sent():
    async def main() -> tuple[Answer, ...]:
        async with Loopback(always(http(200))) as server, Loopback(always(http(200))) as other:
            upstream = RestUpstream(server.spec(), BEARER, LIMITS)
            urls = (other.url + "/x", server.url + "0/x", f"http://h@127.0.0.1:{server.port}/x")
            answers = [
                await upstream.call(request(url), Wishes({}, progress=True), print, 5.0)
                for url in urls
            ]
            assert not server.heard
            assert not other.heard
            return tuple(answers)

    for answer in asyncio.run(main()):
        assert isinstance(answer, Failure)
        assert (answer.id, answer.sent) == ("MCPX-I01", "no")


def test_connections_are_kept_alive():
    async def main() -> int:
        async with Loopback(always(http(200, b"ok"))) as server:
            upstream = RestUpstream(server.spec(), FakeAuthorizer(), LIMITS)
            for _ in range(5):
                await upstream.call(
                    request(server.url + "/x"), Wishes({}, progress=True), print, 5.0
                )
            await upstream.close()
            return server.connections

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://evil.example:8443/take?token=abc#x", " to https://evil.example:8443 (302)"),
        ("http://user:pw@evil.example/x", " to http://evil.example (302)"),
        ("/elsewhere", "redirects (302)"),
        ("javascript:alert(1)", "redirects (302)"),
        ("http://[bad/x", "redirects (302)"),
        ("", "redirects (302)"),
    ],
)
def test_s9_a_redirect_is_not_followed_and_names_only_the_origin(location: str, shown: str):
    failure = failed(always(http(302, location=location)))
    assert (failure.id, failure.status, failure.sent) == ("MCPX-U04", 302, "yes")
    assert shown in failure.text
    assert "abc" not in failure.text
    assert "pw" not in failure.text


def test_s9_no_second_request_follows_a_redirect():
    async def main() -> tuple[int, int]:
        async with (
            Loopback(always(http(200))) as other,
            Loopback(always(http(307, location=other.url + "/x"))) as server,
        ):
            await call(server, BEARER)
            return len(server.heard), len(other.heard)

    assert asyncio.run(main()) == (1, 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "no such customer"}, ": no such customer."),
        ({"error": {"code": 7, "message": "no such customer"}}, ": no such customer."),
        ({"message": "no\n\nsuch \u202ecustomer"}, ": no such customer."),
        ({"title": "Bad", "detail": "no such customer"}, ": no such customer."),
        ({"errors": [{"message": "first"}, {"message": "second"}]}, ": first."),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, ": field required."),
        ({"error": "invalid", "error_description": "told at length"}, ": told at length."),
        ({"nothing": 1}, "422 Unprocessable Entity."),
        ({"message": "x" * 900}, "…"),
    ],
)
def test_a_refusal_carries_the_upstreams_own_message(body: Any, said: str):
    failure = failed(always(json_answer(body, status=422)))
    assert (failure.id, failure.status, failure.sent) == ("MCPX-U03", 422, "yes")
    assert "422 Unprocessable" in failure.text
    assert said in failure.text
    assert len(failure.text) < LIMITS.upstream_message_chars + 80


def test_plain_text_is_a_message_and_html_is_not():
    said = failed(always(http(500, b"disk full", content_type="text/plain")))
    assert said.text.endswith("500 Internal Server Error: disk full.")
    page = failed(always(http(500, b"<h1>oops</h1>", content_type="text/html")))
    assert page.text == "The upstream answered 500 Internal Server Error."


def test_a_status_without_a_name_is_told_by_number():
    assert "499." in failed(always(http(499))).text


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_names_the_command(status: int):
    async def main() -> tuple[Failure, str]:
        async with Loopback(always(json_answer({"error": "expired"}, status=status))) as server:
            answer = await call(server, authorizer)
            assert isinstance(answer, Failure)
            return answer, server.url

    authorizer = FakeAuthorizer(BEARER.header)
    failure, url = asyncio.run(main())
    assert f"mcp-proxy credential set api --origin {url}" in failure.text
    assert "expired" in failure.text
    assert authorizer.renewals == (1 if status == 401 else 0)


def test_a_refusal_without_a_credential_says_that_the_profile_names_none():
    async def main() -> Answer:
        async with Loopback(always(http(401))) as server:
            upstream = RestUpstream(server.spec(auth=None), FakeAuthorizer(), LIMITS)
            answer = await upstream.call(
                request(server.url + "/x"), Wishes({}, progress=True), print, 5.0
            )
            await upstream.close()
            return answer

    answer = asyncio.run(main())
    assert isinstance(answer, Failure)
    assert "the profile names none" in answer.text


def test_a_missing_credential_is_its_own_failure_and_nothing_is_sent():
    async def main() -> tuple[Answer, int]:
        async with Loopback(always(http(200))) as server:
            return await call(server, locked), server.connections

    locked = FakeAuthorizer(CredentialError("MCPX-C02", "The keychain is locked."))
    answer, connections = asyncio.run(main())
    words = "The keychain is locked. The person at this machine can run: mcp-proxy doctor"
    assert answer == Failure("MCPX-C02", words, "no")
    assert connections == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_upstream_is_asked_again_when_it_says(status: int):
    busy = http(status, retry_after="0")
    assert isinstance(answered(in_turn(busy, busy, http(200, b"ok"))), HttpAnswer)


def test_a_busy_upstream_is_not_asked_again_for_a_call_that_might_repeat():
    failure = failed(in_turn(http(503, retry_after="3")), retry_safe=False)
    assert (failure.id, failure.status) == ("MCPX-U06", 503)
    assert "in 3 seconds" in failure.text


def test_a_long_retry_after_is_told_and_not_waited_for():
    failure = failed(in_turn(http(429, retry_after="3600")))
    assert (failure.id, failure.sent) == ("MCPX-U06", "yes")
    assert "in 3600 seconds" in failure.text


def test_a_retry_after_beyond_the_deadline_is_told_at_once():
    failure = failed(in_turn(http(429, retry_after="6")), deadline_s=5.0)
    assert "in 6 seconds" in failure.text


def test_retry_after_may_be_an_http_date():
    later = email.utils.formatdate(time.time() + 3600, usegmt=True)
    failure = failed(in_turn(http(503, retry_after=later)))
    assert "in 3600 seconds" in failure.text or "in 3599 seconds" in failure.text
    past = email.utils.formatdate(time.time() - 50, usegmt=True)
    assert isinstance(answered(in_turn(http(503, retry_after=past), http(200))), HttpAnswer)


def test_a_busy_upstream_without_a_time_is_given_up_after_three_attempts():
    failure = failed(in_turn(http(503), http(503), http(503)))
    assert failure.id == "MCPX-U06"
    assert failure.text.endswith("Try again later.")


def test_an_upstream_that_is_not_there_was_sent_nothing():
    async def main() -> Answer:
        async with Loopback(always(http(200))) as server:
            pass
        return await call(server, BEARER, method="POST", retry_safe=False)

    answer = asyncio.run(main())
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U01", "no")
    assert "refused" in answer.text


def test_an_unresolvable_name_was_sent_nothing():
    async def main() -> Answer:
        async with Loopback(always(http(200))) as server:
            spec = server.spec(url="https://nowhere.invalid")
            upstream = RestUpstream(spec, BEARER, LIMITS)
            return await upstream.call(
                request("https://nowhere.invalid/x"), Wishes({}, progress=True), print, 8.0
            )

    answer = asyncio.run(main())
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U01", "no")


async def hang_up(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
    return None


def test_a_lost_connection_is_tried_again_only_where_repeating_is_safe():
    async def main(retry_safe: bool) -> tuple[Answer, int]:
        async with Loopback(hang_up) as server:
            return await call(server, method="PUT", retry_safe=retry_safe), len(server.heard)

    for retry_safe, requests in ((True, 2), (False, 1)):
        answer, heard = asyncio.run(main(retry_safe))
        assert isinstance(answer, Failure)
        assert (answer.id, answer.sent) == ("MCPX-U01", "maybe")
        assert heard == requests


def test_the_deadline_ends_a_call_that_is_not_answered():
    async def silent(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    failure = failed(silent, deadline_s=0.2)
    assert (failure.id, failure.sent) == ("MCPX-U02", "maybe")
    assert "0.2 seconds" in failure.text


def test_a_cancelled_call_closes_its_connection():
    async def silent(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with Loopback(silent) as server:
            task = asyncio.create_task(call(server))
            while not server.heard:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(5):
                await server.closed.wait()

    asyncio.run(main())


ECHOES = [
    ("Authorization", f"Bearer {SECRET}"),
    ("X-Api-Key", SECRET),
    ("Authorization", "Basic " + base64.b64encode(b"user:pass/word").decode()),
]


@pytest.mark.parametrize("header", ECHOES)
@pytest.mark.parametrize("status", [200, 401, 404, 503])
def test_an_upstream_that_echoes_the_credential_does_not_leak_it(
    header: tuple[str, str], status: int
):
    async def echo(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        value = heard.headers[header[0].lower()]
        said = f'{{"error":"you sent {value}, {SECRET.replace("/", chr(92) + "/")}, pass/word"}}'
        return http(status, said.encode(), content_type=f"application/json; x={value}")

    answer = answered(echo, FakeAuthorizer(header), retry_safe=False)
    shown = repr(answer)
    for secret in (header[1], header[1].split(" ")[-1]):
        assert secret not in shown
    if header[1].startswith("Basic"):
        assert "pass/word" not in shown
    assert "[credential removed]" in shown


def test_a_secret_in_a_redirect_is_removed():
    host = FakeAuthorizer(("X-Key", "topsecretvalue"))
    failure = failed(always(http(302, location="https://topsecretvalue.example/")), host)
    assert "topsecretvalue" not in failure.text


def test_a_credential_that_no_header_can_carry_is_refused_without_showing_it():
    for value in ("Bearer abc\r\nX-Evil: 1", "Bearer abc\x00def", "Bearer ü€", "Bearer abc\n"):
        failure = failed(always(http(200)), FakeAuthorizer(("Authorization", value)))
        assert failure.sent == "no"
        assert "abc" not in failure.text


def test_s7_an_answer_to_the_old_credential_is_scrubbed_of_it_after_a_rotation():
    rotating = FakeAuthorizer(("Authorization", f"Bearer {SECRET}"))
    arrived, rotated = asyncio.Event(), asyncio.Event()

    async def handler(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        if heard.target == "/old":
            arrived.set()
            await rotated.wait()
        return http(200, heard.headers["authorization"].encode())

    async def main() -> list[Answer]:
        async with Loopback(handler) as server:
            upstream = RestUpstream(server.spec(), rotating, LIMITS)

            async def get(path: str) -> Answer:
                return await upstream.call(
                    request(server.url + path), Wishes({}, progress=True), lambda _event: None, 5.0
                )

            old = asyncio.create_task(get("/old"))
            await arrived.wait()
            rotating.header = ("Authorization", "Bearer another-s3cret")
            answers = [await get("/new")]
            rotated.set()
            answers.append(await old)
            await upstream.close()
            return answers

    for answer in asyncio.run(main()):
        assert isinstance(answer, HttpAnswer)
        assert answer.body == b"[credential removed]"


PAUSED = ("MCPX-D11", "A person has paused it.")


@pytest.mark.parametrize("goes_out", [0, 1])
def test_s6_nothing_leaves_once_it_is_stopped_nor_again(goes_out: int) -> None:
    """The last word is asked at each first byte: at a repeated attempt too."""
    words = iter([*([None] * goes_out), PAUSED])

    async def main() -> None:
        async with Loopback(in_turn(http(503, retry_after="0"), http(200))) as server:
            upstream = RestUpstream(server.spec(), BEARER, LIMITS)
            wishes = Wishes({}, stopped=lambda: next(words))
            answer = await upstream.call(request(server.url + "/x"), wishes, print, 5.0)
            await upstream.close()
            assert isinstance(answer, Failure)
            assert (answer.id, answer.text) == PAUSED
            assert answer.sent == ("yes" if goes_out else "no")
            assert len(server.heard) == goes_out

    asyncio.run(main())


def test_s6_a_stopped_call_leaves_the_connection_to_others() -> None:
    words = iter([None, PAUSED, None])

    async def main() -> None:
        async with Loopback(always(http(200, b"ok"))) as server:
            upstream = RestUpstream(server.spec(), BEARER, LIMITS)
            wishes = Wishes({}, stopped=lambda: next(words))
            asked = [request(server.url + f"/{number}") for number in range(3)]
            answers = [await upstream.call(one, wishes, print, 5.0) for one in asked]
            await upstream.close()
            assert [isinstance(answer, HttpAnswer) for answer in answers] == [True, False, True]
            assert [heard.target for heard in server.heard] == ["/0", "/2"]

    asyncio.run(main())
