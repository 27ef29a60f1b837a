"""The outgoing request of a call: effective arguments into the profile's template.

Nothing of an argument decides where a request goes: origin, method, literal segments and segment
count, header names and query names come from the template (security rule S11).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.body import Misplaced, Part, build_document
from mcp_proxy.core.mcp_headers import parameter_headers
from mcp_proxy.core.path_template import PathValue, fault_of_url, fill_path, path_value
from mcp_proxy.core.profile import ArgumentRule, McpTemplate, RestTemplate, Tool, UpstreamSpec
from mcp_proxy.core.request_headers import is_header_value, is_refused_header
from mcp_proxy.core.styles import Pairs, encoded, flat, query_pairs

_URL_CHARS = 65_536
_BLANK = re.compile("%[01][0-9A-F]|%20|%7F")


class RestRequest(NamedTuple):
    """An HTTP request without its credential. Headers are the arguments', and the body's type."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    retry_safe: bool


class McpRequest(NamedTuple):
    """A request for an MCP upstream, era, id and `_meta` aside.

    `name` is what the Mcp-Name header mirrors, if anything; `headers` are the encoded
    `Mcp-Param-*` pairs.
    """

    method: str
    params: dict[str, Any]
    name: str | None
    headers: tuple[tuple[str, str], ...]
    retry_safe: bool


class Refusal(NamedTuple):
    """Why no request can be built: the argument ("" for the whole), and words for the model."""

    argument: str
    text: str


Outgoing = RestRequest | McpRequest
Argument = tuple[str, ArgumentRule, Any]


class _Refused(Exception):
    """A Refusal on its way up to `build_request`."""

    def __init__(self, argument: str, text: str) -> None:
        super().__init__(text)
        self.refusal = Refusal(argument, text)


def build_request(
    tool: Tool, upstream: UpstreamSpec, arguments: dict[str, Any]
) -> Outgoing | Refusal:
    """The request of a call with these effective arguments (defaults and constants applied)."""
    try:
        if isinstance(tool.template, McpTemplate):
            return _mcp_request(tool, tool.template, arguments)
        return _rest_request(tool, tool.template, upstream, arguments)
    except _Refused as refused:
        return refused.refusal
    except Misplaced as misplaced:
        return Refusal(misplaced.argument, str(misplaced))


def _mcp_request(tool: Tool, template: McpTemplate, arguments: dict[str, Any]) -> McpRequest:
    document = build_document(_parts(tool, arguments, "argument"))
    if not isinstance(document, dict):
        raise _Refused("", "the arguments must be an object")
    try:
        headers = parameter_headers(document, template.headers)
    except ValueError as error:
        raise _Refused("", str(error)) from None
    params = {"name": template.tool, "arguments": document}
    return McpRequest("tools/call", params, template.tool, headers, tool.retry == "safe")


def _rest_request(
    tool: Tool, template: RestTemplate, upstream: UpstreamSpec, arguments: dict[str, Any]
) -> RestRequest:
    values = {
        rule.target: _told(name, path_value, value, rule)
        for name, rule, value in _placed(tool, arguments, "path")
    }
    query = "&".join(f"{name}={value}" for name, value in _query(tool, arguments, upstream))
    url = _url(template, upstream, values, query)
    headers = [
        _header(name, rule, value, upstream)
        for name, rule, value in _placed(tool, arguments, "header")
        if value not in ([], {})
    ]
    body = _body(tool, template, arguments)
    if body is not None and template.body_type is not None:
        headers.append(("Content-Type", template.body_type))
    return RestRequest(template.method, url, tuple(headers), body, tool.retry == "safe")


def _placed(tool: Tool, arguments: dict[str, Any], place: str) -> Iterator[Argument]:
    for name, rule in tool.arguments.items():
        if rule.place == place and name in arguments:
            if arguments[name] is None and place not in ("body", "argument"):
                raise _Refused(name, "must not be null")
            yield name, rule, arguments[name]


def _parts(tool: Tool, arguments: dict[str, Any], place: str) -> list[Part]:
    return [
        Part(name, rule.target, value, name in tool.constants)
        for name, rule, value in _placed(tool, arguments, place)
    ]


def _told(
    name: str, form: Callable[[Any, ArgumentRule], Any], value: Any, rule: ArgumentRule
) -> Any:
    try:
        return form(value, rule)
    except UnicodeEncodeError:
        raise _Refused(name, "must be whole Unicode text") from None
    except ValueError as error:
        raise _Refused(name, str(error)) from None


def _url(
    template: RestTemplate, upstream: UpstreamSpec, values: dict[str, PathValue], query: str
) -> str:
    try:
        url = upstream.url + fill_path(template.path, values)
    except KeyError as missing:
        raise _Refused(missing.args[0], "is required") from None
    if query:
        url = f"{url}?{query}"
    if len(url) > _URL_CHARS:
        raise _Refused("", f"the arguments make an address above {_URL_CHARS} characters")
    fault = fault_of_url(url, upstream.url, template.path, values, query)
    if fault is not None:
        raise _Refused("", f"the arguments would change the request's {fault}")
    return url


def _query(tool: Tool, arguments: dict[str, Any], upstream: UpstreamSpec) -> Pairs:
    auth = upstream.auth
    secret = auth.name if auth is not None and auth.kind == "query" else ""
    pairs: Pairs = []
    for name, rule, value in _placed(tool, arguments, "query"):
        made: Pairs = _told(name, query_pairs, value, rule)
        if secret and any(is_taken(key, [secret]) for key, _ in made):
            raise _Refused(name, "must not name the parameter that the credential goes into")
        own = encoded(rule.target)
        brought = [key for key, _ in made if key != own]
        others = _query_names(tool, rule, pairs) if brought else []
        if any(is_taken(key, others) for key in brought):
            raise _Refused(name, "must not name another parameter of the request")
        pairs.extend(made)
    return pairs


def _query_names(tool: Tool, own: ArgumentRule, pairs: Pairs) -> list[str]:
    """What the other arguments are called in the query, and what they have put there so far."""
    rules = [rule for rule in tool.arguments.values() if rule.place == "query" and rule is not own]
    return [*(encoded(rule.target) for rule in rules), *(key for key, _ in pairs)]


def is_taken(key: str, others: list[str]) -> bool:
    """Whether a name of the query, encoded, may be another's for the server that reads it.

    That is so where it is, holds, or reaches into the other, whatever the server makes of case,
    brackets and (PHP does) dots.
    """
    if _BLANK.search(key):
        return True
    mine = _folded(key)
    for other in map(_folded, others):
        if mine == other or mine.startswith(other + "[") or other.startswith(mine + "["):
            return True
        if mine.replace("[", "_") == other.replace("[", "_"):
            return True
    return False


def _folded(key: str) -> str:
    return key.casefold().replace("%5b", "[").replace(".", "_")


def _header(name: str, rule: ArgumentRule, value: Any, upstream: UpstreamSpec) -> tuple[str, str]:
    if is_refused_header(rule.target) or rule.target.lower() in _own_headers(upstream):
        raise _Refused(name, "stands for a header that no argument may set")
    items: list[list[str]] = _told(name, flat, value, rule)
    texts = [text for item in items for text in item]
    is_list = rule.style != "json" and isinstance(value, (list, dict))
    if is_list and any("," in text for text in texts):
        raise _Refused(name, "must not hold a comma within an item")
    joined = ",".join(("=" if rule.explode else ",").join(item) for item in items)
    if not is_header_value(joined):
        raise _Refused(name, "must be printable ASCII without blanks at the ends")
    return rule.target, joined


def _own_headers(upstream: UpstreamSpec) -> tuple[str, ...]:
    """The headers that its credential goes into, in lower case."""
    if upstream.auth is None:
        return ()
    if upstream.auth.kind == "sigv4":
        return ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256")
    return (upstream.auth.name.lower(),)


def _body(tool: Tool, template: RestTemplate, arguments: dict[str, Any]) -> bytes | None:
    parts = _parts(tool, arguments, "body")
    if not parts:
        return b"{}" if template.body_required else None
    kind = (template.body_type or "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise _Refused(parts[0].argument, "the profile sends no body of this type")
    document = build_document(parts)
    try:
        return strict_json.dumps(document)
    except ValueError as error:
        raise _Refused("", str(error)) from None
