"""Whose account of this machine a process runs under: who is at its keyboard, as far as known."""

import os
import sys

if sys.platform != "win32":
    import pwd

from mcp_proxy.core.text import one_sentence

_NAME_CHARS = 64


def account_name() -> str:
    """The account's name as the system has it, whatever the environment says."""
    if sys.platform == "win32":
        name = os.getlogin()
    else:
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = f"uid {os.getuid()}"
    return one_sentence(name, _NAME_CHARS)
