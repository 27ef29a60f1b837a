"""An independent judge of a request: openapi-core, on the document as it was published.

The judge reads one operation of the document at a time, with its own path and every component.
Taken out beforehand, since a tool's template does not make them: `security` and `servers`.
"""

import json
import os
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import published
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from roundtrip.built import ORIGIN
from werkzeug.datastructures import Headers, ImmutableMultiDict

from mcp_proxy.core.request import RestRequest


class Sent:
    """A request as openapi-core takes one (its protocol `Request`)."""

    def __init__(self, request: RestRequest) -> None:
        parts = urlsplit(request.url)
        headers = Headers(list(request.headers))
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = unquote(parts.path, errors="strict")
        self.method = request.method.lower()
        self.body = request.body
        self.content_type = headers.get("Content-Type", "")
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        self.parameters = RequestParameters(query=ImmutableMultiDict(pairs), header=headers)


def complaints(name: str, selector: str, request: RestRequest) -> list[str]:
    """What the judge finds wrong with `request` to the operation of the document `name`."""
    judge = _judge(name, selector)
    return [_told(error) for error in judge.iter_request_errors(Sent(request))]


def _told(error: BaseException) -> str:
    cause = error.__cause__
    details = [str(one.message) for one in getattr(cause, "schema_errors", ())]
    return " ".join([str(error), *details])


@cache
def _judge(name: str, selector: str) -> OpenAPI:
    document, path = _document(name), selector.partition(" ")[2]
    item = {key: value for key, value in document["paths"][path].items() if key != "servers"}
    method = selector.partition(" ")[0].lower()
    operation = {k: v for k, v in item[method].items() if k not in ("servers", "security")}
    cut = {key: value for key, value in document.items() if key not in ("security", "webhooks")}
    cut["servers"] = [{"url": ORIGIN}]
    cut["paths"] = {path: {**item, method: operation}}
    return OpenAPI.from_dict(cut, config=Config(spec_validator_cls=None))


@cache
def _document(name: str) -> dict[str, Any]:
    with open(os.fspath(published.document(name)), "rb") as file:
        document: dict[str, Any] = json.load(file)
    return document
