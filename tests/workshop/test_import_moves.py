"""What moved between two imports, in words, and the record that tells it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workshop.import_samples import candidates_of, remembered, wide_api

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.import_moves import Move, moves, resolve
from mcp_proxy.workshop.import_record import Record, dump_record, parse_record

TOOLS = {"getOrder": ("read_order",), "listOrders": ("orders", "more_orders")}


def moved(folder: Path, change: Callable[[Any], Any]) -> list[Move]:
    """What `change` to the paths of the document comes to, for TOOLS."""
    old = remembered(folder, wide_api())
    api = wide_api()
    change(api["paths"])
    return moves(old, remembered(folder, api), TOOLS)


def test_the_same_document_moved_nothing(tmp_path: Path) -> None:
    assert moved(tmp_path, lambda paths: None) == []


def test_a_tool_that_lost_its_operation_comes_first_with_names_near(tmp_path: Path) -> None:
    def change(paths: Any) -> None:
        paths["/fresh"] = {"get": {"operationId": "listOrder", "responses": {}}}
        del paths["/orders"]["get"], paths["/old"]

    found = moved(tmp_path, change)
    assert found[0].kind == "gone"
    assert found[0].tools == ("orders", "more_orders")
    assert found[0].near[0] == "listOrder"
    assert [(one.kind, one.operation) for one in found[1:]] == [
        ("gone", "GET /old"),
        ("new", "listOrder"),
    ]


def test_one_that_has_another_name_at_the_same_place_is_renamed(tmp_path: Path) -> None:
    def change(paths: Any) -> None:
        paths["/orders/{id}"]["get"]["operationId"] = "fetchOrder"
        paths["/buyers"]["get"]["operationId"] = "buyers"

    first, second = moved(tmp_path, change)
    assert first == Move("renamed", "getOrder", "fetchOrder", (), (), ("read_order",))
    assert second == Move("renamed", "listBuyers", "buyers", (), (), ())


def test_what_changed_is_told_in_words(tmp_path: Path) -> None:
    def change(paths: Any) -> None:
        get = paths["/orders"]["get"]
        get["parameters"] = [
            {"name": "limit", "in": "query", "required": True, "schema": {"type": "string"}},
            {"name": "since", "in": "query", "required": True, "schema": {"type": "string"}},
        ]
        get["deprecated"], get["summary"] = True, "All orders"

    (found,) = moved(tmp_path, change)
    assert (found.kind, found.tools) == ("changed", ("orders", "more_orders"))
    words = "\n".join(found.words)
    assert "argument query.filter[status] is gone" in words
    assert "argument query.since is new and required" in words
    assert "argument query.limit is required now" in words
    assert (
        "argument query.limit: integer; minimum 1; maximum 100; default 80 became string" in words
    )
    assert "its summary is now: All orders" in words
    assert "it is deprecated now" in words


def test_an_operation_that_went_elsewhere_keeps_its_tool_and_says_so(tmp_path: Path) -> None:
    def change(paths: Any) -> None:
        paths["/v2/orders"] = {"get": paths["/orders"].pop("get")}

    (found,) = moved(tmp_path, change)
    assert (found.kind, found.operation) == ("changed", "listOrders")
    assert "it is GET /v2/orders now, was GET /orders" in found.words


def test_one_that_no_tool_can_be_built_of_any_more_is_told(tmp_path: Path) -> None:
    def change(paths: Any) -> None:
        odd = {"name": "x", "in": "cookie", "required": True, "schema": {"type": "string"}}
        paths["/orders"]["get"]["parameters"].append(odd)

    (found,) = moved(tmp_path, change)
    assert any(words.startswith("no tool can be built of it: ") for words in found.words)


def test_without_a_record_a_lost_operation_is_still_told(tmp_path: Path) -> None:
    new = remembered(tmp_path, wide_api())
    assert moves(None, new, {"listOrderz": ("orders",), **TOOLS}) == [
        Move("gone", "listOrderz", "", (), ("listOrders", "getOrder", "listBuyers"), ("orders",))
    ]


def test_a_tool_may_call_its_operation_by_id_or_place(tmp_path: Path) -> None:
    found = list(candidates_of(tmp_path, wide_api()).values())
    assert resolve("get  /orders", found) == resolve("listOrders", found) == "listOrders"
    assert resolve("GET /nowhere", found) == ""


def record_of(folder: Path) -> Record:
    hidden = frozenset({"0123456789abcdef", "00"})
    return Record("rest", "shop", "", "api.json", "ff", hidden, remembered(folder, wide_api()))


def test_a_record_comes_back_as_it_was_and_its_bytes_are_stable(tmp_path: Path) -> None:
    record = record_of(tmp_path)
    data = dump_record(record)
    assert parse_record(data, "x") == record
    backwards = dict(reversed(record.operations.items()))
    assert dump_record(record._replace(operations=backwards)) == data


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(form="other"),
        lambda row: row.update(more=1),
        lambda row: row.update(hidden="x"),
        lambda row: row.update(operations=[]),
        lambda row: row.update(url=None),
        lambda row: row["operations"].update(a=1),
        lambda row: row["operations"].update(
            a={"method": "", "path": "", "id": "", "digest": "", "described": {"arguments": 1}}
        ),
    ],
)
def test_a_record_that_is_none_names_its_file(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    row = json.loads(dump_record(record_of(tmp_path)))
    change(row)
    with pytest.raises(SourceError, match=r"shop\.import\.json is no record") as caught:
        parse_record(json.dumps(row).encode(), "shop.import.json")
    assert caught.value.next.startswith("move shop.import.json away")
