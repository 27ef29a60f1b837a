"""Answers as APIs give them, of made-up content, and their tokens as JSON and as rows."""

import json
import random
from typing import Any

from roundtrip.token_counts import count_tokens

from mcp_proxy.core.rows import rows_of

_NAMES = ("Ada Lovelace", "Grace Hopper, Inc.", "Müller GmbH", "Shop 24", "O'Neill & Sons")
_NOTES = (None, "Called on Monday, wants a copy.", "Paid in two parts", "See ticket #4711: resend")


def answers() -> dict[str, Any]:
    """By name; the same at each call."""
    dice = random.Random(7)
    return {
        "a page of 25 invoices": {
            "data": [_invoice(dice, i) for i in range(25)],
            "next": "eyJvIjo",
        },
        "100 flat rows": [_flat(dice, i) for i in range(100)],
        "one nested record": _invoice(dice, 7) | {"lines": [_line(dice, i) for i in range(4)]},
        "10 orders with lines": [
            {"id": f"ord_{i}", "lines": [_line(dice, n) for n in range(3)]} for i in range(10)
        ],
        "20 issues with labels and long texts": [_issue(dice, i) for i in range(20)],
        "a settings object": {"theme": "dark", "limits": {"day": 5, "month": 90}, "tags": ["a"]},
        "a list of numbers": [dice.randrange(10_000) for _ in range(50)],
    }


def table() -> str:
    """Tokens (o200k) and bytes of each answer as compact JSON and as rows, as Markdown."""
    rows = answers()
    plain = [json.dumps(v, ensure_ascii=False, separators=(",", ":")) for v in rows.values()]
    told = [rows_of(value) for value in rows.values()]
    counts = count_tokens([*plain, *told])
    lines = ["| answer | tokens as JSON | as rows | less |", "| --- | ---: | ---: | ---: |"]
    for name, before, after in zip(rows, counts, counts[len(rows) :], strict=False):
        lines.append(f"| {name} | {before:,} | {after:,} | {1 - after / before:.0%} |")
    return "\n".join(lines)


def _invoice(dice: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": f"inv_{number:05d}",
        "customer": {"id": f"cus_{dice.randrange(99):04d}", "name": dice.choice(_NAMES)},
        "total": dice.randrange(100, 90_000),
        "currency": "EUR",
        "status": dice.choice(("paid", "open", "overdue")),
        "issued": f"2026-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}",
        "note": dice.choice(_NOTES),
    }


def _flat(dice: random.Random, number: int) -> dict[str, Any]:
    return {"id": number, "sku": f"SKU-{dice.randrange(9999)}", "stock": dice.randrange(500)}


def _line(dice: random.Random, number: int) -> dict[str, Any]:
    return {"line": number, "text": dice.choice(_NAMES), "amount": dice.randrange(9_000) / 100}


def _issue(dice: random.Random, number: int) -> dict[str, Any]:
    body = " ".join(dice.choice(_NOTES) or "It fails\nwhen started twice." for _ in range(12))
    return {"number": number, "title": "It fails", "labels": ["bug", "p2"], "body": body}
