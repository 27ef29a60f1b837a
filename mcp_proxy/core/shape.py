"""One JSON value of an answer, made to fit the profile: validated, then picked."""

from typing import Any

from mcp_proxy.core.known import known
from mcp_proxy.core.pick import apply_pick, parse_picks
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.schema import Schema


class Unfit(ValueError):
    """The answer is not passed on: an error id, and words for the model."""

    def __init__(self, id: str, why: str) -> None:  # noqa: A002
        super().__init__(why)
        self.id = id
        self.why = why


def wants_json(rules: ResultRules, schema: Schema | None) -> bool:
    """Whether the profile's rules can hold for a JSON value only."""
    return has_fields(rules) or is_validated(rules, schema)


def has_fields(rules: ResultRules) -> bool:
    """Whether the profile names fields, so that only what has fields can be let through."""
    return bool(rules.pick or rules.redact_fields)


def is_validated(rules: ResultRules, schema: Schema | None) -> bool:
    """Whether the answer must fit a schema."""
    return schema is not None and rules.validate != "off"


def shaped(value: Any, rules: ResultRules, schema: Schema | None) -> Any:
    """The value validated (unknown properties removed under `strip`), then picked.

    Raises:
        Unfit: R02, it does not fit the schema.
    """
    if schema is not None and rules.validate != "off":
        if rules.validate == "strip":
            value = known(schema).strip(value)
        violation = schema.violation(value)
        if violation is not None:
            where = violation.pointer.removeprefix("/") or "it"
            raise Unfit(
                "MCPX-R02", f"does not fit the profile's schema: {where} {violation.message}"
            )
    return picked(value, rules)


def picked(value: Any, rules: ResultRules) -> Any:
    """The fields that the profile picks; the whole value where it picks none."""
    return apply_pick(value, parse_picks(rules.pick)) if rules.pick else value
