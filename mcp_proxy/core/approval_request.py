"""What a person is asked to approve: the call's digest (S17), and all that is shown of it.

The digest covers the final request (method, address, headers and body; of MCP: method, name and
parameters), tool, profile and its digest, trust root, upstream, credential and rule. The person
sees the very request that is hashed. Credentials, ids and `_meta` are no part of either.
"""

import json
from typing import Any, NamedTuple

from mcp_proxy.core.approval import asks, condition_words, judge
from mcp_proxy.core.budget import Reservation, Used
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.plan import Going
from mcp_proxy.core.pointer import find, parse_pointer
from mcp_proxy.core.profile import Tool
from mcp_proxy.core.request import McpRequest, Outgoing
from mcp_proxy.core.rule_words import limit_words
from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.visible import visible

_TYPED_CHARS = 40
_SUMMARY_CHARS = 160

_EFFECTS = {
    "read": "Reads only",
    "write": "Changes something",
    "destructive": "Destroys, or changes what cannot be changed back",
}


class Subject(NamedTuple):
    """Whose call it is: profile, its digest, and the trust root that answers for it, as text."""

    profile: str
    digest: str
    root: str


class Argument(NamedTuple):
    """One argument as it is sent; `value` is JSON text, `origin` given, default or constant."""

    name: str
    value: str
    origin: str


class View(NamedTuple):
    """All that a person sees of a call. Texts may hold anything: show them by `core.visible`.

    `words` say in sentences what happens, `rule_words` why it is asked, `limits` what the call
    takes of each limit and what was left of it. `request_lines` are what is hashed, line by line.
    Of a destructive call the person types `confirm_value`, which `confirm_label` names; both are ""
    for others.
    """

    tool: str
    title: str
    profile: str
    effect: str
    rule_words: tuple[str, ...]
    arguments: tuple[Argument, ...]
    words: tuple[str, ...]
    request_lines: tuple[str, ...]
    confirm_label: str = ""
    confirm_value: str = ""
    limits: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """A call that needs a person. `view` is JSON text of `dump_view`, `summary` one clean line.

    `channels` are those that may give the approval, of page, terminal and client.
    """

    digest: str
    subject: Subject
    tool: str
    effect: str
    view: str
    summary: str
    channels: tuple[str, ...]


def digest_of(going: Going, subject: Subject) -> str:
    """SHA-256 in hex of all that an approval covers."""
    auth = going.spec.auth
    covered = [
        _plain(going.allow.request),
        [going.label.name, going.upstream, None if auth is None else auth.credential],
        list(subject),
        None if going.need is None else going.need.rule,
    ]
    text = json.dumps(covered, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256_hex(text.encode())


def view_of(
    going: Going, tool: Tool, subject: Subject, title: str = "", used: tuple[Used, ...] = ()
) -> View:
    """What a person sees of a call of `tool`, whose title for people is `title`.

    `used` is what other calls had taken of its limits by then, where that is known.
    """
    label, value = _typed(going, tool) if tool.effect == "destructive" else ("", "")
    arguments = tuple(
        Argument(name, _compact(item), _origin(name, going.arguments, tool))
        for name, item in going.allow.arguments.items()
    )
    return View(
        *(
            tool.name,
            title,
            subject.profile,
            tool.effect,
            _rule_words(tool, going.allow.arguments),
            arguments,
        ),
        words=_words(going, tool),
        request_lines=_lines(going.allow.request),
        confirm_label=label,
        confirm_value=value,
        limits=_limits(going, used),
    )


def summary_of(view: View) -> str:
    """The call on one clean line, for lists and for what was approved before."""
    given = ", ".join(f"{item.name} {item.value}" for item in view.arguments)
    return one_sentence(f"{view.tool}: {given}" if given else view.tool, _SUMMARY_CHARS)


def dump_view(view: View) -> str:
    """The view as compact ASCII JSON."""
    return json.dumps(view._asdict(), separators=(",", ":"))


def parse_view(text: str) -> View:
    """The inverse of `dump_view`. Raises ValueError, KeyError or TypeError for any other text."""
    row = json.loads(text)
    rows = tuple(Argument(*item) for item in row["arguments"])
    lists = {key: tuple(row[key]) for key in ("rule_words", "words", "request_lines", "limits")}
    return View(**{**row, **lists, "arguments": rows})


def _plain(request: Outgoing) -> list[Any]:
    """What leaves, as JSON values; the body as text, which it always is."""
    if isinstance(request, McpRequest):
        return [request.method, request.name, request.params, request.headers]
    return [request.method, request.url, request.headers, _body(request.body)]


def _body(body: bytes | None) -> str | None:
    return None if body is None else body.decode(errors="surrogateescape")


def _lines(request: Outgoing) -> tuple[str, ...]:
    headers = [f"{name}: {value}" for name, value in request.headers]
    if isinstance(request, McpRequest):
        return (f"{request.method} {request.name}", *headers, "", _compact(request.params))
    body = _body(request.body)
    return (f"{request.method} {request.url}", *headers, *([] if body is None else ["", body]))


def _words(going: Going, tool: Tool) -> tuple[str, ...]:
    """The call in sentences; names of the profile alone, and values in full."""
    auth, values = going.spec.auth, going.allow.arguments
    by = "" if auth is None else f", with the credential {auth.credential}"
    words = [f"{_EFFECTS[tool.effect]}: {tool.name} at {going.upstream}{by}."]
    for name, value in values.items():
        origin = _origin(name, going.arguments, tool)
        told = {"given": "", "default": " (the profile's default)"}.get(origin, " (always)")
        words.append(f"{name} is {_said(value)}{told}.")
    return tuple(words)


def _said(value: Any) -> str:
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return _compact(value)


def _rule_words(tool: Tool, arguments: dict[str, Any]) -> tuple[str, ...]:
    if not isinstance(tool.approval, list):
        return ("Every call of this tool is asked for.",)
    judged = [judge(conditions, arguments) for conditions in tool.approval]
    return tuple(
        f"It is asked for where {' and '.join(map(condition_words, item))}."
        for item in judged
        if asks(item)
    )


def _limits(going: Going, used: tuple[Used, ...]) -> tuple[str, ...]:
    taken = going.need.reservations if going.need is not None else ()
    known = {one.rule: one for one in used}
    return tuple(_limit(part, known.get(part.limit.rule)) for part in taken)


def _limit(part: Reservation, used: Used | None) -> str:
    value = f" for {_compact(part.by)}" if part.limit.by else ""
    words = f"{limit_words(part.limit)}: this call takes {part.amount:,}{value}"
    if used is None:
        return f"{words}."
    return f"{words}; when it was asked, {used.taken:,} were taken and {used.left:,} left."


def _origin(name: str, given: Any, tool: Tool) -> str:
    if name in tool.constants:
        return "constant"
    return "given" if isinstance(given, dict) and name in given else "default"


def _typed(going: Going, tool: Tool) -> tuple[str, str]:
    """What is typed before a destructive call: its amount, or else what it is done to."""
    taken = going.need.reservations if going.need is not None else ()
    sums = [(item.limit.of, item.amount) for item in taken if item.limit.of]
    rules = tool.approval if isinstance(tool.approval, list) else []
    asked = [(where, _at(where, going.allow.arguments)) for rule in rules for where in rule]
    # In the profile's order: the client's own would let it choose what the person types.
    given = [
        (name, going.arguments[name])
        for name in tool.arguments
        if isinstance(going.arguments, dict) and name in going.arguments
    ]
    for label, value in (*sums, *asked, *given):
        text = _typable(value)
        if text:
            return label, text
    return "tool", tool.name


def _at(where: str, arguments: dict[str, Any]) -> Any:
    return find(arguments, parse_pointer(where) if where.startswith("/") else (where,))[1]


def _typable(value: Any) -> str:
    """The text of a value that can be typed and cannot be mistaken; "" for any other."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    text = value if isinstance(value, str) else _compact(value)
    if len(text) > _TYPED_CHARS or text.strip() != text:
        return ""
    return "" if any(item.is_mark for item in visible(text)) else text


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
