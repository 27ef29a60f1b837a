"""What blocking work gives, asked for once: in a daemon thread, which keeps nothing from ending."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

from mcp_proxy.errors import CredentialError, McpProxyError

Value = TypeVar("Value")
Key = TypeVar("Key", bound=Hashable)


def shared(
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
