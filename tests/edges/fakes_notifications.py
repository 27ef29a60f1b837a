"""A desktop's notification service for tests, on a session bus of its own."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, open_dbus_connection

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


@contextmanager
def session_bus() -> Iterator[str]:
    """The address of a real message bus that lives as long as the block."""
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        try:
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()


class FakeDesktop:
    """Keeps the notices that it is told to show; `click` is what a person does."""

    def __init__(self, connection: DBusConnection, able: list[str]) -> None:
        self.connection = connection
        self.able = able
        self.notices: dict[int, tuple[Any, ...]] = {}
        self.is_silent = False

    async def click(self, number: int, action: str = "default") -> None:
        """The signal of a click on a notice."""
        await send_click(self.connection, number, action)

    async def serve(self) -> None:
        """Answers until it is cancelled."""
        while True:
            message = await self.connection.receive()
            fields = message.header.fields
            is_call = message.header.message_type is MessageType.method_call
            if is_call and fields.get(HeaderFields.interface) == NAME and not self.is_silent:
                await self.connection.send(self.answer(message))

    def answer(self, message: Message) -> Message:
        member = message.header.fields[HeaderFields.member]
        if member == "GetCapabilities":
            return new_method_return(message, "as", (self.able,))
        if member == "Notify":
            number = len(self.notices) + 7
            self.notices[number] = message.body
            return new_method_return(message, "u", (number,))
        if member == "CloseNotification":
            del self.notices[message.body[0]]
            return new_method_return(message)
        return new_error(message, "org.freedesktop.DBus.Error.UnknownMethod")


async def send_click(connection: DBusConnection, number: int, action: str) -> None:
    """The signal of a click, from whoever holds the connection."""
    emitter = DBusAddress(PATH, interface=NAME)
    await connection.send(new_signal(emitter, "ActionInvoked", "us", (number, action)))


@asynccontextmanager
async def desktop(able: tuple[str, ...] = ("actions", "body")) -> AsyncIterator[FakeDesktop]:
    """The service on the session bus of the environment."""
    async with await open_dbus_connection("SESSION") as connection:
        await connection.send(message_bus.RequestName(NAME))
        service = FakeDesktop(connection, list(able))
        serving = asyncio.create_task(service.serve())
        try:
            yield service
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError, EOFError):
                await serving
