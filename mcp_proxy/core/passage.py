"""What a call passes between its decision and its log entry: a person's yes, and counters."""

from collections.abc import Mapping
from typing import NamedTuple

from mcp_proxy.core.answer import Question
from mcp_proxy.core.budget import Reservation


class Need(NamedTuple):
    """`rule` is the approval rule that asks a person, None for none; `reservations` its amounts."""

    rule: str | None
    reservations: tuple[Reservation, ...]


class Passed(NamedTuple):
    """The call may go, once. `ticket` is what was reserved for it; `approval` who said yes to it.

    `digest` is of the request as it was approved or reserved for (S17).
    """

    ticket: str
    approval: str | None
    digest: str


class Again(NamedTuple):
    """A person has answered meanwhile: everything is decided again."""


class AskClient(NamedTuple):
    """A client that comes again is asked for the approval `request`."""

    request: str
    questions: Mapping[str, Question]


AGAIN = Again()
