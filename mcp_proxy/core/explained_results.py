"""What becomes of an answer in words, step by step in the order of doing (formats: Results)."""

from typing import NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import ResultRules, UpstreamSpec


class Step(NamedTuple):
    """One thing that is done with an answer, in the order of doing."""

    name: str
    words: str


def result_steps(rules: ResultRules, spec: UpstreamSpec) -> tuple[Step, ...]:
    """What becomes of an answer; guards that the profile does not name have no step."""
    steps = [
        Step("bound", f"at most {LIMITS.upstream_body_bytes:,} bytes are read, decompressed"),
        Step("parse", _parsed(rules, spec)),
        Step("validate", _VALIDATIONS[rules.validate]),
        Step("pick", f"kept: {', '.join(rules.pick)}" if rules.pick else "every field is kept"),
        Step("clean", "control and invisible characters are taken out"),
        *_guards(rules),
        Step("bound", f"above {rules.max_bytes:,} bytes the model gets MCPX-R01 instead"),
        *_telling(rules),
    ]
    return tuple(steps)


def _guards(rules: ResultRules) -> list[Step]:
    steps = []
    if rules.html == "text":
        steps.append(Step("html", "a page in HTML becomes its visible text"))
    if rules.max_items:
        words = f"lists are cut to {rules.max_items:,} items, and the model is told how many went"
        steps.append(Step("cut", words))
    if rules.redact or rules.redact_fields:
        fields = [f"the field {path}" for path in rules.redact_fields]
        masked = ", ".join((*rules.redact, *fields))
        steps.append(Step("redact", f"masked, each value by the same mask: {masked}"))
    if rules.binary_bytes:
        steps.append(Step("binary", f"an image or file has at most {rules.binary_bytes:,} bytes"))
    return steps


def _telling(rules: ResultRules) -> list[Step]:
    steps = [Step("orders", _INSTRUCTIONS[rules.instructions])]
    if rules.text == "rows":
        steps.append(Step("text", "lists of objects are written as rows, which costs fewer tokens"))
    if rules.mark:
        steps.append(Step("mark", "its texts are marked as data of the upstream's"))
    return steps


_VALIDATIONS = {
    "off": "the answer is held against no schema",
    "strip": "fields that the schema does not name are left out; what then breaks it is MCPX-R02",
    "strict": "an answer that breaks the schema is withheld, as MCPX-R02",
}
_INSTRUCTIONS = {
    "ignore": "instructions to the model in it are not looked for",
    "flag": "instructions to the model in it are noted in the audit log",
    "withhold": "where it holds instructions to the model, that gets MCPX-R04 instead",
}


def _parsed(rules: ResultRules, spec: UpstreamSpec) -> str:
    if spec.kind != "rest":
        return "the server's result is taken block by block, their kinds kept"
    also = f", also {', '.join(rules.types)}" if rules.types else ""
    wants_json = rules.pick or rules.redact_fields or rules.validate != "off"
    wanted = "JSON" if wants_json else "JSON or text"
    return f"{wanted} is taken{also}; any other type is MCPX-R03"
