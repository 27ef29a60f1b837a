"""JSON pointers (RFC 6901) over plain values; references of a schema into itself."""

from typing import Any
from urllib.parse import unquote


def parse_pointer(pointer: str) -> tuple[str, ...]:
    """The pointer's keys; "" has none. Raises ValueError where it does not begin with a slash."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no JSON pointer")
    parts = pointer[1:].split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def find(value: Any, keys: tuple[str, ...]) -> tuple[bool, Any]:
    """(True, what stands there), or (False, None). Objects only: no pointer goes into an array."""
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return False, None
        value = value[key]
    return True, value


def put(value: Any, keys: tuple[str, ...], item: Any) -> Any:
    """A copy of an object with `item` at `keys`, missing parents made; shares what it leaves alone.

    Raises:
        ValueError: something on the way is no object.
    """
    if not keys:
        return item
    if not isinstance(value, dict):
        raise ValueError("a parent is no object")  # noqa: TRY004 - a value, not a caller, is wrong
    return {**value, keys[0]: put(value.get(keys[0], {}), keys[1:], item)}


def resolve_reference(root: Any, reference: Any) -> Any:
    """What `#/...` points at within a schema; {} (no rule) for anything else."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    try:
        keys = parse_pointer(unquote(reference[1:]))
    except ValueError:
        return {}
    value = root
    for key in keys:
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return {}
    return value
