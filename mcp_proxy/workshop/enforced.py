"""The enforced schema of a tool: chosen arguments in; schema, rules, constants and defaults out.

Each argument is `allOf: [the operation's, the narrowing]`, so that a narrowing can never widen. The
arguments stand at the top, where `additionalProperties: false` sees them. Constants are not in it.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.path_template import path_value
from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.core.request_headers import is_header_value, is_refused_header
from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.core.styles import flat, query_pairs
from mcp_proxy.workshop.argument_reference import WHOLE_PLACES, Wrong, reference_of
from mcp_proxy.workshop.arguments import Chosen
from mcp_proxy.workshop.narrowing import narrowing_problems
from mcp_proxy.workshop.schema_view import Defs, reachable

_WITH_CONSTANT = frozenset({"from_", "constant", "segments"})


class Arguments(NamedTuple):
    """All that a tool's line says of arguments."""

    enforced: dict[str, Any]
    rules: dict[str, ArgumentRule]
    constants: dict[str, Any]
    defaults: dict[str, Any]


def build_arguments(chosen: list[Chosen], defs: Defs, whole: dict[str, Any]) -> Arguments:
    """The arguments of a tool; `whole` is a rule on all of them together, {} for none.

    Raises:
        Wrong: a narrowing, constant or default that does not fit the operation.
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    result = Arguments({}, {}, {}, {})
    for one in chosen:
        name = one.slot.name
        _check_header(one)
        result.rules[name] = one.slot.rule
        if one.has_constant:
            result.constants[name] = _constant(one, defs)
            continue
        properties[name] = _property(one, defs)
        if one.block.holds("default"):
            result.defaults[name] = _default(one, properties[name], defs)
        elif one.slot.required or one.block.required:
            required.append(name)
    enforced = _closed(properties, required, whole, defs)
    _compile(enforced, ("arguments",))
    return result._replace(enforced=enforced)


def _closed(
    properties: dict[str, Any], required: list[str], whole: dict[str, Any], defs: Defs
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if whole:
        schema["allOf"] = [whole]
    schema["additionalProperties"] = False
    needed = reachable(schema, defs)
    return {**schema, "$defs": needed} if needed else schema


def _property(one: Chosen, defs: Defs) -> dict[str, Any]:
    narrowing = one.block.narrowing()
    path = ("arguments", one.slot.name)
    problems = narrowing_problems(one.slot.schema, narrowing, defs)
    if problems:
        key, _, text = problems[0].partition(": ")
        raise Wrong((*path, *key.split(".")), text or key)
    if one.block.required is False and one.slot.required:
        raise Wrong((*path, "required"), "the operation requires it; take it out or set a constant")
    schema = dict(one.slot.schema)
    if narrowing:
        schema = {"allOf": [_without_unfit_default(schema, narrowing, defs), narrowing]}
    text = one.block.description or one.slot.description
    if text:
        schema["description"] = text
    if one.block.holds("default"):
        schema["default"] = one.block.default
    return schema


def _without_unfit_default(
    schema: dict[str, Any], narrowing: dict[str, Any], defs: Defs
) -> dict[str, Any]:
    """The document's default is only shown; one that the narrowing forbids would mislead."""
    if "default" not in schema or _violation(narrowing, schema["default"], defs) is None:
        return schema
    return {key: value for key, value in schema.items() if key != "default"}


def _constant(one: Chosen, defs: Defs) -> Any:
    path = ("arguments", one.slot.name, "constant")
    extra = sorted(one.block.model_fields_set - _WITH_CONSTANT)
    if extra:
        raise Wrong(path, f"stands alone: the model never sees it; take out {extra[0]}")
    value = one.block.constant
    violation = _violation(one.slot.schema, value, defs)
    if violation is not None:
        raise Wrong(path, f"does not fit the operation: it {violation}")
    _check_sendable(one, value, path)
    return value


def _default(one: Chosen, schema: dict[str, Any], defs: Defs) -> Any:
    path = ("arguments", one.slot.name, "default")
    if one.block.required:
        raise Wrong(path, "is never used, since the argument is required; keep one of the two")
    violation = _violation(schema, one.block.default, defs)
    if violation is not None:
        raise Wrong(path, f"does not fit the argument: it {violation}")
    _check_sendable(one, one.block.default, path)
    return one.block.default


def _violation(schema: dict[str, Any], value: Any, defs: Defs) -> str | None:
    whole = {"allOf": [schema], "$defs": reachable(schema, defs)}
    violation = _compile(whole, ("arguments",)).violation(value)
    return None if violation is None else violation.message


def _compile(schema: dict[str, Any], path: tuple[str | int, ...]) -> Any:
    try:
        return compile_schema(schema)
    except SchemaRefused as error:
        raise Wrong(path, f"their schema cannot be compiled: {error}") from None


def _check_header(one: Chosen) -> None:
    rule = one.slot.rule
    if rule.place == "header" and is_refused_header(rule.target):
        text = f"{reference_of(rule)} is a header that no argument may set; name the others only"
        raise Wrong(("arguments", one.slot.name), text)


def _check_sendable(one: Chosen, value: Any, path: tuple[str | int, ...]) -> None:
    """The same rules that a client's value meets (security rule S11)."""
    rule = one.slot.rule
    if rule.place in WHOLE_PLACES:
        return
    if value is None:
        raise Wrong(path, "null can be sent in a body only")
    try:
        texts = _texts(value, rule)
        if rule.place == "path":
            path_value(value, rule)
        elif rule.place == "query":
            query_pairs(value, rule)
    except ValueError as error:
        raise Wrong(path, f"cannot be sent: it {error}") from None
    if rule.place == "header" and not all(map(is_header_value, texts)):
        raise Wrong(path, "cannot be sent: a header holds printable ASCII only")


def _texts(value: Any, rule: ArgumentRule) -> list[str]:
    # deepObject nests, so it has no flat form; its own encoder judges it.
    return [] if rule.place != "header" else [text for item in flat(value, rule) for text in item]
