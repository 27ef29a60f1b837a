"""Effective arguments: what the model sent, with the profile's defaults and constants."""

from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Tool


def effective_arguments(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Defaults where the model is silent, constants always, integral floats as integers."""
    return {**tool.defaults, **whole_numbers(arguments), **tool.constants}


def whole_numbers(value: Any) -> Any:
    """A JSON value with every integral float up to 2^63 as the integer it is (5.0 is 5 in JSON)."""
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) <= LIMITS.integer_max
        return int(value) if is_whole else value
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return value
