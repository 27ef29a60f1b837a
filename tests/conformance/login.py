"""The suite's auth scenarios: the sources and homes that they want, and logins without a person.

A scenario's context says which client it knows; whatever it does not say the login has to find out.
"""

import json
import os
import re
import shlex
import sys
import urllib.request
from typing import Any, NamedTuple

from e2e.stage import COMMAND

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CREDENTIAL = "conformance-login"
LISTING = {"tools": [{"name": "test-tool", "inputSchema": {"type": "object"}}]}
CLIENT_METADATA = "https://conformance-test.local/client-metadata.json"
WITH_METADATA = frozenset({"auth/basic-cimd"})
# Where the server is at fault, and nobody may be logged in.
REFUSED = frozenset(
    f"auth/{name}"
    for name in (
        "resource-mismatch",
        "iss-supported-missing",
        "iss-wrong-issuer",
        "iss-unexpected",
        "iss-normalized",
        "metadata-issuer-mismatch",
    )
)
_LOGIN = re.compile(r"mcp-proxy (login [^\n`]*?)\.?(?:`|\n|$| \(MCPX-)")
_SECRETS = ("client_secret", "private_key_pem", "idp_id_token")
_METHODS = {"client_secret": "client_secret_basic", "private_key_pem": "private_key_jwt"}

Context = dict[str, Any]


class Wants(NamedTuple):
    """What a home needs beside the profile: settings, commands, and secrets in the environment."""

    settings: str
    commands: tuple[tuple[str, ...], ...]
    env: dict[str, str]


def auth_of(scenario: str, context: Context, url: str) -> dict[str, Any]:
    """The upstream's `auth`."""
    auth: dict[str, Any] = {"kind": "oauth", "credential": CREDENTIAL}
    if scenario in WITH_METADATA:
        auth["client_metadata"] = CLIENT_METADATA
    if "client_id" in context:
        auth |= {"client_id": context["client_id"], "issuer": issuer_of(context, url)}
    if "idp_issuer" in context:
        identity = {"issuer": context["idp_issuer"], "client_id": context["idp_client_id"]}
        auth |= {"grant": "id_jag", "identity": identity}
    elif scenario.startswith("auth/client-credentials"):
        auth["grant"] = "client_credentials"
    return auth


def wants_of(context: Context, url: str) -> Wants:
    """A passphrase vault, a browser without a person, and the client's secret if it has one."""
    browser = json.dumps([sys.executable, os.path.join(TESTS, "browser.py")])
    settings = f"[network]\nlocalhost = true\n[login]\nbrowser = {browser}\n"
    env = {"VAULT_PASSPHRASE": "correct horse battery staple"}
    env |= {key.upper(): context[key] for key in _SECRETS if key in context}
    commands = [("vault", "init", "--from", "env:VAULT_PASSPHRASE")]
    for key, method in _METHODS.items():
        if key in context:
            commands.append(
                (
                    *("credential", "set", CREDENTIAL, "--kind", "client", "--method", method),
                    *("--issuer", issuer_of(context, url), "--client-id", context["client_id"]),
                    *("--profile", "conformance", "--from", f"env:{key.upper()}"),
                )
            )
    return Wants(settings, tuple(commands), env)


def issuer_of(context: Context, url: str) -> str:
    """Where a client is known: what its administrator says, here the resource itself if need be."""
    if "issuer" in context:
        return str(context["issuer"])
    place = url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    with urllib.request.urlopen(place, timeout=10) as answer:
        return str(json.load(answer)["authorization_servers"][0])


def first_login(context: Context) -> list[str]:
    """The command that a person gives first."""
    given = ["--id-token-from", "env:IDP_ID_TOKEN"] if "idp_id_token" in context else []
    return [COMMAND, "login", "conformance", *given]


def named_login(text: str) -> list[str] | None:
    """The login that an error tells a person to run, None where it tells of none."""
    found = _LOGIN.search(text)
    if found is None:
        return None
    return [COMMAND, *shlex.split(found[1])]
