"""Authorizes the requests of one served profile: asks the store once, then answers from memory.

The store blocks and may hang on a keychain prompt, so it is asked in a daemon thread that cannot
keep the process from ending.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.secret import header_value
from mcp_proxy.edges.credentials import CredentialStore, Grounds
from mcp_proxy.edges.launch import Launch
from mcp_proxy.errors import CredentialError, McpProxyError

Value = TypeVar("Value")
Key = TypeVar("Key", bound=Hashable)


class ProfileAuthorizer:
    """The one holder of secrets in a serving process; cached until `forget`, failures never."""

    def __init__(self, profile: str, root: tuple[str, ...], store: CredentialStore) -> None:
        """`profile` and `root` are those of the verified profile and its version record."""
        self._store = store
        self._grounds = Grounds(profile, root_text(root))
        self._held: dict[UpstreamSpec, asyncio.Future[Authorization]] = {}
        self._read_again: set[UpstreamSpec] = set()
        self._launches: dict[str, asyncio.Future[Launch]] = {}

    async def authorization(self, spec: UpstreamSpec) -> Authorization | None:
        """What goes with a request to `spec`; None where it names no credential.

        Raises:
            CredentialError: C01 missing, C02 no answer, C03 and C04 bound elsewhere.
        """
        if spec.auth is None:
            return None
        # Shielded: a cancelled call must not take the answer away from those that wait with it.
        return await asyncio.shield(_shared(self._held, spec, lambda: self._resolve(spec)))

    async def renewed(self, spec: UpstreamSpec, used: Authorization) -> Authorization | None:
        """Read once more after a 401, once until `forget`; None where what was `used` still stands.

        Raises:
            CredentialError: as `authorization`.
        """
        held = self._held.get(spec)
        if held is not None and held.done() and not held.exception() and held.result() == used:
            if spec in self._read_again:
                return None
            self._read_again.add(spec)
            del self._held[spec]
        other = await self.authorization(spec)
        return None if other == used else other

    async def launch(self, upstream: str, spec: UpstreamSpec) -> Launch:
        """What a stdio upstream may be started with now, its secret included.

        Raises:
            ProfileError: P16 its command is not trusted here.
            CredentialError: C01 missing, C02 no answer, C03 and C04 bound elsewhere.
        """
        return await asyncio.shield(
            _shared(
                self._launches,
                upstream,
                lambda: self._store.resolve_launch(spec, upstream, self._grounds),
            )
        )

    def forget(self) -> None:
        """Drop what is cached; the next request reads settings and keychain again (S6)."""
        self._held.clear()
        self._read_again.clear()
        self._launches.clear()

    def _resolve(self, spec: UpstreamSpec) -> Authorization:
        try:
            item = self._store.resolve(spec, self._grounds)
            header = item.binding.header, header_value(item.binding.kind, item.secret)
            return Authorization((header,))
        except CredentialError:
            raise
        except McpProxyError as error:
            raise CredentialError("MCPX-C01", error.why, error.next) from None


def _shared(
    held: dict[Key, asyncio.Future[Value]], key: Key, work: Callable[[], Value]
) -> asyncio.Future[Value]:
    """The answer under `key`, asked for in a thread if need be; a failure is not kept."""
    asked = held.get(key)
    if asked is not None:
        return asked
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Value] = loop.create_future()
    held[key] = answer

    def settle(value: Value) -> None:
        answer.set_result(value)

    def fail(error: McpProxyError) -> None:
        answer.set_exception(error)
        # Nobody may be left to hear it, which is no reason for a warning.
        answer.exception()
        if held.get(key) is answer:
            del held[key]

    def run() -> None:
        # The loop is closed when the client has gone meanwhile.
        with contextlib.suppress(RuntimeError):
            try:
                value = work()
            except McpProxyError as error:
                loop.call_soon_threadsafe(fail, error)
            except Exception as error:  # noqa: BLE001  # a thread's error must reach its caller
                kind = type(error).__name__
                why = f"The credential could not be read ({kind})."
                loop.call_soon_threadsafe(fail, CredentialError("MCPX-I01", why))
            else:
                loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=run, name="credential", daemon=True).start()
    return answer


def root_text(root: tuple[str, ...]) -> str:
    """A version record's trust root as one word of a binding, `keys` for pinned keys."""
    return " ".join(root)
