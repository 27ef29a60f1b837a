"""What a 401 or 403 says about the credential, and the command that may mend it."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from mcp_proxy.core.authorization import Login
from mcp_proxy.core.binding_use import set_words
from mcp_proxy.core.oauth_challenge import bearer_challenge
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken

_SHOWN_CHARS = 200
# What stands between quotes in a command line is an upstream's text: no shell may find its signs.
_PLAIN = re.compile(r"[A-Za-z0-9:/._-]+(?: [A-Za-z0-9:/._-]+)*")


def refused_credential(
    spec: UpstreamSpec,
    status: int,
    said: tuple[str, str],
    headers: Mapping[str, str],
    login: Login | None,
) -> Broken:
    """A 401 or 403 as a failure; `said` is the status in words, and the tail with the reason."""
    if login is not None:
        return _refused_login(spec, status, said, headers, login)
    named, tail = said
    if spec.auth is None:
        text = f"The upstream wants a credential, but the profile names none ({named}){tail}"
        return Broken("MCPX-U03", text, status=status)
    parts = urlsplit(spec.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    command = set_words(spec.auth.credential, origin, spec.auth.kind, spec.auth.name)
    text = f"The upstream refused the credential {spec.auth.credential} ({named}){tail}"
    text = f"{text.rstrip('.')}. If it is no longer right, run `{command}`."
    return Broken("MCPX-U03", text, status=status)


def _refused_login(
    spec: UpstreamSpec,
    status: int,
    said: tuple[str, str],
    headers: Mapping[str, str],
    login: Login,
) -> Broken:
    named, tail = said
    name = "" if spec.auth is None else spec.auth.credential
    challenge = bearer_challenge(headers.get("www-authenticate", ""))
    if status == 403 and challenge is not None and challenge.error == "insufficient_scope":
        return _short_of_scopes(name, named, challenge.scope or (), login)
    text = f"The upstream refused the login of {name} ({named}){tail}".rstrip(".")
    if status == 401:
        text += f". If it is no longer right, run `mcp-proxy login {login.profile}`"
    return Broken("MCPX-U03", f"{text}.", status=status)


def _short_of_scopes(name: str, named: str, wanted: tuple[str, ...], login: Login) -> Broken:
    listed = one_sentence(" ".join(wanted), _SHOWN_CHARS).rstrip(".")
    if wanted and set(wanted) <= set(login.scopes):
        text = (
            f"The upstream wants the scopes {listed} ({named}). The login of {name} has them, and "
            "the upstream refuses all the same: another login would not help."
        )
        return Broken("MCPX-U03", text, status=403)
    why = f"The login of {name} has too few scopes for this ({named})"
    scopes = "SCOPE"
    if wanted:
        why += f": the upstream wants {listed}"
        plain = " ".join(wanted)
        scopes = f'"{plain}"' if _is_plain(plain) else "SCOPE, with each of these"
    command = f"mcp-proxy login {login.profile} --scope {scopes}"
    text = f"{why}. The person at this machine can run: {command}"
    return Broken("MCPX-C06", text, status=403)


def _is_plain(scopes: str) -> bool:
    return len(scopes) <= _SHOWN_CHARS and _PLAIN.fullmatch(scopes) is not None
