"""The operating system's keychain, through one backend that is constructed by name.

`keyring.get_keyring()` is never called: PYTHON_KEYRING_BACKEND, entry points and keyringrc.cfg can
put any code in its place. Each call runs in a daemon thread with a deadline, because a keychain may
wait for ever on a prompt that nobody sees.
"""

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

from keyring.errors import KeyringLocked, PasswordDeleteError

from mcp_proxy.core.keychain_words import Surroundings, hung_words, keychain_name, refusal_words
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import CredentialError

if sys.platform == "darwin":
    from keyring.backends.macOS import Keyring as _Backend
elif sys.platform == "win32":
    from keyring.backends.Windows import WinVaultKeyring as _Backend
else:
    import secretstorage
    from keyring.backends.SecretService import Keyring as _Backend

_HOME_ID = re.compile(r"[0-9a-f]{32}")

# CRED_MAX_CREDENTIAL_BLOB_SIZE is 5 * 512 bytes of UTF-16.
WINDOWS_ITEM_CHARACTERS = 1_280

KEYCHAIN_NAME = keychain_name(sys.platform)

# Linux says there whether it is Windows's own (WSL).
_KERNEL_RELEASE = "/proc/sys/kernel/osrelease"

# errSecItemNotFound: the one failure of a deletion that is none.
_MAC_NOT_FOUND = -25300


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
                "mcp-proxy credential set NAME --from env:VAR, or mcp-proxy vault init",
            )
        self._call(lambda: self._backend.set_password(self._service, name, value))

    def delete(self, name: str) -> None:
        """Remove the item; one that is not there is no error. Raises CredentialError C02."""
        if self.get(name) is not None:
            self._call(lambda: self._backend.delete_password(self._service, name))

    def is_open(self) -> bool:
        """Whether a read would ask nobody to unlock it, which is known on Linux alone."""
        if sys.platform != "linux":
            return True
        try:
            return bool(self._call(_is_unlocked))
        except CredentialError:
            return False

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
        if error is not None and not _is_absence(error):
            raise _unavailable(error) from None
        return value

    def _hung(self) -> CredentialError:
        return CredentialError("MCPX-C02", *hung_words(_surroundings(), self._deadline_s))


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


def _is_unlocked() -> bool:
    """Of the Secret Service, without the prompts that keyring's own look would raise."""
    bus = secretstorage.dbus_init()
    try:
        return not secretstorage.Collection(bus).is_locked()
    finally:
        bus.close()


def _is_absence(error: Exception) -> bool:
    """Whether a deletion found nothing to delete."""
    return isinstance(error, PasswordDeleteError) and _code(error) in (None, _MAC_NOT_FOUND)


def _unavailable(error: Exception) -> CredentialError:
    # Only the kind of the error: a backend's text may quote what it was given.
    kind = "KeyringLocked" if isinstance(error, KeyringLocked) else type(error).__name__
    words = refusal_words(kind, _code(error), _surroundings())
    if words is not None:
        return CredentialError("MCPX-C02", *words)
    return CredentialError("MCPX-C02", f"Not available: {KEYCHAIN_NAME} ({kind}).")


def _code(error: BaseException | None) -> int | None:
    """The system's number for an error, which keyring keeps in what it was raised from."""
    while error is not None:
        for value in (getattr(error, "winerror", None), *error.args[:1]):
            if isinstance(value, int):
                return value
        error = error.__cause__
    return None


def _surroundings() -> Surroundings:
    kernel = ""
    with contextlib.suppress(OSError), open(_KERNEL_RELEASE, "rb") as release:
        kernel = release.read(256).decode(errors="replace")
    return Surroundings(sys.platform, os.environ, kernel)
