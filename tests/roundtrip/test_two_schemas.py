"""Both schemas of every tool that can be built of twenty published documents."""

import json
from typing import Any

import published
import pytest
from jsonschema import Draft202012Validator
from roundtrip.built import BuiltTool, built_tools
from roundtrip.schema_values import values
from roundtrip.values import arguments_of, drawn

from mcp_proxy.core.schema import compile_schema

# Of the largest documents, so many operations drawn at random; of the others, all.
OPERATIONS_MAX = 250
VALUES_EACH = 5
BUILT_SHARE = 0.6


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.parametrize("name", sorted(published.DOCUMENTS))
def test_both_schemas_of_published_operations_hold_to_their_law(name: str) -> None:
    built = built_tools(name, OPERATIONS_MAX)
    asked = len(built.tools) + len(built.refused)
    assert len(built.tools) >= BUILT_SHARE * asked, built.refused
    accepted = 0
    for one in built.tools:
        check_forms(one)
        accepted += check_law(one)
    assert accepted > len(built.tools)


def check_forms(one: BuiltTool) -> None:
    """Valid 2020-12 by another implementation's meta-schema; the model's has no references."""
    shown = one.entry["inputSchema"]
    for schema in (one.tool.enforced, shown, one.entry.get("outputSchema", {})):
        Draft202012Validator.check_schema(schema)
    assert shown["type"] == "object", one.selector
    assert list(_references(shown)) == [], one.selector


def check_law(one: BuiltTool) -> int:
    """How many drawn values the enforced schema accepts: the model-facing one accepts each."""
    shown = compile_schema(one.entry["inputSchema"])
    strategy = arguments_of(one) | values(one.tool.enforced)
    accepted = [v for v in drawn(strategy, VALUES_EACH) if one.schema.violation(v) is None]
    for value in accepted:
        assert shown.violation(value) is None, (one.selector, json.dumps(value)[:2_000])
    return len(accepted)


def _references(schema: Any) -> list[str]:
    """Every `$ref` that is a keyword, not a property's name."""
    if isinstance(schema, list):
        return [found for part in schema for found in _references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [found for part in schema.values() for found in _references(part)]
