"""What an upstream gives back: an answer, a failure or a question, and what it says meanwhile."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from mcp_proxy.core import jsonrpc
from mcp_proxy.core.trace_context import Trace

Sent = Literal["no", "maybe", "yes"]
Told = jsonrpc.Told


class HttpAnswer(NamedTuple):
    """A 2xx answer of a REST upstream, decoded and within the body bound."""

    status: int
    content_type: str
    body: bytes


class McpAnswer(NamedTuple):
    """A result of an MCP upstream, raw; its resultType is complete, absent or, if wished, task."""

    result: dict[str, Any]


class Failure(NamedTuple):
    """No usable answer. `text` is one clean sentence; `sent` says whether the call left us.

    `error` is the upstream's own JSON-RPC error, where that is what it answered with.
    `renewed`: its session had ended, nothing was done, and in a new one the call can be made.
    """

    id: str
    text: str
    sent: Sent
    status: int | None = None
    error: Told | None = None
    renewed: bool = False


class Question(NamedTuple):
    """What an upstream asks the client: elicitation/create, sampling/createMessage, roots/list."""

    method: str
    params: dict[str, Any]


Reply = dict[str, Any] | Told  # a result of the client, or its refusal


class Parked(Protocol):
    """A call that waits for the client's replies; exactly one of the two is called, once."""

    async def resume(
        self, replies: Mapping[str, Reply], emit: "Emit", deadline_s: float
    ) -> "Answer":
        """Go on with the replies, by the keys of the questions; a key may be missing."""

    async def drop(self) -> None:
        """Nobody will go on: cancel the call and let go of what it holds; never raises."""


class Questions(NamedTuple):
    """The upstream asks before it answers: questions by key, in its order, at least one."""

    asked: dict[str, Question]
    parked: Parked


Answer = HttpAnswer | McpAnswer | Failure | Questions


# Error id and sentence, once the request may not leave any more.
Stopped = Callable[[], tuple[str, str] | None]


class Wishes(NamedTuple):
    """What the client of one request can take, as its upstream may be told.

    `capabilities` are the client's that the profile names too, in the protocol's own form
    (`{"elicitation": {"form": {}}, "extensions": {...}}`); `log_level` an RFC 5424 name. `trace` is
    the call's span; a request of our own has none. `stopped` is asked right before each first byte.
    """

    capabilities: dict[str, Any]
    log_level: str | None = None
    progress: bool = False
    trace: Trace | None = None
    stopped: Stopped | None = None


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
Emit = Callable[[Event], None]


class Change(NamedTuple):
    """What an upstream says of itself between calls.

    `kind` is tools, prompts or resources (its list changed), updated (the resource `uri` did),
    or task (`params` is the task's state).
    """

    kind: Literal["tools", "prompts", "resources", "updated", "task"]
    uri: str = ""
    params: dict[str, Any] | None = None
