"""HTTP to authorization servers: one origin, bounds, no credential, a mark before it goes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs

import pytest
from edges.fakes_http import Handler, Heard, Loopback, always, http, in_turn, json_answer
from edges.fakes_tls import LOOPBACK, Certificate, trust

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_request import authenticate
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.edges.network import DIRECT
from mcp_proxy.edges.oauth_http import Fetched, OAuthHttp, Unanswered
from mcp_proxy.errors import CredentialError

KNOWN = frozenset({"127.0.0.1"})
Ask = Callable[[OAuthHttp, str], Coroutine[Any, Any, Fetched]]
FORM = [("grant_type", "refresh_token"), ("refresh_token", "rt-5ecret-0123456789")]


def asked(
    handler: Handler, ask: Ask, known: frozenset[str] = KNOWN, **options: Any
) -> tuple[Fetched, list[Heard]]:
    """What `ask` gives of a server on loopback, and what that has heard."""

    async def main() -> tuple[Fetched, list[Heard]]:
        async with Loopback(handler) as server:
            client = OAuthHttp(DIRECT, known, localhost=False, **options)
            try:
                return await ask(client, server.url), server.heard
            finally:
                await client.close()

    return asyncio.run(main())


def got(path: str = "/a") -> Ask:
    return lambda client, url: client.get(url + path)


def posted(form: Any = FORM, headers: Any = ()) -> Ask:
    return lambda client, url: client.post(f"{url}/token", form, headers)


def test_a_document_is_asked_for_without_a_credential_through_hops_within_the_origin() -> None:
    moved = (
        http(302, Location="/b?x=%20"),
        http(307, Location="c/#part"),
        http(308, Location="/d"),
    )
    fetched, heard = asked(in_turn(*moved, json_answer({"a": 1})), got())
    assert (fetched.status, fetched.doc) == (200, {"a": 1})
    assert [one.target for one in heard] == ["/a", "/b?x=%20", "/c/", "/d"]
    assert all("authorization" not in one.headers and not one.body for one in heard)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://evil.example/x", "redirects to https://evil.example; only its own origin"),
        ("http://127.0.0.1:1/x", "redirects to http://127.0.0.1:1; only its own origin"),
        ("http://evil.example/x", "redirects to what is no URL"),
        ("file:///etc/passwd", "redirects to what is no URL"),
        ("//user@127.0.0.1/", "redirects to what is no URL"),
        ("/a", "redirects more than 3 times"),
    ],
)
def test_s9_a_redirect_elsewhere_is_refused(location: str, words: str) -> None:
    with pytest.raises(CredentialError, match="MCPX-C07") as caught:
        asked(always(http(302, Location=location)), got())
    assert words in caught.value.why


def test_s9_a_post_follows_no_redirect() -> None:
    fetched, heard = asked(always(http(307, Location="/other")), posted())
    assert fetched.status == 307
    assert [one.target for one in heard] == ["/token"]


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://evil.example/", "https://user@a.example/", "http://localhost/"],
)
def test_s9_a_url_that_is_not_https_is_not_asked(url: str) -> None:
    with pytest.raises(CredentialError, match="may not be asked"):
        asked(always(http(200)), lambda client, _: client.get(url))


def test_s9_a_host_that_nobody_vouches_for_is_not_reached_at_a_private_address() -> None:
    left: list[str] = []
    with pytest.raises(Unanswered, match="not public") as caught:
        asked(always(json_answer({})), posted(), frozenset(), leaving=lambda: left.append("left"))
    assert caught.value.sent == "no"
    assert caught.value.next == "mcp-proxy network set --private 127.0.0.1"
    assert left == []


def test_a_form_is_sent_once_with_the_clients_header() -> None:
    fetched, (heard,) = asked(
        always(json_answer({"access_token": "a"}, 200)),
        posted([("a", "b c&d"), ("e", "ü")], [("Authorization", "Basic eDp5")]),
    )
    assert fetched.doc == {"access_token": "a"}
    assert heard.headers["content-type"] == "application/x-www-form-urlencoded"
    assert heard.headers["authorization"] == "Basic eDp5"
    assert parse_qs(heard.body.decode()) == {"a": ["b c&d"], "e": ["ü"]}


def test_an_object_is_posted_as_json() -> None:
    _, (heard,) = asked(
        always(json_answer({})), lambda client, url: client.post_json(url, {"a": 1})
    )
    assert heard.headers["content-type"] == "application/json"
    assert heard.json() == {"a": 1}


def test_what_a_refusal_echoes_of_the_request_is_taken_out() -> None:
    basic = "Basic YXBwOnBhc3N3MHJkLWxvbmc="

    async def echo(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        said = f"{heard.body.decode()} {heard.headers['authorization']} passw0rd-long"
        return json_answer({"error": "invalid_grant", "error_description": said}, 400)

    fetched, _ = asked(echo, posted(FORM, [("Authorization", basic)]))
    assert fetched.doc is not None
    said = fetched.doc["error_description"]
    assert "refresh_token" in said
    for secret in ("rt-5ecret", "YXBwOnBhc3N3MHJk", "passw0rd-long"):
        assert secret not in said


def test_what_a_refusal_echoes_of_a_secret_that_was_escaped_is_taken_out() -> None:
    headers = authenticate(Client("app", "client_secret_basic"), Secret("pa/ss+w0rd=long"), [])[1]
    answer = json_answer({"error": "invalid_client", "error_description": "pa/ss+w0rd=long"}, 401)
    fetched, _ = asked(always(answer), posted(FORM, headers))
    assert fetched.doc is not None
    assert fetched.doc["error_description"] == "[credential removed]"


def test_a_refresh_token_that_stays_the_same_is_returned_whole() -> None:
    doc = {"access_token": "a", "refresh_token": "rt-5ecret-0123456789"}
    assert asked(always(json_answer(doc)), posted())[0].doc == doc


@pytest.mark.parametrize("body", [b"", b"[1]", b"<html>", b'{"a":1,"a":2}', b"\xff", b"null"])
def test_what_is_no_json_object_is_no_document(body: bytes) -> None:
    assert asked(always(http(200, body)), got())[0].doc is None


def test_an_answer_beyond_its_bound_is_none() -> None:
    body = b'{"a":"' + b"x" * LIMITS.oauth_answer_bytes + b'"}'
    with pytest.raises(Unanswered, match="answer is above 262144 bytes") as caught:
        asked(always(http(200, body)), got())
    assert caught.value.sent == "maybe"
    assert caught.value.next == "mcp-proxy login PROFILE"


def test_a_server_that_says_nothing_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(LIMITS), "oauth_deadline_ms", 200)

    async def silent(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    with pytest.raises(Unanswered, match=r"did not answer within 0\.2 seconds") as caught:
        asked(silent, posted())
    assert caught.value.sent == "maybe"


def test_s8_nothing_has_left_where_there_was_no_connection() -> None:
    left: list[str] = []

    async def main() -> None:
        async with Loopback(always(http(200))) as server:
            url = server.url
        client = OAuthHttp(DIRECT, KNOWN, localhost=False, leaving=lambda: left.append("left"))
        await client.post(url, FORM)

    with pytest.raises(Unanswered, match=r"http://127\.0\.0\.1:\d+ cannot be reached") as caught:
        asyncio.run(main())
    assert (caught.value.sent, left) == ("no", [])


def test_s8_a_post_is_marked_after_the_connection_and_before_its_first_byte() -> None:
    steps: list[str] = []

    async def handle(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        steps.append("heard")
        return json_answer({})

    asked(handle, posted(), leaving=lambda: steps.append("marked"))
    assert steps == ["marked", "heard"]
    asked(handle, got(), leaving=lambda: steps.append("marked"))
    assert steps == ["marked", "heard", "heard"]


def test_s8_a_post_whose_mark_cannot_be_written_does_not_go() -> None:
    heard: list[Heard] = []

    async def handle(one: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        heard.append(one)
        return json_answer({})

    def fail() -> None:
        raise CredentialError("MCPX-C09", "The disk is full.")

    with pytest.raises(CredentialError, match="MCPX-C09"):
        asked(handle, posted(), leaving=fail)
    assert heard == []


def test_s8_an_answer_that_is_lost_may_have_been_decided() -> None:
    async def drop(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)
        writer.transport.abort()

    with pytest.raises(Unanswered, match="was lost before its answer was complete") as caught:
        asked(drop, posted())
    assert caught.value.sent == "maybe"


def test_a_probe_does_not_wait_for_the_answers_end() -> None:
    head = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 5\r\n\r\n"

    async def endless(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(30)

    fetched, _ = asked(endless, lambda client, url: client.probe(url, {}, ()))
    assert (fetched.status, fetched.headers["www-authenticate"]) == (401, "Bearer")


def test_s9_a_certificate_that_is_not_trusted_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate(tmp_path, LOOPBACK)

    async def main() -> Fetched:
        async with Loopback(always(json_answer({"a": 1})), certificate.server_context()) as server:
            client = OAuthHttp(DIRECT, KNOWN, localhost=False)
            try:
                return await client.get(server.url)
            finally:
                await client.close()

    with pytest.raises(Unanswered, match="certificate is not trusted") as caught:
        asyncio.run(main())
    assert caught.value.sent == "no"
    trust(monkeypatch, certificate.pem)
    assert asyncio.run(main()).doc == {"a": 1}
