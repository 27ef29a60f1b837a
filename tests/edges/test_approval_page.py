"""The approval page asked by real sockets: what it shows, what it takes, and what it turns away."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode, urlsplit

import pytest
from approval_desk import CALL, DESTRUCTIVE, OTHER, REFUND, Desk

from mcp_proxy.core.approval_request import View
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.approval_page import ApprovalPage, Verdict
from mcp_proxy.edges.callback_page import CallbackPage, Page

ONCE = Verdict(yes=True, times=1, minutes=10, word="", typed="")


class Visit:
    """What a browser would do at one page, with every part of a request to be spoilt."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.origin, self.path = url.rsplit("/", 1)[0], urlsplit(url).path
        self.host = urlsplit(url).netloc

    async def ask(self, request: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.url).port)
        writer.write(request.encode("latin-1"))
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    async def get(self, path: str = "", host: str = "") -> str:
        return await self.ask(
            f"GET {path or self.path} HTTP/1.1\r\nHost: {host or self.host}\r\n\r\n"
        )

    async def post(self, fields: dict[str, str] | str, **changed: str | None) -> str:
        body = fields if isinstance(fields, str) else urlencode(fields)
        headers: dict[str, str | None] = {
            "Host": self.host,
            "Origin": self.origin,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        rows = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return await self.ask(
            f"POST {self.path} HTTP/1.1\r\n" + "\r\n".join(rows) + f"\r\n\r\n{body}"
        )

    async def forms(self) -> list[str]:
        return tokens(await self.get())


def tokens(page: str) -> list[str]:
    return re.findall(r'name="form" value="([^"]+)"', page)


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


async def is_refused(here: Visit) -> bool:
    try:
        await here.get()
    except ConnectionRefusedError:
        return True
    except ConnectionError:
        return False
    return False


Work = Callable[[Desk, ApprovalPage], Awaitable[None]]


def with_page(work: Work) -> None:
    async def run() -> None:
        desk = Desk()
        page = ApprovalPage(desk.decide, desk.view)
        try:
            async with asyncio.timeout(20):
                await work(desk, page)
        finally:
            await page.close()

    asyncio.run(run())


async def visit(desk: Desk, page: ApprovalPage, request: str = CALL, view: View = REFUND) -> Visit:
    desk.ask(request, view)
    url = await page.show(request)
    assert url is not None
    return Visit(url)


def test_s17_the_answer_that_the_person_gives_is_handed_on_once() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        once, _, _ = await here.forms()
        answer = await here.post({"form": once})
        assert status(answer) == 200
        assert "<h1>Approved</h1>" in answer
        assert desk.verdicts == [(CALL, ONCE)]

    with_page(work)


def test_a_no_bears_the_persons_word_cleaned_and_cut() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        _, _, deny = await here.forms()
        word = "not\u200b today\r\n" + "x" * 400
        assert "<h1>Denied</h1>" in await here.post({"form": deny, "word": word})
        ((_, verdict),) = desk.verdicts
        assert not verdict.yes
        assert verdict.word.startswith("not today xxx")
        assert len(verdict.word) == 300

    with_page(work)


def test_a_yes_for_several_times_bears_its_count_and_minutes() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        _, times, _ = await here.forms()
        await here.post({"form": times, "times": "50", "minutes": "480"})
        assert desk.verdicts == [
            (CALL, Verdict(yes=True, times=50, minutes=480, word="", typed=""))
        ]

    with_page(work)


@pytest.mark.parametrize(
    ("times", "minutes"),
    [
        *[("0", "10"), ("51", "10"), ("2", "0"), ("2", "481"), ("", "10"), ("2", ""), ("-1", "10")],
        *[("1.5", "10"), ("٣", "10"), ("1e1", "10"), (" 2", "10"), ("999999999999", "10")],
    ],
)
def test_s17_a_count_out_of_bounds_approves_nothing(times: str, minutes: str) -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        form = (await here.forms())[1]
        answer = await here.post({"form": form, "times": times, "minutes": minutes})
        assert status(answer) == 422
        assert "The number of times is 1 to 50, that of minutes 1 to 480." in answer
        assert desk.verdicts == []

    with_page(work)


@pytest.mark.parametrize("typed", ["", "12000", "120000 ", "120,000", "120000\u200b", "yes"])
def test_s22_a_destructive_call_needs_exactly_what_is_to_be_typed(typed: str) -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page, view=DESTRUCTIVE)
        answer = await here.post({"form": (await here.forms())[0], "typed": typed})
        assert status(answer) == 422
        assert "What was typed is not exactly what was asked for." in answer
        assert desk.verdicts == []
        # The page that says so can be answered.
        once, deny = tokens(answer)
        assert once != deny
        await here.post({"form": once, "typed": "120000"})
        assert desk.verdicts == [(CALL, ONCE._replace(typed="120000"))]

    with_page(work)


def test_s17_a_destructive_call_is_offered_once_alone() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page, view=DESTRUCTIVE)
        shown = await here.get()
        assert len(tokens(shown)) == 2
        assert "several times" not in shown
        once = tokens(shown)[0]
        await here.post({"form": once, "typed": "120000", "times": "9", "minutes": "400"})
        assert desk.verdicts == [(CALL, ONCE._replace(typed="120000"))]

    with_page(work)


def test_s22_the_form_of_a_no_gives_no_yes() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        deny = (await here.forms())[2]
        await here.post({"form": deny, "times": "2", "minutes": "10", "yes": "1"})
        assert not desk.verdicts[0][1].yes

    with_page(work)


def test_s22_a_form_is_good_once_and_for_its_own_request() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page, view=DESTRUCTIVE)
        there = await visit(desk, page, OTHER)
        once = (await here.forms())[0]
        assert status(await there.post({"form": once})) == 403
        assert status(await here.post({"form": once, "typed": "wrong"})) == 422
        assert status(await here.post({"form": once, "typed": "120000"})) == 403
        assert desk.verdicts == []

    with_page(work)


def test_s22_an_answered_page_is_over_and_takes_no_replay() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        await visit(desk, page, OTHER)
        once, _, deny = await here.forms()
        await here.post({"form": once})
        for form in (once, deny):
            answer = await here.post({"form": form})
            assert status(answer) == 404
            assert "<h1>This page is over</h1>" in answer
        assert status(await here.get()) == 404
        assert len(desk.verdicts) == 1

    with_page(work)


def test_s22_looking_changes_nothing() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        once = (await here.forms())[0]
        for query in (f"?form={once}", "?"):
            answer = await here.get(f"{here.path}{query}")
            assert status(answer) == (404 if query != "?" else 200)
        assert (
            status(await here.ask(f"HEAD {here.path} HTTP/1.1\r\nHost: {here.host}\r\n\r\n")) == 405
        )
        assert desk.verdicts == []
        assert status(await here.post({"form": once})) == 200

    with_page(work)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "http://localhost:PORT"}, 403),
        ({"Origin": "https://127.0.0.1:PORT"}, 403),
        ({"Origin": "http://127.0.0.1:PORT\r\nOrigin: http://evil.example"}, 403),
        ({"Host": "localhost:PORT"}, 400),
        ({"Host": "evil.example"}, 400),
        ({"Host": "127.0.0.1"}, 400),
        ({"Host": None}, 400),
        ({"Host": "127.0.0.1:PORT\r\nHost: evil.example"}, 400),
        ({"Content_Type": "text/plain"}, 400),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 400),
        ({"Content_Type": None}, 400),
        ({"Content_Length": None}, 400),
        ({"Content_Length": "-1"}, 400),
        ({"Content_Length": "20000"}, 400),
        ({"Transfer_Encoding": "chunked"}, 400),
    ],
    ids=range(18),
)
def test_s22_a_form_of_another_address_or_kind_is_turned_away(
    changed: dict[str, str | None], code: int
) -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        once = (await here.forms())[0]
        port = str(urlsplit(here.url).port)
        spoilt = {name: value and value.replace("PORT", port) for name, value in changed.items()}
        assert status(await here.post({"form": once}, **spoilt)) == code
        assert desk.verdicts == []
        assert status(await here.post({"form": once})) == 200

    with_page(work)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "form=",
        "form=guess",
        "form=TOKEN&form=TOKEN",
        "&".join(["form=TOKEN"] + [f"a{number}=1" for number in range(20)]),
        "form=TOKEN&word=%ff",
        "form=TOKENx",
        "\x00\x01",
        "form=TOKEN&broken",
    ],
    ids=range(9),
)
def test_s22_a_form_that_is_none_of_the_pages_is_nothing(body: str) -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        once = (await here.forms())[0]
        answer = await here.post(body.replace("TOKEN", once))
        assert status(answer) == 403
        assert "That form was used already, or is too old." in answer
        assert desk.verdicts == []
        assert status(await here.post({"form": tokens(answer)[0]})) == 200

    with_page(work)


def test_s22_only_the_token_leads_to_the_page() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        for path in ("/", f"{here.path}/", here.path[:-1], "/favicon.ico", f"/{CALL}", "/K7QX2MPA"):
            assert status(await here.get(path)) == 404
        assert status(await here.get(f"http://{here.host}{here.path}")) == 404
        assert status(await here.get(host="localhost")) == 400

    with_page(work)


def test_s22_each_token_has_256_bits_and_is_given_once() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        there = await visit(desk, page, OTHER)
        found = [here.path[1:], there.path[1:], *await here.forms(), *await here.forms()]
        assert len(set(found)) == len(found) == 8
        assert all(len(token) == 43 for token in found)
        assert await page.show(CALL) == here.url

    with_page(work)


def test_s22_a_page_is_not_kept_framed_fetched_from_or_referred_from() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        shown = await (await visit(desk, page)).get()
        head = shown.partition("\r\n\r\n")[0].lower()
        for row in (
            "cache-control: no-store",
            "referrer-policy: same-origin",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
        ):
            assert f"\r\n{row}" in head
        policy = head.partition("content-security-policy: ")[2].partition("\r\n")[0].split("; ")
        assert policy[0] == "default-src 'none'"
        assert re.fullmatch(r"style-src( 'sha256-[a-z0-9+/=]+')+", policy[1])
        assert policy[2:] == ["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"]
        assert "set-cookie" not in head
        assert "<script" not in shown
        assert not re.search(r"""\b(src|style|on\w+)=["']""", shown)

    with_page(work)


def test_s22_it_listens_on_the_loopback_address_alone_and_while_a_request_is_open() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here, there = await visit(desk, page), await visit(desk, page, OTHER)
        assert here.host == there.host
        assert here.host.startswith("127.0.0.1:")
        await page.forget(CALL)
        assert status(await here.get()) == 404
        assert status(await there.get()) == 200
        await page.forget(OTHER)
        with pytest.raises(ConnectionRefusedError):
            await there.get()
        again = await visit(desk, page)
        assert status(await again.get()) == 200
        assert again.path != here.path

    with_page(work)


def test_s22_it_ends_with_the_requests_time_though_nobody_says_so() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        desk.ask(CALL, REFUND, open_s=0.1)
        here = Visit(await page.show(CALL) or "")
        while not await is_refused(here):
            await asyncio.sleep(0.02)

    with_page(work)


def test_s17_an_answer_after_the_requests_time_is_none() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        once = (await here.forms())[0]
        desk.open.clear()
        answer = await here.post({"form": once})
        assert status(answer) == 410
        assert "<h1>This page is over</h1>" in answer
        assert desk.verdicts == []

    with_page(work)


def test_a_request_that_is_not_open_has_no_page() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        assert await page.show(CALL) is None

    with_page(work)


def test_an_answer_that_cannot_be_recorded_is_told_and_can_be_given_again() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        desk.is_broken = True
        answer = await here.post({"form": (await here.forms())[0]})
        assert status(answer) == 503
        assert "state.db cannot be read." in answer
        desk.is_broken = False
        assert status(await here.post({"form": (await here.forms())[0]})) == 200
        assert desk.verdicts == [(CALL, ONCE)]

    with_page(work)


def test_s17_of_two_windows_one_answer_counts() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        first, second = await here.forms(), await here.forms()
        desk.answers.clear()
        yes = asyncio.create_task(here.post({"form": first[0]}))
        no = asyncio.create_task(here.post({"form": second[2]}))
        await asyncio.sleep(0.05)
        desk.answers.set()
        shown = await asyncio.gather(yes, no)
        assert len(desk.verdicts) == 1
        assert sum("The call was answered before." in answer for answer in shown) == 1

    with_page(work)


def test_whoever_has_answered_is_shown_how_it_ended_though_the_page_closes() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        once = (await here.forms())[0]
        desk.answers.clear()
        answer = asyncio.create_task(here.post({"form": once}))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(page.forget(CALL))
        await asyncio.sleep(0.05)
        desk.answers.set()
        await closing
        assert "<h1>Approved</h1>" in await answer

    with_page(work)


def test_s22_looking_often_drops_the_oldest_forms() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        first = (await here.forms())[0]
        for _ in range(7):
            await here.forms()
        kept = await here.forms()
        assert status(await here.post({"form": first})) == 403
        assert status(await here.post({"form": kept[0]})) == 200

    with_page(work)


def test_s22_a_login_takes_no_form() -> None:
    async def run() -> None:
        # The same server stands under both pages.
        page = CallbackPage(Secret("s" * 43))
        here = Visit(await page.open(0))
        try:
            assert status(await here.post({"form": "x"})) == 405
        finally:
            await page.close(Page("", ""))

    asyncio.run(run())


def test_s22_connections_held_open_do_not_keep_the_person_out() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        here = await visit(desk, page)
        port = urlsplit(here.url).port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        assert status(await here.get()) == 200
        for _, writer in held:
            writer.close()

    with_page(work)


def test_s22_no_other_address_of_this_machine_answers() -> None:
    async def work(desk: Desk, page: ApprovalPage) -> None:
        port = urlsplit((await visit(desk, page)).url).port
        for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as knocking, pytest.raises(OSError):
                knocking.connect((address, port))

    with_page(work)
