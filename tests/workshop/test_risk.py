"""What is proposed for an operation or a tool: an effect, and marks that keep it out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.workshop.risk import MARKS, Risk, assess, assess_tool

EFFECTS = ("read", "write", "destructive")


@pytest.mark.parametrize(
    ("method", "path", "name", "text", "effect", "marks"),
    [
        ("GET", "/v1/invoices", "listInvoices", "", "read", ()),
        ("POST", "/v1/invoices", "createInvoice", "", "write", ()),
        ("POST", "/v1/invoices/search", "searchInvoices", "Search invoices", "read", ()),
        ("POST", "/v1/search/reset", "searchReset", "", "destructive", ("destructive",)),
        ("POST", "/v1/refunds", "PostRefunds", "", "destructive", ("destructive",)),
        ("POST", "/v1/subs/{id}/cancel", "", "", "destructive", ("destructive",)),
        ("DELETE", "/v1/subs/{id}", "", "", "destructive", ("destructive",)),
        ("DELETE", "/v1/subs", "", "", "destructive", ("destructive", "bulk")),
        ("PUT", "/v1/issues/{id}/labels", "setLabels", "", "write", ("bulk",)),
        ("GET", "/v1/api/delete", "deleteThing", "", "destructive", ("destructive",)),
        ("GET", "/search/commits", "search/commits", "Search commits", "read", ()),
        ("GET", "/orgs/{org}/actions/secrets", "list-secrets", "", "read", ("admin",)),
        ("PUT", "/orgs/{org}/members/{user}", "set-member", "", "write", ("admin",)),
        ("GET", "/orgs/{org}/members/{user}", "get-member", "", "read", ()),
        ("POST", "/v1/charges/batch", "", "", "write", ("bulk",)),
        ("GET", "/v1/invoices/{id}/download", "", "", "read", ("file",)),
        ("POST", "/v1/a", "archive", "This cannot be undone.", "destructive", ("destructive",)),
    ],
)
def test_an_operation_is_assessed_by_method_and_wording(
    method: str, path: str, name: str, text: str, effect: str, marks: tuple[str, ...]
) -> None:
    found = assess(method, path, name, text, ())
    assert found.effect == effect
    assert found.marks == marks


@pytest.mark.parametrize(
    ("name", "hints", "effect"),
    [
        ("list_issues", {}, "read"),
        ("frobnicate", {}, "destructive"),
        ("frobnicate", {"readOnlyHint": True}, "read"),
        ("delete_issue", {"readOnlyHint": True}, "destructive"),
        ("update_issue", {"destructiveHint": False}, "write"),
        ("list_issues", {"readOnlyHint": False}, "destructive"),
        ("search_or_delete", {}, "destructive"),
    ],
)
def test_a_tools_own_words_are_raised_and_never_lowered(
    name: str, hints: dict[str, bool], effect: str
) -> None:
    assert assess_tool(name, "", hints).effect == effect


def test_marks_stand_in_one_order() -> None:
    risk = assess("DELETE", "/admin/batch/files", "deleteAllFiles", "", ())
    assert risk == Risk("destructive", MARKS)


@given(st.sampled_from(["get", "PUT", "POST", "DELETE", "PATCH", "HEAD"]), st.text(), st.text())
def test_whatever_the_wording_a_risk_comes_of_it(method: str, path: str, text: str) -> None:
    risk = assess(method, path, text, text, (text,))
    assert risk.effect in EFFECTS
    assert ("destructive" in risk.marks) == (risk.effect == "destructive")
    if method not in ("get", "HEAD", "POST"):
        assert risk.effect != "read"
