"""The person of the demo: reads what waits for a yes and answers, as one does at `approve`."""

import threading
from typing import Self

from mcp_proxy.app.approving_here import Desk

# What the model is told of a refund that this person does not let go.
WORD = "this invoice has just been refunded"
_LOOKS_EVERY_S = 0.05


class DemoPerson:
    """Answers, between `with` and its end, what waits in the demo's home: yes, once per invoice."""

    def __init__(self) -> None:
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._attend, daemon=True)
        self._refunded: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._thread.join()

    def _attend(self) -> None:
        with Desk() as desk:
            while not self._gone.wait(_LOOKS_EVERY_S):
                for request in desk.waiting().requests:
                    self._answer(desk, request.id)

    def _answer(self, desk: Desk, request: str) -> None:
        case = desk.case(request)
        if case is None:
            return
        (invoice,) = (item.value for item in case.view.arguments if item.name == "invoice_id")
        if invoice in self._refunded:
            desk.deny(case, WORD)
        elif desk.approve(case):
            self._refunded.add(invoice)
