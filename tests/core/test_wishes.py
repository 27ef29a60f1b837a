"""What an upstream is told of its client: what the profile names and the client declared (S14)."""

from typing import Any

import pytest
from core.tool_samples import MCP

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.profile import FEATURES
from mcp_proxy.core.wishes import APPS, TASKS, wishes

ALL = MCP._replace(features=FEATURES, links=("https://id.example.com",))
TASK_SUPPORT: dict[str, Any] = {TASKS: {}, APPS: {"mimeTypes": ["text/html"]}, "com.example/x": {}}
CLIENT: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {"listChanged": True},
    "extensions": TASK_SUPPORT,
    "experimental": {"x": {}},
}


def test_a_client_that_can_all_has_what_the_profile_names() -> None:
    assert wishes(ALL, CLIENT, "info", progress=True) == Wishes(
        {
            "elicitation": {"form": {}, "url": {}},
            "sampling": {"tools": {}},
            "roots": {"listChanged": True},
            "extensions": {TASKS: {}, APPS: {"mimeTypes": ["text/html"]}},
        },
        "info",
        True,
    )


def test_s14_a_profile_that_names_no_feature_tells_nothing() -> None:
    assert wishes(MCP, CLIENT, "info", progress=True) == Wishes({}, None, False)


@pytest.mark.parametrize("feature", ["elicitation", "sampling", "roots", "tasks", "apps"])
def test_s14_each_feature_is_told_only_where_it_is_named(feature: str) -> None:
    told = wishes(MCP._replace(features=(feature,)), CLIENT, None, progress=True).capabilities
    extension = {"tasks": TASKS, "apps": APPS}.get(feature)
    assert list(told) == ["extensions" if extension else feature]
    assert list(told.get("extensions", {extension: {}})) == [extension]


def test_s14_what_the_client_lacks_is_not_told() -> None:
    assert wishes(ALL, {}, None, progress=False) == Wishes({}, None, False)
    odd = {"elicitation": True, "sampling": [], "roots": "x", "extensions": {TASKS: True}}
    assert wishes(ALL, odd, None, progress=False).capabilities == {}


@pytest.mark.parametrize(
    ("declared", "links", "told"),
    [
        ({}, ("https://a",), {"form": {}}),
        ({"form": {}}, ("https://a",), {"form": {}}),
        ({"url": {}}, ("https://a",), {"url": {}}),
        ({"url": {}}, (), None),
        ({"form": {}, "url": {}}, (), {"form": {}}),
    ],
)
def test_s14_pages_need_a_client_that_opens_them_and_a_listed_origin(
    declared: dict[str, Any], links: tuple[str, ...], told: Any
) -> None:
    spec = ALL._replace(links=links)
    found = wishes(spec, {"elicitation": declared}, None, progress=False).capabilities
    assert found.get("elicitation") == told
