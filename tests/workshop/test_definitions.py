"""Definitions that operations share: made once, named by their place, never by what came before."""

from typing import Any

import pytest
from workshop.spec_bench import answers, json_body, open_document, spec

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop import definitions

SCHEMAS = {
    "Tree": {"properties": {"kid": {"$ref": "#/components/schemas/Tree"}, "a": {"type": "string"}}},
    "Odd": {"pattern": "^(?!x)", "properties": {"tree": {"$ref": "#/components/schemas/Tree"}}},
    "Far": {"$ref": "#/components/schemas/Tree/properties/a"},
    "Wrong": {"type": "text"},
}


def api(**operations: Any) -> dict[str, Any]:
    paths = {f"/{name}": {"post": {"operationId": name, **row}} for name, row in operations.items()}
    return spec(paths=paths, components={"schemas": SCHEMAS})


def to(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_an_operation_is_the_same_whichever_was_built_before(tmp_path: Any) -> None:
    both = {**json_body(to("Tree")), **answers({"anyOf": [to("Odd"), to("Far"), to("Tree")]})}
    value = api(first=answers(to("Far")), second=json_body({"items": to("Odd")}), third=both)
    alone = open_document(tmp_path, value).operation("third")
    document = open_document(tmp_path, value)
    for name in ("second", "first"):
        document.operation(name)
    assert document.operation("third") == alone
    assert document.operation("third") == alone
    assert sum(name.startswith("Tree") for name in alone.defs) == 2
    assert len(alone.warnings) == 1


def test_a_definition_that_is_wrong_is_told_by_every_operation_that_reaches_it(
    tmp_path: Any,
) -> None:
    value = api(one=answers(to("Wrong")), two=answers({"items": to("Wrong")}), three={})
    document = open_document(tmp_path, value)
    for name in ("one", "two", "one"):
        with pytest.raises(SourceError, match="schemas/Wrong/type: must be one of"):
            document.operation(name)
    assert document.operation("three").defs == {}


def test_definitions_count_for_each_operation_that_reaches_them(
    tmp_path: Any, monkeypatch: Any
) -> None:
    document = open_document(tmp_path, api(one=answers(to("Odd")), two=answers(to("Far"))))
    monkeypatch.setattr(definitions, "SCHEMAS_MAX", 4)
    assert document.operation("two").response
    for _ in range(2):
        with pytest.raises(SourceError, match="schemas are more than 4"):
            document.operation("one")


MANY = [to("Many")] * 40


@pytest.mark.parametrize(
    "many",
    [
        {"allOf": MANY, "properties": {"inner": to("Many")}},
        {"anyOf": [*MANY, {"type": "object", "properties": {"inner": to("Many")}}]},
        {"oneOf": [{"anyOf": MANY}] * 40, "properties": {"inner": {"allOf": MANY}}},
    ],
)
def test_schemas_that_refer_to_each_other_many_times_do_not_multiply(
    tmp_path: Any, many: Any
) -> None:
    value = api(it={**json_body({"type": "array", "items": to("Many")}), **answers(to("Many"))})
    value["components"] = {"schemas": {"Many": many}}
    document = open_document(tmp_path, value)
    assert document.operation("it").defs.keys() == {"Many", "Many:request"}
    assert document.described("it")["refused"] == ""
