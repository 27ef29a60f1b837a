"""What a client's requests bring in their params: their era, and the form that each must have.

Checked for its form alone, before anything is decided on it; a fault is told under the request.
"""

from typing import Any, NamedTuple

from mcp_proxy.core import eras
from mcp_proxy.core.eras import Asked
from mcp_proxy.core.jsonrpc import (
    INVALID_PARAMS,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    Id,
    Message,
    Told,
    notification_line,
)
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.offer import Offer


class ListenFilter(NamedTuple):
    """What somebody wants to hear of (2026-07-28, "Subscriptions").

    `lists` are those of tools, prompts and resources, `uris` resources, `tasks` ids.
    """

    lists: frozenset[str]
    uris: frozenset[str]
    tasks: frozenset[str]


def version_of(message: Message, handshake: str | None) -> str | Told:
    """The protocol version of a request, given the one of the handshake, if there was one."""
    meta = message.params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    if eras.VERSION_KEY in meta:
        return _modern_version(meta)
    describes_itself = eras.CAPABILITIES_KEY in meta or handshake is None
    if describes_itself and message.method not in ("initialize", "ping"):
        text = f"Say initialize first, or name {eras.VERSION_KEY} in params._meta"
        return Told(INVALID_PARAMS, text)
    return handshake or eras.LEGACY[0]


def read_asked(
    message: Message, request_id: Id, version: str, handshake_capabilities: dict[str, Any]
) -> Asked | Told:
    """What the answer to a request has to respect."""
    given = message.params.get("_meta")
    meta = given if isinstance(given, dict) else {}
    token = meta.get("progressToken")
    if not isinstance(token, (str, int)) or isinstance(token, bool):
        token = None
    trace = {key: meta[key] for key in _OF_A_TRACE if key in meta}
    if not eras.is_modern(version):
        return Asked(request_id, version, token, None, handshake_capabilities, trace)
    level = meta.get(eras.LOG_LEVEL_KEY)
    if level is not None and level not in eras.LEVELS:
        return Told(INVALID_PARAMS, "Unknown log level")
    return Asked(request_id, version, token, level, meta[eras.CAPABILITIES_KEY], trace)


def parse_call(method: str, params: dict[str, Any], asked: Asked) -> dict[str, Any] | Told:
    """The params of a request for the road, without what is not its own or not of its era."""
    dropped = ("_meta",) if eras.is_modern(asked.version) else ("_meta", *_OF_A_RETRY)
    kept = {key: value for key, value in params.items() if key not in dropped}
    fault = _fault(kept, _FORMS[method])
    if fault is not None:
        return Told(INVALID_PARAMS, fault)
    if method.startswith("tasks/") and not _has_tasks(asked):
        data: Any = {"requiredCapabilities": {"extensions": {eras.TASKS: {}}}}
        return Told(MISSING_CAPABILITY, f"The request must declare {eras.TASKS}", data)
    return kept


def parse_filter(params: dict[str, Any], offered: Offer, asked: Asked) -> ListenFilter | Told:
    """What a listen request wants of that which is offered. Unknown kinds are passed over."""
    wanted = params.get("notifications", {})
    if not isinstance(wanted, dict):
        return Told(INVALID_PARAMS, "params.notifications must be an object")
    flags = {kind: wanted.get(key, False) for kind, key in _FLAGS.items()}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        return Told(INVALID_PARAMS, f"{', '.join(_FLAGS.values())} are true or false")
    uris, tasks = wanted.get("resourceSubscriptions", []), wanted.get("taskIds", [])
    if not _are_names(uris) or not _are_names(tasks):
        bound = f"at most {LIMITS.subscriptions} strings of {LIMITS.uri_chars} characters"
        return Told(INVALID_PARAMS, f"resourceSubscriptions and taskIds are lists of {bound}")
    return ListenFilter(
        frozenset(kind for kind in flags if flags[kind] and offered.tells_changes(kind)),
        frozenset(uris if offered.has("resources/read") else ()),
        frozenset(tasks if offered.has("tasks/get") and _has_tasks(asked) else ()),
    )


def acknowledgement(request_id: Id, granted: ListenFilter) -> bytes:
    """The notification that tells a listener what it was granted; the rest is left out."""
    plain: dict[str, Any] = {key: True for kind, key in _FLAGS.items() if kind in granted.lists}
    plain |= {"resourceSubscriptions": sorted(granted.uris)} if granted.uris else {}
    plain |= {"taskIds": sorted(granted.tasks)} if granted.tasks else {}
    params = {"notifications": plain, "_meta": {eras.SUBSCRIPTION_KEY: request_id}}
    return notification_line("notifications/subscriptions/acknowledged", params)


def _modern_version(meta: dict[str, Any]) -> str | Told:
    version = meta[eras.VERSION_KEY]
    if version != eras.MODERN:
        data = {"supported": list(eras.SUPPORTED), "requested": str(version)[:80]}
        return Told(UNSUPPORTED_VERSION, "Unsupported protocol version", data)
    if not isinstance(meta.get(eras.CAPABILITIES_KEY), dict):
        return Told(INVALID_PARAMS, f"params._meta lacks {eras.CAPABILITIES_KEY}")
    return eras.MODERN


def _fault(params: dict[str, Any], form: "_Form") -> str | None:
    for key, kind, is_required in form:
        value: Any = params.get(key)
        if value is None and not is_required:
            continue
        if not isinstance(value, kind):
            return f"params.{key} must be {_WORDS[kind]}"
        if isinstance(value, str) and len(value) > _CHARS.get(key, len(value)):
            return f"params.{key} is at most {_CHARS[key]} characters"
    if len(params.get("inputResponses") or ()) > LIMITS.questions:
        return f"params.inputResponses holds at most {LIMITS.questions} entries"
    return None


def _are_names(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > LIMITS.subscriptions:
        return False
    return all(isinstance(item, str) and len(item) <= LIMITS.uri_chars for item in value)


def _has_tasks(asked: Asked) -> bool:
    extensions = asked.capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(eras.TASKS), dict)


_FLAGS = {
    "tools": "toolsListChanged",
    "prompts": "promptsListChanged",
    "resources": "resourcesListChanged",
}
_WORDS: dict[type, str] = {str: "a string", dict: "an object"}
_CHARS = {
    "uri": LIMITS.uri_chars,
    "taskId": LIMITS.task_id_chars,
    "requestState": LIMITS.sealed_chars,
}
_OF_A_TRACE = ("traceparent", "tracestate")
_OF_A_RETRY = ("inputResponses", "requestState")
_AGAIN = (("inputResponses", dict, False), ("requestState", str, False))
_URI = ("uri", str, True)
_TASK = ("taskId", str, True)
_Form = tuple[tuple[str, type, bool], ...]
# The arguments of a tool are for its schema to judge, so that the model reads what is wrong.
_FORMS: dict[str, _Form] = {
    "tools/call": (("name", str, True), *_AGAIN),
    "resources/read": (_URI, *_AGAIN),
    "resources/subscribe": (_URI,),
    "resources/unsubscribe": (_URI,),
    "prompts/get": (("name", str, True), ("arguments", dict, False), *_AGAIN),
    "completion/complete": (
        *(("ref", dict, True), ("argument", dict, True)),
        ("context", dict, False),
    ),
    "tasks/get": (_TASK,),
    "tasks/update": (_TASK, ("inputResponses", dict, True)),
    "tasks/cancel": (_TASK,),
}
