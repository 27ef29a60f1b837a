"""What happens to a tool's answers: the source's `result` and the answer's schema in; rules out."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.detectors import LOCALES, NATIONAL_ID
from mcp_proxy.core.pick import parse_pick
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.projection import project_schema
from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.model_schema import model_facing
from mcp_proxy.workshop.result_source import FieldMask, NationalIds, RedactSource, ResultSource
from mcp_proxy.workshop.schema_view import possible_types
from mcp_proxy.workshop.yaml_reader import Path

# What asks a list for some number or kind of items.
_COUNTING = frozenset({"minItems", "contains", "minContains"})
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
    paths = tuple(_parsed(text, ("result", "pick")) for text in source.pick)
    fields = _masked_fields(source, schema, paths)
    validates = source.validate_ != "off"
    if validates:
        _check_schema(schema)
    projected = schema
    if schema is not None and paths:
        projected = _projected(schema, paths, ("result", "pick"))
    rules = ResultRules(
        source.validate_,
        schema if validates else None,
        tuple(source.pick),
        source.max_bytes,
        tuple(source.types),
        redact=_detectors(source.redact),
        redact_fields=fields,
        max_items=source.max_items or 0,
        text=source.text,
        html=source.html,
        mark=source.mark,
        instructions=source.instructions,
        binary_bytes=_binary_bytes(source),
    )
    is_kept = source.validate_ == "strict" and _is_kept(rules, projected)
    return Results(rules, _published(projected) if is_kept else None)


def is_guarded(rules: ResultRules) -> bool:
    """Whether an mcp-proxy that does not enforce these rules would let more through."""
    is_cut = bool(rules.redact or rules.redact_fields or rules.max_items)
    return is_cut or rules.mark or rules.instructions == "withhold"


def _parsed(text: str, path: Path) -> tuple[str, ...]:
    try:
        return parse_pick(text)
    except ValueError as error:
        raise Wrong(path, f"{error}") from None


def _detectors(sources: list[RedactSource]) -> tuple[str, ...]:
    """The detectors by the names that the payload has, each once."""
    names: dict[str, None] = {}
    for index, source in enumerate(sources):
        if isinstance(source, str):
            names[source] = None
        elif isinstance(source, NationalIds):
            path = ("result", "redact", index, "national_id")
            names.update(dict.fromkeys(_national(code, path) for code in source.national_id))
    return tuple(names)


def _national(code: str, path: Path) -> str:
    if code not in LOCALES:
        raise Wrong(path, f"{code} is none of the countries known here: {', '.join(LOCALES)}")
    return f"{NATIONAL_ID}.{code}"


def _masked_fields(
    source: ResultSource, schema: dict[str, Any] | None, picked: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    fields: dict[str, None] = {}
    for index, item in enumerate(source.redact):
        if not isinstance(item, FieldMask):
            continue
        path = ("result", "redact", index, "field")
        keys = _parsed(item.field, path)
        if picked and not any(_leads(keys, other) for other in picked):
            raise Wrong(path, f"{item.field} is not picked, so there is nothing to mask")
        if schema is not None:
            _projected(schema, (keys,), path)
        fields[item.field] = None
    return tuple(fields)


def _leads(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one of two paths may lead to, or into, where the other does."""
    return all("*" in pair or pair[0] == pair[1] for pair in zip(one, other, strict=False))


def _binary_bytes(source: ResultSource) -> int:
    if source.max_binary is None:
        return 0
    if source.max_binary > source.max_bytes:
        raise Wrong(("result", "max_binary"), "is above max_bytes, which binds too; raise that")
    return source.max_binary


def _check_schema(schema: dict[str, Any] | None) -> None:
    path = ("result", "validate")
    if schema is None:
        raise Wrong(path, "the operation describes no JSON answer; write validate: off")
    try:
        compile_schema(schema)
    except SchemaRefused as error:
        text = f"the answer's schema cannot be compiled ({error}); write validate: off"
        raise Wrong(path, text) from None


def _projected(
    schema: dict[str, Any], paths: tuple[tuple[str, ...], ...], path: Path
) -> dict[str, Any]:
    try:
        projected = project_schema(schema, paths)
    except ValueError as error:
        raise Wrong(path, str(error)) from None
    return projected if isinstance(projected, dict) else {}


def _is_kept(rules: ResultRules, schema: dict[str, Any] | None) -> bool:
    """Whether the answer still fits its schema when it reaches the model.

    A mask is a text, wherever it stands; and a list that was cut may be too short.
    """
    if rules.redact or rules.redact_fields:
        return False
    return not rules.max_items or not _COUNTING.intersection(_keys(schema))


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def _published(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    # Before 2026-07-28 an outputSchema is of type object, and older clients refuse the whole list
    # over one that is not.
    if schema is None or possible_types(schema, schema.get("$defs", {})) != {"object"}:
        return None
    return model_facing(schema)
