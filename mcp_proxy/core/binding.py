"""What a credential may be used for: kind, header, origins, path prefix and profiles.

The credential of a local server (kind env) has a variable instead of a header, and the digest of
that server's command record instead of origins. A client's own secret (kind client) has the issuer
of the one authorization server that it goes to, and the client's id there.

The binding lives beside the secret (inside the keychain item, or in the local settings for a
reference), never in a profile; a profile only names a credential.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.command import is_variable
from mcp_proxy.core.origin import Origin, parse_path, parse_url, split_url
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.request_headers import is_secret_header, is_secret_parameter

# What `credential set` stores for origins; `login` makes the kind oauth.
KINDS = ("bearer", "basic", "header", "query", "mtls", "sigv4")
ENV = "env"
CLIENT = "client"
OAUTH = "oauth"
SIGNED = "private_key_jwt"
CLIENT_METHODS = ("client_secret_basic", "client_secret_post", SIGNED)
CREDENTIAL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS = {"kind", "header", "origins", "path", "profiles"}
_ENV_KEYS = {"kind", "variable", "command", "profiles"}
_PROFILE_NAME = re.compile(NAME_PATTERN)
_CLIENT_KEYS = {"kind", "method", "issuer", "client", "profiles"}
_CLIENT_ID = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,2046}[\x21-\x7e])?")
_ISSUER = re.compile(r"[\x21-\x7e]{1,2048}")


class Binding(NamedTuple):
    """`profiles` holds (profile name, trust root) pairs; `path` is a prefix, "" for everything.

    `header` is a parameter's name for kind query and "" for kind mtls. For kind env it is the
    variable's name, and `command` the digest of a command record. Kind client has the last three
    instead: `issuer` exactly as the server calls itself, `client` our id there, `method` of
    CLIENT_METHODS.
    """

    kind: str
    header: str
    origins: tuple[Origin, ...]
    path: str
    profiles: tuple[tuple[str, str], ...]
    command: str = ""
    issuer: str = ""
    client: str = ""
    method: str = ""


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
    if kind not in (*KINDS, OAUTH):
        raise ValueError(f"The kind is one of {', '.join(KINDS)}.")
    if not origins:
        raise ValueError("A credential needs at least one origin.")
    _check_profiles(profiles)
    return Binding(
        kind,
        _check_header(kind, header),
        tuple(dict.fromkeys(_parse_origin(kind, text) for text in origins)),
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


def make_client_binding(
    issuer: str, client: str, method: str, profiles: list[tuple[str, str]]
) -> Binding:
    """A checked binding of a client's own secret to its authorization server.

    Raises:
        ValueError: a whole sentence.
    """
    if not _ISSUER.fullmatch(issuer):
        raise ValueError("The issuer is the URL by which the authorization server calls itself.")
    parse_url(issuer, localhost=True)
    if not is_client_id(client):
        raise ValueError("The client's id is visible ASCII; write it as the server gave it.")
    if method not in CLIENT_METHODS:
        raise ValueError(f"The method is one of {', '.join(CLIENT_METHODS)}.")
    _check_profiles(profiles)
    pairs = tuple(dict.fromkeys(profiles))
    return Binding(CLIENT, "", (), "", pairs, issuer=issuer, client=client, method=method)


def parse_binding(row: dict[str, Any]) -> Binding:
    """The stored form: kind, header, origins, path, profiles as [name, root] pairs, no other key.

    Of kind env: kind, variable, command, profiles. Of kind client: kind, method, issuer, client,
    profiles.

    Raises:
        ValueError: a whole sentence, without a value.
    """
    if row.get("kind") == ENV:
        return _parse_command_binding(row)
    if row.get("kind") == CLIENT:
        return _parse_client_binding(row)
    _check_keys(row, _KEYS)
    texts = (row["kind"], row["header"], row["path"])
    if not all(isinstance(text, str) for text in texts) or not _is_texts(row["origins"]):
        raise ValueError("Its kind, header and path are text, its origins a list of text.")
    grants = _parse_profiles(row["profiles"])
    return make_binding(row["kind"], row["header"], row["origins"], row["path"], grants)


def _parse_command_binding(row: dict[str, Any]) -> Binding:
    _check_keys(row, _ENV_KEYS)
    if not _is_texts([row["variable"], row["command"]]):
        raise ValueError("Its variable and command are text.")
    return make_command_binding(row["variable"], row["command"], _parse_profiles(row["profiles"]))


def _parse_client_binding(row: dict[str, Any]) -> Binding:
    _check_keys(row, _CLIENT_KEYS)
    issuer, client, method = row["issuer"], row["client"], row["method"]
    if not _is_texts([issuer, client, method]):
        raise ValueError("Its issuer, client and method are text.")
    return make_client_binding(issuer, client, method, _parse_profiles(row["profiles"]))


def _check_keys(row: dict[str, Any], keys: set[str]) -> None:
    if row.keys() != keys:
        raise ValueError(f"Its keys are not {', '.join(sorted(keys))}.")


def _parse_profiles(pairs: Any) -> list[tuple[str, str]]:
    if not isinstance(pairs, list) or not all(_is_texts(pair) and len(pair) == 2 for pair in pairs):
        raise ValueError("Its profiles are pairs of a name and a trust root.")
    return [(pair[0], pair[1]) for pair in pairs]


def plain_binding(binding: Binding) -> dict[str, Any]:
    """The stored form, of JSON and TOML types; the inverse of `parse_binding`."""
    row: dict[str, Any] = {"kind": binding.kind}
    if binding.kind == ENV:
        row |= {"variable": binding.header, "command": binding.command}
    elif binding.kind == CLIENT:
        row |= {key: getattr(binding, key) for key in ("method", "issuer", "client")}
    else:
        origins = [origin.text for origin in binding.origins]
        row |= {"header": binding.header, "origins": origins, "path": binding.path}
    return {**row, "profiles": [list(pair) for pair in binding.profiles]}


def is_client_id(text: str) -> bool:
    """Whether a client may be called so (RFC 6749, appendix A.1), without blanks at its ends."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_fit(kind: str, credential: str, header: str) -> bool:
    """Whether a profile's credential name, and its header or parameter, are well formed."""
    if CREDENTIAL_NAME.fullmatch(credential) is None:
        return False
    if kind == "query":
        return is_secret_parameter(header)
    return kind != "header" or is_secret_header(header)


def _check_profiles(profiles: list[tuple[str, str]]) -> None:
    for profile, root in profiles:
        if not _PROFILE_NAME.fullmatch(profile) or not root:
            raise ValueError("A profile's name is 1 to 16 characters of a-z, 0-9 and -.")


def _check_header(kind: str, header: str | None) -> str:
    if kind == "query":
        if not header or not is_secret_parameter(header):
            why = "the parameter's name, of A-Z, a-z, 0-9, ., _, ~ and -"
            raise ValueError(f"A credential of kind query needs --parameter with {why}.")
        return header
    if kind != "header":
        fixed = "" if kind == "mtls" else "Authorization"
        if header not in {None, fixed}:
            into = "no header" if kind == "mtls" else "Authorization, no other header"
            raise ValueError(f"A credential of kind {kind} goes into {into}.")
        return fixed
    if not header or not is_secret_header(header):
        raise ValueError(
            "A credential of kind header needs --header with the name of a header that is not the "
            "transport's own."
        )
    return header


def _parse_origin(kind: str, text: str) -> Origin:
    # A proxy on plain http is a proxy still; no upstream there is ever sent anything (S9).
    origin, path = split_url(text) if kind == "basic" else parse_url(text, localhost=True)
    if path not in {"", "/"}:
        raise ValueError(f"An origin has no path; write {origin.text} and give {path} as --path.")
    return origin


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
