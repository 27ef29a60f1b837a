"""JSON values that fit a model-facing schema: a tree without references, `anyOf` and `allOf` rare.

What it draws fits nearly always; whoever needs certainty checks it. Deep trees and long lists of
optional properties are thinned out, so that a schema of any size is drawn from quickly.
"""

import base64
import math
import re
from typing import Any

from hypothesis import strategies as st

_DEEP = 4
_OPTIONAL_MAX = 6
_FURTHER_ITEMS = 2
_TEXT_MAX = 20
_WHOLE = 2**31 - 1
_FORMATS: dict[str, st.SearchStrategy[str]] = {
    "uuid": st.uuids(version=4).map(str),
    "date": st.dates().map(str),
    "date-time": st.datetimes().map(lambda when: when.replace(microsecond=0).isoformat() + "Z"),
    "time": st.times().map(lambda when: when.replace(microsecond=0).isoformat() + "Z"),
    "email": st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.(com|org)", fullmatch=True),
    "hostname": st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}\.com", fullmatch=True),
    "uri": st.from_regex(r"https://[a-z]{1,8}\.com/[a-z]{0,8}", fullmatch=True),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "byte": st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode()),
}
_FORMATS["url"] = _FORMATS["uri-reference"] = _FORMATS["uri"]
_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)
_SHAPES = {"properties": "object", "additionalProperties": "object", "items": "array"}


@st.composite
def values(draw: st.DrawFn, schema: Any, depth: int = 0) -> Any:
    """A value for `schema`; the deeper, the plainer."""
    if not isinstance(schema, dict):
        return draw(_SCALARS)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if "anyOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return draw(values(_both(rest, draw(st.sampled_from(schema["anyOf"]))), depth))
    kind = _kind(draw, schema)
    if kind == "object":
        return _object(draw, schema, depth)
    if kind == "array":
        return _array(draw, schema, depth)
    return draw(_scalar(kind, schema))


def _kind(draw: st.DrawFn, schema: dict[str, Any]) -> str:
    listed = schema.get("type", [kind for key, kind in _SHAPES.items() if key in schema])
    kinds = [listed] if isinstance(listed, str) else listed
    return str(draw(st.sampled_from(kinds))) if kinds else ""


def _both(rest: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    made = {**rest, **part}
    made["properties"] = {**rest.get("properties", {}), **part.get("properties", {})}
    made["required"] = sorted({*rest.get("required", ()), *part.get("required", ())})
    return {key: value for key, value in made.items() if value not in ({}, [])}


def _scalar(kind: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "string":
        return _text(schema)
    if kind == "integer":
        return _integer(schema)
    if kind == "number":
        return _number(schema)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind, _SCALARS)


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    shortest = schema.get("minLength", 0)
    longest = min(schema.get("maxLength", math.inf), shortest + _TEXT_MAX)
    if "pattern" in schema:
        try:
            found = st.from_regex(re.compile(schema["pattern"]))
        except re.error:
            return st.text("aA0", min_size=shortest, max_size=longest)
        fits = schema.get("maxLength", math.inf)
        return found.filter(lambda text: shortest <= len(text) <= fits)
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    return st.text(min_size=shortest, max_size=longest)


def _bounds(schema: dict[str, Any], step: float) -> tuple[float, float]:
    low = max(schema.get("minimum", -_WHOLE), schema.get("exclusiveMinimum", -math.inf) + step)
    high = min(schema.get("maximum", _WHOLE), schema.get("exclusiveMaximum", math.inf) - step)
    return (low, max(high, low)) if "minimum" in schema else (min(high, low), high)


def _integer(schema: dict[str, Any]) -> st.SearchStrategy[int]:
    low, high = _bounds(schema, 1)
    step = schema.get("multipleOf", 1)
    if not isinstance(step, int):
        step = 1
    return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda n: n * step)


def _number(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    low, high = _bounds(schema, 0.5)
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda n: n * step)
    return st.floats(low, high, allow_subnormal=False) | _integer(schema)


def _array(draw: st.DrawFn, schema: dict[str, Any], depth: int) -> list[Any]:
    fewest = schema.get("minItems", 0)
    most = min(schema.get("maxItems", math.inf), fewest + _FURTHER_ITEMS)
    size = draw(st.integers(fewest, most)) if depth < _DEEP else fewest
    first = schema.get("prefixItems", [])
    parts = [*first, *[schema.get("items", {})] * size][:size]
    return [draw(values(part, depth + 1)) for part in parts]


def _object(draw: st.DrawFn, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties, needed = schema.get("properties", {}), schema.get("required", [])
    optional = [name for name in properties if name not in needed]
    fewest = max(0, schema.get("minProperties", 0) - len(needed))
    chosen: list[str] = []
    if optional and (depth < _DEEP or fewest):
        names = st.lists(
            st.sampled_from(optional),
            unique=True,
            min_size=min(fewest, len(optional)),
            max_size=max(fewest, _OPTIONAL_MAX),
        )
        chosen = draw(names)
    made = {name: draw(values(properties.get(name, {}), depth + 1)) for name in [*needed, *chosen]}
    further = schema.get("additionalProperties")
    if further not in (None, False) and depth < _DEEP and draw(st.booleans()):
        key = draw(st.text("abc_", min_size=1, max_size=5))
        made.setdefault(key, draw(values(further, depth + 1)))
    return made
