"""Notices by the session bus: org.freedesktop.Notifications, of the Desktop Notifications spec."""

import asyncio
import contextlib
import html
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from jeepney import DBusAddress, DBusErrorResponse, MatchRule, Message, new_method_call
from jeepney.auth import AuthenticationError
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, DBusRouter, open_dbus_connection
from jeepney.io.common import RouterClosed
from jeepney.wrappers import unwrap_msg

from mcp_proxy.core.text import one_sentence

_NAME = "org.freedesktop.Notifications"
_SERVICE = DBusAddress("/org/freedesktop/Notifications", bus_name=_NAME, interface=_NAME)
_CLICKED = MatchRule(
    type="signal", interface=_NAME, member="ActionInvoked", path=_SERVICE.object_path
)
_ANSWER_S = 3.0
_CLICKS = 16
_TITLE_CHARS = 100
_BODY_CHARS = 400
# A click on the notice itself, and a button for desktops that show actions as buttons alone.
_ACTIONS = ["default", "Show the call", "show", "Show the call"]
_STAYS = 0
_URGENCY_NORMAL = 1
# No bus, a bus that does not answer or goes away, and one without such a service.
_ABSENT = (
    *(OSError, EOFError, KeyError, ValueError, RuntimeError, TimeoutError, StopIteration),
    *(AuthenticationError, DBusErrorResponse, RouterClosed),
)


class _Line(NamedTuple):
    connection: DBusConnection
    router: DBusRouter

    async def call(self, message: Message) -> tuple[Any, ...]:
        """The body of the answer. Raises one of _ABSENT."""
        async with asyncio.timeout(_ANSWER_S):
            body: tuple[Any, ...] = unwrap_msg(await self.router.send_and_get_reply(message))
            return body

    async def close(self) -> None:
        with contextlib.suppress(*_ABSENT):
            await self.router.__aexit__(None, None, None)
        with contextlib.suppress(*_ABSENT):
            async with asyncio.timeout(_ANSWER_S):
                await self.connection.close()


class BusNotification:
    """A notice that is shown, and the line to the bus on which its clicks come."""

    def __init__(self, line: _Line, number: int, listening: asyncio.Task[None]) -> None:
        """`number` is the service's own for it."""
        self._line = line
        self._number = number
        self._listening = listening

    async def close(self) -> None:
        """Take it away; a click on it does nothing more."""
        self._listening.cancel()
        with contextlib.suppress(*_ABSENT):
            await self._line.call(
                new_method_call(_SERVICE, "CloseNotification", "u", (self._number,))
            )
        await self._line.close()


async def notify(
    title: str, body: str, on_click: Callable[[], None] | None
) -> BusNotification | None:
    """Show a notice; None where no service shows any, or none that can be clicked as wanted."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            connection = await open_dbus_connection(_address())
    except _ABSENT:
        return None
    line = _Line(connection, DBusRouter(connection))
    try:
        return await _show(line, title, body, on_click)
    except _ABSENT:
        await line.close()
        return None
    except asyncio.CancelledError:
        await line.close()
        raise


def _address() -> str:
    """The bus of the session, where clients that pass few variables on leave it, too."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={folder}/bus"


async def _show(
    line: _Line, title: str, body: str, on_click: Callable[[], None] | None
) -> BusNotification | None:
    (able,) = await line.call(new_method_call(_SERVICE, "GetCapabilities"))
    if on_click is not None and "actions" not in able:
        await line.close()
        return None
    clicks: asyncio.Queue[Message] = asyncio.Queue(_CLICKS)
    line.router.filter(_CLICKED, queue=clicks)
    # The bus lets through what comes from the owner of the service's name, and nobody else's.
    rule = MatchRule(type="signal", sender=_NAME, interface=_NAME, member="ActionInvoked")
    await line.call(message_bus.AddMatch(rule))
    (number,) = await line.call(_message(title, body, able, on_click is not None))
    listening = asyncio.get_running_loop().create_task(_listen(clicks, number, on_click))
    return BusNotification(line, number, listening)


def _message(title: str, body: str, able: list[str], is_clickable: bool) -> Message:
    text = one_sentence(body, _BODY_CHARS)
    content = (
        "mcp-proxy",
        *(0, "dialog-question", one_sentence(title, _TITLE_CHARS)),
        html.escape(text) if "body-markup" in able else text,
        _ACTIONS if is_clickable else [],
        {"urgency": ("y", _URGENCY_NORMAL)},
        _STAYS,
    )
    return new_method_call(_SERVICE, "Notify", "susssasa{sv}i", content)


async def _listen(
    clicks: asyncio.Queue[Message], number: int, on_click: Callable[[], None] | None
) -> None:
    while True:
        message = await clicks.get()
        if on_click is not None and message.body[:1] == (number,):
            on_click()
