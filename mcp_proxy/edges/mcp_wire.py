"""JSON-RPC toward one upstream, whatever carries it: what eras, transports and callers share."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import Question, Reply, Told, Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.refusals import protocol_broken

# MCP 2026-07-28, error codes of the specification's own range.
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
METHOD_NOT_FOUND = -32601

Headers = tuple[tuple[str, str], ...]
Hear = Callable[[dict[str, Any], int], None]
Turn = Literal["again", "gone"]


class GatewayError(Broken):
    """A JSON-RPC error. `code` and `data` as the gateway gave them, `told` the whole of it."""

    def __init__(self, id: str, why: str, *, status: int | None, told: Told) -> None:  # noqa: A002
        """`why` is clean and bounded."""
        super().__init__(id, why, status=status)
        self.told = told
        self.code = told.code
        self.data = told.data


class Listener(Protocol):
    """Hears what an upstream says besides its answers."""

    def notified(self, message: dict[str, Any]) -> None:
        """A notification."""

    async def asked(self, message: dict[str, Any]) -> None:
        """A request of the server. Raises Broken where its era forbids one."""


class Wire(Protocol):
    """One upstream's way to carry JSON-RPC messages.

    `duplex`: all goes over one channel, so that giving a request up has to be said; elsewhere the
    request's own stream is closed.
    """

    @property
    def spec(self) -> UpstreamSpec:
        """The upstream."""

    @property
    def limits(self) -> Limits:
        """The bounds that hold for it."""

    @property
    def duplex(self) -> bool:
        """See the class."""

    async def request(
        self, message: dict[str, Any], headers: Headers, listener: Listener, trip: Trip
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Send a request and wait for its result, given with the reply's headers, if any.

        `listener` hears what comes meanwhile on the request's own stream. Raises Broken,
        GatewayError for a JSON-RPC error.
        """

    async def notify(self, message: dict[str, Any], headers: Headers, trip: Trip) -> None:
        """Send a notification, or a response to a request of the server. Raises Broken."""

    def hear(self, listener: Listener) -> None:
        """Who hears the messages that belong to no request; the last one named."""

    async def attend(
        self, headers: Headers, turned: Callable[[Turn], None], *, listening: bool
    ) -> None:
        """A legacy session has begun, which `headers` name; an earlier one is over.

        `listening` wants the stream for messages that belong to no request, where that is one of
        its own: returns once it is open, or is known not to be, or after two seconds. `turned`
        hears `again` when that stream was made anew and may have lost something, and `gone` when
        the session cannot be used any more, as when a duplex channel is lost. Never raises.
        """

    async def leave(self, headers: Headers, trip: Trip) -> None:
        """Tell the upstream that the session which `headers` name is over. Raises Broken.

        A duplex wire has nothing to say: its session ends with its channel.
        """

    def drop(self) -> None:
        """End at once what would outlive us: a local server. Never raises."""

    async def close(self) -> None:
        """Close the connections."""


class Ask(NamedTuple):
    """One request of ours, era and id aside. `name` is what Mcp-Name mirrors, if anything.

    `hear` gets the notifications that belong to it, with the id it has on the wire.
    """

    method: str
    params: dict[str, Any]
    name: str | None
    headers: Headers
    wishes: Wishes
    hear: Hear


class Halt(NamedTuple):
    """A request whose upstream asks before it answers. Exactly one of the two is called, once.

    `resume(replies, hear, trip)` goes on to the result or to the next questions, and raises as
    the request would; `drop()` gives the request up and never raises.
    """

    asked: dict[str, Question]
    resume: Callable[[Mapping[str, Reply], Hear, Trip], Awaitable["dict[str, Any] | Halt"]]
    drop: Callable[[], Awaitable[None]]


def silent(_message: dict[str, Any], _id: int) -> None:
    """The `hear` of a request of our own, whose notifications interest nobody."""


def request_message(request_id: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def parse_message(data: bytes, status: int | None = None) -> dict[str, Any]:
    """One JSON-RPC message. Raises Broken."""
    try:
        message = strict_json.loads(data)
    except strict_json.Refused as refused:
        raise protocol_broken(f"is not acceptable JSON ({refused})", status) from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise protocol_broken("is no JSON-RPC 2.0 message", status)
    return message


def read_result(
    message: dict[str, Any], limits: Limits, status: int | None = None
) -> dict[str, Any]:
    """The result that a response holds. Raises Broken, GatewayError for an error."""
    if "error" in message:
        raise gateway_error(message["error"], status, limits)
    result = message.get("result")
    if not isinstance(result, dict):
        raise protocol_broken("holds neither a result nor an error", status)
    return result


def gateway_error(error: Any, status: int | None, limits: Limits) -> Broken:
    """A JSON-RPC error object as a failure."""
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or type(code) is not int:
        return protocol_broken("holds an error without a code", status)
    said = error.get("message")
    message = said if isinstance(said, str) else ""
    text = one_sentence(message if message.strip() else "no message", limits.upstream_message_chars)
    id_ = "MCPX-U05" if code in (HEADER_MISMATCH, UNSUPPORTED_VERSION) else "MCPX-U03"
    why = f"The gateway answered with error {code}: {text}"
    if code == MISSING_CAPABILITY:
        why = f"{why} (this client does not declare it, or the profile's features do not name it)"
    return GatewayError(id_, why, status=status, told=Told(code, message, error.get("data")))
