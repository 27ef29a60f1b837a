"""References of API documents: where they may lead, and where they must not (S12)."""

import json
import os
import time
from typing import Any

import pytest
from workshop.spec_bench import answers, open_document, operation, spec

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop import references
from mcp_proxy.workshop.spec_file import parse_spec


def write(path: Any, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def refused(folder: Any, reference: str) -> str:
    with pytest.raises(SourceError) as caught:
        operation(folder, answers({"$ref": reference}))
    assert caught.value.id == "MCPX-B02"
    assert str(caught.value).startswith("api.json#/paths/~1things/post/responses/200")
    return str(caught.value)


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.com/a.json#/x",
        "http://127.0.0.1:1/a.json",
        "//example.com/a.json",
        "file:///etc/passwd",
        "FILE:a.json",
        "/etc/passwd",
        "\\\\host\\share\\a.json",
        "C:\\a.json",
        "a%00.json",
        "%2Fetc%2Fpasswd",
    ],
)
def test_s12_a_remote_or_absolute_reference_is_refused(tmp_path: Any, reference: str) -> None:
    assert "only files below the source's folder are read" in refused(tmp_path, reference)


@pytest.mark.parametrize(
    "reference", ["../secret.json", "sub/../../secret.json", "%2e%2e/secret.json"]
)
def test_s12_a_reference_out_of_the_folder_is_refused(tmp_path: Any, reference: str) -> None:
    home = tmp_path / "source"
    (home / "sub").mkdir(parents=True)
    write(tmp_path / "secret.json", {"type": "string"})
    assert "leads out of the source's folder" in refused(home, reference)


def test_s12_a_link_out_of_the_folder_is_refused(tmp_path: Any) -> None:
    home = tmp_path / "source"
    home.mkdir()
    write(tmp_path / "secret.json", {"type": "string"})
    os.symlink(tmp_path / "secret.json", home / "inside.json")
    assert "leads out of the source's folder" in refused(home, "inside.json")


def test_s12_a_folder_whose_name_begins_alike_is_outside(tmp_path: Any) -> None:
    home = tmp_path / "source"
    home.mkdir()
    write(tmp_path / "source-too" / "a.json", {"type": "string"})
    assert "leads out of the source's folder" in refused(home, "../source-too/a.json")


def test_files_below_the_folder_are_read_each_relative_to_its_own_place(tmp_path: Any) -> None:
    write(
        tmp_path / "models" / "invoice.json",
        {"properties": {"money": {"$ref": "parts/money.json"}}},
    )
    write(
        tmp_path / "models" / "parts" / "money.json",
        {"$ref": "../../api.json#/components/schemas/Cents"},
    )
    found = operation(
        tmp_path, answers({"$ref": "models/invoice.json"}), schemas={"Cents": {"type": "integer"}}
    )
    assert found.response == {"$ref": "#/$defs/invoice.json:1757746e825a"}
    assert found.defs == {
        "invoice.json:1757746e825a": {
            "properties": {"money": {"$ref": "#/$defs/money.json:c3a9de243519"}}
        },
        "money.json:c3a9de243519": {"$ref": "#/$defs/Cents"},
        "Cents": {"type": "integer"},
    }


def test_all_files_together_stay_below_the_bound(tmp_path: Any, monkeypatch: Any) -> None:
    write(tmp_path / "large.json", {"type": "string", "description": "x" * 2000})
    monkeypatch.setattr(references, "LIMITS", LIMITS._replace(document_bytes=2100))
    with pytest.raises(SourceError, match=r"large\.json: is larger than what is left"):
        operation(tmp_path, answers({"$ref": "large.json"}))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hold_the_build(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(SourceError, match="is not a regular file"):
        operation(tmp_path, answers({"$ref": "pipe.json"}))


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("#/components/schemas/Gone", "leads nowhere"),
        ("#anchor", "only JSON pointers are followed"),
        ("gone.json", "cannot be opened: No such file"),
        ("#/paths/~1things/parameters/99999999999", "leads nowhere"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told(
    tmp_path: Any, reference: str, sentence: str
) -> None:
    with pytest.raises(SourceError, match=sentence):
        operation(tmp_path, answers({"$ref": reference}))


def test_pointers_go_through_lists_escapes_and_other_references(tmp_path: Any) -> None:
    schemas = {
        "A/b~c": {"allOf": [{"type": "string"}, {"type": "integer"}]},
        "Alias": {"$ref": "#/components/schemas/A~1b~0c"},
    }
    found = operation(
        tmp_path, answers({"$ref": "#/components/schemas/Alias/allOf/1"}), schemas=schemas
    )
    assert found.defs == {"1:1083d57379ae": {"type": "integer"}}


@pytest.mark.parametrize(
    "parameters",
    [
        {"A": {"$ref": "#/components/parameters/A"}},
        {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}},
        {"A": {"$ref": "#/components/parameters/A/deeper"}},
    ],
)
def test_a_reference_that_only_leads_to_itself_ends(tmp_path: Any, parameters: Any) -> None:
    entry = {"operationId": "it", "parameters": [{"$ref": "#/components/parameters/A"}]}
    value = spec(paths={"/x": {"get": entry}}, components={"parameters": parameters})
    with pytest.raises(SourceError, match="leads back to itself"):
        open_document(tmp_path, value).operation("it")


def test_a_key_that_stands_twice_is_found_at_once_among_very_many() -> None:
    keys = ",".join(f'"k{index}": 1' for index in range(100_000))
    begun = time.process_time()
    with pytest.raises(SourceError, match="holds the key 'k7' twice"):
        parse_spec(f'{{{keys}, "k7": 2}}'.encode(), "api.json")
    assert time.process_time() - begun < 5
