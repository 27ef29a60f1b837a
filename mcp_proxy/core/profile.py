"""The payload of a signed profile: JSON Lines in, frozen values out.

Line 1 is the header, line 2 the ready-made `tools` array of a tools/list answer (spliced by bytes,
never parsed by serve), then one line per tool in the header's order, parsed at its first call. This
module alone defines the format: every key is required and every other key is refused with "needs a
newer mcp-proxy", so a rule that this version does not know is never silently ignored.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.fields import (
    as_boolean,
    as_integer,
    as_json,
    as_mapping,
    as_object,
    as_string,
    as_strings,
    malformed,
    newer,
    one_of,
)
from mcp_proxy.core.limits import LIMITS

PAYLOAD_TYPE = "application/vnd.mcp-proxy.profile.v1+jsonl"

# What a payload may demand in `requires`; each name is enforced by this version.
KNOWN_REQUIREMENTS = frozenset({"approval", "response-validation"})

NAME_PATTERN = r"[a-z0-9-]{1,16}"


class Auth(NamedTuple):
    """How to authorize: `kind` is bearer, basic or header; `name` the header's name."""

    kind: str
    credential: str
    name: str


class UpstreamSpec(NamedTuple):
    """Where calls go. `kind` is rest or mcp; `url` has no trailing slash, query or fragment."""

    kind: str
    url: str
    auth: Auth | None
    deadline_ms: int
    features: tuple[str, ...]


class AuditRules(NamedTuple):
    """`clear`: argument names whose values are kept readable; `on_failure` is always deny here."""

    clear: tuple[str, ...]
    on_failure: str


class Header(NamedTuple):
    """Line 1. `issued` and `expires` are seconds since the epoch, UTC; `expires` may be absent."""

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
    """What happens to an answer. `validate`: off, strip or strict; empty `pick` keeps all."""

    validate: str
    schema: Any
    pick: tuple[str, ...]
    max_bytes: int
    types: tuple[str, ...]


class Tool(NamedTuple):
    """One tool, ready to decide and to send. `approval` is never, always, or a list of maps.

    `channels` may give an approval (page, terminal, client; empty is the effect's default); this
    version has none of them, so it denies every call that asks.
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


class Profile(NamedTuple):
    """A verified profile: made by `core.trust` alone, so whoever holds one holds proof."""

    header: Header
    digest: str
    signer: str
    tools_json: bytes
    tool_lines: dict[str, bytes]


def parse_payload(payload: bytes, digest: str, signer: str) -> Profile:
    """Verified payload bytes to a profile.

    Raises:
        ProfileError: P10 malformed, P09 needs a newer mcp-proxy.
    """
    lines = payload.split(b"\n")
    if len(lines) < 3 or lines[-1] != b"":
        raise malformed("it does not hold a header, a tool list and a line for each tool")
    header = parse_header(as_json(lines[0]))
    tool_lines = lines[2:-1]
    if len(tool_lines) != len(header.tools):
        raise malformed("it does not hold one line for each tool")
    if len(header.tools) > LIMITS.tools or len(set(header.tools)) != len(header.tools):
        raise malformed("it names too many tools, or one twice")
    by_name = dict(zip(header.tools, tool_lines, strict=True))
    return Profile(header, digest, signer, lines[1], by_name)


def parse_header(value: Any) -> Header:
    """Line 1 as a value. Raises ProfileError P09, P10."""
    row = as_object(value, Header._fields, "header")
    unknown = sorted(set(as_strings(row["requires"], "requires")) - KNOWN_REQUIREMENTS)
    if unknown:
        raise newer(f"it requires {', '.join(unknown)}")
    upstreams = as_mapping(row["upstreams"], "upstreams")
    audit = as_object(row["audit"], AuditRules._fields, "audit")
    return Header(
        profile=as_string(row["profile"], "profile"),
        version=as_integer(row["version"], "version"),
        title=as_string(row["title"], "title"),
        instructions=as_string(row["instructions"], "instructions"),
        issued=as_integer(row["issued"], "issued"),
        expires=None if row["expires"] is None else as_integer(row["expires"], "expires"),
        timezone=as_string(row["timezone"], "timezone"),
        requires=as_strings(row["requires"], "requires"),
        upstreams={name: _parse_upstream(item, name) for name, item in upstreams.items()},
        audit=AuditRules(
            as_strings(audit["clear"], "audit.clear"),
            one_of(audit["on_failure"], ("deny",), "audit.on_failure"),
        ),
        tools=as_strings(row["tools"], "tools"),
    )


def parse_tool(line: bytes, name: str) -> Tool:
    """A tool's own line as a value. Raises ProfileError P09, P10."""
    row = as_object(as_json(line), Tool._fields, f"tool {name}")
    if row["name"] != name:
        raise malformed(f"the line of tool {name} bears another name")
    arguments = as_mapping(row["arguments"], "arguments")
    return Tool(
        name=name,
        upstream=as_string(row["upstream"], "upstream"),
        effect=one_of(row["effect"], ("read", "write", "destructive"), "effect"),
        enforced=as_mapping(row["enforced"], "enforced"),
        arguments={key: _parse_argument(item, key) for key, item in arguments.items()},
        constants=as_mapping(row["constants"], "constants"),
        defaults=as_mapping(row["defaults"], "defaults"),
        template=_parse_template(row["template"]),
        result=_parse_result(row["result"]),
        approval=_parse_approval(row["approval"]),
        retry=one_of(row["retry"], ("never", "safe"), "retry"),
        channels=tuple(
            one_of(item, ("page", "terminal", "client"), "channels")
            for item in as_strings(row["channels"], "channels")
        ),
    )


def _parse_upstream(value: Any, name: str) -> UpstreamSpec:
    row = as_object(value, UpstreamSpec._fields, f"upstream {name}")
    auth = row["auth"]
    if auth is not None:
        part = as_object(auth, Auth._fields, f"auth of {name}")
        auth = Auth(
            one_of(part["kind"], ("bearer", "basic", "header"), "auth.kind"),
            as_string(part["credential"], "auth.credential"),
            as_string(part["name"], "auth.name"),
        )
    return UpstreamSpec(
        one_of(row["kind"], ("rest", "mcp"), "upstream kind"),
        as_string(row["url"], "url"),
        auth,
        as_integer(row["deadline_ms"], "deadline_ms"),
        tuple(
            one_of(item, ("progress", "logging"), "features")
            for item in as_strings(row["features"], "features")
        ),
    )


def _parse_argument(value: Any, name: str) -> ArgumentRule:
    row = as_object(value, ArgumentRule._fields, f"argument {name}")
    places = ("path", "query", "header", "body", "argument")
    styles = ("form", "simple", "spaceDelimited", "pipeDelimited", "deepObject", "json")
    return ArgumentRule(
        one_of(row["place"], places, "place"),
        as_string(row["target"], "target"),
        one_of(row["style"], styles, "style"),
        as_boolean(row["explode"], "explode"),
        one_of(row["segments"], ("one", "many"), "segments"),
    )


def _parse_template(value: Any) -> RestTemplate | McpTemplate:
    if isinstance(value, dict) and "tool" in value:
        row = as_object(value, McpTemplate._fields, "template")
        headers = as_mapping(row["headers"], "headers")
        return McpTemplate(
            as_string(row["tool"], "template.tool"),
            as_string(row["fingerprint"], "fingerprint"),
            {key: as_string(item, "header") for key, item in headers.items()},
        )
    row = as_object(value, RestTemplate._fields, "template")
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
    body_type = row["body_type"]
    return RestTemplate(
        one_of(row["method"], methods, "method"),
        as_string(row["path"], "path"),
        None if body_type is None else as_string(body_type, "body_type"),
        as_boolean(row["body_required"], "body_required"),
    )


def _parse_result(value: Any) -> ResultRules:
    row = as_object(value, ResultRules._fields, "result")
    return ResultRules(
        one_of(row["validate"], ("off", "strip", "strict"), "validate"),
        row["schema"],
        as_strings(row["pick"], "pick"),
        as_integer(row["max_bytes"], "max_bytes"),
        as_strings(row["types"], "types"),
    )


def _parse_approval(value: Any) -> Any:
    if value in ("never", "always"):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and item for item in value):
        return value
    raise malformed("approval is not one of its three forms")
