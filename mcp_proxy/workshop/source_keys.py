"""The keys of a profile source as strict pydantic models: the only definition of that format.

Plain values in, checked values out. The editors' JSON Schema is generated from these models. A key
that a later version enforces stands here too, so that its refusal is specific.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.workshop.argument_source import STRICT, ArgumentSource, Number
from mcp_proxy.workshop.constraint_source import Constraints, LimitsSource, OutwardSource
from mcp_proxy.workshop.result_source import ResultSource
from mcp_proxy.workshop.scalars import Day, Grace, Matching, Size, refuse_others
from mcp_proxy.workshop.upstream_source import TOOL_NAME, Name, UpstreamSource

ARGUMENT_NAME = r"[A-Za-z0-9_.-]{1,64}"

ProfileName = Annotated[str, Matching(NAME_PATTERN, "write 1 to 16 of a-z, 0-9 and -")]
EntryKey = Annotated[
    str, Matching(TOOL_NAME + r"|\*", "name it with 1 to 64 of a-z, A-Z, 0-9, _ and -")
]
ArgumentKey = Annotated[
    str, Matching(ARGUMENT_NAME + r"|\*", "name it with 1 to 64 of a-z, A-Z, 0-9, _, . and -")
]
Zone = Annotated[
    str, Matching(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", "write a zone such as Europe/Berlin")
]
Version = Annotated[int, Field(ge=1, le=2**53 - 1, description="Grows with every release.")]


class Condition(BaseModel):
    """One comparison with an effective argument."""

    model_config = STRICT
    above: Number | None = None
    at_least: Number | None = None
    below: Number | None = None
    at_most: Number | None = None
    is_: Any = Field(None, alias="is")
    in_: list[Any] | None = Field(None, alias="in")
    not_in: list[Any] | None = None
    matches: str | None = None
    present: bool | None = None


Conditions = Annotated[dict[str, Condition], Field(min_length=1)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class ApprovalSource(BaseModel):
    """When a person is asked: one map (all hold) or a list of maps (any holds)."""

    model_config = STRICT
    when: Annotated[
        list[Conditions],
        Field(min_length=1),
        BeforeValidator(_as_list, json_schema_input_type=Conditions | list[Conditions]),
    ]
    by: list[Literal["page", "terminal", "client"]] = Field(
        default_factory=list,
        min_length=1,
        description="How a person may answer; page and terminal, and client if not destructive.",
    )


def _approval_form(value: Any) -> str:
    return "rule" if isinstance(value, (dict, ApprovalSource)) else "word"


Approval = Annotated[
    Annotated[Literal["never", "always"], Tag("word")] | Annotated[ApprovalSource, Tag("rule")],
    Discriminator(_approval_form),
]
Effect = Literal["read", "write", "destructive"]


class ToolSource(BaseModel):
    """One tool: its upstream operation, curated."""

    model_config = STRICT
    upstream: Name
    operation: str = Field(min_length=1, description='operationId, "GET /path", or the tool there.')
    effect: Effect
    effect_reason: str | None = Field(
        None, min_length=1, description="Why a read is no GET, HEAD or listed readOnlyHint."
    )
    title: str | None = Field(None, min_length=1)
    description: str | None = Field(None, min_length=1)
    arguments: dict[ArgumentKey, ArgumentSource] | None = None
    result: ResultSource = ResultSource.model_validate({})
    approval: Approval = "never"
    constraints: Constraints = Field(default_factory=list)
    limits: LimitsSource | None = None
    outward: OutwardSource | None = None


class ResourceSource(BaseModel):
    """One resource of an MCP server, or a template of such."""

    model_config = STRICT
    upstream: Name
    uri: str = Field(min_length=1, description="A URI or URI template, as the upstream lists it.")
    title: str | None = Field(None, min_length=1)
    description: str | None = Field(None, min_length=1)
    mime_type: str | None = Field(None, min_length=1)
    max_bytes: Size = Field(LIMITS.result_default_bytes)


class PromptSource(BaseModel):
    """One prompt of an MCP server."""

    model_config = STRICT
    upstream: Name
    prompt: str = Field(min_length=1, description="The prompt's name there.")
    title: str | None = Field(None, min_length=1)
    description: str | None = Field(None, min_length=1)
    max_bytes: Size = Field(LIMITS.result_default_bytes)


class AllListed(BaseModel):
    """`"*"`: everything of its kind that an upstream's listing holds."""

    model_config = STRICT
    upstream: Name


def _form(value: Any) -> str:
    only_upstream = isinstance(value, dict) and value.keys() == {"upstream"}
    return "all" if only_upstream or isinstance(value, AllListed) else "one"


_All = Annotated[AllListed, Tag("all")]
ToolEntry = Annotated[Annotated[ToolSource, Tag("one")] | _All, Discriminator(_form)]
ResourceEntry = Annotated[Annotated[ResourceSource, Tag("one")] | _All, Discriminator(_form)]
PromptEntry = Annotated[Annotated[PromptSource, Tag("one")] | _All, Discriminator(_form)]


class AuditSource(BaseModel):
    """What the audit log keeps readable."""

    model_config = STRICT
    clear: list[str] = Field(default_factory=list, description="Argument names kept readable.")
    on_failure: Annotated[Literal["deny"], refuse_others("deny")] = "deny"
    recipient: str = Field(
        "", description="The organisation's key, as `audit recipient` prints it: who checks MACs."
    )
    arguments: Literal["digest", "sealed"] = Field(
        "digest", description="sealed: all arguments are kept too, sealed, for `audit replay`."
    )


class ProfileSource(BaseModel):
    """A profile source, whole."""

    model_config = STRICT
    profile: ProfileName
    version: Version
    title: str = Field("", description="Shown to the person; the profile's name if absent.")
    instructions: str = Field("", description="Shown to the model, at most 2 KB.")
    expires: Day | None = Field(None, description="Holds through that day, 23:59:59 UTC.")
    grace: Grace = Field(
        0, description="How long it serves on offline when its repository's timestamp has expired."
    )
    timezone: Zone = Field("UTC", description="For calendar windows.")
    upstreams: dict[Name, UpstreamSource] = Field(min_length=1)
    tools: dict[EntryKey, ToolEntry] = Field(default_factory=dict)
    resources: dict[EntryKey, ResourceEntry] = Field(default_factory=dict)
    prompts: dict[EntryKey, PromptEntry] = Field(default_factory=dict)
    audit: AuditSource = AuditSource.model_validate({})
