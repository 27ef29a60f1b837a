"""The operating system's keychain, through one backend that is constructed by name.

`keyring.get_keyring()` is never called: PYTHON_KEYRING_BACKEND, entry points and keyringrc.cfg can
put any code in its place. Each call runs in a daemon thread with a deadline, because a keychain may
wait for ever on a prompt that nobody sees.
"""

import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import CredentialError

_BACKENDS = {
    "linux": ("keyring.backends.SecretService", "Keyring"),
    "darwin": ("keyring.backends.macOS", "Keyring"),
    "win32": ("keyring.backends.Windows", "WinVaultKeyring"),
}
