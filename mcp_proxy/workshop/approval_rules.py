"""When a tool's call needs a person: the source's `approval` in, the payload's form out."""

from typing import Any

from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.core.schema import SchemaRefused, compile_pattern
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.source_keys import ApprovalSource, Condition


def approval_rules(source: ApprovalSource | str, arguments: dict[str, ArgumentRule]) -> Any:
    """`never`, `always`, or the list of maps any of which asks.

    Raises:
        Wrong: a condition on an argument that the tool does not have, or without a comparison.
    """
    if isinstance(source, str):
        return source
    return [
        {where: _condition(where, item, arguments) for where, item in conditions.items()}
        for conditions in source.when
    ]


def approval_channels(source: ApprovalSource | str) -> tuple[str, ...]:
    """The channels that the source names; empty leaves the choice to the effect's default."""
    return () if isinstance(source, str) else tuple(source.by)


def _condition(
    where: str, condition: Condition, arguments: dict[str, ArgumentRule]
) -> dict[str, Any]:
    path = ("approval", "when", where)
    name = parse_pointer(where)[0] if where.startswith("/") else where
    if name not in arguments:
        raise Wrong(path, f"is no argument of the tool; it has {', '.join(arguments) or 'none'}")
    tests = condition.model_dump(by_alias=True, exclude_unset=True)
    if not tests:
        raise Wrong(path, "compares nothing; write such as above: 100")
    if condition.matches is not None:
        try:
            compile_pattern(condition.matches)
        except SchemaRefused as error:
            raise Wrong((*path, "matches"), f"is no pattern: {error}") from None
    return tests
