"""What a log comes to in numbers: calls, denials, durations, bytes, errors; one entry at once.

What is held grows with the number of tools, rules and days, never with the number of entries:
durations are counted exactly below one second, and to three digits above, rounded up.
"""

from collections import Counter, OrderedDict
from datetime import date, timedelta
from typing import Any, NamedTuple

from mcp_proxy.core.audit_filter import client_name
from mcp_proxy.core.audit_spans import Spans

DECISIONS = ("allow", "ask", "deny")
UNKNOWN = "(no tool of the profile)"
_NAMES = 10_000  # of tools, rules, days: more than any profile has; the rest is counted as one
_OPEN = 4_096  # calls under way at once: what is older than so many was never answered
_REST = "(others)"
_COLUMNS = 62


class Durations:
    """How long calls took, in milliseconds."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, ms: int) -> None:
        """Count one call."""
        self._counts[_rounded(max(ms, 0))] += 1

    def percentile(self, per_cent: int) -> int | None:
        """The duration that so many per cent of the calls do not exceed; None without a call."""
        total = sum(self._counts.values())
        wanted = -(-total * per_cent // 100)
        for ms in sorted(self._counts):
            wanted -= self._counts[ms]
            if wanted <= 0:
                return ms
        return None

    def histogram(self, bounds: tuple[int, ...]) -> list[int]:
        """How many calls took at most each bound, and more than the one before; then the rest."""
        bins = [0] * (len(bounds) + 1)
        for ms, count in self._counts.items():
            bins[sum(ms > bound for bound in bounds)] += count
        return bins


class ToolNumbers:
    """One tool's calls."""

    def __init__(self) -> None:
        self.decisions: Counter[str] = Counter()
        self.durations = Durations()
        self.errors = 0
        self.bytes = 0


class Span(NamedTuple):
    """The times of the outer entries; "" where there is none."""

    first: str
    last: str


class Numbers:
    """Counts of all entries that were added; `approved` of the allowed are by a person's yes.

    A call that is asked about is decided again when it goes on: `again` counts these decisions.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.span = Span("", "")
        self.decisions: Counter[str] = Counter()
        self.days: dict[str, Counter[str]] = {}
        self.tools: dict[tuple[str, str], ToolNumbers] = {}
        self.denials: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[str] = Counter()
        self.clients: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.durations = Durations()
        self.bytes = 0
        self.cancelled = 0
        self.approved = 0
        self.again = 0
        self._spans = Spans()
        self._open: OrderedDict[str, None] = OrderedDict()
        self._left = 0

    def add(self, entry: dict[str, Any]) -> None:
        """Count one entry as reading gives it."""
        time = str(entry["time"])
        self.entries += 1
        first, last = self.span
        self.span = Span(min(first or time, time), max(last, time))
        match entry["kind"]:
            case "decided":
                self._decided(entry, time[:10])
            case "answered":
                self._open.pop(str(entry.get("call")), None)
                self._answered(entry)
            case "cancelled":
                self._open.pop(str(entry.get("call")), None)
                self.cancelled += 1
            case "note":
                _count(self.notes, str(entry["what"]), _whole(entry.get("count", 1)))
            case "admin":
                _count(self.commands, str(entry["what"]))
            case "refused":
                _count(self.notes, "profile refused")
            case _:
                pass

    def _decided(self, entry: dict[str, Any], day: str) -> None:
        decision = str(entry["decision"])
        self.decisions[decision] += 1
        if decision == "allow":
            self._begin(str(entry.get("call")))
        self.again += self._spans.leg(entry.get("trace")) > 0
        self.approved += decision == "allow" and entry.get("approval") is not None
        _held(self.days, day, Counter)[decision] += 1
        self._tool(entry).decisions[decision] += 1
        _count(self.clients, client_name(entry) or "(no name)")
        if decision == "deny":
            _count(self.denials, (str(entry["rule"]), str(entry["error"] or "")))

    def _answered(self, entry: dict[str, Any]) -> None:
        if entry["outcome"] == "asked":
            return  # the upstream asks back; the call's next leg is an entry of its own
        tool, size, ms = self._tool(entry), _whole(entry["bytes"]), _whole(entry["ms"])
        self.durations.add(ms)
        tool.durations.add(ms)
        self.bytes += size
        tool.bytes += size
        if entry["outcome"] != "ok":
            tool.errors += 1
            _count(self.errors, str(entry["error"] or "the API's own"))

    @property
    def calls(self) -> int:
        """How many calls there were, each once however often it was decided."""
        return self.decisions.total() - self.again

    @property
    def unanswered(self) -> int:
        """How many calls that were let through have no end: under way, or killed on the way."""
        return self._left + len(self._open)

    def _begin(self, call: str) -> None:
        self._open[call] = None
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
            self._left += 1

    def _tool(self, entry: dict[str, Any]) -> ToolNumbers:
        name = (str(entry.get("profile") or ""), str(entry.get("tool") or UNKNOWN))
        if name not in self.tools and len(self.tools) >= _NAMES:
            name = ("", _REST)
        return self.tools.setdefault(name, ToolNumbers())


def columns_of(days: dict[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """The days in order, those without a call among them; months where they are too many."""
    known = sorted(day for day in days if day != _REST)
    if not known:
        return []
    first, last = (date.fromisoformat(day) for day in (known[0], known[-1]))
    span = (last - first).days + 1
    if span <= _COLUMNS:
        every = [(first + timedelta(days=number)).isoformat() for number in range(span)]
        return [(day[5:], days.get(day, Counter())) for day in every]
    months: dict[str, Counter[str]] = {}
    for day in known:
        months.setdefault(day[:7], Counter()).update(days[day])
    return list(months.items())[-_COLUMNS:]


def _held(days: dict[str, Counter[str]], day: str, new: type[Counter[str]]) -> Counter[str]:
    return days.setdefault(day if day in days or len(days) < _NAMES else _REST, new())


def _count(counts: Counter[Any], name: Any, number: int = 1) -> None:
    counts[name if name in counts or len(counts) < _NAMES else _REST] += number


def _whole(value: object) -> int:
    return max(value, 0) if isinstance(value, int) else 0


def _rounded(ms: int) -> int:
    if ms < 1_000:
        return ms
    unit: int = 10 ** (len(str(ms)) - 3)
    return -(-ms // unit) * unit
