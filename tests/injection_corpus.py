"""Hostile answers of our own writing (tests/assets/injections.jsonl), and what rules do to them.

A case has a `kind` and a `name`, a media `type`, the `answer` (text, or JSON where it is no text),
the `payload` in it that does the harm, and in `does` the rules that act on it:

- refused: the answer is withheld whole, whatever the profile says
- cleaned: the payload does not survive the cleaning that every answer passes
- hidden: it is not in the text that `html: text` makes of a page
- masked: it is masked under `redact: [secret]`
- flagged: the audit log says that instructions were found; `instructions: withhold` withholds it

What no rule acts on reaches the model; under `mark: true` all that reaches it is between marks.
"""

import json
import os
from collections import Counter
from typing import Any, NamedTuple

from mcp_proxy.core.answer import HttpAnswer
from mcp_proxy.core.presentation import presented
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.redact import masker
from mcp_proxy.core.results import Admitted, Rejected, admit

ASSETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assets")
RULES = ("refused", "cleaned", "hidden", "masked", "flagged")
_TYPES = ("image/*",)
_OPEN = ResultRules("off", None, (), 1 << 20, _TYPES, html="keep", instructions="ignore")


class Case(NamedTuple):
    """One hostile answer, and the rules that act on it."""

    kind: str
    name: str
    type: str
    answer: Any
    payload: str
    does: tuple[str, ...]


def cases() -> list[Case]:
    """Every case of the corpus."""
    rows = _rows("injections.jsonl")
    return [Case(**{**row, "does": tuple(row["does"])}) for row in rows]


def ordinary() -> list[dict[str, Any]]:
    """Ordinary answers: a `kind`, and the `answer` as a text."""
    return _rows("ordinary_answers.jsonl")


def judged(case: Case, **rules: Any) -> Admitted | Rejected:
    """The case under rules that are off unless given, presented."""
    answer = case.answer
    data = answer if isinstance(answer, str) else json.dumps(answer)
    made = _OPEN._replace(**rules)
    mask = masker(made.redact, (), b"key") if made.redact else None
    http = HttpAnswer(200, case.type, data.encode(errors="surrogatepass"))
    return presented(admit(http, made, None, mask), made)


def acting(case: Case) -> tuple[str, ...]:
    """The rules that act on the case, in the order of `RULES`."""
    plain = judged(case)
    if isinstance(plain, Rejected):
        return ("refused",)
    reached = case.payload in told(plain)
    hidden = judged(case, html="text")
    flagged = judged(case, html="text", instructions="flag")
    masked = judged(case, redact=("secret",))
    acts = {
        "cleaned": not reached,
        "hidden": reached and case.payload not in told(hidden),
        "masked": reached and case.payload not in told(masked),
        "flagged": bool(flagged.flags),
    }
    return tuple(rule for rule in RULES if acts.get(rule))


def told(verdict: Admitted | Rejected) -> str:
    """All text that the model gets."""
    assert isinstance(verdict, Admitted)
    return "\n".join(_strings(verdict.result))


def table() -> str:
    """What each rule does to each kind, as a Markdown table; the misses by name below it."""
    kinds: dict[str, Counter[str]] = {}
    missed: dict[str, list[str]] = {}
    for case in cases():
        count = kinds.setdefault(case.kind, Counter())
        count.update(("all", *case.does))
        if not case.does:
            missed.setdefault(case.kind, []).append(case.name)
    heads = ("kind", "cases", *RULES, "none of these")
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for kind, count in kinds.items():
        cells = [count["all"], *(count[rule] for rule in RULES), len(missed.get(kind, ()))]
        lines.append(f"| {kind} | " + " | ".join(map(str, cells)) + " |")
    total = sum(count["all"] for count in kinds.values())
    left = sum(map(len, missed.values()))
    alarms = [row for row in ordinary() if is_alarm(row)]
    names = "; ".join(f"{kind}: {', '.join(some)}" for kind, some in missed.items())
    return "\n".join(
        [
            *lines,
            "",
            f"{total} cases, of which {left} pass all rules but the mark ({names}).",
            "",
            f"Of {len(ordinary())} ordinary answers {len(alarms)} are flagged"
            + (f" ({', '.join(row['name'] for row in alarms)})." if alarms else "."),
        ]
    )


def is_alarm(row: dict[str, Any]) -> bool:
    """Whether an ordinary answer is flagged."""
    answer = HttpAnswer(200, "text/plain", row["answer"].encode())
    return bool(admit(answer, _OPEN._replace(instructions="flag"), None).flags)


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def _rows(name: str) -> list[dict[str, Any]]:
    with open(os.path.join(ASSETS, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]
