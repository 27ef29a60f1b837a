"""Resources: found, decided, and what the client gets of them."""

import base64
from typing import Any

import pytest
from core.tool_samples import MCP

from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Resource
from mcp_proxy.core.reading import admit_read, contents_digest, decide_read, find_resource
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected

APP = "ui://cards/app.html"
APPS = MCP._replace(features=("apps",))


def resource(uri: str = "docs://a", **other: Any) -> Resource:
    base = Resource("handbook", "gateway", uri, "{" in uri, True, {}, 10_000, None)
    return base._replace(**other)


def text(value: str = "hello", **other: Any) -> dict[str, Any]:
    return {"uri": "docs://a", "mimeType": "text/plain", "text": value, **other}


def read(*contents: Any, of: Resource | None = None, **other: Any) -> Admitted | Rejected:
    result = {"contents": list(contents), **other}
    return admit_read(result, of or resource(), None, 0)


def admitted(*contents: Any, of: Resource | None = None, **other: Any) -> dict[str, Any]:
    found = read(*contents, of=of, **other)
    assert isinstance(found, Admitted), found
    return found.result


def rejected(*contents: Any, of: Resource | None = None, **other: Any) -> Rejected:
    found = read(*contents, of=of, **other)
    assert isinstance(found, Rejected), found
    return found


def test_a_fixed_resource_comes_before_templates_and_these_in_order() -> None:
    rows = [resource("docs://{x}"), resource("docs://{y}", name="b"), resource(name="fixed")]
    assert find_resource(rows, "docs://a") is rows[2]
    assert find_resource(rows, "docs://b") is rows[0]
    assert find_resource(rows, "docs://b/c") is None


def test_a_fixed_uri_is_no_template_and_a_template_no_uri() -> None:
    rows = [resource("docs://{x}", is_template=False), resource("{bad}")]
    assert find_resource(rows, "docs://a") is None
    assert find_resource(rows, "{bad}") is None


def test_a_read_is_sent_with_the_uri_as_it_is() -> None:
    request = McpRequest("resources/read", {"uri": "docs://a%20b"}, "docs://a%20b", (), True)
    found = decide_read(resource("docs://{x}"), MCP, "docs://a%20b", None, 0)
    assert found == Allow("allow", request, {"uri": "docs://a%20b"})


def test_an_expired_profile_reads_nothing() -> None:
    found = decide_read(resource(), MCP, "docs://a", 100, 101)
    assert isinstance(found, Deny)
    assert found.id == "MCPX-P06"


@pytest.mark.parametrize(("spec", "digest"), [(MCP, "0" * 64), (APPS, None)])
def test_s14_apps_are_read_only_where_named_and_pinned(spec: Any, digest: str | None) -> None:
    found = decide_read(resource(APP, digest=digest), spec, APP, None, 0)
    assert isinstance(found, Deny)
    assert isinstance(decide_read(resource(APP, digest="0"), APPS, APP, None, 0), Allow)


def test_contents_keep_their_fields_and_are_clean() -> None:
    blob = base64.b64encode(bytes(range(256))).decode()
    rows = [text("a\x1b[2Jb\u200b", annotations={"x": None}), {"uri": "docs://b", "blob": blob}]
    made = admitted(*rows, ttlMs=5000, other={"y": 1})
    assert made["contents"] == [text("ab", annotations={"x": None}), rows[1]]
    assert (made["other"], made["ttlMs"], made["cacheScope"]) == ({"y": 1}, 5000, "private")


@pytest.mark.parametrize(
    "hint", [{}, {"ttlMs": -1}, {"ttlMs": "9"}, {"ttlMs": None}, {"ttlMs": True}]
)
def test_an_odd_ttl_is_none(hint: dict[str, Any]) -> None:
    assert admitted(text(), **hint, cacheScope="public")["ttlMs"] == 0


def test_a_ttl_never_passes_the_profiles_expiry() -> None:
    found = admit_read({"contents": [text()], "ttlMs": 10_000_000}, resource(), 1000, 900)
    assert isinstance(found, Admitted)
    assert found.result["ttlMs"] == 100_000


@pytest.mark.parametrize(
    "content",
    [
        None,
        "x",
        {"text": "x"},
        {"uri": "docs://a"},
        {"uri": "docs://a", "text": "x", "blob": "AAAA"},
        {"uri": "docs://a", "blob": "not base64!"},
        {"uri": "docs://a", "blob": "AAA"},
        {"uri": "docs://a\u200b", "text": "x"},
        {"uri": 1, "text": "x"},
    ],
)
def test_s14_malformed_contents_are_rejected(content: Any) -> None:
    assert rejected(content).id == "MCPX-U05"


@pytest.mark.parametrize("kind", ["input_required", "task", 7])
def test_s14_an_answer_of_another_kind_is_rejected(kind: Any) -> None:
    assert rejected(text(), resultType=kind).id == "MCPX-U05"


def test_s14_contents_above_the_bound_are_rejected() -> None:
    found = rejected(text("x" * 10_000))
    assert found.id == "MCPX-R01"
    assert "10,000" in found.text


def app(html: str = "<p>", **other: Any) -> dict[str, Any]:
    return {"uri": APP, "mimeType": "text/html;profile=mcp-app", "text": html, **other}


def pinned(content: dict[str, Any]) -> Resource:
    return resource(APP, digest=contents_digest({"contents": [content]}))


def test_s14_an_app_as_it_was_signed_passes() -> None:
    own = app(_meta={"ui": {"csp": {}}, "x": 1})
    assert admitted(own, of=pinned(own))["contents"] == [own]
    assert admitted({**own, "_meta": {"ui": {"csp": {}}, "x": 2}}, of=pinned(own))


@pytest.mark.parametrize(
    "changed",
    [
        app("<p>evil"),
        app(mimeType="text/html"),
        app(_meta={"ui": {"csp": {"connectDomains": ["https://evil.example"]}}}),
        {"uri": APP, "mimeType": "text/html;profile=mcp-app", "blob": "PHA+"},
        app(text=""),
    ],
)
def test_s14_an_app_that_changed_since_is_rejected(changed: dict[str, Any]) -> None:
    found = rejected(changed, of=pinned(app()))
    assert found.id == "MCPX-R02"
    assert "changed since the profile was signed" in found.text


def test_s14_another_page_beside_the_app_is_rejected() -> None:
    assert rejected(app(), app("<p>more"), of=pinned(app())).id == "MCPX-R02"


def test_s14_a_pinned_app_gets_no_more_rights_by_a_hidden_key() -> None:
    page = {"uri": APP, "mimeType": "text/html;profile=mcp-app", "text": "<p>"}
    pinned = resource(APP, digest=contents_digest({"contents": [page]}))
    hidden = {"_me\u200bta": {"ui": {"csp": {"connectDomains": ["https://evil.example.com"]}}}}
    assert rejected({**page, **hidden}, of=pinned).id == "MCPX-U05"
    beside = {**page, "blo\u200bb": "PHA+"}
    assert rejected(beside, of=pinned).id == "MCPX-U05"
