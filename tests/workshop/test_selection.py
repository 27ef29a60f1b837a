"""What `--select` takes, what a mark keeps out, and what is told of an expression that misses."""

from pathlib import Path

import pytest
from workshop.import_samples import candidates_of, wide_api

from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.selection import Selected, check_hits, parse_expression, select


def selected(folder: Path, *texts: str, include: tuple[str, ...] = ()) -> Selected:
    expressions = [parse_expression(text) for text in texts]
    return select(candidates_of(folder, wide_api()).values(), expressions, set(include))


@pytest.mark.parametrize(
    ("texts", "taken"),
    [
        (("tag:buyers",), {"listBuyers"}),
        (("tag:Buyers",), {"listBuyers"}),
        (("path:/orders*",), {"getOrder", "listOrders", "createOrder"}),
        (("path:/orders",), {"listOrders", "createOrder"}),
        (("path:/orders*,method:get",), {"getOrder", "listOrders"}),
        (("path:/orders*,!method:get",), {"createOrder"}),
        (("id:list*",), {"listBuyers", "listOrders"}),
        (("name:*_order",), {"getOrder", "createOrder"}),
        (("order",), {"getOrder", "listOrders", "createOrder"}),
        (("cre*",), {"createOrder"}),
        (("GET /orders", "post /search"), {"listOrders", "searchAll"}),
        (("id:getOrder", "tag:buyers"), {"getOrder", "listBuyers"}),
    ],
)
def test_an_expression_takes_what_it_says(
    tmp_path: Path, texts: tuple[str, ...], taken: set[str]
) -> None:
    assert {one.selector for one in selected(tmp_path, *texts).chosen} == taken


def test_a_marked_operation_is_left_out_and_counted_until_it_is_asked_for(tmp_path: Path) -> None:
    plain = selected(tmp_path, "tag:buyers")
    assert plain.left_out == {"admin": 1, "destructive": 1, "bulk": 1}
    asked = selected(tmp_path, "tag:buyers", include=("destructive", "bulk"))
    assert {one.selector for one in asked.chosen} == {"listBuyers", "deleteBuyers"}
    assert asked.left_out == {"admin": 1}


@pytest.mark.parametrize(
    "text", ["id:deleteBuyers", "deleteBuyers", "DELETE /buyers", "tag:buyers,id:deleteBuyers"]
)
def test_one_that_is_named_exactly_is_taken_with_its_marks(tmp_path: Path, text: str) -> None:
    assert [one.selector for one in selected(tmp_path, text).chosen] == ["deleteBuyers"]


def test_a_deprecated_one_is_left_out_unless_named(tmp_path: Path) -> None:
    assert selected(tmp_path, "path:/old").left_out == {"deprecated": 1}
    assert [one.path for one in selected(tmp_path, "GET /old").chosen] == ["/old"]


@pytest.mark.parametrize("text", ["", " ", "a,,b", "!", "tags:x", "path:"])
def test_an_expression_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--select"):
        parse_expression(text)


def test_an_expression_that_takes_nothing_names_the_tags_there_are(tmp_path: Path) -> None:
    found = list(candidates_of(tmp_path, wide_api()).values())
    with pytest.raises(UsageError, match=r"'tag:buyer' takes nothing there is.*tags: buyers"):
        check_hits(found, [parse_expression("tag:buyer")])
