"""Authorizes the requests of one served profile: asks the store once, then answers from memory.

The store blocks and may hang on a keychain prompt, so it is asked in a daemon thread that cannot
keep the process from ending.
"""

import asyncio
import contextlib
import threading

from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.secret import header_value
from mcp_proxy.edges.credentials import CredentialStore, Grounds
from mcp_proxy.errors import CredentialError, McpProxyError


class ProfileAuthorizer:
    """The one holder of secrets in a serving process; cached until `forget`, failures never."""

    def __init__(self, profile: str, root: tuple[str, ...], store: CredentialStore) -> None:
        """`profile` and `root` are those of the verified profile and its version record."""
        self._store = store
        self._grounds = Grounds(profile, root_text(root))
        self._items: dict[UpstreamSpec, asyncio.Future[Item]] = {}

    async def authorization(self, spec: UpstreamSpec) -> tuple[str, str] | None:
        """The header's name and value for a request to `spec`; None where it names no credential.

        Raises:
            CredentialError: C01 missing, C02 no answer, C03 and C04 bound elsewhere.
        """
        if spec.auth is None:
            return None
        asked = self._items.get(spec)
        if asked is None:
            asked = self._items[spec] = self._ask(spec)
        # Shielded: a cancelled call must not take the answer away from those that wait with it.
        item = await asyncio.shield(asked)
        return item.binding.header, header_value(item.binding.kind, item.secret)

    def forget(self) -> None:
        """Drop what is cached; the next request reads settings and keychain again (S6)."""
        self._items.clear()

    def _ask(self, spec: UpstreamSpec) -> asyncio.Future[Item]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Item] = loop.create_future()

        def settle(outcome: Item | CredentialError) -> None:
            if isinstance(outcome, Item):
                answer.set_result(outcome)
                return
            answer.set_exception(outcome)
            # Nobody may be left to hear it, which is no reason for a warning.
            answer.exception()
            if self._items.get(spec) is answer:
                del self._items[spec]

        def run() -> None:
            outcome = self._resolve(spec)
            # The loop is closed when the client has gone meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, outcome)

        threading.Thread(target=run, name="credential", daemon=True).start()
        return answer

    def _resolve(self, spec: UpstreamSpec) -> Item | CredentialError:
        try:
            return self._store.resolve(spec, self._grounds)
        except CredentialError as error:
            return error
        except McpProxyError as error:
            return CredentialError("MCPX-C01", error.why, error.next)
        except Exception as error:  # noqa: BLE001  # a thread's error must reach its caller
            kind = type(error).__name__
            return CredentialError("MCPX-I01", f"The credential could not be read ({kind}).")


def root_text(root: tuple[str, ...]) -> str:
    """A version record's trust root as one word of a binding, `keys` for pinned keys."""
    return " ".join(root)
