"""Where a vault's passphrase comes from: the settings' reference, or a person at a terminal."""

from mcp_proxy.app.asking import asker
from mcp_proxy.core.passphrase import check_passphrase
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.vault_file import damaged
from mcp_proxy.edges.reference_command import read_source
from mcp_proxy.edges.settings_credentials import parse_source
from mcp_proxy.errors import CredentialError


def passphrase(reference: str) -> Secret:
    """What the reference gives, or the person where it is "".

    Raises:
        CredentialError: C09 the reference gives nothing, or there is none and nobody to ask.
        UsageError: there is no terminal to ask at.
    """
    if reference:
        text = _given(reference)
    elif (ask := asker()) is not None:
        text = ask()
    else:
        why = "The vault's passphrase can be asked for at a terminal only, and none is recorded."
        raise damaged(why, "mcp-proxy vault init --from env:VAR")
    try:
        return check_passphrase(text)
    except ValueError as error:
        raise damaged(str(error), "repeat the command with the right passphrase") from None


def _given(reference: str) -> str:
    try:
        return read_source(parse_source(reference), "The vault's passphrase")
    except CredentialError as error:
        source = parse_source(reference)
        if asker() is None or source.argv:
            raise damaged(error.why, error.next) from None
        # A command, and not a server that some client starts.
        mend = f"export {source.variable}=PASSPHRASE, then repeat the command"
        raise damaged(error.why, mend) from None
    except ValueError as error:
        raise damaged(f"The settings' [vault] is not right. {error}") from None
