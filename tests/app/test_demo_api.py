"""The embedded billing API behaves as its OpenAPI document says, over real HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_http import LoopbackServer

TENANT = {"Authorization": "Bearer let-me-in", "X-Tenant": "acme"}


@pytest.fixture
def api() -> Iterator[LoopbackServer]:
    with LoopbackServer(BillingApi("let-me-in").handle) as server:
        yield server


def ask(
    server: LoopbackServer,
    path: str,
    headers: dict[str, str] = TENANT,
    method: str = "GET",
    body: Any = None,
) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.origin + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def test_the_document_needs_no_token(api: LoopbackServer) -> None:
    status, document = ask(api, "/openapi.json", {})
    assert (status, document["info"]["title"]) == (200, "Demo billing")


def test_a_call_without_the_token_is_refused(api: LoopbackServer) -> None:
    assert ask(api, "/v1/invoices", {"X-Tenant": "acme"})[0] == 401


def test_a_call_for_another_tenant_is_refused(api: LoopbackServer) -> None:
    status, answer = ask(api, "/v1/invoices", {**TENANT, "X-Tenant": "other"})
    assert (status, answer["error"]["code"]) == (403, "wrong_tenant")


def test_invoices_are_filtered_and_limited(api: LoopbackServer) -> None:
    status, page = ask(api, "/v1/invoices?customer_id=cus_0001&limit=2")
    assert status == 200
    assert [row["id"] for row in page["data"]] == ["inv_1001", "inv_1002"]
    assert page["has_more"] is True


def test_a_refund_above_what_is_left_is_a_conflict(api: LoopbackServer) -> None:
    refund = {"invoice_id": "inv_1002", "amount": 4900}
    assert ask(api, "/v1/refunds", method="POST", body=refund)[0] == 201
    status, answer = ask(api, "/v1/refunds", method="POST", body=refund)
    assert (status, answer["error"]["message"]) == (409, "At most 0 is left.")


def test_an_unknown_path_answers_404_on_the_same_connection_rules(api: LoopbackServer) -> None:
    assert ask(api, "/v2/nothing")[0] == 404


def test_every_request_is_recorded(api: LoopbackServer) -> None:
    ask(api, "/v1/invoices/inv_1001")
    assert [(seen.method, seen.path) for seen in api.seen] == [("GET", "/v1/invoices/inv_1001")]
