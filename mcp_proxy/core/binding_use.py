"""Whether a credential may be used so: its binding against what a verified profile wants (S7)."""

from typing import NamedTuple

from mcp_proxy.core.binding import CLIENT, ENV, OAUTH, Binding
from mcp_proxy.core.command import Place
from mcp_proxy.core.origin import Origin, is_within
from mcp_proxy.errors import CredentialError


class Use(NamedTuple):
    """What a verified profile wants to do with the named credential."""

    credential: str
    profile: str
    root: str
    kind: str
    header: str
    origin: Origin
    path: str


class CommandUse(NamedTuple):
    """As `Use`, for a local server: the credential goes into `variable` of the command's child."""

    credential: str
    profile: str
    root: str
    variable: str
    command: str
    place: Place


class ClientUse(NamedTuple):
    """As `Use`, for a client's own secret: it goes to the endpoints of `issuer` alone.

    `method` is how it would go there, "" where the binding decides: a key is never sent itself.
    """

    credential: str
    profile: str
    root: str
    issuer: str
    client: str
    method: str = ""


def check_use(binding: Binding, use: Use) -> None:
    """Whether the credential may be used so; each failing check has its own error.

    Raises:
        CredentialError: C03 another profile or trust root, C04 another kind, header or origin.
    """
    name = use.credential
    if use.kind != binding.kind:
        raise _bound(f"{name} is of kind {binding.kind}, not {use.kind}", use)
    if not _is_same_place(binding, use):
        what = "parameter" if binding.kind == "query" else "header"
        raise _bound(f"{name} goes into the {what} {binding.header}, no other", use)
    if use.origin not in binding.origins:
        bound_to = ", ".join(origin.text for origin in binding.origins)
        raise _bound(f"{name} is bound to {bound_to}, not to {use.origin.text}", use)
    if not is_within(use.path, binding.path):
        raise _bound(f"{name} is bound to paths below {binding.path}", use)
    if (use.profile, use.root) not in binding.profiles:
        raise _not_allowed(binding, use)


def check_command_use(binding: Binding, use: CommandUse) -> None:
    """Whether the credential may go into that variable of that command's child.

    Raises:
        CredentialError: C03 another profile or trust root, C04 another kind, variable or command.
    """
    name, why = use.credential, None
    if binding.kind != ENV:
        why = f"{name} is of kind {binding.kind}, not for a local server"
    elif binding.header != use.variable:
        why = f"{name} goes into the variable {binding.header}, no other"
    elif binding.command != use.command:
        why = f"{name} is bound to another command than the one trusted now"
    if why is not None:
        next_ = set_command_words(name, use.place)
        raise CredentialError("MCPX-C04", f"The credential {why}.", next_)
    if (use.profile, use.root) not in binding.profiles:
        raise _not_allowed(binding, use)


def check_client_use(binding: Binding, use: ClientUse) -> None:
    """Whether a client's own secret may go to that issuer for that client.

    Raises:
        CredentialError: C03 another profile or trust root, C04 another kind, issuer, client or way.
    """
    name, why = use.credential, None
    if binding.kind != CLIENT:
        why = f"{name} is of kind {binding.kind}, not a client's own secret"
    elif binding.issuer != use.issuer:
        why = f"{name} is bound to the issuer {binding.issuer}, not to {use.issuer}"
    elif binding.client != use.client:
        why = f"{name} is bound to the client {binding.client}, not to {use.client}"
    if why is not None:
        raise CredentialError("MCPX-C04", f"The credential {why}.", set_client_words(use))
    if use.method not in ("", binding.method):
        why = f"{name} is used by {binding.method} now, and the login was made by {use.method}"
        login = f"mcp-proxy login {use.profile}"
        raise CredentialError("MCPX-C04", f"The credential {why}.", login)
    if (use.profile, use.root) not in binding.profiles:
        raise _not_allowed(binding, use)


def set_client_words(use: ClientUse) -> str:
    """The command that sets a client's own secret, without the secret."""
    options = f"--kind client --issuer {use.issuer} --client-id {use.client or 'ID'}"
    return f"mcp-proxy credential set {use.credential} {options}"


def set_command_words(credential: str, place: Place) -> str:
    """The command that sets the credential of a local server, without the secret."""
    return f"mcp-proxy credential set {credential} --command {place.text}"


def set_command(use: Use) -> str:
    """The command that makes the credential for this use, without the secret."""
    if use.kind == OAUTH:
        return f"mcp-proxy login {use.profile}"
    return set_words(use.credential, use.origin.text, use.kind, use.header)


def set_words(credential: str, origin: str, kind: str, header: str) -> str:
    """`set_command` from its parts; `header` counts for kinds header and query only."""
    options = "" if kind == "bearer" else f" --kind {kind}"
    if kind in ("header", "query"):
        options += f" --{'header' if kind == 'header' else 'parameter'} {header}"
    return f"mcp-proxy credential set {credential} --origin {origin}{options}"


def _not_allowed(binding: Binding, use: Use | CommandUse | ClientUse) -> CredentialError:
    name = use.credential
    why = f"The credential {name} is not allowed to the profile {use.profile}."
    if any(profile == use.profile for profile, _ in binding.profiles):
        why = f"The credential {name} is allowed to {use.profile} of another trust root only."
    return CredentialError(
        "MCPX-C03", why, f"mcp-proxy credential allow {name} --profile {use.profile}"
    )


def _bound(why: str, use: Use) -> CredentialError:
    return CredentialError("MCPX-C04", f"The credential {why}.", set_command(use))


def _is_same_place(binding: Binding, use: Use) -> bool:
    """Headers are one whatever their case (RFC 9110, 5.1), parameters are not."""
    if binding.kind == "query":
        return use.header == binding.header
    return use.header.lower() == binding.header.lower()
