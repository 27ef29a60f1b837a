"""The payload of a signed profile read: JSON Lines in, the values of `core.profile` out.

Every key is required and every other key is refused with "needs a newer mcp-proxy", so a rule that
this version does not know is never silently ignored.
"""

from typing import Any

from mcp_proxy.core.detectors import parse_detectors
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
from mcp_proxy.core.profile import (
    FEATURES,
    KNOWN_REQUIREMENTS,
    OAUTH_GRANTS,
    ArgumentRule,
    Auth,
    Aws,
    Bound,
    Header,
    Identity,
    Limit,
    McpTemplate,
    OAuth,
    Profile,
    Prompt,
    Resource,
    RestTemplate,
    ResultRules,
    Tool,
    UpstreamSpec,
)
from mcp_proxy.core.profile_audit import parse_audit


def parse_payload(payload: bytes, digest: str, signer: str) -> Profile:
    """Verified payload bytes to a profile.

    Raises:
        ProfileError: P10 malformed, P09 needs a newer mcp-proxy.
    """
    lines = payload.split(b"\n")
    if len(lines) < 3 or lines[-1] != b"":
        raise malformed("it does not hold a header, a tool list and a line for each entry")
    header = parse_header(as_json(lines[0]))
    rows = iter(lines[2:-1])
    names = (header.tools, header.resources, header.prompts)
    if len(lines) - 3 != sum(map(len, names)):
        raise malformed("it does not hold one line for each tool, resource and prompt")
    if any(len(some) > LIMITS.tools or len(set(some)) != len(some) for some in names):
        raise malformed("it names too many tools, resources or prompts, or one twice")
    tools, resources, prompts = ({name: next(rows) for name in some} for some in names)
    return Profile(header, digest, signer, lines[1], tools, resources, prompts)


def parse_header(value: Any) -> Header:
    """Line 1 as a value. Raises ProfileError P09, P10."""
    row = as_object(value, Header._fields, "header")
    unknown = sorted(set(as_strings(row["requires"], "requires")) - KNOWN_REQUIREMENTS)
    if unknown:
        raise newer(f"it requires {', '.join(unknown)}")
    upstreams = as_mapping(row["upstreams"], "upstreams")
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
        audit=parse_audit(row["audit"]),
        tools=as_strings(row["tools"], "tools"),
        resources=as_strings(row["resources"], "resources"),
        prompts=as_strings(row["prompts"], "prompts"),
        grace_s=as_integer(row["grace_s"], "grace_s"),
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
        constraints=_parse_constraints(row["constraints"]),
        limits=_parse_limits(row["limits"]),
        shows=as_strings(row["shows"], "shows"),
        outward=one_of(row["outward"], ("deny", "allow"), "outward"),
    )


def parse_bound(line: bytes, name: str) -> Bound | None:
    """A tool's binding to an MCP upstream, None for a REST tool. Raises ProfileError P09, P10."""
    row = as_mapping(as_json(line), f"tool {name}")
    template = _parse_template(row.get("template"))
    if not isinstance(template, McpTemplate):
        return None
    return Bound(name, as_string(row.get("upstream"), "upstream"), template)


def parse_resource(line: bytes, name: str) -> Resource:
    """A resource's own line as a value. Raises ProfileError P09, P10."""
    row = as_object(as_json(line), Resource._fields, f"resource {name}")
    if row["name"] != name:
        raise malformed(f"the line of resource {name} bears another name")
    digest = row["digest"]
    return Resource(
        name,
        as_string(row["upstream"], "upstream"),
        as_string(row["uri"], "uri"),
        as_boolean(row["is_template"], "is_template"),
        as_boolean(row["is_listed"], "is_listed"),
        as_mapping(row["entry"], "entry"),
        as_integer(row["max_bytes"], "max_bytes"),
        None if digest is None else as_string(digest, "digest"),
    )


def parse_prompt(line: bytes, name: str) -> Prompt:
    """A prompt's own line as a value. Raises ProfileError P09, P10."""
    row = as_object(as_json(line), Prompt._fields, f"prompt {name}")
    if row["name"] != name:
        raise malformed(f"the line of prompt {name} bears another name")
    return Prompt(
        name,
        as_string(row["upstream"], "upstream"),
        as_string(row["prompt"], "prompt"),
        as_mapping(row["entry"], "entry"),
        as_integer(row["max_bytes"], "max_bytes"),
    )


def _parse_upstream(value: Any, name: str) -> UpstreamSpec:
    row = as_object(value, UpstreamSpec._fields, f"upstream {name}")
    auth = None if row["auth"] is None else _parse_auth(row["auth"], f"auth of {name}")
    return UpstreamSpec(
        one_of(row["kind"], ("rest", "mcp", "stdio"), "upstream kind"),
        as_string(row["url"], "url"),
        auth,
        as_integer(row["deadline_ms"], "deadline_ms"),
        tuple(
            one_of(item, FEATURES, "features") for item in as_strings(row["features"], "features")
        ),
        as_strings(row["links"], "links"),
        as_strings(row["command"], "command"),
        _parse_pairs(row["environment"], "environment"),
    )


def _parse_pairs(value: Any, what: str) -> tuple[tuple[str, str], ...]:
    pairs = [as_strings(pair, what) for pair in value] if isinstance(value, list) else None
    if pairs is None or any(len(pair) != 2 for pair in pairs):
        raise malformed(f"{what} is no list of names and values")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _parse_auth(value: Any, where: str) -> Auth | OAuth | Aws:
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "oauth":
        return _parse_oauth(as_object(value, OAuth._fields, where))
    if kind == "sigv4":
        row = as_object(value, Aws._fields, where)
        return Aws(*(as_string(row[key], f"auth.{key}") for key in Aws._fields))
    row = as_object(value, Auth._fields, where)
    one_of(kind, ("bearer", "basic", "header", "query", "mtls", "env"), "auth.kind")
    return Auth(*(as_string(row[key], f"auth.{key}") for key in Auth._fields))


def _parse_oauth(row: dict[str, Any]) -> OAuth:
    identity = row["identity"]
    if identity is not None:
        part = as_object(identity, Identity._fields, "auth.identity")
        identity = Identity(*(as_string(part[key], f"identity.{key}") for key in Identity._fields))
    return OAuth(
        as_string(row["kind"], "auth.kind"),
        as_string(row["credential"], "auth.credential"),
        one_of(row["grant"], OAUTH_GRANTS, "auth.grant"),
        as_string(row["issuer"], "auth.issuer"),
        as_string(row["client_id"], "auth.client_id"),
        as_string(row["client_metadata"], "auth.client_metadata"),
        as_strings(row["scopes"], "auth.scopes"),
        _parse_pairs(row["endpoints"], "auth.endpoints"),
        identity,
        as_string(row["resource"], "auth.resource"),
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
        parse_detectors(row["redact"]),
        as_strings(row["redact_fields"], "redact_fields"),
        as_integer(row["max_items"], "max_items"),
        one_of(row["text"], ("json", "rows"), "text"),
        one_of(row["html"], ("text", "keep"), "html"),
        as_boolean(row["mark"], "mark"),
        one_of(row["instructions"], ("ignore", "flag", "withhold"), "instructions"),
        as_integer(row["binary_bytes"], "binary_bytes"),
    )


def _parse_limits(value: Any) -> tuple[Limit, ...]:
    rows = value if isinstance(value, list) else [value]
    return tuple(_parse_limit(as_object(row, Limit._fields, "limits")) for row in rows)


def _parse_limit(row: dict[str, Any]) -> Limit:
    return Limit(
        as_string(row["rule"], "limits.rule"),
        as_string(row["of"], "limits.of"),
        one_of(row["per"], ("second", "minute", "hour", "day", "month"), "limits.per"),
        as_integer(row["at_most"], "limits.at_most"),
        as_string(row["by"], "limits.by"),
    )


def _parse_constraints(value: Any) -> tuple[dict[str, Any], ...]:
    if isinstance(value, list) and all(isinstance(item, dict) and item for item in value):
        return tuple(value)
    raise malformed("constraints are no list of rules")


def _parse_approval(value: Any) -> Any:
    if value in ("never", "always"):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and item for item in value):
        return value
    raise malformed("approval is not one of its three forms")
