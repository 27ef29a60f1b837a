"""`credential rotate`: another secret under the same binding, in one step, logged first."""

from mcp_proxy.app import admin_log
from mcp_proxy.app.certificate_files import check_pair
from mcp_proxy.app.keychain_store import credential_store, store_name
from mcp_proxy.core.binding import CREDENTIAL_NAME, Binding
from mcp_proxy.core.credential_item import make_item
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.reference_command import fix_source
from mcp_proxy.edges.settings_credentials import Source, parse_source
from mcp_proxy.errors import CredentialError, UsageError


def binding_of(name: str, source: str | None, store: CredentialStore | None = None) -> Binding:
    """What the credential that is to be rotated may be used for, before any secret is read.

    Raises:
        UsageError: W01 it comes from a reference, which no secret on stdin replaces.
        CredentialError: C01 there is none of that name, C02.
    """
    home = find_home()
    store = credential_store(home) if store is None else store
    references = store.references() if CREDENTIAL_NAME.fullmatch(name) else {}
    if name not in references:
        why = f"There is no credential {name[:64]} here that could be rotated."
        raise CredentialError("MCPX-C01", why, "mcp-proxy credential list")
    reference = references[name]
    if reference is None:
        return store.read_item(name).binding
    if source is None:
        text = reference.source.text
        why = f"{name} comes from {text}: put the new secret there, or name another reference."
        raise UsageError("MCPX-W01", why, f"mcp-proxy credential rotate {name} --from env:VAR")
    return reference.binding


def rotate(
    name: str, secret: str | None, source: str | None, store: CredentialStore | None = None
) -> str:
    """Replaces the secret, or where it is taken from; the binding stays. Where it is then.

    Running processes take the new one at their next request, and never find none.

    Raises:
        UsageError: W01 the secret or the reference is not right.
        CredentialError: C01 there is none of that name, C02.
        AuditError: A01, and nothing was changed.
    """
    home = find_home()
    store = credential_store(home) if store is None else store
    binding = binding_of(name, source, store)
    made = _made(name, binding, secret, source)
    where = made.text if isinstance(made, Source) else store_name(home)
    admin_log.record(home, "credential rotate", credential=name, kind=binding.kind, store=where)
    store.rotate(name, made)
    return where


def _made(name: str, binding: Binding, secret: str | None, source: str | None) -> Secret | Source:
    try:
        if source is not None:
            return fix_source(parse_source(source))
        item = make_item(binding, secret or "")
    except ValueError as error:
        options = "" if source is None else """ --from env:VAR, or --from 'cmd:["PROGRAM"]'"""
        mend = f"mcp-proxy credential rotate {name}{options}"
        raise UsageError("MCPX-W01", str(error), mend) from None
    if binding.kind == "mtls":
        check_pair(item.secret)
    return item.secret
