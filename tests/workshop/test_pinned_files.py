"""Files listed with their SHA-256 for references out of the source's folder (S12)."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from workshop.source_samples import API, NOW_S
from workshop.spec_bench import answers, open_document, spec

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.pinned_files import Pinned
from mcp_proxy.workshop.source import parse_source

REMOTE = "https://schemas.example.com/v1/common.json"
COMMON = {
    "Order": {"properties": {"id": {"$ref": "#/Id"}, "money": {"$ref": "money.json#/Cents"}}},
    "Id": {"type": "string", "maxLength": 9},
}
MONEY = {"Cents": {"type": "integer", "minimum": 0}}


def put(path: Path, value: Any) -> str:
    """The SHA-256 of the file that now holds `value`."""
    data = json.dumps(value).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def opened(folder: Path, reference: str, *pinned: Pinned) -> Document:
    entry = {"operationId": "it", **answers({"$ref": reference})}
    open_document(folder, spec(paths={"/x": {"get": entry}}))
    return read_document(str(folder / "api.json"), str(folder), pinned)


def test_s12_a_listed_remote_reference_is_read_from_its_file(tmp_path: Path) -> None:
    common = Pinned(REMOTE, "vendor/c.json", put(tmp_path / "vendor" / "c.json", COMMON))
    money = "https://schemas.example.com/v1/money.json"
    listed = Pinned(money, "m.json", put(tmp_path / "m.json", MONEY).upper())
    found = opened(tmp_path, f"{REMOTE}#/Order", common, listed).operation("it")
    assert sorted(found.defs.values(), key=json.dumps)[1:] == [
        {"type": "integer", "minimum": 0},
        {"type": "string", "maxLength": 9},
    ]


def test_s12_a_listed_reference_out_of_the_folder_is_read_from_its_file(tmp_path: Path) -> None:
    home = tmp_path / "source"
    put(tmp_path / "shared" / "id.json", {"type": "null"})
    listed = Pinned("../shared/id.json", "id.json", put(home / "id.json", {"type": "string"}))
    found = opened(home, "../shared/id.json", listed).operation("it")
    assert list(found.defs.values()) == [{"type": "string"}]


def test_s12_other_bytes_than_the_listed_ones_are_refused(tmp_path: Path) -> None:
    digest = put(tmp_path / "c.json", COMMON)
    found = put(tmp_path / "c.json", {**COMMON, "Id": {}})
    with pytest.raises(SourceError) as caught:
        opened(tmp_path, f"{REMOTE}#/Order", Pinned(REMOTE, "c.json", digest)).operation("it")
    assert caught.value.id == "MCPX-B02"
    assert f"c.json: its SHA-256 is {found}, not the one listed for {REMOTE}" in str(caught.value)


@pytest.mark.parametrize(
    "reference",
    [
        "https://schemas.example.com/v1/other.json",
        "https://schemas.example.com/v1/common.json?x=1#/Order",
        "http://schemas.example.com/v1/common.json#/Order",
        "//schemas.example.com/v1/common.json#/Order",
    ],
)
def test_s12_what_is_not_listed_to_the_letter_stays_refused(tmp_path: Path, reference: str) -> None:
    listed = Pinned(REMOTE, "c.json", put(tmp_path / "c.json", COMMON))
    with pytest.raises(SourceError, match="only files below the source's folder are read"):
        opened(tmp_path, reference, listed).operation("it")


def test_s12_a_listed_file_leads_to_listed_files_only(tmp_path: Path) -> None:
    put(tmp_path / "money.json", MONEY)
    listed = Pinned(REMOTE, "c.json", put(tmp_path / "c.json", COMMON))
    sentence = r"leads to https://schemas\.example\.com/v1/money\.json, which `references` does not"
    with pytest.raises(SourceError, match=sentence):
        opened(tmp_path, f"{REMOTE}#/Order", listed).operation("it")


def test_s12_a_listed_file_stays_in_the_folder_after_links(tmp_path: Path) -> None:
    home = tmp_path / "source"
    home.mkdir()
    digest = put(tmp_path / "c.json", COMMON)
    os.symlink(tmp_path / "c.json", home / "inside.json")
    for file in ("../c.json", "inside.json", str(tmp_path / "c.json")):
        with pytest.raises(SourceError, match="lies outside the source's folder"):
            opened(home, f"{REMOTE}#/Id", Pinned(REMOTE, file, digest)).operation("it")


def test_s12_a_document_that_is_listed_is_held_against_its_digest_too(tmp_path: Path) -> None:
    listed = Pinned("api.json", "api.json", "0" * 64)
    with pytest.raises(SourceError, match="its SHA-256 is"):
        opened(tmp_path, "api.json#/info/title", listed).operation("it")


def test_a_place_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    listed = [Pinned(of, "c.json", "0" * 64) for of in ("../a.json", "x/../../a.json")]
    with pytest.raises(SourceError, match=r"lists x/\.\./\.\./a\.json twice"):
        opened(tmp_path, "#/info", *listed)


def source_text(sha256: str, of: str = REMOTE) -> str:
    return f"""
profile: shop
version: 1
upstreams:
  api:
    kind: rest
    url: https://shop.example.com
    openapi: api.json
    references:
      - {{of: "{of}", file: c.json, sha256: {sha256!r}}}
tools:
  get_order:
    upstream: api
    operation: getOrder
    effect: read
    description: Read an order.
    arguments: {{id: {{from: path.id}}}}
    result: {{validate: strict}}
"""


def test_s12_a_source_lists_its_references_with_their_digests(tmp_path: Path) -> None:
    digest = put(tmp_path / "c.json", {"Order": {"type": "object", "title": "far"}})
    value = json.loads(json.dumps(API).replace("#/components/schemas/Order", f"{REMOTE}#/Order"))
    put(tmp_path / "api.json", value)
    file = str(tmp_path / "shop.yaml")
    built = build_payload(parse_source(source_text(digest).encode(), file), NOW_S)
    assert b'"title":"far"' in built.payload
    with pytest.raises(SourceError, match="its SHA-256 is"):
        build_payload(parse_source(source_text("1" * 64).encode(), file), NOW_S)


@pytest.mark.parametrize(
    ("sha256", "of", "fix"),
    [
        ("12ab", REMOTE, "write the 64 hex digits of the file's SHA-256"),
        ("1" * 64, f"{REMOTE}#/Order", "write the URL or path alone, without # and on"),
    ],
)
def test_a_list_of_references_is_checked_in_the_source(sha256: str, of: str, fix: str) -> None:
    with pytest.raises(SourceError, match=fix):
        parse_source(source_text(sha256, of).encode(), "shop.yaml")
