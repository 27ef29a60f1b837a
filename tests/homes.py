"""Throw-away homes with signed, installed profiles, made by the product's own functions.

`make_home(folder)` makes a home that trusts one key, `install(home, ...)` signs and installs a
profile with three tools: find (read), refund (destructive), and ask (its approval is `always`).
"""

import json
import time
from pathlib import Path
from typing import Any

from mcp_proxy.core.payload import dump_lines
from mcp_proxy.core.profile import (
    ArgumentRule,
    AuditRules,
    Auth,
    Header,
    Prompt,
    Resource,
    RestTemplate,
    ResultRules,
    Tool,
    UpstreamSpec,
)
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.strict_json import dumps
from mcp_proxy.core.trust_store import TrustedKey, key_id
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.installs import change_keys, install_profile
from mcp_proxy.edges.places import Home, init_home

SEED = b"homes-publisher-key-for-tests-01"
OTHER_SEED = b"homes-publisher-key-for-tests-02"
BEARER = Auth("bearer", "billing-api", "Authorization")

AUDIT = AuditRules(("customer",), "deny")

_SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": "string", "minLength": 3}, "amount": {"type": "integer"}},
    "required": ["customer"],
    "additionalProperties": False,
}


def make_home(folder: str, *profiles: str) -> Home:
    """A new home in `folder`, which must not exist; its key may sign `profiles` (billing)."""
    home = init_home(folder)
    trust(home, SEED, *profiles)
    return home


def trust(home: Home, seed: bytes = SEED, *profiles: str) -> None:
    """Trusts the key of `seed` for these names (billing)."""
    public = public_key(seed)
    key = TrustedKey(key_id(public), "tests", public, profiles or ("billing",))
    change_keys(home, lambda held: {**held, key.keyid: key})


def distrust(home: Home) -> None:
    """Takes every key away."""
    change_keys(home, lambda _held: {})


def install(home: Home, *, seed: bytes = SEED, now_s: float | None = None, **shape: Any) -> None:
    """Signs and installs the profile that `payload` makes of `shape`."""
    signed = sign_payload(payload(**shape), seed)
    install_profile(home, signed, time.time() if now_s is None else now_s)


def payload(
    *,
    name: str = "billing",
    version: int = 1,
    url: str = "https://api.example.com",
    auth: Auth | None = None,
    expires: int | None = None,
    grace_s: int = 0,
    tools: list[Tool] | None = None,
    upstreams: dict[str, UpstreamSpec] | None = None,
    reads: tuple[Resource | Prompt, ...] = (),
    requires: tuple[str, ...] = (),
    audit: AuditRules = AUDIT,
) -> bytes:
    """An unsigned payload; `audit.clear` names customer by default. `upstreams` come beside `api`.

    `reads` are its resources, then its prompts.
    """
    made = [tool("find"), tool("refund"), tool("ask")] if tools is None else tools
    header = Header(
        profile=name,
        version=version,
        title="Billing",
        instructions="Look up invoices.",
        issued=1_700_000_000,
        expires=expires,
        timezone="UTC",
        requires=requires,
        upstreams={"api": UpstreamSpec("rest", url, auth, 5_000, ()), **(upstreams or {})},
        audit=audit,
        tools=tuple(item.name for item in made),
        resources=tuple(item.name for item in reads if isinstance(item, Resource)),
        prompts=tuple(item.name for item in reads if isinstance(item, Prompt)),
        grace_s=grace_s,
    )
    listed = [{"name": item.name, "inputSchema": item.enforced} for item in made]
    return dump_lines(header, dumps(listed), [*made, *reads])


def tool(name: str, **changes: Any) -> Tool:
    """GET /NAME?customer=..&amount=.., or POST with both in the body where it is `refund`."""
    mutates = name == "refund"
    place, prefix = ("body", "/") if mutates else ("query", "")
    made = Tool(
        name=name,
        upstream="api",
        effect="destructive" if mutates else "read",
        enforced=_SCHEMA,
        arguments={
            argument: ArgumentRule(place, prefix + argument, "form", True, "one")
            for argument in ("customer", "amount")
        },
        constants={},
        defaults={},
        template=RestTemplate(
            "POST" if mutates else "GET", f"/{name}", "application/json" if mutates else None
        ),
        result=ResultRules("off", None, (), 1 << 20, ()),
        approval="always" if name == "ask" else "never",
        retry="never",
    )
    return made._replace(**changes)


def ledger_text(home: Home) -> str:
    """What the ledger tells; empty where there is none."""
    path = Path(ledger_path(home))
    return path.read_text(encoding="utf-8") if path.exists() else ""


def commands(home: Home) -> list[dict[str, Any]]:
    """The ledger's entries of administrative commands."""
    entries = [json.loads(line) for line in ledger_text(home).splitlines()]
    return [entry for entry in entries if entry["kind"] == "admin"]


def block_ledger(home: Home) -> None:
    """From now on nothing can be logged in this home: a folder stands in the ledger's place."""
    path = Path(ledger_path(home))
    if path.exists():
        path.rename(path.with_name("ledger.away"))
    path.mkdir(parents=True)
