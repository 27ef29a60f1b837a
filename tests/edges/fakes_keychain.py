"""A keychain in memory that can be counted, locked and blocked."""

import threading

from mcp_proxy.errors import CredentialError


class MemoryKeychain:
    """Items by name; `locked` makes every call fail; each read waits for `gate`."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.reads = 0
        self.locked = False
        self.gate = threading.Event()
        self.gate.set()

    def get(self, name: str) -> str | None:
        """As the real one."""
        self.reads += 1
        self.gate.wait()
        self._check()
        return self.items.get(name)

    def set(self, name: str, value: str) -> None:
        """As the real one."""
        self._check()
        self.items[name] = value

    def delete(self, name: str) -> None:
        """As the real one."""
        self._check()
        self.items.pop(name, None)

    def is_open(self) -> bool:
        """As the real one."""
        return not self.locked

    def _check(self) -> None:
        if self.locked:
            raise CredentialError("MCPX-C02", "Locked: the fake keychain.")
