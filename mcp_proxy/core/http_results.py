"""A REST upstream's answer as the parts of a tools/call result, by its media type."""

import base64
import re
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import HttpAnswer
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.shape import Unfit, is_validated, shaped, wants_json
from mcp_proxy.core.text import clean, clean_value, hidden_character, is_clean_json

# RFC 6838, 4.2: names of at most 127 characters.
_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127})\s*(?:;|$)")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([a-z0-9_-]+)")
# The encodings that answers in text come in; a browser reads the first two of these as the third.
_ENCODINGS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "windows-1252": "cp1252"}

Sized = tuple[dict[str, Any], int]


def result_of_http(answer: HttpAnswer, rules: ResultRules, schema: Schema | None) -> Sized:
    """The result and the size of what it says in bytes. Raises Unfit."""
    kind = media_type(answer.content_type)
    if not answer.body:
        if rules.validate == "strict" and schema is not None:
            raise Unfit("MCPX-R02", "is empty, where the profile's schema wants a value")
        return _text_result(f"Done ({answer.status}).")
    if kind == "application/json" or kind.endswith("+json"):
        return _json_result(answer.body, rules, schema)
    is_listed = any(kind == known or _covers(known, kind) for known in rules.types)
    if kind.startswith("text/") and (is_listed or not wants_json(rules, schema)):
        return _text_result(clean(_decoded(answer)))
    if kind.startswith("text/") or (is_listed and is_validated(rules, schema)):
        raise Unfit("MCPX-R02", f"is {kind}, where the profile's rules want JSON")
    if not is_listed:
        raise Unfit("MCPX-R03", f"is of type {kind or 'unknown'}, which the profile does not list")
    return {"content": [_binary_block(kind, answer.body)]}, len(answer.body)


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


def _json_result(body: bytes, rules: ResultRules, schema: Schema | None) -> Sized:
    try:
        value = parse_answer(body)
    except strict_json.Refused as refused:
        raise Unfit("MCPX-U05", f"says it is JSON, but: {refused}") from None
    value, data = clean_json(shaped(value, rules, schema))
    content = [{"type": "text", "text": data.decode()}]
    return {"content": content, "structuredContent": value}, len(data)


def _text_result(text: str) -> Sized:
    return {"content": [{"type": "text", "text": text}]}, len(text.encode())


def _binary_block(kind: str, body: bytes) -> dict[str, Any]:
    data = base64.b64encode(body).decode()
    family = kind.partition("/")[0]
    if family in ("image", "audio"):
        return {"type": family, "data": data, "mimeType": kind}
    resource = {"uri": "answer:body", "mimeType": kind, "blob": data}
    return {"type": "resource", "resource": resource}


def _covers(listed: str, kind: str) -> bool:
    return listed.endswith("/*") and kind.startswith(listed[:-1])


def _decoded(answer: HttpAnswer) -> str:
    match = _CHARSET.search(answer.content_type.lower())
    encoding = _ENCODINGS.get(match[1], "utf-8") if match else "utf-8"
    return answer.body.decode(encoding, errors="replace").removeprefix("\ufeff")
