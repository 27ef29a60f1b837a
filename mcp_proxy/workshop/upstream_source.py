"""The upstreams of a profile source as strict models: REST APIs, gateways, local servers."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.argument_source import STRICT
from mcp_proxy.workshop.auth_source import AuthSource, Credential
from mcp_proxy.workshop.scalars import Duration, Matching

TOOL_NAME = r"[a-zA-Z0-9_-]{1,64}"
UPSTREAM_KINDS = ("rest", "mcp", "stdio")
VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,127}"

Name = Annotated[str, Matching(TOOL_NAME, "write 1 to 64 of a-z, A-Z, 0-9, _ and -")]
VariableName = Annotated[str, Matching(VARIABLE_NAME, "name it with A-Z, a-z, 0-9 and _")]

Feature = Literal[
    "progress", "logging", "completion", "elicitation", "sampling", "roots", "tasks", "apps"
]


class VariableAuthSource(BaseModel):
    """The credential of a local server: it gets it in a variable of its environment."""

    model_config = STRICT
    kind: Literal["env"]
    credential: Credential = Field(description="The credential's name in the local keychain.")
    name: VariableName = Field(description="The variable's name.")


class ReferenceSource(BaseModel):
    """A file that stands for one which a document refers to outside of the source's folder."""

    model_config = STRICT
    of: Annotated[str, Matching(r"[^#]+", "write the URL or path alone, without # and on")] = Field(
        description="Where the reference leads: a URL, or a path from this file."
    )
    file: str = Field(min_length=1, description="What to read instead, relative to this file.")
    sha256: Annotated[
        str, Matching(r"[0-9a-fA-F]{64}", "write the 64 hex digits of the file's SHA-256")
    ] = Field(description="The SHA-256 of that file.")


class RestSource(BaseModel):
    """A REST API; `openapi` is read at build time only."""

    model_config = STRICT
    url: str = Field(description="https, no query, no fragment; http for 127.0.0.1 and ::1 only.")
    auth: AuthSource | None = None
    deadline: Duration = Field(LIMITS.deadline_default_ms, description="Of a whole call.")
    kind: Literal["rest"]
    openapi: str = Field(min_length=1, description="The API document, relative to this file.")
    references: list[ReferenceSource] = Field(
        default_factory=list,
        description="Files for references out of this folder; nothing is fetched.",
    )


class _ListedSource(BaseModel):
    model_config = STRICT
    listing: str = Field(min_length=1, description="The captured listing, relative to this file.")
    features: list[Feature] = Field(
        default_factory=list, description="What it may do beside answering; off unless named."
    )
    links: list[str] = Field(
        default_factory=list,
        description="Origins that its url elicitations may lead to, as https://login.example.com.",
    )
    deadline: Duration = Field(LIMITS.deadline_default_ms, description="Of a whole call.")


class McpSource(_ListedSource):
    """An MCP gateway; `listing` is what it captured at a build."""

    kind: Literal["mcp"]
    url: str = Field(description="https, no query, no fragment; http for 127.0.0.1 and ::1 only.")
    auth: AuthSource | None = None


class StdioSource(_ListedSource):
    """A local MCP server that the sidecar starts, once its command is trusted on that machine."""

    kind: Literal["stdio"]
    command: list[str] = Field(
        min_length=1, description="The complete command: a bare name or an absolute path first."
    )
    environment: dict[VariableName, str] = Field(
        default_factory=dict, description="Variables that it gets beside a fixed few; no secrets."
    )
    auth: VariableAuthSource | None = None


ListedSource = McpSource | StdioSource
UpstreamSource = Annotated[RestSource | McpSource | StdioSource, Field(discriminator="kind")]
