"""The form that an elicitation shows: a flat object of strings, numbers, booleans and choices.

As MCP 2025-11-25 and 2026-07-28 define it ("Elicitation", "Requested Schema"). Nothing that nests,
refers or combines gets through. Values that the client sends back must be the upstream's own, so
names and choices are refused where cleaning would change them.
"""

from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.question_words import Unaskable
from mcp_proxy.core.text import hidden_character

_FORMATS = frozenset({"email", "uri", "date", "date-time"})
_TOP = frozenset({"$schema", "type", "properties", "required"})
_LISTS = {
    "string": frozenset({"enum", "enumNames", "oneOf"}),
    "array": frozenset({"items", "default"}),
}
_REFERRING = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"})


def check_form(schema: Any) -> None:
    """A requestedSchema that a client can show. Raises Unaskable, without foreign text."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise Unaskable("its form is no object")
    fields = schema.get("properties")
    if not isinstance(fields, dict) or len(fields) > LIMITS.form_fields:
        raise Unaskable(f"its form has other than at most {LIMITS.form_fields} fields")
    _check_flat(schema, _TOP)
    required = schema.get("required", [])
    if not _are_strings(required) or not set(required) <= fields.keys():
        raise Unaskable("its form requires fields that it does not have")
    for name, field in fields.items():
        _check_name(name)
        _check_field(field)


def takes_text(schema: dict[str, Any]) -> bool:
    """Whether a person could type something of their own into it."""
    fields = schema["properties"].values()
    return any(
        field["type"] in {"number", "integer"}
        or (field["type"] == "string" and "enum" not in field and "oneOf" not in field)
        for field in fields
    )


def _check_field(field: Any) -> None:
    if not isinstance(field, dict):
        raise Unaskable("its form has a field that is no object")
    kind = field.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise Unaskable("its form has a field that is no text, number, yes or no, or choice")
    _check_flat(field, _LISTS.get(str(kind), frozenset()))
    if not all(isinstance(field.get(key, ""), str) for key in ("title", "description")):
        raise Unaskable("its form has a title or description that is no text")
    check(field)


def _check_flat(schema: dict[str, Any], known: frozenset[str]) -> None:
    for key, value in schema.items():
        _check_name(key)
        nested = isinstance(value, (dict, list)) and key not in known
        if nested or key in _REFERRING:
            raise Unaskable("its form nests, refers or combines, which no form may")


def _check_string(field: dict[str, Any]) -> None:
    _check_default(field, str)
    if "enum" in field or "oneOf" in field:
        values = _choices(field.get("enum"), field.get("oneOf"))
        names = field.get("enumNames")
        if names is not None and (not _are_strings(names) or len(names) != len(values)):
            raise Unaskable("its form has names for other choices than there are")
        if "default" in field and field["default"] not in values:
            raise Unaskable("its form has a default that is no choice")
        return
    if "enumNames" in field or field.get("format", "date") not in _FORMATS:
        raise Unaskable("its form has a text of a format that MCP does not define")
    _check_range(field, "minLength", "maxLength", (int,))


def _check_number(field: dict[str, Any]) -> None:
    kinds = (int,) if field["type"] == "integer" else (int, float)
    _check_range(field, "minimum", "maximum", (int, float))
    if "default" in field and not _is_number(field["default"], kinds):
        raise Unaskable("its form has a default of another type")


def _check_boolean(field: dict[str, Any]) -> None:
    _check_default(field, bool)


def _check_array(field: dict[str, Any]) -> None:
    items = field.get("items")
    if not isinstance(items, dict) or items.get("type", "string") != "string":
        raise Unaskable("its form has a list that is no choice")
    _check_flat(items, frozenset({"enum", "anyOf"}))
    values = _choices(items.get("enum"), items.get("anyOf"))
    _check_range(field, "minItems", "maxItems", (int,))
    default = field.get("default", [])
    if not _are_strings(default) or not set(default) <= set(values):
        raise Unaskable("its form has a default that is no choice")


_CHECKS = {
    "string": _check_string,
    "number": _check_number,
    "integer": _check_number,
    "boolean": _check_boolean,
    "array": _check_array,
}


def _choices(plain: Any, titled: Any) -> list[str]:
    """The values of a choice, given as texts or as `{const, title}`; one of the two."""
    if plain is None and isinstance(titled, list):
        if not all(isinstance(item, dict) and item.keys() >= {"const"} for item in titled):
            raise Unaskable("its form has choices without their values")
        for item in titled:
            _check_flat(item, frozenset())
        return _checked([item["const"] for item in titled])
    return _checked(plain if titled is None else None)


def _checked(values: Any) -> list[str]:
    if not _are_strings(values) or not 0 < len(values) <= LIMITS.form_choices:
        raise Unaskable(f"its form has other than 1 to {LIMITS.form_choices:,} choices")
    for value in values:
        _check_name(value)
    found: list[str] = values
    return found


def _check_name(name: str) -> None:
    if hidden_character(name):
        raise Unaskable("its form has a name or choice with an invisible character")


def _check_default(field: dict[str, Any], kind: type) -> None:
    if "default" in field and not isinstance(field["default"], kind):
        raise Unaskable("its form has a default of another type")


def _check_range(field: dict[str, Any], least: str, most: str, kinds: tuple[type, ...]) -> None:
    bounds = [field[key] for key in (least, most) if key in field]
    if not all(_is_number(bound, kinds) for bound in bounds):
        raise Unaskable("its form has a bound that is no number")


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
