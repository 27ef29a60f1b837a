"""The blocks `constraints`, `limits` and `outward` of a tool's source: one model for each form."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.argument_source import STRICT, Number
from mcp_proxy.workshop.scalars import Clock, Rate, Span

PLACE = "An argument's name, or a pointer into one such as /lines/*/amount."
RELATIONS = ("before", "after", "at_most", "at_least")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORMS = ("one_of", "given", "argument", "sum", "shown", "days", "between")
_RULES_MAX = 32
_LIMITS_MAX = 16

Where = Annotated[str, Field(min_length=1, max_length=256)]
Count = Annotated[int, Field(ge=1, le=LIMITS.integer_max)]


class OneOfSource(BaseModel):
    """Exactly one of these arguments is given."""

    model_config = STRICT
    one_of: list[Where] = Field(min_length=2)


class GivenSource(BaseModel):
    """Where one argument is given, so are the others."""

    model_config = STRICT
    given: Where
    requires: list[Where] = Field(min_length=1)


class RelationSource(BaseModel):
    """One argument beside another: times (before, after), or numbers too (at_most, at_least)."""

    model_config = STRICT
    argument: Where
    before: Where | None = None
    after: Where | None = None
    at_most: Where | None = None
    at_least: Where | None = None

    @model_validator(mode="after")
    def _relates_once(self) -> "RelationSource":
        if len(self.model_fields_set) != 2:
            text = "write one of before, after, at_most, at_least and the other argument"
            raise PydanticCustomError("relation", "{text}", {"text": text})
        return self


class BoundSource(BaseModel):
    """The bound is another argument's value."""

    model_config = STRICT
    argument: Where


def _bound_form(value: Any) -> str:
    return "other" if isinstance(value, (dict, BoundSource)) else "number"


def _check_bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, dict, BoundSource)):
        text = "write a number, or {argument: NAME}"
        raise PydanticCustomError("bound", "{text}", {"text": text})
    return value


Bound = Annotated[
    Annotated[Number, Tag("number")] | Annotated[BoundSource, Tag("other")],
    Discriminator(_bound_form),
    BeforeValidator(_check_bound),
]


class SumSource(BaseModel):
    """The sum of all numbers at a place."""

    model_config = STRICT
    sum: Where
    at_most: Bound


class ShownSource(BaseModel):
    """The value was shown by a read tool's answer a short time ago."""

    model_config = STRICT
    shown: Where
    by: str = Field(min_length=1, description="A read tool of this profile.")
    field: str = Field(min_length=1, description="Where its answer holds the value, as in pick.")
    within: Span
    same: dict[Where, Where] = Field(
        default_factory=dict, description="An argument here: the one of that tool that was alike."
    )


class TimesSource(BaseModel):
    """The days and the time of day when calls may be made, in the profile's time zone."""

    model_config = STRICT
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = Field(
        None, min_length=1
    )
    between: list[Clock] | None = Field(
        None, min_length=2, max_length=2, description="From the first on, until the second."
    )


def _rule_form(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    form = next((form for form in _FORMS if form in keys), None)
    if form is None:
        return None
    # No key of the source has a blank, so that a tag is never taken for one in an error's path.
    return "times rule" if form in ("days", "between") else f"{form} rule"


def _check_form(value: Any) -> Any:
    if _rule_form(value) is None:
        text = f"write a rule: {', '.join(_FORMS[:-1])} or {_FORMS[-1]}"
        raise PydanticCustomError("rule", "{text}", {"text": text})
    return value


ConstraintSource = Annotated[
    Annotated[OneOfSource, Tag("one_of rule")]
    | Annotated[GivenSource, Tag("given rule")]
    | Annotated[RelationSource, Tag("argument rule")]
    | Annotated[SumSource, Tag("sum rule")]
    | Annotated[ShownSource, Tag("shown rule")]
    | Annotated[TimesSource, Tag("times rule")],
    Discriminator(_rule_form),
    BeforeValidator(_check_form),
]
Constraints = Annotated[list[ConstraintSource], Field(max_length=_RULES_MAX)]


class SumLimitSource(BaseModel):
    """How much of an argument, summed over calls, a calendar window holds."""

    model_config = STRICT
    of: Where = Field(description=PLACE)
    per: Literal["second", "minute", "hour", "day", "month"]
    at_most: Count
    by: Where | None = Field(None, description="Counted apart by the values of this argument.")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class LimitsSource(BaseModel):
    """How many calls, and how much in sum, a calendar window of the profile's time zone holds."""

    model_config = STRICT
    calls: Annotated[
        list[Rate],
        Field(max_length=_LIMITS_MAX),
        BeforeValidator(_as_list, json_schema_input_type=Rate | list[Rate]),
    ] = Field(default_factory=list)
    sum: Annotated[
        list[SumLimitSource],
        Field(max_length=_LIMITS_MAX),
        BeforeValidator(_as_list, json_schema_input_type=SumLimitSource | list[SumLimitSource]),
    ] = Field(default_factory=list)


class OutwardSource(BaseModel):
    """What becomes of an argument that holds what looks like a secret."""

    model_config = STRICT
    secrets: Literal["deny", "allow"]
