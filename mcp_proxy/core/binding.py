"""What a credential may be used for: kind, header, origins, path prefix and profiles.

The credential of a local server (kind env) has a variable instead of a header, and the digest of
that server's command record instead of origins.

The binding lives beside the secret (inside the keychain item, or in the local settings for a
reference), never in a profile; a profile only names a credential.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.command import Place, is_variable
from mcp_proxy.core.origin import Origin, is_within, parse_path, parse_url
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.errors import CredentialError

KINDS = ("bearer", "basic", "header")
ENV = "env"
CREDENTIAL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS = {"kind", "header", "origins", "path", "profiles"}
_ENV_KEYS = {"kind", "variable", "command", "profiles"}
_PROFILE_NAME = re.compile(NAME_PATTERN)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
# Framing, hop-by-hop and negotiation: RFC 9110 7.6.1, RFC 9112, and what the MCP transport sets.
_NOT_FOR_SECRETS = re.compile(
    "accept|accept-encoding|connection|content-(encoding|length|type)|expect|host|keep-alive|"
    "last-event-id|mcp-.*|proxy-.*|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)


class Binding(NamedTuple):
    """`profiles` holds (profile name, trust root) pairs; `path` is a prefix, "" for everything.

    For kind env `header` is the variable's name, and `command` the digest of a command record.
    """

    kind: str
    header: str
    origins: tuple[Origin, ...]
    path: str
    profiles: tuple[tuple[str, str], ...]
    command: str = ""


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


def make_binding(
    kind: str,
    header: str | None,
    origins: list[str],
    path: str,
    profiles: list[tuple[str, str]],
) -> Binding:
    """A checked binding from text; `origins` may be http://localhost, which is judged at use.

    Raises:
        ValueError: a whole sentence.
    """
    if kind not in KINDS:
        raise ValueError(f"The kind is one of {', '.join(KINDS)}.")
    if not origins:
        raise ValueError("A credential needs at least one origin.")
    _check_profiles(profiles)
    return Binding(
        kind,
        _check_header(kind, header),
        tuple(dict.fromkeys(_parse_origin(text) for text in origins)),
        parse_path(path),
        tuple(dict.fromkeys(profiles)),
    )


def make_command_binding(variable: str, command: str, profiles: list[tuple[str, str]]) -> Binding:
    """A checked binding to one command record, `command` being its digest.

    Raises:
        ValueError: a whole sentence.
    """
    if not is_variable(variable):
        raise ValueError("A credential cannot go into a variable of that name.")
    if not _DIGEST.fullmatch(command):
        raise ValueError("Its command is not a SHA-256 in hex.")
    _check_profiles(profiles)
    return Binding(ENV, variable, (), "", tuple(dict.fromkeys(profiles)), command)


def parse_binding(row: dict[str, Any]) -> Binding:
    """The stored form: kind, header, origins, path, profiles as [name, root] pairs, no other key.

    Of kind env: kind, variable, command, profiles.

    Raises:
        ValueError: a whole sentence, without a value.
    """
    if row.get("kind") == ENV:
        return _parse_command_binding(row)
    if row.keys() != _KEYS:
        raise ValueError(f"Its keys are not {', '.join(sorted(_KEYS))}.")
    texts = (row["kind"], row["header"], row["path"])
    if not all(isinstance(text, str) for text in texts) or not _is_texts(row["origins"]):
        raise ValueError("Its kind, header and path are text, its origins a list of text.")
    grants = _parse_profiles(row["profiles"])
    return make_binding(row["kind"], row["header"], row["origins"], row["path"], grants)


def _parse_command_binding(row: dict[str, Any]) -> Binding:
    if row.keys() != _ENV_KEYS:
        raise ValueError(f"Its keys are not {', '.join(sorted(_ENV_KEYS))}.")
    if not _is_texts([row["variable"], row["command"]]):
        raise ValueError("Its variable and command are text.")
    return make_command_binding(row["variable"], row["command"], _parse_profiles(row["profiles"]))


def _parse_profiles(pairs: Any) -> list[tuple[str, str]]:
    if not isinstance(pairs, list) or not all(_is_texts(pair) and len(pair) == 2 for pair in pairs):
        raise ValueError("Its profiles are pairs of a name and a trust root.")
    return [(pair[0], pair[1]) for pair in pairs]


def plain_binding(binding: Binding) -> dict[str, Any]:
    """The stored form, of JSON and TOML types; the inverse of `parse_binding`."""
    if binding.kind == ENV:
        return {
            "kind": ENV,
            "variable": binding.header,
            "command": binding.command,
            "profiles": [list(pair) for pair in binding.profiles],
        }
    return {
        "kind": binding.kind,
        "header": binding.header,
        "origins": [origin.text for origin in binding.origins],
        "path": binding.path,
        "profiles": [list(pair) for pair in binding.profiles],
    }


def is_fit(kind: str, credential: str, header: str) -> bool:
    """Whether a profile's credential name and, for kind header, its header name are well formed."""
    named = CREDENTIAL_NAME.fullmatch(credential) is not None
    return named and (kind != "header" or _is_header(header))


def check_use(binding: Binding, use: Use) -> None:
    """Whether the credential may be used so; each failing check has its own error.

    Raises:
        CredentialError: C03 another profile or trust root, C04 another kind, header or origin.
    """
    name = use.credential
    if use.kind != binding.kind:
        raise _bound(f"{name} is of kind {binding.kind}, not {use.kind}", use)
    if use.header.lower() != binding.header.lower():
        raise _bound(f"{name} goes into the header {binding.header}, no other", use)
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


def set_command_words(credential: str, place: Place) -> str:
    """The command that sets the credential of a local server, without the secret."""
    return f"mcp-proxy credential set {credential} --command {place.text}"


def set_command(use: Use) -> str:
    """The command that sets the credential for this use, without the secret."""
    return set_words(use.credential, use.origin.text, use.kind, use.header)


def set_words(credential: str, origin: str, kind: str, header: str) -> str:
    """`set_command` from its parts; `header` counts for kind header only."""
    options = "" if kind == "bearer" else f" --kind {kind}"
    if kind == "header":
        options += f" --header {header}"
    return f"mcp-proxy credential set {credential} --origin {origin}{options}"


def _check_profiles(profiles: list[tuple[str, str]]) -> None:
    for profile, root in profiles:
        if not _PROFILE_NAME.fullmatch(profile) or not root:
            raise ValueError("A profile's name is 1 to 16 characters of a-z, 0-9 and -.")


def _not_allowed(binding: Binding, use: Use | CommandUse) -> CredentialError:
    name = use.credential
    why = f"The credential {name} is not allowed to the profile {use.profile}."
    if any(profile == use.profile for profile, _ in binding.profiles):
        why = f"The credential {name} is allowed to {use.profile} of another trust root only."
    return CredentialError(
        "MCPX-C03", why, f"mcp-proxy credential allow {name} --profile {use.profile}"
    )


def _bound(why: str, use: Use) -> CredentialError:
    return CredentialError("MCPX-C04", f"The credential {why}.", set_command(use))


def _check_header(kind: str, header: str | None) -> str:
    if kind != "header":
        if header not in {None, "Authorization"}:
            raise ValueError(
                f"A credential of kind {kind} goes into Authorization, no other header."
            )
        return "Authorization"
    if not header or not _is_header(header):
        raise ValueError(
            "A credential of kind header needs --header with the name of a header that is not the "
            "transport's own."
        )
    return header


def _is_header(name: str) -> bool:
    return bool(_TOKEN.fullmatch(name)) and not _NOT_FOR_SECRETS.fullmatch(name)


def _parse_origin(text: str) -> Origin:
    origin, path = parse_url(text, localhost=True)
    if path:
        raise ValueError(f"An origin has no path; write {origin.text} and give {path} as --path.")
    return origin


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
