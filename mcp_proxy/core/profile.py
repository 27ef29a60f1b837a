"""A signed profile as frozen values: the payload's lines, key by key.

Line 1 is the header, line 2 the ready-made `tools` array of a tools/list answer (spliced by bytes,
never parsed by serve), then one line per tool, per resource and per prompt, each in the header's
order. These classes are the format: `core.profile_lines` reads them, `core.payload` writes them.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.freshness import Freshness
from mcp_proxy.core.seen import PINNED_KEYS

PAYLOAD_TYPE = "application/vnd.mcp-proxy.profile.v1+jsonl"

# What a payload may demand in `requires`; each name is enforced by this version.
KNOWN_REQUIREMENTS = frozenset(
    {"approval", "constraints", "limits", "response-validation", "result-guards"}
)

NAME_PATTERN = r"[a-z0-9-]{1,16}"

# What an MCP upstream may do beside answering; off unless its profile names it (S14).
FEATURES = (
    *("progress", "logging", "completion", "elicitation", "sampling", "roots"),
    *("tasks", "apps"),
)


OAUTH_GRANTS = ("authorization_code", "client_credentials", "id_jag")


class Auth(NamedTuple):
    """How to authorize by a static credential; `name` is the header's, parameter's or variable's.

    `kind` is bearer, basic, header, query or mtls; for a stdio upstream it is env. Of bearer and
    basic `name` is Authorization, of mtls "".
    """

    kind: str
    credential: str
    name: str


class Identity(NamedTuple):
    """Who logs the person in for the grant id_jag: an OpenID provider, and our client there."""

    issuer: str
    client_id: str


class OAuth(NamedTuple):
    """How to authorize by OAuth 2.1; what is "" or empty is found or made at login.

    `grant` is authorization_code (or a device's, as the person logs in), client_credentials or
    id_jag, which alone has an `identity`. `endpoints` (authorization, token, device_authorization,
    revocation, registration) stand for the metadata of a server that has none, or name other hosts.
    `client_metadata` is the URL of our Client ID Metadata Document. `resource` is what a REST API's
    server is told that the tokens are for (RFC 8707); of an MCP upstream discovery finds it.
    """

    kind: str
    credential: str
    grant: str
    issuer: str
    client_id: str
    client_metadata: str
    scopes: tuple[str, ...]
    endpoints: tuple[tuple[str, str], ...]
    identity: Identity | None = None
    resource: str = ""

    @property
    def name(self) -> str:
        """The header that the access token goes into (RFC 6750, 2.1)."""
        return "Authorization"


class Aws(NamedTuple):
    """How to authorize by AWS Signature Version 4: each request is signed for this scope."""

    kind: str
    credential: str
    region: str
    service: str

    @property
    def name(self) -> str:
        """The header that the signature goes into."""
        return "Authorization"


class UpstreamSpec(NamedTuple):
    """Where calls go. `kind` is rest, mcp or stdio; `url` has no query or fragment, "" for stdio.

    `links` are the origins that an elicitation's URL may have. A stdio upstream has `command`, its
    complete argv, and `environment`, the variables that it gets beside a fixed few.
    """

    kind: str
    url: str
    auth: Auth | OAuth | Aws | None
    deadline_ms: int
    features: tuple[str, ...]
    links: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


class AuditRules(NamedTuple):
    """`clear`: argument names whose values are kept readable; `on_failure` is always deny here.

    `recipient` is the organisation's X25519 key line (S21), or "". `arguments` is digest, or
    sealed: all are kept too, for whoever holds the recipient's key, or the home's without one.
    """

    clear: tuple[str, ...]
    on_failure: str
    recipient: str = ""
    arguments: str = "digest"


class Header(NamedTuple):
    """Line 1. `issued` and `expires` are seconds since the epoch, UTC; `expires` may be absent.

    `grace_s`: how long it serves on when its repository's timestamp has expired (S19), 0 for not.
    """

    profile: str
    version: int
    title: str
    instructions: str
    issued: int
    expires: int | None
    timezone: str
    requires: tuple[str, ...]
    upstreams: dict[str, UpstreamSpec]
    audit: AuditRules
    tools: tuple[str, ...]
    resources: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    grace_s: int = 0


class ArgumentRule(NamedTuple):
    """Where one argument of the model goes.

    `place` is path, query, header or body (rest), or argument (mcp). `target` is the wire name; for
    body and argument places a JSON pointer, "" being the whole. `style` is an OpenAPI style, or
    "json" for a parameter sent as JSON text; `segments` is one or many (path only).
    """

    place: str
    target: str
    style: str
    explode: bool
    segments: str


class RestTemplate(NamedTuple):
    """A REST request: `path` holds `{wire name}` slots; `body_type` is None for no body.

    A required body without a single value is sent as an empty object.
    """

    method: str
    path: str
    body_type: str | None
    body_required: bool = False


class McpTemplate(NamedTuple):
    """A gateway call: the upstream's tool, its fingerprint, and its `x-mcp-header` map.

    `headers` maps a JSON pointer into the upstream's arguments to the part after `Mcp-Param-`.
    """

    tool: str
    fingerprint: str
    headers: dict[str, str]


class ResultRules(NamedTuple):
    """What happens to an answer. `validate`: off, strip or strict; empty `pick` keeps all.

    `redact` names detectors (email, national_id.de ...) and `redact_fields` paths as `pick` has
    them; what they find is masked. Lists are cut to `max_items`, 0 for whole. `text` is json or
    rows, `html` text or keep; with `mark` a text is announced as data of the upstream's.
    `instructions`, found in an answer, are ignored (ignore), told to the log (flag) or withheld
    (withhold). Images, sound and other binary parts have at most `binary_bytes`, 0 for `max_bytes`.
    """

    validate: str
    schema: Any
    pick: tuple[str, ...]
    max_bytes: int
    types: tuple[str, ...]
    redact: tuple[str, ...] = ()
    redact_fields: tuple[str, ...] = ()
    max_items: int = 0
    text: str = "json"
    html: str = "text"
    mark: bool = False
    instructions: str = "flag"
    binary_bytes: int = 0


class Limit(NamedTuple):
    """How much calls of a tool may take within a calendar window of the profile's time zone.

    `rule` names it within its tool; what was taken is kept under that name across versions. `of` is
    the argument (or pointer) whose integers are summed, "" for the calls themselves; `per` is
    second, minute, hour, day or month. `by` is the argument by whose values it is counted apart,
    "" for none.
    """

    rule: str
    of: str
    per: str
    at_most: int
    by: str


class Tool(NamedTuple):
    """One tool, ready to decide and to send. `approval` is never, always, or a list of maps.

    `channels` may give an approval (page, terminal, client; empty is the effect's default).
    `constraints` are rules over the arguments as `core.constraints` reads them, `limits` what calls
    may take in a time. `shows` are the fields (paths as `pick` has them) of its answers that other
    tools' constraints refer to. `outward` is deny or allow: what becomes of an argument that holds
    what looks like a secret.
    """

    name: str
    upstream: str
    effect: str
    enforced: dict[str, Any]
    arguments: dict[str, ArgumentRule]
    constants: dict[str, Any]
    defaults: dict[str, Any]
    template: RestTemplate | McpTemplate
    result: ResultRules
    approval: Any
    retry: str
    channels: tuple[str, ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()
    limits: tuple[Limit, ...] = ()
    shows: tuple[str, ...] = ()
    outward: str = "deny"


class Bound(NamedTuple):
    """A tool's binding to an MCP upstream alone: all that finding drift needs of it."""

    name: str
    upstream: str
    template: McpTemplate


class Resource(NamedTuple):
    """A resource, or a template of such, with its `entry` in the list that it stands in.

    `uri` is the upstream's, and a URI template (RFC 6570) if `is_template`. `digest` is the SHA-256
    of the only content that is let through, as hex: set for `ui://` resources, which no list shows.
    """

    name: str
    upstream: str
    uri: str
    is_template: bool
    is_listed: bool
    entry: dict[str, Any]
    max_bytes: int
    digest: str | None


class Prompt(NamedTuple):
    """A prompt: `prompt` is its name at the upstream, `entry` what prompts/list shows of it."""

    name: str
    upstream: str
    prompt: str
    entry: dict[str, Any]
    max_bytes: int


class Profile(NamedTuple):
    """A verified profile: made by `core.trust` alone, so whoever holds one holds proof.

    `root` is the trust root that answers for it, `freshness` how long a repository does.
    """

    header: Header
    digest: str
    signer: str
    tools_json: bytes
    tool_lines: dict[str, bytes]
    resource_lines: dict[str, bytes]
    prompt_lines: dict[str, bytes]
    root: tuple[str, ...] = PINNED_KEYS
    freshness: Freshness | None = None
