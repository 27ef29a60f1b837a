"""What an upstream gives back: an answer or a failure, and what it says meanwhile."""

from typing import Any, Literal, NamedTuple

Sent = Literal["no", "maybe", "yes"]


class HttpAnswer(NamedTuple):
    """A 2xx answer of a REST upstream, decoded and within the body bound."""

    status: int
    content_type: str
    body: bytes


class McpAnswer(NamedTuple):
    """A tools/call result of a gateway, raw."""

    result: dict[str, Any]


class Failure(NamedTuple):
    """No usable answer. `text` is one clean sentence; `sent` says whether the call left us."""

    id: str
    text: str
    sent: Sent
    status: int | None = None


Answer = HttpAnswer | McpAnswer | Failure


class Progress(NamedTuple):
    """Progress of a running call, as the upstream told it."""

    progress: float
    total: float | None
    message: str | None


class Log(NamedTuple):
    """A log message of the upstream for the client; `level` is an RFC 5424 name."""

    level: str
    logger: str | None
    data: Any


Event = Progress | Log
