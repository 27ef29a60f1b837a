"""An approval page with a desk behind it: open requests, and the answers that came for them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_proxy.core.approval_html import Shown
from mcp_proxy.core.approval_request import Argument, View
from mcp_proxy.edges import clock
from mcp_proxy.edges.approval_page import ApprovalPage, Told, Verdict
from mcp_proxy.errors import HomeError

CALL = "c" * 32
OTHER = "d" * 32
BYTES = '{"amount":120000,"currency":"EUR","note":"Charged twice,\\nsee ticket 4711"}'
REFUND = View(
    tool="refund_invoice",
    title="Refund an invoice",
    profile="acme-billing",
    effect="write",
    rule_words=("It is asked for where amount is more than 10,000.",),
    arguments=(
        Argument("invoice", '"INV-2026-0117"', "given"),
        Argument("amount", "120000", "given"),
        Argument("currency", '"EUR"', "default"),
        Argument("note", '"Charged twice,\\nsee ticket 4711"', "given"),
    ),
    words=(
        "Changes something: refund_invoice at billing, with the credential acme-key.",
        'invoice is "INV-2026-0117".',
        "amount is 120,000.",
        'currency is "EUR" (the profile\'s default).',
        'note is "Charged twice,\\nsee ticket 4711".',
    ),
    request_lines=(
        "POST https://billing.acme.example/v1/invoices/INV-2026-0117/refunds",
        "content-type: application/json",
        "",
        BYTES,
    ),
)
DESTRUCTIVE = REFUND._replace(
    effect="destructive",
    words=(
        "Destroys, or changes what cannot be changed back: refund_invoice at billing.",
        *REFUND.words[1:],
    ),
    confirm_label="amount",
    confirm_value="120000",
)
BEFORE = ('refund_invoice: invoice "INV-2026-0098", amount 15000',)
OPEN_S = 570.0


class Desk:
    """`open` holds the requests that can be answered; an answer takes its request out."""

    def __init__(self) -> None:
        self.open: dict[str, Shown] = {}
        self.verdicts: list[tuple[str, Verdict]] = []
        self.is_broken = False
        self.answers = asyncio.Event()
        self.answers.set()

    def ask(self, request: str, view: View, open_s: float = OPEN_S) -> None:
        """Let a request be open for so long."""
        self.open[request] = Shown(view, "K7QX2MPA", clock.now_s() + open_s, BEFORE)

    async def view(self, request: str) -> Shown | None:
        """What is open, as ApprovalPage wants it."""
        shown = self.open.get(request)
        return None if shown is None or shown.expires_s <= clock.now_s() else shown

    async def decide(self, request: str, verdict: Verdict) -> Told:
        """Takes the first answer alone, as ApprovalPage wants it."""
        await self.answers.wait()
        if self.is_broken:
            raise HomeError("MCPX-H04", "state.db cannot be read.")
        if self.open.pop(request, None) is None:
            return Told("Nothing was recorded", "The call was answered before.")
        self.verdicts.append((request, verdict))
        return Told("Approved" if verdict.yes else "Denied", "The model is told.")


class Served:
    """The page in a thread of its own, for a test that blocks."""

    def __init__(self, desk: Desk, page: ApprovalPage, loop: asyncio.AbstractEventLoop) -> None:
        self.desk = desk
        self._page = page
        self._loop = loop

    def show(self, view: View, request: str = CALL, open_s: float = OPEN_S) -> str:
        """Open a request; the address of its page."""
        self.desk.ask(request, view, open_s)
        url = asyncio.run_coroutine_threadsafe(self._page.show(request), self._loop).result(10)
        assert url is not None
        return url

    def forget(self, request: str) -> None:
        """Its page is over."""
        asyncio.run_coroutine_threadsafe(self._page.forget(request), self._loop).result(10)


@contextmanager
def served() -> Iterator[Served]:
    """A page that serves as long as the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    desk = Desk()
    page = ApprovalPage(desk.decide, desk.view)
    try:
        yield Served(desk, page, loop)
    finally:
        asyncio.run_coroutine_threadsafe(page.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
