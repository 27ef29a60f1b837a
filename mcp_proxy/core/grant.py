"""A grant: a person's yes beforehand, to calls of one tool, under conditions, so often, until then.

It is signed by this machine's own key and bound to home, profile name, trust root and the very
bytes of the profile: a new version needs a new grant. Deny by default: a condition that cannot be
judged, which elsewhere asks a person, keeps a grant from being used.
"""

import re
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mcp_proxy.core import strict_json
from mcp_proxy.core.approval import judge
from mcp_proxy.core.approval_request import Subject
from mcp_proxy.core.envelope import pae, parse_canonical
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.errors import ProfileError

PAYLOAD_TYPE = "application/vnd.mcp-proxy.grant.v1+json"

_ID = re.compile(r"[0-9a-f]{32}")


class Grant(NamedTuple):
    """What was granted. `when` are conditions as `approval.when` has them, () for any arguments.

    `root` is the profile's trust root as text, `digest` the profile's; `uses` is how many calls
    may use it, `issued` and `expires` are seconds of the epoch.
    """

    id: str
    home: str
    profile: str
    root: str
    digest: str
    tool: str
    when: tuple[dict[str, Any], ...]
    uses: int
    issued: int
    expires: int


def sign_grant(grant: Grant, seed: bytes) -> bytes:
    """The grant in a canonical DSSE envelope. Raises ValueError unless the seed has 32 bytes."""
    return sign_payload(strict_json.dumps(grant._asdict()), seed, PAYLOAD_TYPE)


def verify_grant(data: bytes, public: bytes) -> Grant:
    """What `sign_grant` made with the key whose 32 public bytes these are. Raises ValueError."""
    try:
        envelope = parse_canonical(data)
    except ProfileError as error:
        raise ValueError(error.why) from None
    if envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) != 1:
        raise ValueError("It is no grant.")
    signed = pae(PAYLOAD_TYPE, envelope.payload)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(envelope.signatures[0].sig, signed)
    except InvalidSignature:
        raise ValueError("Its signature does not fit.") from None
    return _parse(strict_json.loads(envelope.payload))


def matching(
    grants: tuple[Grant, ...],
    subject: Subject,
    tool: str,
    arguments: dict[str, Any],
    now_s: float,
) -> tuple[Grant, ...]:
    """The grants that let this call pass, the one that ends first before others.

    `arguments` are the effective ones, `now_s` is ledger time. How often each was used is for
    state.db to say.
    """
    found = [
        grant
        for grant in grants
        if (grant.profile, grant.digest, grant.root) == subject
        and grant.tool == tool
        and grant.issued <= now_s < grant.expires
        and _holds(grant.when, arguments)
    ]
    return tuple(sorted(found, key=lambda grant: (grant.expires, grant.id)))


def _holds(when: tuple[dict[str, Any], ...], arguments: dict[str, Any]) -> bool:
    judged = (judge(conditions, arguments) for conditions in when)
    return not when or any(item and all(one.holds is True for one in item) for item in judged)


def _parse(row: Any) -> Grant:
    if not isinstance(row, dict) or row.keys() != set(Grant._fields):
        raise ValueError("It lacks a key, or has another.")
    when = row["when"]
    if not isinstance(when, list) or len(when) > LIMITS.grant_rules:
        raise ValueError("Its conditions are not right.")
    grant = Grant(**{**row, "when": tuple(when)})
    texts = (grant.home, grant.root, grant.digest, grant.tool)
    numbers = (grant.uses, grant.issued, grant.expires)
    is_right = (
        isinstance(grant.id, str)
        and _ID.fullmatch(grant.id) is not None
        and isinstance(grant.profile, str)
        and re.fullmatch(NAME_PATTERN, grant.profile) is not None
        and all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in numbers)
        and all(isinstance(rule, dict) and rule for rule in when)
    )
    if not is_right or not _is_bounded(grant):
        raise ValueError("A value of it is not right.")
    return grant


def _is_bounded(grant: Grant) -> bool:
    lasts_s = grant.expires - grant.issued
    return 1 <= grant.uses <= LIMITS.grant_uses and 0 < lasts_s <= LIMITS.grant_s
