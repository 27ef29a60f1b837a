"""The demo's billing API: a few customers, invoices and refunds in memory, bearer-protected.

`BillingApi(token).handle` maps a request to an answer; its OpenAPI document, the one the demo's
profile is built from, is served at `/openapi.json` without a token. Amounts are in minor units.
"""

import json
import threading
from typing import Any

from mcp_proxy.app.assets import read_asset
from mcp_proxy.app.demo_http import Reply, Request

_CUSTOMERS: dict[str, dict[str, Any]] = {
    "cus_0001": {"id": "cus_0001", "name": "Nordlicht Buchhandlung", "plan": "business"},
    "cus_0002": {"id": "cus_0002", "name": "Café Mirador", "plan": "starter"},
}


def _invoice(number: int, customer: str, total: int, status: str, note: str) -> dict[str, Any]:
    return {
        "id": f"inv_{number}",
        "customer_id": customer,
        "total": total,
        "currency": "EUR",
        "status": status,
        "note": note,
        "internal": {"margin_percent": 31, "agent": "ops-7"},
    }


class BillingApi:
    """One billing system of one tenant, `acme`; handlers may run side by side."""

    def __init__(self, token: str) -> None:
        """`token` is the only bearer token that is let in."""
        self._authorization = f"Bearer {token}"
        self._document = read_asset("demo-billing.openapi.json")
        self._lock = threading.Lock()
        self.refunds: list[dict[str, Any]] = []
        rows = [
            _invoice(1001, "cus_0001", 12_900, "paid", "Annual plan"),
            # What others write into a field reaches a model: colours, hidden characters.
            _invoice(
                1002, "cus_0001", 4_900, "paid", "\x1b[31mRush\x1b[0m order\u200b, call first"
            ),
            _invoice(1003, "cus_0001", 250_000, "paid", "Hardware"),
            _invoice(2001, "cus_0002", 1_900, "open", "Monthly plan"),
        ]
        self._invoices = {row["id"]: row for row in rows}

    def handle(self, request: Request) -> Reply:
        """Answers one request; every path but the document's needs the token and the tenant."""
        if request.path == "/openapi.json":
            return Reply(200, self._document)
        if request.headers.get("authorization") != self._authorization:
            return _error(401, "unauthorized", "A valid bearer token is required.")
        if request.headers.get("x-tenant") != "acme":
            return _error(403, "wrong_tenant", "This token belongs to tenant acme.")
        return self._route(request)

    def _route(self, request: Request) -> Reply:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "customers", customer]:
                return _found(_CUSTOMERS.get(customer), "customer")
            case "GET", ["v1", "invoices"]:
                return self._list(request.query)
            case "GET", ["v1", "invoices", invoice]:
                return _found(self._invoices.get(invoice), "invoice")
            case "DELETE", ["v1", "invoices", invoice]:
                return _found(self._invoices.pop(invoice, None), "invoice")
            case "POST", ["v1", "refunds"]:
                return self._refund(request.body)
        return _error(404, "no_such_path", "There is no such resource.")

    def _list(self, query: dict[str, str]) -> Reply:
        limit = query.get("limit", "10")
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            return _error(400, "bad_limit", "limit must be from 1 to 100.")
        rows = [
            row
            for row in self._invoices.values()
            if row["customer_id"] == query.get("customer_id", row["customer_id"])
            and row["status"] == query.get("status", row["status"])
        ]
        return _json(200, {"data": rows[: int(limit)], "has_more": len(rows) > int(limit)})

    def _refund(self, body: bytes) -> Reply:
        try:
            asked = json.loads(body)
            invoice, amount = asked["invoice_id"], asked["amount"]
        except (ValueError, KeyError, TypeError):
            return _error(400, "bad_body", "invoice_id and amount are required.")
        row = self._invoices.get(invoice)
        if row is None:
            return _found(None, "invoice")
        with self._lock:
            refunded = sum(item["amount"] for item in self.refunds if item["invoice_id"] == invoice)
            if row["status"] != "paid" or refunded + amount > row["total"]:
                return _error(409, "not_refundable", f"At most {row['total'] - refunded} is left.")
            number = len(self.refunds) + 1
            refund = {"id": f"re_{number}", "invoice_id": invoice, "amount": amount}
            self.refunds.append(refund)
        return _json(201, {**refund, "currency": row["currency"], "status": "pending"})


def _found(row: dict[str, Any] | None, what: str) -> Reply:
    if row is None:
        return _error(404, f"no_such_{what}", f"There is no such {what}.")
    return _json(200, row)


def _error(status: int, code: str, message: str) -> Reply:
    headers = (("www-authenticate", "Bearer"),) if status == 401 else ()
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Reply(status, body, headers=headers)


def _json(status: int, value: Any) -> Reply:
    return Reply(status, json.dumps(value, ensure_ascii=False).encode())
