"""An independent judge of a request: openapi-core, on the document as it was published.

It reads the whole document and finds the operation by itself. Taken out beforehand, since a tool's
template makes neither: `security` and `servers`; and, where parameters are judged, `readOnly`,
which says something of properties alone.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import published
from jsonschema.exceptions import ValidationError
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.validation.request import validators
from openapi_core.validation.request.exceptions import MissingRequestBody
from roundtrip.built import ORIGIN
from werkzeug.datastructures import Headers, ImmutableMultiDict

from mcp_proxy.core.request import RestRequest
from mcp_proxy.core.schema import SchemaRefused, compile_pattern

_TAKEN_OUT = frozenset({"security", "servers", "webhooks"})
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
_JSON = ("*/*", "json")


class Complaint(NamedTuple):
    """What the judge finds wrong; `excuse` says why the request may be right, "" where not."""

    text: str
    excuse: str


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


def complaints(name: str, request: RestRequest) -> list[Complaint]:
    """What the judge finds wrong with `request` to the API of the document `name`."""
    sent = Sent(request)
    try:
        errors = [error for judge in _judges(name) for error in judge.iter_request_errors(sent)]
    except TypeError as error:
        # 3.1: `type: [string, number]` of a parameter.
        if "Expected a string value" not in str(error):
            raise
        return [Complaint(str(error), "openapi-core reads no parameter whose type is a list")]
    # An optional body that is not there; of a required one another error tells.
    return [_complaint(error) for error in errors if type(error) is not MissingRequestBody]


def _complaint(error: BaseException) -> Complaint:
    cause = error.__cause__
    leaves = list(_leaves(getattr(cause, "schema_errors", ())))
    told = [f"{leaf.json_path}: {leaf.message[:200]}" for leaf in leaves]
    text = " | ".join([str(error)[:200], type(cause).__name__, *told])
    return Complaint(text, next(filter(None, map(_excuse, leaves)), ""))


def _leaves(errors: Any) -> Iterator[ValidationError]:
    for error in errors:
        yield from _leaves(error.context) if error.context else [error]


def _excuse(leaf: ValidationError) -> str:
    if leaf.instance is None:
        return "what `nullable` means beside `enum` and `allOf` was open until 3.0.3"
    if "could not be resolved" in leaf.message:
        return "the document's `discriminator` maps to a file that it does not have"
    if leaf.validator == "pattern" and not _is_readable(leaf.validator_value):
        return "the pattern is left to the upstream: no linear engine reads it"
    if leaf.validator == "required" and not _is_described(leaf):
        return "the document requires a property that it does not describe"
    return ""


def _is_described(leaf: ValidationError) -> bool:
    listed = leaf.schema.get("properties", {})
    return all(name in listed or name in leaf.instance for name in leaf.validator_value)


def _is_readable(pattern: str) -> bool:
    try:
        compile_pattern(pattern)
    except SchemaRefused:
        return False
    return True


@cache
def _judges(name: str) -> tuple[OpenAPI, OpenAPI]:
    """One of parameters, one of bodies."""
    with open(published.document(name), "rb") as file:
        document: dict[str, Any] = json.load(file)
    bare = {key: value for key, value in document.items() if key not in _TAKEN_OUT}
    bare["servers"] = [{"url": ORIGIN}]
    bare["paths"] = {path: _bare(item) for path, item in document["paths"].items()}
    version = "V31" if document["openapi"].startswith("3.1") else "V30"
    parameters = _judge(_writable(bare), f"{version}RequestParametersValidator")
    return parameters, _judge(bare, f"{version}RequestBodyValidator")


def _judge(document: dict[str, Any], validator: str) -> OpenAPI:
    kinds = {kind: json.loads for kind in _content_types(document) if kind.endswith(_JSON)}
    config = Config(
        spec_validator_cls=None,
        request_validator_cls=getattr(validators, validator),
        extra_media_type_deserializers=kinds,
    )
    return OpenAPI.from_dict(document, config=config)


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    """A path item, or one of its operations, without what only a whole call has."""
    kept = {key: value for key, value in item.items() if key not in _TAKEN_OUT}
    return {key: _bare(value) if key in _METHODS else value for key, value in kept.items()}


def _writable(value: Any) -> Any:
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _writable(part) for key, part in value.items() if (key, part) != ("readOnly", True)
    }


def _content_types(value: Any) -> set[str]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = {kind for part in parts for kind in _content_types(part)}
    if isinstance(value, dict) and isinstance(value.get("content"), dict):
        found |= value["content"].keys()
    return found
