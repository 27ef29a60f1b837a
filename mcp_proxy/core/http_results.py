"""A REST upstream's answer as the parts of a tools/call result, by its media type."""

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import HttpAnswer
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.binary import is_as_declared, is_listed
from mcp_proxy.core.html_text import text_of_html
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.mask import Mask
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.shape import Unfit, has_fields, is_validated, shaped, wants_json
from mcp_proxy.core.text import clean, clean_value, hidden_character, is_clean_json
from mcp_proxy.core.truncation import cut

# RFC 6838, 4.2: names of at most 127 characters.
_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127})\s*(?:;|$)")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([a-z0-9_-]+)")
# The encodings that answers in text come in; a browser reads the first two of these as the third.
_ENCODINGS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "windows-1252": "cp1252"}


class Sized(NamedTuple):
    """A result, the size of what it says in bytes, and all its text as UTF-8.

    `left_out` are items that the profile leaves out of lists, by the place of their list, and
    `error` is the error id of a part that was withheld, if one was.
    """

    result: dict[str, Any]
    size_bytes: int
    data: bytes
    left_out: Mapping[str, int] = {}
    error: str | None = None


def result_of_http(
    answer: HttpAnswer, rules: ResultRules, schema: Schema | None, mask: Mask | None = None
) -> Sized:
    """The result of a REST upstream's answer. Raises Unfit."""
    kind = media_type(answer.content_type)
    if not answer.body:
        if rules.validate == "strict" and schema is not None:
            raise Unfit("MCPX-R02", "is empty, where the profile's schema wants a value")
        return _text_result(f"Done ({answer.status}).")
    if kind == "application/json" or kind.endswith("+json"):
        return _json_result(answer.body, rules, schema, mask)
    is_named = is_listed(kind, rules.types)
    if is_named and kind.startswith("text/") and has_fields(rules) and _is_json(answer.body):
        return _json_result(answer.body, rules, schema, mask)
    if kind.startswith("text/") and (is_named or not wants_json(rules, schema)):
        text = clean(_readable(_decoded(answer), kind, rules))
        return _text_result(text if mask is None else mask.text(text))
    if kind.startswith("text/") or (is_named and is_validated(rules, schema)):
        raise Unfit("MCPX-R02", f"is {kind}, where the profile's rules want JSON")
    if not is_named:
        raise Unfit("MCPX-R03", f"is of type {kind or 'unknown'}, which the profile does not list")
    return _binary_result(kind, answer.body, rules)


def media_type(content_type: str) -> str:
    """`type/subtype` in lower case; "" where the header is absent or malformed (RFC 9110, 8.3)."""
    match = _MEDIA_TYPE.match(content_type.lower())
    return "" if match is None else match[1]


def clean_json(value: Any) -> tuple[Any, bytes]:
    """A JSON value with clean strings, and its compact text. Raises Unfit."""
    try:
        data = strict_json.dumps(value)
        if is_clean_json(data):
            return value, data
        value = clean_value(value)
        return value, strict_json.dumps(value)
    except ValueError as error:
        raise Unfit("MCPX-U05", f"cannot be shown as JSON: {error}") from None


def clean_message(value: Any) -> tuple[Any, bytes]:
    """The same, of a message whose keys rules go by: none may be another once cleaned.

    Otherwise what was checked by one name is read by another. Raises Unfit.
    """
    cleaned, data = clean_json(value)
    if cleaned is not value and _has_hidden_key(value):
        raise Unfit("MCPX-U05", "has a part whose name holds an invisible character")
    return cleaned, data


def _has_hidden_key(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_hidden_key, value))
    if not isinstance(value, dict):
        return False
    return any(map(hidden_character, value)) or any(map(_has_hidden_key, value.values()))


def _json_result(
    body: bytes, rules: ResultRules, schema: Schema | None, mask: Mask | None
) -> Sized:
    try:
        value = parse_answer(body)
    except strict_json.Refused as refused:
        raise Unfit("MCPX-U05", f"says it is JSON, but: {refused}") from None
    value = shaped(value, rules, schema)
    # Of a body whose strings are clean it is written once, when it is as the model gets it.
    if not is_clean_json(body):
        value, _ = clean_json(value)
    value = value if mask is None else mask.value(value)
    # Cut when masked: what was left out is told by the keys of its place.
    value, left_out = cut(value, rules.max_items)
    data = strict_json.dumps(value)
    content = [{"type": "text", "text": data.decode()}]
    result = {"content": content, "structuredContent": value}
    return Sized(result, len(data), data, left_out)


def _is_json(body: bytes) -> bool:
    """Whether a text has fields after all, so that what the profile says of them holds."""
    try:
        return isinstance(parse_answer(body), (dict, list))
    except strict_json.Refused:
        return False


def _text_result(text: str) -> Sized:
    data = text.encode()
    return Sized({"content": [{"type": "text", "text": text}]}, len(data), data)


def _readable(text: str, kind: str, rules: ResultRules) -> str:
    """A page's text, where the profile wants that. Raises Unfit: the page is too large."""
    if kind != "text/html" or rules.html != "text":
        return text
    if len(text) > LIMITS.html_chars:
        raise Unfit("MCPX-R01", f"is a page of more than {LIMITS.html_chars:,} characters")
    return text_of_html(text)


def _binary_result(kind: str, body: bytes, rules: ResultRules) -> Sized:
    bound = rules.binary_bytes or rules.max_bytes
    if len(body) > bound:
        raise Unfit("MCPX-R01", f"of {len(body):,} bytes is above the profile's {bound:,} bytes")
    if not is_as_declared(kind, body):
        raise Unfit("MCPX-R03", f"says it is {kind}, but its first bytes are not")
    return Sized({"content": [_binary_block(kind, body)]}, len(body), b"")


def _binary_block(kind: str, body: bytes) -> dict[str, Any]:
    data = base64.b64encode(body).decode()
    family = kind.partition("/")[0]
    if family in ("image", "audio"):
        return {"type": family, "data": data, "mimeType": kind}
    resource = {"uri": "answer:body", "mimeType": kind, "blob": data}
    return {"type": "resource", "resource": resource}


def _decoded(answer: HttpAnswer) -> str:
    match = _CHARSET.search(answer.content_type.lower())
    encoding = _ENCODINGS.get(match[1], "utf-8") if match else "utf-8"
    return answer.body.decode(encoding, errors="replace").removeprefix("\ufeff")
