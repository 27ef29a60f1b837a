"""What checking a value against a schema that refers to itself would cost, before it is done.

A validator follows every branch of a union. Where several branches lead back to the same
definition, its work doubles with each level of the value: some hundred bytes, nested thirty deep,
would keep it busy for days, and nothing can interrupt it. Counting is cheap, since each pair of a
schema's part and a value's part is looked at once.
"""

from typing import Any

from mcp_proxy.core.pointer import resolve_reference

_ON_VALUE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_ON_MEMBERS = ("patternProperties", "additionalProperties", "unevaluatedProperties")
_ON_ITEMS = ("items", "contains", "unevaluatedItems", "prefixItems")


def refers_to_itself(root: Any) -> bool:
    """Whether following a schema's references can lead back to where they started."""
    seen: dict[str, bool] = {}
    try:
        return any(_leads_back(root, reference, seen) for reference in _references(root))
    except RecursionError:
        return True


def looks(root: Any, value: Any) -> tuple[int, int]:
    """How many parts a validator would look at, and how many different ones there are.

    A value that is nested too deep to count is as dear as can be.
    """
    counter = _Counter(root)
    try:
        return counter.count(root, value), len(counter.known)
    except RecursionError:
        return 1 << 62, 1


class _Counter:
    """Sums of looks by (schema part, value part); both live as long as the count."""

    def __init__(self, root: Any) -> None:
        self.known: dict[tuple[int, int], int] = {}
        self._root = root
        self._targets: dict[str, Any] = {}

    def count(self, schema: Any, value: Any) -> int:
        """Looks at `value` for `schema`, those below it included."""
        if not isinstance(schema, dict):
            return 1
        pair = (id(schema), id(value))
        if pair not in self.known:
            self.known[pair] = 1  # a reference to itself over the same value ends here
            self.known[pair] = 1 + sum(self._part(key, part, value) for key, part in schema.items())
        return self.known[pair]

    def _part(self, keyword: str, part: Any, value: Any) -> int:
        if keyword == "$ref":
            return self.count(self._target(part), value)
        if keyword in _ON_VALUE:
            return sum(self.count(schema, value) for schema in _schemas(part))
        if isinstance(value, dict):
            return self._members(keyword, part, value)
        if isinstance(value, list) and keyword in _ON_ITEMS:
            return sum(self.count(schema, item) for schema in _schemas(part) for item in value)
        return 0

    def _members(self, keyword: str, part: Any, value: dict[str, Any]) -> int:
        if keyword == "properties" and isinstance(part, dict):
            return sum(self.count(part[name], value[name]) for name in part.keys() & value.keys())
        if keyword == "dependentSchemas" and isinstance(part, dict):
            return sum(self.count(schema, value) for schema in part.values())
        if keyword not in _ON_MEMBERS:
            return 0
        schemas = part.values() if keyword == "patternProperties" else (part,)
        return sum(self.count(schema, item) for schema in schemas for item in value.values())

    def _target(self, reference: Any) -> Any:
        if reference not in self._targets:
            self._targets[reference] = resolve_reference(self._root, reference)
        return self._targets[reference]


def _schemas(part: Any) -> list[Any]:
    return part if isinstance(part, list) else [part]


def _leads_back(root: Any, reference: str, seen: dict[str, bool]) -> bool:
    """Depth first; `seen` holds False while a reference is being followed, True when it is done."""
    if reference in seen:
        return not seen[reference]
    seen[reference] = False
    inner = _references(resolve_reference(root, reference))
    back = any(_leads_back(root, item, seen) for item in inner)
    seen[reference] = True
    return back


def _references(schema: Any) -> list[str]:
    found, waiting = [], [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found += [part for key, part in item.items() if key == "$ref" and isinstance(part, str)]
            waiting += [part for key, part in item.items() if key != "$defs"]
        elif isinstance(item, list):
            waiting += item
    return found
