"""The estimate of tokens against what o200k (gpt-tokenizer 4.0.0) counted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.workshop.tokens import estimate_tokens, listed_tokens

PROSE = (
    "Find a customer's invoices, newest first. Give the customer id, and a status where only "
    "open or paid invoices are wanted. At most 50 come back in one answer."
)
ENTRY = {
    "name": "find_invoices",
    "description": PROSE,
    "inputSchema": {
        "type": "object",
        "properties": {
            "customer": {"type": "string", "maxLength": 64},
            "status": {"type": "string", "enum": ["open", "paid"]},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20},
        },
        "required": ["customer"],
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True},
}
GERMAN = "Die Rechnung wurde gestern bezahlt; der Kunde möchte den Betrag zurückerstattet bekommen."
CHINESE = "查找客户的发票,最新的在前面。请提供客户编号。"


@pytest.mark.parametrize(
    ("text", "counted"),
    [(PROSE, 35), (json.dumps(ENTRY, separators=(",", ":")), 114), (GERMAN, 16), (CHINESE, 18)],
)
def test_the_estimate_comes_within_a_fifth_of_the_count(text: str, counted: int) -> None:
    assert abs(estimate_tokens(text) - counted) <= counted * 0.2


def test_a_listed_tool_counts_as_its_compact_json() -> None:
    compact = json.dumps(ENTRY, separators=(",", ":"))
    assert (
        listed_tokens(ENTRY)
        == estimate_tokens(compact)
        < estimate_tokens(json.dumps(ENTRY, indent=2))
    )


def test_no_text_costs_nothing() -> None:
    assert estimate_tokens("") == 0


@given(st.text(min_size=0, max_size=200), st.text(max_size=200))
def test_more_text_never_costs_less(first: str, second: str) -> None:
    assert estimate_tokens(f"{first}\n{second}") >= estimate_tokens(first)
