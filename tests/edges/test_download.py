"""A document from a URL, by the rules of discovery (S9)."""

import asyncio

import pytest
from edges.fakes_http import Heard, Loopback, http

from mcp_proxy.edges.download import download
from mcp_proxy.errors import UpstreamError, UsageError


def fetched(
    answers: dict[str, bytes], target: str, max_bytes: int = 4 << 20
) -> tuple[bytes, list[Heard]]:
    """What comes of `target` from a host that has these answers."""

    async def handle(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)
        return answers[heard.target]

    async def main() -> tuple[bytes, list[Heard]]:
        async with Loopback(handle) as server:
            return await download(
                server.url + target, 10.0, localhost=False, max_bytes=max_bytes
            ), server.heard

    return asyncio.run(main())


def moved(location: str) -> bytes:
    return http(302, b"", Location=location)


def test_a_document_is_asked_for_once_without_a_credential() -> None:
    data, heard = fetched({"/api.json?raw=1&x=%20": http(200, b"{}")}, "/api.json?raw=1&x=%20")
    assert data == b"{}"
    assert [(one.method, one.body) for one in heard] == [("GET", b"")]
    assert "authorization" not in heard[0].headers


def test_three_redirects_within_the_origin_are_followed() -> None:
    answers = {"/a": moved("/b"), "/b": moved("c?x=1"), "/c?x=1": moved("/d/#part")}
    data, heard = fetched({**answers, "/d/": http(200, b"here")}, "/a")
    assert data == b"here"
    assert [one.target for one in heard] == ["/a", "/b", "/c?x=1", "/d/"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/": moved("/")}, "redirects more than 3 times"),
        (
            {"/": moved("https://other.example/")},
            "redirects to https://other.example; only its own",
        ),
        ({"/": moved("http://127.0.0.1:1/")}, "redirects to http://127.0.0.1:1; only its own"),
        ({"/": moved("http://other.example/")}, "redirects to what is no URL"),
        ({"/": moved("file:///etc/passwd")}, "redirects to what is no URL"),
        ({"/": moved("//user@127.0.0.1/")}, "redirects to what is no URL"),
        ({"/": http(404, b"no")}, "404"),
        ({"/": b"nonsense\r\n\r\n"}, "HTTP"),
    ],
)
def test_s9_what_leads_elsewhere_or_nowhere_is_refused(
    answers: dict[str, bytes], words: str
) -> None:
    with pytest.raises(UpstreamError, match=words):
        fetched(answers, "/")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.com/x",
            "http://localhost/x",
            "ftp://127.0.0.1/x",
            "https://a@b.example/",
        ),
        *("https://x.example/a?b#c", "https://x.example/a?b c", "https://x.example/?ä", "x.json"),
    ],
)
def test_s9_a_url_that_may_not_be_asked_is_told_before_anything_is_sent(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be asked for"):
        asyncio.run(download(url, 5.0, localhost=False))


@pytest.mark.parametrize("size", [(1 << 20) + 1, 4 << 20])
def test_a_document_above_the_bound_is_not_kept(size: int) -> None:
    with pytest.raises(UpstreamError, match="larger than 1,048,576 bytes"):
        fetched({"/": http(200, b"x" * size)}, "/", 1 << 20)


def test_a_host_that_does_not_answer_is_given_up() -> None:
    async def handle(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(30)
        return b""

    async def main() -> None:
        async with Loopback(handle) as server:
            await download(server.url, 0.2, localhost=False)

    with pytest.raises(UpstreamError, match=r"within 0\.2 seconds"):
        asyncio.run(main())
