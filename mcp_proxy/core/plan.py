"""What one request of the client comes to, before anything is done: decided, or denied."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.passage import Need
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Prompt, Resource, UpstreamSpec
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.results import Admitted, Rejected

Admit = Callable[[HttpAnswer | McpAnswer], Admitted | Rejected]


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


class Label(NamedTuple):
    """What a request is called in the log: names of the profile alone, None where it has none."""

    name: str | None
    upstream: str | None
    effect: str | None
    is_tool: bool


UNKNOWN_TOOL = Label(None, None, None, is_tool=True)


class Contract(Protocol):
    """The profile in force, re-verified when local state changed (S6); times are epoch seconds."""

    def ready(self, tool: str, now_s: float) -> Ready | Deny:
        """The tool, or why no call of it may pass now."""

    def stopped(self, tool: str | None, now_s: float) -> Deny | None:
        """Why nothing may leave any more for the tool, or of what is no tool; None if it may."""

    def label(self, tool: str) -> Label:
        """What the log calls a tool that may not be called now; no name that is not its own."""

    def resource(self, uri: str, now_s: float) -> ReadyResource | Deny:
        """The resource that a URI names, or why it may not be read now."""

    def prompt(self, name: str, now_s: float) -> ReadyPrompt | Deny:
        """The prompt, or why it may not be had now."""

    def holdings(self, now_s: float) -> Holdings | Deny:
        """All prompts and resources, or why there are none now."""


class Going(NamedTuple):
    """A request that may leave. `arguments` are what the log digests, `ready` its tool.

    `need` is what it has to pass first: a person, counters. A wish is not sent by itself: who
    watches the upstream carries it.
    """

    label: Label
    arguments: Any
    allow: Allow
    spec: UpstreamSpec
    upstream: str
    admit: Admit
    ready: Ready | None = None
    is_wish: bool = False
    need: Need | None = None

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
