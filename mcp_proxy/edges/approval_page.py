"""The page on this machine where a person approves or denies a call (S17, S22).

It listens only while a request is open. The address of each request's page bears a token of 256
bits, and so does each of its forms, whose token is good for one answer of that form's kind: who can
deny cannot approve by the same token. What is shown is read anew each time.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from mcp_proxy.core.approval_html import Forms, Markup, Problem, Shown, ended, page
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges import clock
from mcp_proxy.edges.local_page import Asked, LocalPage, Reply
from mcp_proxy.errors import McpProxyError

# A page that is opened so often drops its oldest forms.
_VIEWINGS = 8
_FIELDS = 8
_ONCE_MINUTES = LIMITS.approval_open_s // 60
_OVER = (
    "This page is over",
    "The call was answered already, has expired, or is no longer waited for. Nothing was done.",
)
_STALE = "That form was used already, or is too old. Read the call again and answer it here."
_NUMBERS = (
    f"The number of times is 1 to {LIMITS.approval_uses}, that of minutes 1 to "
    f"{LIMITS.approval_minutes}."
)
_TYPED = "What was typed is not exactly what was asked for."


class Verdict(NamedTuple):
    """A person's answer: yes for so many times within so many minutes, or no with a word."""

    yes: bool
    times: int
    minutes: int
    word: str
    typed: str


class Told(NamedTuple):
    """What the person is shown after the answer."""

    heading: str
    text: str


Decide = Callable[[str, Verdict], Awaitable[Told]]
View = Callable[[str], Awaitable[Shown | None]]


class _Form(NamedTuple):
    token: str
    kind: str


class _Open:
    """The page of one request, and the forms of it that were given out and are not used."""

    def __init__(self, request: str) -> None:
        self.request = request
        self.token = secrets.token_urlsafe(32)
        self.forms: list[_Form] = []
        self.timer: asyncio.TimerHandle | None = None

    def give_out(self, *, is_destructive: bool) -> Forms:
        """Fresh forms for one viewing; there is none for several times of a destructive call."""
        times = "" if is_destructive else secrets.token_urlsafe(32)
        given = Forms(secrets.token_urlsafe(32), times, secrets.token_urlsafe(32))
        rows = zip(given, Forms._fields, strict=True)
        self.forms += [_Form(token, kind) for token, kind in rows if token]
        del self.forms[: -len(Forms._fields) * _VIEWINGS]
        return given

    def take(self, token: str) -> str | None:
        """The kind of the form with that token, which is used up by it; None for any other."""
        found = [form for form in self.forms if _same(form.token, token)]
        self.forms = [form for form in self.forms if form not in found]
        return found[0].kind if found else None


class ApprovalPage:
    """Shows open requests and hands on their answers; closed with the last request."""

    def __init__(self, decide: Decide, view: View) -> None:
        """`view` gives an open request, None for others; `decide` records an answer.

        Both may raise McpProxyError; the person is told, and the request's page stays.
        """
        self._decide = decide
        self._view = view
        self._local: LocalPage | None = None
        self._origin = ""
        self._opening = asyncio.Lock()
        self._pages: dict[str, _Open] = {}
        self._ends: set[asyncio.Task[None]] = set()

    async def show(self, request: str) -> str | None:
        """The address of the request's page; None where it is no longer open.

        It bears the page's token: it goes to a browser by a file, and nowhere else.

        Raises:
            OSError: no port of 127.0.0.1 can be used.
            McpProxyError: as `view`.
        """
        shown = await self._view(request)
        if shown is None:
            return None
        async with self._opening:
            if self._local is None:
                local = LocalPage(self._answer, takes_forms=True)
                self._origin = await local.open(0)
                self._local = local
            if request not in self._pages:
                self._add(request, shown.expires_s)
            return f"{self._origin}/{self._pages[request].token}"

    async def forget(self, request: str) -> None:
        """The request is answered, expired or gone: its page is over."""
        gone = self._pages.pop(request, None)
        if gone is not None and gone.timer is not None:
            gone.timer.cancel()
        if not self._pages and self._local is not None:
            local, self._local = self._local, None
            await local.close()

    async def close(self) -> None:
        """No page any more."""
        for request in tuple(self._pages):
            await self.forget(request)
        await asyncio.gather(*self._ends, return_exceptions=True)

    def _add(self, request: str, expires_s: float) -> None:
        opened = _Open(request)
        left_s = min(max(expires_s - clock.now_s(), 0.0), float(LIMITS.approval_open_s))
        opened.timer = asyncio.get_running_loop().call_later(left_s, self._expire, request)
        self._pages[request] = opened

    def _expire(self, request: str) -> None:
        end = asyncio.get_running_loop().create_task(self.forget(request))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _answer(self, asked: Asked) -> Reply:
        opened = self._find(asked.path.removeprefix("/"))
        if opened is None or asked.query:
            return _reply(404, ended(*_OVER))
        try:
            shown = await self._view(opened.request)
            if shown is None:
                return _reply(410, ended(*_OVER))
            if asked.form is None:
                return _page(200, opened, shown)
            return await self._take(opened, shown, _fields(asked.form))
        except McpProxyError as error:
            return _reply(503, ended("Nothing was recorded", error.why))

    def _find(self, token: str) -> _Open | None:
        found = [opened for opened in self._pages.values() if _same(opened.token, token)]
        return found[0] if found else None

    async def _take(self, opened: _Open, shown: Shown, fields: dict[str, str]) -> Reply:
        kind = opened.take(fields.get("form", ""))
        if kind is None:
            return _page(403, opened, shown, Problem(_STALE))
        verdict = _verdict(kind, shown, fields)
        if isinstance(verdict, Problem):
            return _page(422, opened, shown, verdict)
        if self._local is not None:
            self._local.heard()
        told = await self._decide(opened.request, verdict)
        await self.forget(opened.request)
        return _reply(200, ended(*told))


def _page(status: int, opened: _Open, shown: Shown, problem: Problem | None = None) -> Reply:
    forms = opened.give_out(is_destructive=shown.view.effect == "destructive")
    now_s = clock.now_s()
    zone = datetime.fromtimestamp(now_s, UTC).astimezone().tzinfo or UTC
    return _reply(status, page(shown, forms, now_s, zone, problem))


def _reply(status: int, markup: Markup) -> Reply:
    # Under "no-referrer" a browser sends "Origin: null" with the page's own forms (Fetch, "append
    # a request Origin header"), which could not be told from a form of anybody's. "same-origin"
    # sends nothing to others either, and the policy lets the page load nothing and lead nowhere.
    return Reply(status, markup.body, markup.policy, "same-origin")


def _fields(form: bytes) -> dict[str, str]:
    """What was filled in; nothing for a form that is none of ours."""
    try:
        text = form.decode("ascii")
        pairs = parse_qsl(text, True, True, "utf-8", "strict", _FIELDS)
    except ValueError:
        return {}
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else {}


def _verdict(kind: str, shown: Shown, fields: dict[str, str]) -> Verdict | Problem:
    """The answer of a form of that kind, or why it is none."""
    if kind == "deny":
        word = one_sentence(fields.get("word", ""), LIMITS.approval_word_chars)
        return Verdict(yes=False, times=0, minutes=0, word=word, typed="")
    typed = fields.get("typed", "")
    if shown.view.effect == "destructive" and not _is_confirmed(typed, shown):
        return Problem(_TYPED, "typed")
    if kind == "once":
        return Verdict(yes=True, times=1, minutes=_ONCE_MINUTES, word="", typed=typed)
    times = _number(fields.get("times", ""), LIMITS.approval_uses)
    minutes = _number(fields.get("minutes", ""), LIMITS.approval_minutes)
    if times is None or minutes is None:
        return Problem(_NUMBERS)
    return Verdict(yes=True, times=times, minutes=minutes, word="", typed=typed)


def _is_confirmed(typed: str, shown: Shown) -> bool:
    return bool(typed) and _same(shown.view.confirm_value, typed)


def _number(text: str, most: int) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return int(text) if is_number and 1 <= int(text) <= most else None


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())
