"""Scopes: which to ask for, and how they are written (RFC 6749, 3.3)."""

import re

from mcp_proxy.core.limits import LIMITS

OFFLINE = "offline_access"
_SCOPE = re.compile(r"[!#-\[\]-~]+")

Scopes = tuple[str, ...]


def is_scope(text: str) -> bool:
    """Whether the text is one scope: visible ASCII without `"` and `\\`, bounded."""
    return len(text) <= LIMITS.scope_chars and _SCOPE.fullmatch(text) is not None


def split_scopes(text: str) -> Scopes:
    """The scopes of a `scope` value, each once and in order; what is no scope is left out."""
    found = dict.fromkeys(word for word in text.split(" ") if is_scope(word))
    return tuple(found)[: LIMITS.scopes]


def union(first: Scopes, second: Scopes) -> Scopes:
    """Those of `first`, then what `second` adds: a step up loses nothing that was granted."""
    return tuple(dict.fromkeys((*first, *second)))


def choose(
    challenge: Scopes | None,
    resource_scopes: Scopes | None,
    profile_scopes: Scopes,
    server_scopes: Scopes | None,
) -> Scopes:
    """What a login asks for; empty: no scope is named, and the server decides.

    What the resource demands in its 401 comes beside the profile's own; where there is neither, all
    that the resource's metadata list (MCP 2025-11-25, "Scope Selection Strategy"). `offline_access`
    is added where the server lists it; pass None for a grant that has no refresh token.
    """
    if challenge is not None:
        chosen = union(profile_scopes, challenge)
    else:
        chosen = profile_scopes or resource_scopes or ()
    # Alone it would replace the server's default scopes.
    if chosen and OFFLINE in (server_scopes or ()):
        return union(chosen, (OFFLINE,))
    return chosen
