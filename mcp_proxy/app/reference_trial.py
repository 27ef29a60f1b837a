"""Whether a reference gives a usable secret here, tried once when it is set; never the secret."""

import os

from mcp_proxy.core.binding import Binding
from mcp_proxy.core.credential_item import make_item
from mcp_proxy.edges.reference_command import fix_source, read_source
from mcp_proxy.edges.settings_credentials import parse_source
from mcp_proxy.errors import CredentialError, HomeError


def try_reference(text: str, binding: Binding) -> str:
    """Why it gives none, in a whole sentence; "" where it does. Runs the command of a `cmd:`."""
    try:
        source = fix_source(parse_source(text))
        if not source.argv and not os.environ.get(source.variable):
            return f"The variable {source.variable} is not set here, so it was not tried."
        make_item(binding, read_source(source, "The secret"))
    except (CredentialError, HomeError) as error:
        return error.why
    except ValueError as error:
        return str(error)
    return ""
