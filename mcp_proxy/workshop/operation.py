"""What the workshop knows of one API operation once its document has been resolved away."""

from typing import Any, NamedTuple

from mcp_proxy.core.profile import ArgumentRule


class OperationName(NamedTuple):
    """One line of a document's table of contents; `id` is "" where it has no operationId.

    `form` is the type of an optional body that is a form, and so is left out; "" for none.
    """

    id: str
    method: str
    path: str
    summary: str
    deprecated: bool
    description: str
    tags: tuple[str, ...]
    form: str = ""


class Slot(NamedTuple):
    """One argument an operation takes: where it goes, and what may stand there.

    `schema` is JSON Schema 2020-12; its references are `#/$defs/NAME` of the operation's `defs`.
    """

    name: str
    rule: ArgumentRule
    schema: dict[str, Any]
    required: bool
    description: str


class Operation(NamedTuple):
    """One operation; `method` in capitals, `path` with `{wire name}` slots, as RestTemplate.

    `body_type` is the media type sent, None where no body is. `response` is the schema of the
    JSON answers of success, None where none is told; `response_types` their media types.
    `warnings` tell what of the document is not enforced here.
    """

    id: str
    method: str
    path: str
    summary: str
    description: str
    slots: tuple[Slot, ...]
    body_type: str | None
    body_required: bool
    response: dict[str, Any] | None
    response_types: tuple[str, ...]
    defs: dict[str, Any]
    warnings: tuple[str, ...] = ()
