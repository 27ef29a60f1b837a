"""Questions of upstreams for tests: one maker each, everything optional."""

from typing import Any

from mcp_proxy.core.answer import Question
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.questions import Refused, admit_questions

FEATURES = ("elicitation", "sampling", "roots")
SPEC = UpstreamSpec(
    "mcp", "https://gateway.example.com/mcp", None, 20_000, FEATURES, ("https://id.example.com",)
)
CAN: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {},
}
NAME = {"type": "string", "title": "Name"}


def form(
    message: Any = "Who?", fields: dict[str, Any] | None = None, **other: Any
) -> dict[str, Any]:
    """Params of a form with these fields; one for a name unless given."""
    properties = {"name": NAME} if fields is None else fields
    schema = {"type": "object", "properties": properties}
    return {"message": message, "requestedSchema": schema, **other}


def page(url: Any = "https://id.example.com/login?client=1", **other: Any) -> dict[str, Any]:
    """Params of a page to visit."""
    return {"mode": "url", "message": "Please log in.", "url": url, "elicitationId": "e1", **other}


def sample(text: str = "Sum it up.", **other: Any) -> dict[str, Any]:
    """Params of a request for one message of the client's model."""
    messages = [{"role": "user", "content": {"type": "text", "text": text}}]
    return {"messages": messages, "maxTokens": 100, **other}


def elicit(params: dict[str, Any]) -> Question:
    """A question to the person."""
    return Question("elicitation/create", params)


def admitted(
    params: Any, method: str = "elicitation/create", can: dict[str, Any] = CAN
) -> dict[str, Any]:
    """The params of one question once it was admitted."""
    found = admit_questions({"q": Question(method, params)}, SPEC, "gateway", can)
    assert not isinstance(found, Refused), found
    return found["q"].params


def refused(params: Any, method: str = "elicitation/create", can: dict[str, Any] = CAN) -> str:
    """Why one question was refused."""
    found = admit_questions({"q": Question(method, params)}, SPEC, "gateway", can)
    assert isinstance(found, Refused), found
    return found.text
