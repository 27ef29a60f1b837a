"""A secret of a static kind as what it adds to a request: a header, parameter, certificate, signer.

What a kind needs beside that, such as botocore, is loaded by the first credential of the kind.
"""

import importlib

from mcp_proxy.core import strict_json
from mcp_proxy.core.authorization import Authorization, Certificate
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.profile import Auth, Aws, OAuth, UpstreamSpec
from mcp_proxy.core.secret import Secret, header_value
from mcp_proxy.edges import clock
from mcp_proxy.errors import CredentialError

_SIGV4 = "mcp_proxy.edges.sigv4"
_CLIENT_CERTIFICATE = "mcp_proxy.edges.client_certificate"


def place(item: Item, spec: UpstreamSpec) -> Authorization:
    """What goes with a request to `spec`, whose use of the item has been checked.

    Raises:
        CredentialError: C01 AWS's keys or the certificate have expired, C04 no such kind, C10
            botocore is missing.
    """
    kind = item.binding.kind
    if isinstance(spec.auth, Aws) and kind == "sigv4":
        return _signed(item.secret, spec.auth)
    if kind == "mtls":
        if not spec.url.startswith("https://"):
            why = "A client's certificate is shown over https only."
            raise CredentialError("MCPX-C04", why, "tell the publisher")
        return _shown(item.secret, spec.auth)
    if kind == "query":
        return Authorization(query=(item.binding.header, item.secret.reveal()))
    if kind in {"bearer", "basic", "header"}:
        return Authorization(((item.binding.header, header_value(kind, item.secret)),))
    raise CredentialError("MCPX-C04", f"A credential of kind {kind} goes into no request.")


def certificate_of(secret: Secret) -> Certificate:
    """The certificate that a secret of kind mtls holds."""
    row = strict_json.loads(secret.reveal().encode())
    passphrase = row.get("passphrase")
    return Certificate(
        row["certificate"], Secret(row["key"]), None if passphrase is None else Secret(passphrase)
    )


def _shown(secret: Secret, auth: Auth | OAuth | Aws | None) -> Authorization:
    certificate = certificate_of(secret)
    expires_s = importlib.import_module(_CLIENT_CERTIFICATE).end_s(certificate)
    name = "" if auth is None else auth.credential
    _check_end(expires_s, f"The client certificate of {name} has expired.", name)
    passphrase = certificate.passphrase
    secrets = () if passphrase is None else (passphrase.reveal(),)
    return Authorization(certificate=certificate, secrets=secrets, expires_s=expires_s)


def _check_end(expires_s: float | None, why: str, name: str) -> None:
    if expires_s is not None and expires_s <= clock.now_s():
        raise CredentialError("MCPX-C01", why, f"mcp-proxy credential rotate {name}")


def _signed(secret: Secret, auth: Aws) -> Authorization:
    row = strict_json.loads(secret.reveal().encode())
    expires_s = row.get("expires_s")
    _check_end(expires_s, f"The AWS keys of {auth.credential} have expired.", auth.credential)
    try:
        sigv4 = importlib.import_module(_SIGV4)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "botocore":
            raise
        why = "AWS signatures need botocore, which is the extra `aws` of this package."
        raise CredentialError("MCPX-C10", why, "pip install 'mcp-proxy[aws]'") from None
    session = None if "session" not in row else Secret(row["session"])
    keys = sigv4.AwsKeys(row["id"], Secret(row["secret"]), session)
    secrets = (row["secret"], *([row["session"]] if session else []))
    signer = sigv4.AwsSigner(keys, sigv4.Scope(auth.region, auth.service))
    return Authorization(sign=signer, secrets=secrets, expires_s=expires_s)
