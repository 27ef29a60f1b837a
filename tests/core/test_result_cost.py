"""What policy and result rules cost: a small answer that is masked, and a large one that is picked.

The bounds are those of a quiet machine. They are held against how long this one takes to parse the
same bytes, so that a busy one does not fail: what is told is how many parses the pipeline costs.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from core.tool_samples import PLAIN, REST, rest_tool, rule

from mcp_proxy.core.answer import HttpAnswer
from mcp_proxy.core.policy import Allow, decide
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.ready import ready_tool
from mcp_proxy.core.redact import masker
from mcp_proxy.core.results import Admitted, admit

NAMES = ("email", "phone", "card", "iban", "secret", "national_id.de")
SCHEMA = {"type": "object", "properties": {"customer": {"type": "string"}}}


def invoice(index: int) -> dict[str, Any]:
    """An invoice of about a kilobyte, as APIs give them."""
    customer = {
        "id": f"cus_{index % 99:06}",
        "email": f"user{index}@example.com",
        "phone": f"+49 30 {1_000_000 + index}",
        "address": {"line1": "Bahnhofstr. 12", "city": "Berlin", "postal_code": "10115"},
    }
    line = {"object": "line_item", "description": "Consulting, half a day", "quantity": 2}
    return {
        "id": f"inv_{index:08}",
        "object": "invoice",
        "customer": customer,
        "status": "open",
        "total": index * 37 % 100_000,
        "note": f"Due on 2026-11-{index % 28 + 1:02}, account DE89 3704 0044 0532 0130 00",
        "lines": [{**line, "id": f"il_{index}{part}", "amount": part * 50} for part in range(3)],
        "created": "2026-11-02T10:00:00Z",
        "metadata": {"source": "import", "batch": "2026-11", "comment": "x" * 250},
    }


def answer(count: int) -> HttpAnswer:
    rows = {"data": [invoice(index) for index in range(count)], "next": "eyJwYWdlIjoyfQ"}
    return HttpAnswer(200, "application/json", json.dumps(rows).encode())


def medians_s(*works: Callable[[], object], times: int) -> list[float]:
    """Median seconds of CPU of each, taken in turn so that all meet the same load."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for work, row in zip(works, taken, strict=True):
            start = time.process_time()
            work()
            row.append(time.process_time() - start)
    return [statistics.median(row) for row in taken]


def masked(given: HttpAnswer, rules: ResultRules) -> Admitted:
    verdict = admit(given, rules, None, MASKS[rules.redact])
    assert isinstance(verdict, Admitted)
    return verdict


FEW = ("email", "phone", "iban")
MASKS = {names: masker(names, (), b"k" * 32) for names in (NAMES, FEW)}
MASKING = PLAIN._replace(redact=NAMES)
PICKING = MASKING._replace(
    pick=("data.id", "data.total", "data.status", "data.customer.email", "data.note", "next"),
    max_bytes=8 << 20,
)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(
    ("rules", "parses"),
    [(PICKING._replace(redact=FEW), 13), (MASKING, 24)],
    ids=["picked, three detectors", "whole, six detectors"],
)
def test_policy_and_results_of_two_kilobytes_cost_little(
    capsys: pytest.CaptureFixture[str], rules: ResultRules, parses: int
) -> None:
    given = answer(2)
    assert 1_900 < len(given.body) < 2_400
    tool = rest_tool({"customer": rule("body", "/customer")}, enforced=SCHEMA)
    ready = ready_tool(tool, REST, None)

    def whole() -> None:
        assert isinstance(decide(ready, {"customer": "cus_000001"}, 0.0), Allow)
        masked(given, rules)

    parse_s, whole_s = medians_s(lambda: json.loads(given.body), whole, times=1_000)
    with capsys.disabled():
        print(f"\n2 KB: {whole_s * 1e6:.0f} us, parsing alone {parse_s * 1e6:.0f} us")
    assert whole_s < parses * parse_s


@pytest.mark.slow
@pytest.mark.alone
def test_a_mebibyte_picked_and_masked_costs_some_parses_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = answer(990)
    assert 1_000_000 < len(given.body) < 1_100_000
    parse_s, whole_s = medians_s(
        lambda: json.loads(given.body), lambda: masked(given, PICKING), times=15
    )
    with capsys.disabled():
        print(f"\n1 MiB: {whole_s * 1e3:.0f} ms, parsing alone {parse_s * 1e3:.1f} ms")
    assert "@" not in json.dumps(masked(given, PICKING).result)
    assert whole_s < 10 * parse_s
