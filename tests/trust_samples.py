"""Profiles, keys and homes for tests of trust: small, real, made anew where they must differ."""

import os

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.payload import dump_lines
from mcp_proxy.core.profile import (
    ArgumentRule,
    AuditRules,
    Auth,
    Header,
    RestTemplate,
    ResultRules,
    Tool,
    UpstreamSpec,
)
from mcp_proxy.core.seen import PINNED_KEYS, Seen, dump_seen
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.strict_json import dumps
from mcp_proxy.core.trust_store import TrustedKey, TrustStore, dump_trust_store, key_id
from mcp_proxy.edges.files import ensure_folder, write_file
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import profile_path, records_path, trust_path

NOW_S = 1_800_000_000.0
SEED = bytes(range(32))
OTHER_SEED = bytes(range(1, 33))


def trusted(seed: bytes = SEED, *profiles: str, name: str = "default") -> TrustedKey:
    """The key of a seed, trusted for billing unless told otherwise."""
    public = public_key(seed)
    return TrustedKey(key_id(public), name, public, profiles or ("billing",))


def keys(*items: TrustedKey) -> dict[str, TrustedKey]:
    """Keys by id; the default key where none is given."""
    return {item.keyid: item for item in items or (trusted(),)}


def payload(
    name: str = "billing",
    version: int = 3,
    expires: int | None = None,
    grace_s: int = 0,
    **more: str,
) -> bytes:
    """A payload with one REST tool, find_invoices; `title` and `url` may be given."""
    header = Header(
        profile=name,
        version=version,
        title=more.get("title", "Billing support"),
        instructions="Look up invoices.",
        issued=1_700_000_000,
        expires=expires,
        timezone="UTC",
        requires=(),
        upstreams={
            "billing-api": UpstreamSpec(
                "rest",
                more.get("url", "https://api.example.com"),
                Auth("bearer", "billing-api", "Authorization"),
                20_000,
                (),
            )
        },
        audit=AuditRules((), "deny"),
        tools=("find_invoices",),
        grace_s=grace_s,
    )
    schema = {
        "type": "object",
        "properties": {"customer": {"type": "string", "minLength": 3}},
        "required": ["customer"],
        "additionalProperties": False,
    }
    tool = Tool(
        name="find_invoices",
        upstream="billing-api",
        effect="read",
        enforced=schema,
        arguments={"customer": ArgumentRule("query", "customer_id", "form", True, "one")},
        constants={},
        defaults={},
        template=RestTemplate("GET", "/v1/invoices", None),
        result=ResultRules("off", None, (), 1 << 20, ()),
        approval="never",
        retry="safe",
    )
    listed = [{"name": tool.name, "description": "Find invoices.", "inputSchema": schema}]
    return dump_lines(header, dumps(listed), [tool])


def record(data: bytes, version: int = 3, root: tuple[str, ...] = PINNED_KEYS) -> Seen:
    """The version record that an install of this payload leaves."""
    return Seen(version, sha256_hex(data), root, (trusted().keyid,))


def installed_home(folder: str) -> Home:
    """A home in `folder`, which must not exist, with billing version 3 installed."""
    home = init_home(folder)
    data = payload()
    ensure_folder(os.path.dirname(profile_path(home, "billing")))
    write_file(trust_path(home), dump_trust_store(TrustStore(keys(), {})))
    write_file(records_path(home), dump_seen({"billing": record(data)}))
    write_file(profile_path(home, "billing"), sign_payload(data, SEED))
    return home
