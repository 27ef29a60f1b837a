"""Proof that one JSON Schema 2020-12 accepts no more than another.

True is a proof, False only says that none was found. Both schemas are taken as what must hold at
once (the schema, its `allOf`, what it refers to), and each rule of the old one must follow from one
of the new. References may come back to themselves: what is being proved may be used again for a
part of the value, never for the value itself.
"""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.change import same_json
from mcp_proxy.core.change_keywords import (
    ARRAY,
    DEFINITIONS,
    GROUP_OF,
    KNOWN,
    OBJECT,
    UNPROVABLE,
    Schema,
    implies,
    is_exact,
    listed_values,
)
from mcp_proxy.core.pointer import resolve_reference
from mcp_proxy.core.schema import SchemaRefused, compile_schema

_STEPS_MAX = 10_000
_ANYTHING: Schema = {}
_NOTHING: Schema = {"enum": []}


class _Unproven(Exception):
    """Something that no proof here covers."""


def accepts_no_more(old: Any, new: Any, old_root: Any = None, new_root: Any = None) -> bool:
    """Whether every value that `new` accepts is surely one that `old` accepts.

    The roots are what the references of a part refer to; without them, the schemas themselves.
    """
    roots = (old if old_root is None else old_root, new if new_root is None else new_root)
    try:
        if same_json([old, roots[0]], [new, roots[1]]):
            return True
        if any(key in UNPROVABLE for root in roots for key in _keys(root)):
            return False
        for root in roots:
            compile_schema(root)  # which makes sure of the shape of every keyword
        return _Proof(*roots).holds(old, new, 0)
    except (_Unproven, SchemaRefused, RecursionError):
        return False


class _Proof:
    """One proof; the level counts the steps from the value into its parts."""

    def __init__(self, old: Any, new: Any) -> None:
        self._old = old
        self._new = new
        self._left = _STEPS_MAX
        self._open: dict[tuple[int, int], int] = {}

    def holds(self, old: Any, new: Any, level: int) -> bool:
        """Whether `new` accepts no more than `old`."""
        self._left -= 1
        if self._left < 0:
            raise _Unproven
        if new is False or old is True or self._is_same(old, new):
            return True
        old, new = _as_object(old), _as_object(new)
        pair = (id(old), id(new))
        if pair in self._open:
            return level > self._open[pair]
        self._open[pair] = level
        try:
            return self._all_follow(old, new, level)
        finally:
            del self._open[pair]

    def _all_follow(self, old: Schema, new: Schema, level: int) -> bool:
        olds, news = _together(self._old, old), _together(self._new, new)
        if self._each_value_fits(old, news):
            return True
        return all(
            self._follows(group, one, new, news, level) for one in olds for group in _groups(one)
        )

    def _follows(
        self, group: tuple[str, ...], old: Schema, new: Schema, news: list[Schema], level: int
    ) -> bool:
        key = group[0]
        if group is OBJECT:
            return any(self._object_follows(old, one, level + 1) for one in news)
        if group is ARRAY:
            return any(self._array_follows(old, one, level + 1) for one in news)
        if key == "required":
            return set(old[key]) <= {name for one in news for name in one.get(key, ())}
        if key == "anyOf":
            return self._any_follows(old[key], new, news, level)
        return any(self._is_same_group(group, old, one) or implies(key, old, one) for one in news)

    def _object_follows(self, old: Schema, new: Schema, level: int) -> bool:
        (named, patterns, others), (fewer, own_patterns, own_others) = map(
            _object_parts, (old, new)
        )
        # What a pattern covers is no other: with them, only the same names can be compared.
        is_alike = named.keys() == fewer.keys() and self._is_same(patterns, own_patterns)
        if (patterns or own_patterns) and not is_alike:
            return False
        return self.holds(others, own_others, level) and all(
            self.holds(named.get(name, others), fewer.get(name, own_others), level)
            for name in named.keys() | fewer.keys()
        )

    def _array_follows(self, old: Schema, new: Schema, level: int) -> bool:
        if "prefixItems" in old or "prefixItems" in new:
            return self._is_same_group(ARRAY, old, new)
        return self.holds(old["items"], new.get("items", True), level)

    def _any_follows(
        self, branches: list[Any], new: Schema, news: list[Schema], level: int
    ) -> bool:
        own = [one[key] for one in news for key in ("anyOf", "oneOf") if key in one]
        for parts in own:
            if all(any(self.holds(old, part, level) for old in branches) for part in parts):
                return True
        return any(self.holds(old, new, level) for old in branches)

    def _each_value_fits(self, old: Schema, news: list[Schema]) -> bool:
        """Whether the new schema lists its values, and the old one takes each of them."""
        listed = next((found for one in news if (found := listed_values(one)) is not None), None)
        if listed is None or not all(map(is_exact, listed)):
            return False
        places = ("#/$defs/", "#/definitions/")
        if not all(reference.startswith(places) for reference in _reached(self._old, old)):
            return False
        root = self._old if isinstance(self._old, dict) else {}
        definitions = {key: root[key] for key in DEFINITIONS if key in root}
        try:
            schema = compile_schema({**definitions, "allOf": [old]})
        except SchemaRefused:
            return False
        return all(schema.violation(value) is None for value in listed)

    def _is_same_group(self, group: tuple[str, ...], old: Schema, new: Schema) -> bool:
        return self._is_same(
            *({key: one[key] for key in group if key in one} for one in (old, new))
        )

    def _is_same(self, old: Any, new: Any) -> bool:
        """Whether both are one text, and so is all that they refer to."""
        if not same_json(old, new):
            return False
        return same_json(_reached(self._old, old), _reached(self._new, new))


def _object_parts(schema: Schema) -> tuple[Schema, Schema, Any]:
    patterns = schema.get("patternProperties", {})
    return schema.get("properties", {}), patterns, schema.get("additionalProperties", True)


def _groups(schema: Schema) -> set[tuple[str, ...]]:
    return {GROUP_OF[key] for key in schema if key in GROUP_OF}


def _as_object(schema: Any) -> Schema:
    if isinstance(schema, bool):
        return _ANYTHING if schema else _NOTHING
    if not isinstance(schema, dict):
        raise _Unproven
    return schema


def _together(root: Any, schema: Schema) -> list[Schema]:
    """The schemas that hold at once: the schema, what it refers to, and `allOf` of each."""
    found: list[Schema] = []
    waiting: list[Any] = [schema]
    while waiting:
        item = _as_object(waiting.pop(0))
        if any(item is other for other in found):
            continue
        if not item.keys() <= KNOWN:
            raise _Unproven
        found.append(item)
        if "$ref" in item:
            waiting.append(_target(root, item["$ref"]))
        waiting.extend(item.get("allOf", ()))
    return found


def _target(root: Any, reference: Any) -> Any:
    target = resolve_reference(root, reference)
    if target == {}:  # it may not be there at all
        raise _Unproven
    return target


def _reached(root: Any, schema: Any) -> dict[str, Any]:
    """All that a schema refers to, directly or by way of others, by reference."""
    found: dict[str, Any] = {}
    waiting = list(_references(schema))
    while waiting:
        reference = waiting.pop()
        if reference not in found:
            found[reference] = _target(root, reference)
            waiting.extend(_references(found[reference]))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)
