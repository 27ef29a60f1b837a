"""What a credential is bound to before `credential set` replaces it."""

from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.binding import ENV
from mcp_proxy.edges.places import find_home
from mcp_proxy.errors import CredentialError


def bound_before(name: str) -> str:
    """In words that follow "was", "" where none of that name is set. Raises HomeError."""
    try:
        binding = credential_store(find_home()).binding(name)
    except CredentialError:
        return "not readable"
    if binding is None:
        return ""
    if binding.kind == ENV:
        return "bound to a local server's command"
    origins = ", ".join(origin.text + binding.path for origin in binding.origins)
    return f"of kind {binding.kind}, bound to {binding.issuer or origins}"
