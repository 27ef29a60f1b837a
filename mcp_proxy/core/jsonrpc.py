"""JSON-RPC 2.0 frames: one line in, a message or the reason why not; values in, one line out.

MCP narrows the standard: ids are strings or integers, never null, and params is an object
(MCP basic protocol, "Messages").
"""

import json
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR, UNSUPPORTED_VERSION = -32602, -32603, -32022
MISSING_CAPABILITY = -32021
RESOURCE_NOT_FOUND, MISSING_CAPABILITY = -32002, -32021
# formats.md 5: our own errors lie outside the reserved range. 1004: one call that is no tool call.
PROFILE_REFUSED, CALL_REFUSED = 1003, 1004

Id = str | int


class Told(NamedTuple):
    """A JSON-RPC error as it was told, raw: `message` and `data` are not cleaned."""

    code: int
    message: str
    data: Any = None


class Message(NamedTuple):
    """A request (`id` set) or a notification (`id` None)."""

    id: Id | None
    method: str
    params: dict[str, Any]


class Response(NamedTuple):
    """An answer of the client to a request of ours."""

    id: Any
    body: dict[str, Any]


class Bad(NamedTuple):
    """Not a message. `answerable` is false where nothing may be answered (a notification)."""

    id: Id | None
    code: int
    text: str
    answerable: bool = True


class Batch(NamedTuple):
    """A JSON array of messages (2025-03-26 alone has them)."""

    items: list[Any]


class Gathering:
    """The answers of one batch, which go out in one line once all are there (2025-03-26)."""

    def __init__(self, lines: list[bytes], waiting: set[Id]) -> None:
        self._lines = lines
        self._waiting = waiting

    def add(self, request_id: Id | None, line: bytes | None) -> bytes | None:
        """One more answer, or none where a request was cancelled; the whole once it is complete."""
        self._waiting -= {request_id}
        self._lines += [] if line is None else [line]
        if self._waiting or not self._lines:
            return None
        return b"[" + b",".join(each.rstrip(b"\n") for each in self._lines) + b"]\n"


Frame = Message | Response | Bad | Batch


def parse_frame(line: bytes) -> Frame:
    """One line as a frame."""
    try:
        value = strict_json.loads(line)
    except strict_json.Refused as refused:
        return _refused(line, refused)
    if isinstance(value, list):
        return Batch(value) if value else Bad(None, INVALID_REQUEST, "Empty batch")
    return parse_message(value)


def parse_message(value: Any) -> Message | Response | Bad:
    """One decoded value as a message."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        return Bad(_id_of(value), INVALID_REQUEST, "Not a JSON-RPC 2.0 message")
    method, has_id = value.get("method"), "id" in value
    if not isinstance(method, str):
        if "result" in value or "error" in value:
            return Response(value.get("id"), value)
        return Bad(_id_of(value), INVALID_REQUEST, "A message needs a method")
    request_id = _id_of(value)
    if has_id and request_id is None:
        return Bad(None, INVALID_REQUEST, "An id is a string or an integer")
    params = value.get("params", {})
    if not isinstance(params, dict):
        return Bad(request_id, INVALID_PARAMS, "params must be an object", has_id)
    return Message(request_id, method, params)


def reply_of(response: Response) -> dict[str, Any] | Told | None:
    """What a response says: its result, or its error; None where it is neither."""
    result, error = response.body.get("result"), response.body.get("error")
    if isinstance(result, dict) and error is None:
        return result
    if not isinstance(error, dict) or result is not None:
        return None
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(message, str):
        return None
    return Told(code, message, error.get("data"))


def result_line(request_id: Id, result: dict[str, Any]) -> bytes:
    """A response, newline included."""
    return strict_json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result}) + b"\n"


def spliced_result_line(request_id: Id, before: bytes, raw: bytes, after: bytes) -> bytes:
    """A response around `raw`, which is JSON already: `before` + `raw` + `after` is the result."""
    head = b'{"jsonrpc":"2.0","id":' + strict_json.dumps(request_id) + b',"result":'
    return head + before + raw + after + b"}\n"


def error_line(request_id: Id | None, code: int, text: str, data: Any = None) -> bytes:
    """An error response, newline included."""
    error: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        error["data"] = data
    return strict_json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}) + b"\n"


def request_line(request_id: Id, method: str, params: dict[str, Any]) -> bytes:
    """A request, newline included; params that are empty are left out."""
    message = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return strict_json.dumps({**message, "params": params} if params else message) + b"\n"


def notification_line(method: str, params: dict[str, Any]) -> bytes:
    """A notification, newline included."""
    return strict_json.dumps({"jsonrpc": "2.0", "method": method, "params": params}) + b"\n"


def _refused(line: bytes, refused: strict_json.Refused) -> Bad:
    if refused.reason == "parse":
        return Bad(None, PARSE_ERROR, f"Parse error: {refused}")
    request_id, answerable = _salvaged_id(line)
    return Bad(request_id, INVALID_PARAMS, f"Refused: {refused}", answerable)


def _salvaged_id(line: bytes) -> tuple[Id | None, bool]:
    """The id of a line that was refused for its contents, so that its sender learns why."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None, True
    request_id = _id_of(value)
    return request_id, request_id is not None or not isinstance(value, dict) or "id" in value


def _id_of(value: Any) -> Id | None:
    request_id = value.get("id") if isinstance(value, dict) else None
    if isinstance(request_id, (str, int)) and not isinstance(request_id, bool):
        return request_id
    return None
