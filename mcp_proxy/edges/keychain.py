"""The operating system's keychain, through one backend that is constructed by name.

`keyring.get_keyring()` is never called: PYTHON_KEYRING_BACKEND, entry points and keyringrc.cfg can
put any code in its place. Each call runs in a daemon thread with a deadline, because a keychain may
wait for ever on a prompt that nobody sees.
"""

import re
import sys
import threading
from collections.abc import Callable
from typing import Any

from keyring.errors import KeyringLocked, PasswordDeleteError

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import CredentialError

if sys.platform == "darwin":
    from keyring.backends.macOS import Keyring as _Backend
elif sys.platform == "win32":
    from keyring.backends.Windows import WinVaultKeyring as _Backend
else:
    from keyring.backends.SecretService import Keyring as _Backend

_HOME_ID = re.compile(r"[0-9a-f]{32}")

# CRED_MAX_CREDENTIAL_BLOB_SIZE is 5 * 512 bytes of UTF-16.
WINDOWS_ITEM_CHARACTERS = 1_280

_KEYCHAIN_NAMES = {"darwin": "the macOS keychain", "win32": "the Windows credential store"}
KEYCHAIN_NAME = _KEYCHAIN_NAMES.get(sys.platform, "the Secret Service keychain")


class SystemKeychain:
    """The store's `Keychain` over a keyring backend; at most one backend call at a time hangs."""

    def __init__(
        self,
        backend: Any,
        service: str,
        *,
        deadline_ms: int = LIMITS.keychain_deadline_ms,
        max_characters: int | None = None,
    ) -> None:
        """`max_characters` counts UTF-16 code units of one value; None is no bound."""
        self._backend = backend
        self._service = service
        self._deadline_s = deadline_ms / 1000
        self._max_characters = max_characters
        self._free = threading.Lock()

    def get(self, name: str) -> str | None:
        """The item's value, or None. Raises CredentialError C02."""
        value = self._call(lambda: self._backend.get_password(self._service, name))
        return None if value is None else str(value)

    def set(self, name: str, value: str) -> None:
        """Create or replace the item. Raises CredentialError C02."""
        length = len(value.encode("utf-16-le")) // 2
        if self._max_characters is not None and length > self._max_characters:
            raise CredentialError(
                "MCPX-C02",
                f"The keychain holds at most {self._max_characters} characters in one item; the "
                f"secret and its binding take {length}.",
                "mcp-proxy credential set NAME --origin URL --from env:VAR",
            )
        self._call(lambda: self._backend.set_password(self._service, name, value))

    def delete(self, name: str) -> None:
        """Remove the item; one that is not there is no error. Raises CredentialError C02."""
        if self.get(name) is not None:
            self._call(lambda: self._backend.delete_password(self._service, name))

    def _call(self, action: Callable[[], Any]) -> Any:
        # Whoever hangs keeps the lock, so that waiting callers do not pile up threads behind it.
        if not self._free.acquire(timeout=self._deadline_s):
            raise self._hung()
        outcome: list[tuple[Any, Exception | None]] = []
        done = threading.Event()

        def run() -> None:
            try:
                outcome.append((action(), None))
            except Exception as error:  # noqa: BLE001  # each platform raises its own kinds
                outcome.append((None, error))
            finally:
                self._free.release()
                done.set()

        threading.Thread(target=run, name="keychain", daemon=True).start()
        if not done.wait(self._deadline_s):
            raise self._hung()
        value, error = outcome[0]
        if error is not None and not isinstance(error, PasswordDeleteError):
            raise _unavailable(error) from None
        return value

    def _hung(self) -> CredentialError:
        return CredentialError(
            "MCPX-C02",
            f"There was no answer from {KEYCHAIN_NAME} within {self._deadline_s:g} s; it may be "
            "waiting for a prompt to unlock it.",
        )


def open_keychain(home_id: str) -> SystemKeychain:
    """The keychain of this system, seeing only the items of the home with that id (32 hex digits).

    Raises:
        CredentialError: C02, the home has no id yet.
    """
    if not _HOME_ID.fullmatch(home_id):
        raise CredentialError("MCPX-C02", "This home has no id yet, so it owns no keychain items.")
    # Not the constructor: it takes over any KEYRING_PROPERTY_* variable as an attribute.
    backend = _Backend.__new__(_Backend)
    if sys.platform == "darwin":
        backend.keychain = None
    bound = WINDOWS_ITEM_CHARACTERS if sys.platform == "win32" else None
    return SystemKeychain(backend, f"mcp-proxy:{home_id}", max_characters=bound)


def _unavailable(error: Exception) -> CredentialError:
    # Only the kind of the error: a backend's text may quote what it was given.
    kind = type(error).__name__
    if isinstance(error, KeyringLocked):
        return CredentialError(
            "MCPX-C02",
            f"Locked: {KEYCHAIN_NAME}; unlock it, or log in to the desktop, and try again.",
        )
    return CredentialError("MCPX-C02", f"Not available: {KEYCHAIN_NAME} ({kind}).")
