"""The administrator's policy: what it takes away from what this machine's user may trust.

It can only tighten. Whoever writes which keys, or which repositories, may be trusted names all
sources of profiles there are: where one of the two lists stands alone, the other is empty.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.freshness import GRACE_MAX_S
from mcp_proxy.core.trust_store import TrustStore
from mcp_proxy.errors import ProfileError

# No patterns: this is on the way of every start, and nearly always for nothing.
_HEX_DIGITS = frozenset("0123456789abcdef")
_SECONDS = {"h": 3_600, "d": 86_400}
_LISTS = ("signers", "repositories")
_CHANNELS = frozenset(("page", "terminal", "client"))


class AdminPolicy(NamedTuple):
    """`signers` and `repositories` are ids of those that may be trusted, None for any.

    `grace_max_s` bounds every profile's offline grace. `yes` lets commands be confirmed by `--yes`,
    and `home` lets MCP_PROXY_HOME name another home. `channels` are those that may give approvals.
    """

    signers: frozenset[str] | None = None
    repositories: frozenset[str] | None = None
    grace_max_s: int = GRACE_MAX_S
    yes: bool = True
    home: bool = True
    channels: frozenset[str] = _CHANNELS


FREE = AdminPolicy()


def parse_policy(table: dict[str, Any]) -> AdminPolicy:
    """The policy file's keys to a policy.

    Raises:
        ValueError: which key is not right, and what it has to be.
    """
    unknown = sorted(table.keys() - {*_LISTS, "grace", "yes", "home", "approval_channels"})
    if unknown:
        raise ValueError(f"{unknown[0][:64]} is no key of it")
    is_listed = any(name in table for name in _LISTS)
    signers, repositories = (_ids(table, name) if is_listed else None for name in _LISTS)
    return AdminPolicy(
        *(signers, repositories, _grace_s(table), _boolean(table, "yes"), _boolean(table, "home")),
        channels=_channels(table),
    )


def tighten(trust: TrustStore, policy: AdminPolicy) -> TrustStore:
    """The keys and repositories that the policy leaves, and the lesser grace."""
    signers, repositories = policy.signers, policy.repositories
    return TrustStore(
        {kid: key for kid, key in trust.keys.items() if signers is None or kid in signers},
        {
            known: item
            for known, item in trust.repositories.items()
            if repositories is None or known in repositories
        },
        min(trust.grace_max_s, policy.grace_max_s),
    )


def bounds(policy: AdminPolicy) -> list[str]:
    """What it takes away, in words."""
    words = [
        f"{_only(len(ids), *names)} may be trusted"
        for names, ids in (
            (("key", "keys"), policy.signers),
            (("repository", "repositories"), policy.repositories),
        )
        if ids is not None
    ]
    if policy.grace_max_s < GRACE_MAX_S:
        words.append(f"offline grace is at most {policy.grace_max_s / 3_600:g} h")
    words += [] if policy.yes else ["--yes is refused"]
    if policy.channels != _CHANNELS:
        by = ", ".join(sorted(policy.channels))
        words.append(f"calls are approved by {by} alone" if by else "no call can be approved")
    return words + ([] if policy.home else ["MCP_PROXY_HOME is refused"])


def check_key(policy: AdminPolicy, keyid: str) -> None:
    """Raises ProfileError P29 where the key may not be trusted here."""
    if policy.signers is not None and keyid not in policy.signers:
        raise forbidden(f"the key {keyid} to be trusted")


def check_repository(policy: AdminPolicy, repository: str) -> None:
    """Raises ProfileError P29 where the repository, by its id, may not be trusted here."""
    if policy.repositories is not None and repository not in policy.repositories:
        raise forbidden(f"the repository {repository} to be trusted")


def forbidden(what: str, mend: str | None = None) -> ProfileError:
    """P29: `what` is not allowed, in words that go on from "does not allow"; what helps instead."""
    return ProfileError("MCPX-P29", f"The machine's administrator does not allow {what}.", mend)


def _only(count: int, one: str, many: str) -> str:
    return f"only {count} {many if count > 1 else one}" if count else f"no {one}"


def _ids(table: dict[str, Any], name: str) -> frozenset[str]:
    given = table.get(name, [])
    if not isinstance(given, list) or not all(_is_id(item) for item in given):
        raise ValueError(f"{name} must be a list of fingerprints, 64 digits 0-9 and a-f each")
    return frozenset(given)


def _channels(table: dict[str, Any]) -> frozenset[str]:
    given = table.get("approval_channels", [*_CHANNELS])
    if not isinstance(given, list) or not all(
        isinstance(item, str) and item in _CHANNELS for item in given
    ):
        raise ValueError(f"approval_channels must be a list of {', '.join(sorted(_CHANNELS))}")
    return frozenset(given)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and _HEX_DIGITS.issuperset(value)


def _grace_s(table: dict[str, Any]) -> int:
    given = table.get("grace", "30d")
    count, unit = (given[:-1], given[-1:]) if isinstance(given, str) else ("", "")
    is_right = count.isascii() and count.isdecimal() and len(count) <= 4 and unit in _SECONDS
    if not is_right:
        raise ValueError("grace must be a time such as 12h or 7d")
    return min(int(count) * _SECONDS[unit], GRACE_MAX_S)


def _boolean(table: dict[str, Any], name: str) -> bool:
    given = table.get(name, True)
    if not isinstance(given, bool):
        raise ValueError(f"{name} must be true or false")  # noqa: TRY004 - a file is wrong, no type
    return given
