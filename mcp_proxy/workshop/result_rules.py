"""What happens to a tool's answers: the source's `result` and the answer's schema in; rules out."""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.pick import parse_pick
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.projection import project_schema
from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.model_schema import model_facing
from mcp_proxy.workshop.schema_view import possible_types
from mcp_proxy.workshop.source_keys import ResultSource

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


class Results(NamedTuple):
    """The rules, and the schema published as `outputSchema`, None where none is."""

    rules: ResultRules
    output: dict[str, Any] | None


def result_rules(source: ResultSource, schema: dict[str, Any] | None) -> Results:
    """The result rules of one tool; `schema` describes its JSON answer, None where nothing does.

    Raises:
        Wrong: a path the answer cannot contain, or a validation without a schema that compiles.
    """
    for media_type in source.types:
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise Wrong(("result", "types"), f"{media_type}: write it as application/pdf")
    paths = tuple(_parsed(text) for text in source.pick)
    validates = source.validate_ != "off"
    if validates:
        _check_schema(schema)
    projected = _projected(schema, paths) if schema is not None and paths else schema
    rules = ResultRules(
        source.validate_,
        schema if validates else None,
        tuple(source.pick),
        source.max_bytes,
        tuple(source.types),
    )
    return Results(rules, _published(projected) if source.validate_ == "strict" else None)


def _parsed(text: str) -> tuple[str, ...]:
    try:
        return parse_pick(text)
    except ValueError as error:
        raise Wrong(("result", "pick"), f"{error}") from None


def _check_schema(schema: dict[str, Any] | None) -> None:
    path = ("result", "validate")
    if schema is None:
        raise Wrong(path, "the operation describes no JSON answer; write validate: off")
    try:
        compile_schema(schema)
    except SchemaRefused as error:
        text = f"the answer's schema cannot be compiled ({error}); write validate: off"
        raise Wrong(path, text) from None


def _projected(schema: dict[str, Any], paths: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    try:
        projected = project_schema(schema, paths)
    except ValueError as error:
        raise Wrong(("result", "pick"), str(error)) from None
    return projected if isinstance(projected, dict) else {}


def _published(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    # Before 2026-07-28 an outputSchema is of type object, and older clients refuse the whole list
    # over one that is not.
    if schema is None or possible_types(schema, schema.get("$defs", {})) != {"object"}:
        return None
    return model_facing(schema)
