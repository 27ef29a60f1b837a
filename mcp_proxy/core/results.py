"""What the model gets of an upstream's answer: parsed, validated, picked, cleaned, bounded.

Deny by default: what cannot be checked as the profile asks is rejected, never passed on as it is.
Texts of a rejection say that the call was made, since a model would otherwise make it again.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.http_results import result_of_http
from mcp_proxy.core.mcp_results import result_of_mcp
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.shape import Unfit


class Admitted(NamedTuple):
    """A result in its modern form, and the size of what it says in bytes.

    `error` is the error id of a part that was withheld, if one was.
    """

    result: dict[str, Any]
    size_bytes: int
    error: str | None = None


class Rejected(NamedTuple):
    """The answer is withheld: an error id, and a text for the model."""

    id: str
    text: str


def admit(
    answer: HttpAnswer | McpAnswer, rules: ResultRules, schema: Schema | None
) -> Admitted | Rejected:
    """The answer as the model may see it. `schema` is `rules.schema` compiled, None for none."""
    try:
        if isinstance(answer, McpAnswer):
            result, size = result_of_mcp(answer.result, rules, schema)
        else:
            result, size = result_of_http(answer, rules, schema)
    except Unfit as unfit:
        return Rejected(unfit.id, f"The call was made, but its answer {unfit.why}.")
    if size > rules.max_bytes:
        return Rejected(
            "MCPX-R01",
            f"The call was made, but its answer of {size:,} bytes is above the profile's limit of "
            f"{rules.max_bytes:,} bytes. Ask for less: set a filter, a smaller page, fewer items.",
        )
    return Admitted(result, size)
