"""What a verified profile's upstream wants of a credential, to be held against its binding."""

from typing import NamedTuple

from mcp_proxy.core.binding import is_fit
from mcp_proxy.core.binding_use import CommandUse, Use
from mcp_proxy.core.command import Command, Place, check_command, check_spec, command_digest
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.settings import Settings
from mcp_proxy.errors import CredentialError, ProfileError


class Grounds(NamedTuple):
    """On whose behalf a secret is asked for: a verified profile's name and its trust root."""

    profile: str
    root: str


def describe_use(spec: UpstreamSpec, grounds: Grounds, localhost: bool) -> Use:
    """What an upstream of a verified profile wants; `localhost` as in the settings.

    Raises:
        CredentialError: C04, it names no credential, or its URL is not one to send secrets to.
    """
    if spec.auth is None:
        raise CredentialError("MCPX-C04", "The upstream names no credential.")
    try:
        origin, path = parse_url(spec.url, localhost=localhost)
    except ValueError as error:
        raise CredentialError("MCPX-C04", str(error), "mcp-proxy doctor") from None
    if not is_fit(spec.auth.kind, spec.auth.credential, spec.auth.name):
        raise CredentialError(
            "MCPX-C04", "The profile names a credential or a header that cannot be."
        )
    kind = spec.auth.kind
    # Where the others go is fixed, by RFC 6750 and 7617 for two, whatever a profile says.
    fixed = "" if kind == "mtls" else "Authorization"
    header = spec.auth.name if kind in {"header", "query"} else fixed
    return Use(spec.auth.credential, grounds.profile, grounds.root, kind, header, origin, path)


def trusted_command(settings: Settings, spec: UpstreamSpec, place: Place, root: str) -> Command:
    """The record that lets the upstream's command be started. Raises ProfileError P16."""
    try:
        check_spec(spec)
    except ValueError as error:
        why = f"The command of {place.text} cannot be trusted. {error}"
        raise ProfileError("MCPX-P16", why, place.trust_words) from None
    return check_command(settings.commands.get(place), spec, root, place)


def describe_command_use(
    spec: UpstreamSpec, record: Command, place: Place, grounds: Grounds
) -> CommandUse:
    """What a local server of a verified profile wants. Raises CredentialError C04."""
    auth = spec.auth
    if auth is None or auth.kind != "env" or not is_fit("env", auth.credential, ""):
        raise CredentialError("MCPX-C04", "The profile names a credential that cannot be.")
    return CommandUse(
        auth.credential, grounds.profile, grounds.root, auth.name, command_digest(record), place
    )
