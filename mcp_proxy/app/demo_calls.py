"""The calls of the demo's client, what each is meant to show, and how its answer must look."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.app.demo_person import WORD


class Call(NamedTuple):
    """One tools/call; `check` takes the answer as the SDK's client tells it."""

    tool: str
    arguments: dict[str, Any]
    meant: str
    check: Callable[[Any], bool]


CALLS = (
    Call(
        "find_invoices",
        {"customer": "cus_0001"},
        "allowed; picked fields only, escape codes and invisible characters cleaned",
        lambda told: (
            not told.is_error
            and "Rush order, call first" in told.text
            and not any(word in told.text for word in ("internal", "customer_id", "\\u001b"))
        ),
    ),
    Call(
        "refund_invoice",
        {"invoice_id": "inv_1001", "amount": 500},
        "allowed; the tenant is added by the profile",
        lambda told: not told.is_error and "re_1" in told.text,
    ),
    Call(
        "refund_invoice",
        {"invoice_id": "inv_2001", "amount": 500},
        "refused by a constraint: find_invoices has not shown this invoice",
        lambda told: told.is_error and "MCPX-D14" in told.text,
    ),
    Call(
        "refund_invoice",
        {"invoice_id": "inv_1003", "amount": 25_000},
        "waits for a person, who approves it in a terminal",
        lambda told: not told.is_error and "re_2" in told.text,
    ),
    Call(
        "refund_invoice",
        {"invoice_id": "inv_1003", "amount": 20_000},
        "waits for a person, who denies it, with a word to the model",
        lambda told: told.is_error and "MCPX-D12" in told.text and WORD in told.text,
    ),
    Call(
        "refund_invoice",
        {"invoice_id": "inv_1003", "amount": 30_000},
        "refused by the limit of the day; nobody is asked for it",
        lambda told: told.is_error and "MCPX-D13" in told.text,
    ),
    Call(
        "refund_invoice",
        {"invoice_id": "inv_1003", "amount": 60_000},
        "refused by schema: above the profile's maximum",
        lambda told: told.is_error and "MCPX-D01" in told.text,
    ),
    Call(
        "find_invoices",
        {"customer": "cus_0001", "tenant": "other"},
        "refused: a constant cannot be chosen",
        lambda told: told.is_error and "MCPX-D0" in told.text,
    ),
    Call(
        "delete_account",
        {"account": "cus_0001"},
        "refused: the gateway has it, the profile does not name it",
        lambda told: told.is_error,
    ),
    Call(
        "exchange_rate",
        {"from": "EUR", "to": "USD"},
        "allowed; over the MCP gateway",
        lambda told: not told.is_error and "1.08" in told.text,
    ),
    Call(
        "export_statement",
        {"month": "2026-05"},
        "allowed; three steps of progress passed through",
        lambda told: not told.is_error and told.progress == 3,
    ),
)
