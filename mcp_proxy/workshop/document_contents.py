"""What an API document says of itself and of its operations, before any of them is built.

All but the version is a hint or a label: where it is malformed, the document is read all the same.
"""

import re

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.media import FORMS, bare, json_entry
from mcp_proxy.workshop.operation import OperationName
from mcp_proxy.workshop.references import Node
from mcp_proxy.workshop.swagger import swagger_servers

SWAGGER = "2.0"

_VERSION = re.compile(r"3\.[01](\.[0-9]+(-.*)?)?")
_DIALECTS = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "https://spec.openapis.org/oas/3.1/dialect/base",
    }
)


def version_of(start: Node) -> str:
    """The version of the specification, "2.0" for Swagger. Raises SourceError: another, or none."""
    row = start.mapping()
    # YAML reads an unquoted 3.0 as a number.
    swagger, version = str(row.get("swagger", "")), str(row.get("openapi", ""))
    if swagger == SWAGGER:
        return swagger
    if swagger:
        raise start.error(f"it is Swagger {swagger}; convert it to OpenAPI 3.0 or 3.1 first")
    if not version:
        raise start.error("it is no OpenAPI document: it has no `openapi` key")
    if not _VERSION.fullmatch(version):
        raise start.error(f"it is OpenAPI {version}; 3.0, 3.1 and Swagger 2.0 are read")
    dialect = start.text("jsonSchemaDialect").rstrip("#")
    if dialect and dialect not in _DIALECTS:
        raise start.error(f"its jsonSchemaDialect {dialect} is not read; 2020-12 is")
    return version


def title_of(start: Node) -> str:
    """The API's name, "" where none can be read."""
    try:
        info = start.get("info")
        return info.text("title") if info is not None else ""
    except SourceError:
        return ""


def servers_of(start: Node, version: str) -> tuple[str, ...]:
    """Its addresses as it tells them, () where none can be read."""
    try:
        if version == SWAGGER:
            return swagger_servers(start)
        listed = start.get("servers")
        return tuple(node.text("url") for node in listed.elements()) if listed is not None else ()
    except SourceError:
        return ()


def operation_name(method: str, path: str, node: Node) -> OperationName:
    """One line of the table of contents; `node` is the operation itself."""
    row = node.value if isinstance(node.value, dict) else {}
    tags = row.get("tags")
    return OperationName(
        id=_text(row.get("operationId")),
        method=method.upper(),
        path=path,
        summary=_text(row.get("summary")),
        deprecated=row.get("deprecated") is True,
        description=_text(row.get("description")),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        form="" if method.upper() in ("GET", "HEAD") else _form(row.get("requestBody")),
    )


def _form(body: object) -> str:
    """The type of an optional body that is a form with something in it, and never JSON."""
    content = body.get("content") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(content, dict) or body.get("required") is True:
        return ""
    kinds: list[tuple[str, Node | None]] = [(bare(str(kind)), None) for kind in content]
    if json_entry(kinds) is not None:
        return ""
    filled = (bare(str(kind)) for kind, media in content.items() if not _is_empty(media))
    return next((kind for kind in filled if kind in FORMS), "")


def _is_empty(media: object) -> bool:
    """An object without properties: published documents write one where nothing is sent."""
    schema = media.get("schema") if isinstance(media, dict) else None
    return isinstance(schema, dict) and schema.get("properties") == {} and "$ref" not in schema


def _text(value: object) -> str:
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
