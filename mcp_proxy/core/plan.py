"""What one request of the client comes to, before anything is done: decided, or denied."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Prompt, Resource, Tool, UpstreamSpec
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.schema import Schema, compile_schema

Admit = Callable[[HttpAnswer | McpAnswer], Admitted | Rejected]


class Ready(NamedTuple):
    """A tool in force, with its compiled schemas and its upstream."""

    tool: Tool
    schema: Schema
    response: Schema | None
    spec: UpstreamSpec
    expires_s: int | None


def ready_tool(tool: Tool, spec: UpstreamSpec, expires_s: int | None) -> Ready:
    """The tool with its schemas compiled. Raises SchemaRefused."""
    rules = tool.result
    response = None if rules.validate == "off" else compile_schema(rules.schema)
    return Ready(tool, compile_schema(tool.enforced), response, spec, expires_s)


class ReadyResource(NamedTuple):
    """A resource in force, with its upstream."""

    resource: Resource
    spec: UpstreamSpec
    expires_s: int | None


class ReadyPrompt(NamedTuple):
    """A prompt in force, with its upstream."""

    prompt: Prompt
    spec: UpstreamSpec
    expires_s: int | None


class Holdings(NamedTuple):
    """All prompts and resources in force, with every upstream."""

    prompts: tuple[Prompt, ...]
    resources: tuple[Resource, ...]
    specs: Mapping[str, UpstreamSpec]
    expires_s: int | None


class Contract(Protocol):
    """The profile in force, re-verified when local state changed (S6); times are epoch seconds."""

    def ready(self, tool: str, now_s: float) -> Ready | Deny:
        """The tool, or why no call of it may pass now."""

    def resource(self, uri: str, now_s: float) -> ReadyResource | Deny:
        """The resource that a URI names, or why it may not be read now."""

    def prompt(self, name: str, now_s: float) -> ReadyPrompt | Deny:
        """The prompt, or why it may not be had now."""

    def holdings(self, now_s: float) -> Holdings | Deny:
        """All prompts and resources, or why there are none now."""


class Label(NamedTuple):
    """What a request is called in the log: names of the profile alone, None where it has none."""

    name: str | None
    upstream: str | None
    effect: str | None
    is_tool: bool


class Going(NamedTuple):
    """A request that may leave. `arguments` are what the log digests, `ready` its tool.

    A wish is not sent by itself: who watches the upstream carries it.
    """

    label: Label
    arguments: Any
    allow: Allow
    spec: UpstreamSpec
    upstream: str
    admit: Admit
    ready: Ready | None = None
    is_wish: bool = False

    @property
    def mutates(self) -> bool:
        """Whether the log has to be on the disk before it leaves (S20)."""
        return self.label.effect != "read"


class Refused(NamedTuple):
    """A request that stays here."""

    label: Label
    arguments: Any
    deny: Deny


Plan = Going | Refused
