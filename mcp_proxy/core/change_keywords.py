"""What one rule of a JSON Schema says of another: the keywords in groups, and what follows.

For the proof of `core.change_schema`: each answer may be no where the truth is yes, never the other
way round.
"""

from typing import Any

from mcp_proxy.core.change import same_json

Schema = dict[str, Any]

_EXACT_INTEGER = 2**53
DEFINITIONS = ("$defs", "definitions")
# They say nothing of what is accepted.
ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "example", "deprecated", "readOnly")
) | {"writeOnly", "$comment"}
# Each bound of the old schema, and what of the new one it follows from.
_UPPER = {
    "maximum": (("maximum", False), ("exclusiveMaximum", False)),
    "exclusiveMaximum": (("exclusiveMaximum", False), ("maximum", True)),
    "maxLength": (("maxLength", False),),
    "maxItems": (("maxItems", False),),
    "maxProperties": (("maxProperties", False),),
}
_LOWER = {
    "minimum": (("minimum", False), ("exclusiveMinimum", False)),
    "exclusiveMinimum": (("exclusiveMinimum", False), ("minimum", True)),
    "minLength": (("minLength", False),),
    "minItems": (("minItems", False),),
    "minProperties": (("minProperties", False),),
}
OBJECT = ("properties", "patternProperties", "additionalProperties")
ARRAY = ("prefixItems", "items")
# Keywords that mean something together only; those of the last two must be the same.
_GROUPS = (OBJECT, ARRAY, ("contains", "minContains", "maxContains"), ("if", "then", "else"))
_ALONE = (
    *("type", "enum", "const", "multipleOf", "uniqueItems", "pattern", "format", "required"),
    *("dependentRequired", "dependentSchemas", "propertyNames", "anyOf", "oneOf", "not"),
    *(*_UPPER, *_LOWER),
)
GROUP_OF = {key: (key,) for key in _ALONE} | {key: group for group in _GROUPS for key in group}
KNOWN = GROUP_OF.keys() | ANNOTATIONS | {"$ref", "allOf", *DEFINITIONS}
# They change what other keywords mean, near or far.
UNPROVABLE = frozenset(
    (
        *("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"),
        *("$schema", "$vocabulary", "unevaluatedItems", "unevaluatedProperties"),
    )
)


def implies(key: str, old: Schema, new: Schema) -> bool:
    """Whether the old schema's rule `key` follows from the new schema's own keywords."""
    if key == "uniqueItems":
        return old[key] is False
    if key == "type":
        return _type_follows(_names(old[key]), _names(new.get(key)))
    if key in ("enum", "const"):
        values = old["enum"] if key == "enum" else [old["const"]]
        return _values_follow(values, listed_values(new))
    if key == "multipleOf":
        return _is_multiple(old[key], new.get(key))
    for table, is_upper in ((_UPPER, True), (_LOWER, False)):
        for other, strictly in table.get(key, ()):
            if _is_within(old[key], new.get(other), is_upper=is_upper, strictly=strictly):
                return True
    return False


def _is_within(bound: Any, own: Any, *, is_upper: bool, strictly: bool) -> bool:
    if not (_is_number(bound) and _is_number(own)):
        return False
    if strictly and not (is_exact(bound) and is_exact(own)):
        return False  # two neighbours may be one number to a reader of doubles
    low, high = (own, bound) if is_upper else (bound, own)
    return bool(low < high or (low == high and not strictly))


def _is_multiple(factor: Any, own: Any) -> bool:
    whole = all(isinstance(one, int) and _is_number(one) and one > 0 for one in (factor, own))
    return whole and own % factor == 0


def _type_follows(types: set[str] | None, own: set[str] | None) -> bool:
    if types is None or own is None:
        return False
    return own <= (types | {"integer"} if "number" in types else types)


def _values_follow(values: list[Any], own: list[Any] | None) -> bool:
    return own is not None and all(any(same_json(one, value) for value in values) for one in own)


def listed_values(schema: Schema) -> list[Any] | None:
    """All values that the schema itself lists, None where it lists none."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def is_exact(value: Any) -> bool:
    """Whether the value is one on which every reader of JSON agrees."""
    if value is None or isinstance(value, (bool, str)):
        return True
    return isinstance(value, int) and abs(value) <= _EXACT_INTEGER


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _names(value: Any) -> set[str] | None:
    names = [value] if isinstance(value, str) else value
    return set(names) if isinstance(names, list) else None
