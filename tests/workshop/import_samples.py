"""An API of every kind of risk, and what an import makes of it."""

import copy
import json
from pathlib import Path
from typing import Any

from workshop.source_samples import API

from mcp_proxy.workshop.document import read_document
from mcp_proxy.workshop.import_record import Then, remember
from mcp_proxy.workshop.import_subject import Candidate, DocumentSubject

OK = {"200": {"description": "ok"}}
FORM = {"required": True, "content": {"multipart/form-data": {"schema": {"type": "object"}}}}


def wide_api() -> dict[str, Any]:
    """The shop's API with operations that are marked, deprecated, not to be built, or hostile."""
    api = copy.deepcopy(API)
    size = {"name": "per_page", "in": "query", "schema": {"type": "integer", "default": 30}}
    listing = {
        "operationId": "listBuyers",
        "tags": ["buyers"],
        "summary": "List buyers",
        "description": "Lists the <b>buyers</b> of [the shop](https://shop.example.com/x).\n\nMore.",
        "parameters": [size],
        "responses": OK,
    }
    api["paths"]["/buyers"] = {
        "get": listing,
        "delete": {"operationId": "deleteBuyers", "tags": ["buyers"], "responses": OK},
    }
    api["paths"]["/buyers/{id}/secrets"] = {
        "get": {"operationId": "listSecrets", "tags": ["buyers"], "responses": OK},
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {}}],
    }
    api["paths"]["/search"] = {"post": {"operationId": "searchAll", "responses": OK}}
    api["paths"]["/old"] = {"get": {"deprecated": True, "responses": OK}}
    api["paths"]["/upload"] = {"post": {"requestBody": FORM, "responses": OK}}
    api["paths"]["/odd"] = {
        "get": {"summary": "x\n  evil: {upstream: shop}\u2028tools:", "responses": OK}
    }
    return api


def subject_of(folder: Path, api: dict[str, Any]) -> DocumentSubject:
    path = folder / "api.json"
    path.write_text(json.dumps(api))
    return DocumentSubject(read_document(str(path), str(folder)))


def candidates_of(folder: Path, api: dict[str, Any]) -> dict[str, Candidate]:
    return {one.selector: one for one in subject_of(folder, api).candidates(set())}


def remembered(folder: Path, api: dict[str, Any]) -> dict[str, Then]:
    subject = subject_of(folder, api)
    found = subject.candidates(set())
    return remember(subject, found, {one.selector for one in found})
