"""Random arguments that a model may send: drawn from what it is shown, kept where serve allows."""

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from roundtrip.built import NOW_S, BuiltTool
from roundtrip.schema_values import values

from mcp_proxy.core import policy
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.request import RestRequest

# What stands in a path or header may hold no separators, so that free texts are drawn without.
_LETTERS = {"path": "abcXYZ019-_~é", "header": "abcXYZ019-_"}
_CHARS_MAX = 12
_SHAPING = frozenset({"enum", "const", "pattern", "format", "anyOf"})


def arguments_of(one: BuiltTool) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that fit the model-facing schema of the tool."""
    shown = one.entry["inputSchema"]
    rules = one.tool.arguments
    parts = {name: _value(part, rules[name].place) for name, part in shown["properties"].items()}
    needed = {name: part for name, part in parts.items() if name in shown.get("required", ())}
    optional = {name: part for name, part in parts.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=optional)


def requests_of(
    one: BuiltTool, upstream: UpstreamSpec, count: int
) -> Iterator[tuple[dict[str, Any], RestRequest]]:
    """Arguments that serve allows, and the request it would make of them; at most `count`."""
    for arguments in drawn(arguments_of(one), count):
        decision = policy.decide(
            Ready(one.tool, one.schema, None, upstream, None), arguments, NOW_S
        )
        if isinstance(decision, policy.Allow) and isinstance(decision.request, RestRequest):
            yield arguments, decision.request


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """At most `count` values, the same each time; none where the strategy cannot be followed."""
    found: list[Any] = []

    @seed(4)
    @settings(
        max_examples=count,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    try:
        collect()
    except HypothesisException:
        return found
    return found


def _value(schema: dict[str, Any], place: str) -> st.SearchStrategy[Any]:
    is_free_text = schema.get("type") == "string" and not _SHAPING & schema.keys()
    if place == "query":
        # openapi-core holds an empty text to the deprecated allowEmptyValue.
        return values(schema).filter(lambda value: value != "")
    if not is_free_text or place not in _LETTERS:
        return values(schema)
    shortest = max(1, schema.get("minLength", 1))
    longest = min(schema.get("maxLength", _CHARS_MAX), shortest + _CHARS_MAX)
    return st.text(_LETTERS[place], min_size=shortest, max_size=longest)
