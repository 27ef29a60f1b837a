"""The small texts of a profile source: sizes, durations, days, names; text in, number out."""

import calendar
import re
import time
from typing import Annotated, Any, NamedTuple, NoReturn

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mcp_proxy.core.freshness import GRACE_MAX_S
from mcp_proxy.core.limits import LIMITS

_SIZE = re.compile(r"([1-9][0-9]{0,9})(B|KiB|MiB)")
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
_DURATION = re.compile(r"([1-9][0-9]{0,9})(ms|s|m)")
_DURATION_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000}
_GRACE = re.compile(r"([1-9][0-9]{0,4})(h|d)")
_GRACE_UNITS_S = {"h": 3600, "d": 86_400}
_SPAN = re.compile(r"([1-9][0-9]{0,5})(s|m|h)")
_SPAN_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_SPAN_MAX_S = 86_400
_RATE = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day|month)")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LAST_SECOND = 86_399

# The pydantic error type that stands for a key or value which this version does not enforce.
NOT_ENFORCED = "not_enforced"


def refuse_others(enforced: str) -> BeforeValidator:
    """Refuses every text but `enforced`."""

    def check(value: Any) -> Any:
        return _not_enforced(value) if isinstance(value, str) and value != enforced else value

    return BeforeValidator(check)


def _not_enforced(value: str) -> NoReturn:
    text = "{value}: not enforced by this version"
    raise PydanticCustomError(NOT_ENFORCED, text, {"value": value})


def parse_size(value: Any) -> int:
    """`64KiB` as bytes, within what no profile can widen."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("size", "write a size such as 64KiB (units B, KiB, MiB)")
    size = int(match[1]) * _SIZE_UNITS[match[2]]
    if size > LIMITS.result_max_bytes:
        raise PydanticCustomError("size", "write at most 8MiB")
    return size


def parse_duration(value: Any) -> int:
    """`20s` as milliseconds, within what no profile can widen."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("duration", "write a duration such as 20s (units ms, s, m)")
    duration_ms = int(match[1]) * _DURATION_UNITS_MS[match[2]]
    if duration_ms > LIMITS.deadline_max_ms:
        raise PydanticCustomError("duration", "write at most 230s")
    return duration_ms


def parse_grace(value: Any) -> int:
    """`7d` as seconds, within what no profile can widen (S19)."""
    match = _GRACE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("grace", "write a time such as 7d (units h, d)")
    grace_s = int(match[1]) * _GRACE_UNITS_S[match[2]]
    if grace_s > GRACE_MAX_S:
        raise PydanticCustomError("grace", "write at most 30d")
    return grace_s


def parse_span(value: Any) -> int:
    """`10m` as seconds, at most a day: what was shown is remembered by one process only."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("span", "write a time such as 10m (units s, m, h)")
    span_s = int(match[1]) * _SPAN_UNITS_S[match[2]]
    if span_s > _SPAN_MAX_S:
        raise PydanticCustomError("span", "write at most 24h")
    return span_s


def parse_rate(value: Any) -> tuple[int, str]:
    """`5/minute` as (5, "minute")."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        text = "write a rate such as 5/minute (second, minute, hour, day or month)"
        raise PydanticCustomError("rate", text)
    return int(match[1]), match[2]


def parse_clock(value: Any) -> int:
    """`08:00` as minutes since midnight."""
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        text = 'write a time of day in quotes such as "08:00" (midnight is "00:00")'
        raise PydanticCustomError("clock", text)
    return int(match[1]) * 60 + int(match[2])


def parse_day(value: Any) -> int:
    """`2027-06-01` as the last second of that day, UTC, since the epoch."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return calendar.timegm(time.strptime(value, "%Y-%m-%d")) + _LAST_SECOND
        except ValueError:
            pass
    raise PydanticCustomError("day", "write a day such as 2027-06-01")


class Matching(NamedTuple):
    """Annotates a string that must match all of `pattern`; `fix` says what to write."""

    pattern: str
    fix: str

    def check(self, value: Any) -> str:
        """`value` itself, or pydantic's error with the fix."""
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return value
        raise PydanticCustomError("text", "{fix}", {"fix": self.fix})

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """pydantic's hook for validation."""
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """pydantic's hook for the editors' schema."""
        return _shape(self.pattern)


def _shape(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema(_shape(_SIZE.pattern))]
Duration = Annotated[
    int, BeforeValidator(parse_duration), WithJsonSchema(_shape(_DURATION.pattern))
]
Grace = Annotated[int, BeforeValidator(parse_grace), WithJsonSchema(_shape(_GRACE.pattern))]
Span = Annotated[int, BeforeValidator(parse_span), WithJsonSchema(_shape(_SPAN.pattern))]
Rate = Annotated[
    tuple[int, str], BeforeValidator(parse_rate), WithJsonSchema(_shape(_RATE.pattern))
]
Clock = Annotated[int, BeforeValidator(parse_clock), WithJsonSchema(_shape(_CLOCK.pattern))]
Day = Annotated[int, BeforeValidator(parse_day), WithJsonSchema(_shape(_DAY.pattern))]
