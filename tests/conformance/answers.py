"""A client that answers whatever it is asked, by the form's own schema, and keeps the questions.

For the SDK's client: `Answering().callbacks()` are its keyword arguments.
"""

from typing import Any

import mcp_types as types

_SAMPLES: dict[str, Any] = {
    "string": "x",
    "integer": 7,
    "number": 7,
    "boolean": True,
    "object": {},
    "null": None,
}
_FORMATS = {
    "email": "ada@example.com",
    "uri": "https://example.com/ada",
    "date": "1815-12-10",
    "date-time": "1815-12-10T12:00:00Z",
}


def sample(schema: dict[str, Any]) -> Any:
    """A value that the schema admits: its default, a choice, else one of its format or type."""
    if "default" in schema:
        return schema["default"]
    if choices := schema.get("enum"):
        return choices[0]
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return choices[0].get("const")
    if schema.get("type") == "array":
        return [sample(schema["items"])] if "items" in schema else []
    kind = schema.get("type", "string")
    return _FORMATS.get(schema.get("format", ""), _SAMPLES.get(kind, "x"))


def filled(schema: dict[str, Any]) -> dict[str, Any]:
    """Values for every field of a form."""
    return {name: sample(item) for name, item in (schema.get("properties") or {}).items()}


def required(schema: dict[str, Any]) -> dict[str, Any]:
    """Values for what a tool requires."""
    names = schema.get("required") or []
    return {name: value for name, value in filled(schema).items() if name in names}


class Answering:
    """Answers; `asked` holds each question's method and parameters, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def callbacks(self) -> dict[str, Any]:
        """What the SDK's client takes."""
        return {
            "elicitation_callback": self._elicit,
            "sampling_callback": self._create_message,
            "list_roots_callback": self._list_roots,
        }

    def _keep(self, method: str, params: Any) -> None:
        row = (
            {}
            if params is None
            else params.model_dump(mode="json", by_alias=True, exclude_unset=True)
        )
        self.asked.append((method, row))

    async def _elicit(self, _context: Any, params: Any) -> types.ElicitResult:
        self._keep("elicitation/create", params)
        form = getattr(params, "requested_schema", None)
        return types.ElicitResult(action="accept", content=None if form is None else filled(form))

    async def _create_message(self, _context: Any, params: Any) -> types.CreateMessageResult:
        self._keep("sampling/createMessage", params)
        content = types.TextContent(type="text", text="An answer.")
        return types.CreateMessageResult(role="assistant", content=content, model="a-model")

    async def _list_roots(self, _context: Any) -> types.ListRootsResult:
        self._keep("roots/list", None)
        return types.ListRootsResult(roots=[types.Root(uri="file:///work", name="work")])
