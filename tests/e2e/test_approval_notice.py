"""The whole way of an approval: installed command, notice on the desktop, Chromium, the call."""

import asyncio
import glob
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from chromium import chromium, chromium_path
from e2e.client import WAIT_S
from e2e.test_approvals import BIG, Place, start
from edges.fakes_notifications import FakeDesktop, desktop, session_bus
from playwright.sync_api import expect

from mcp_proxy.app.demo_http import LoopbackServer, Reply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("CI") != "true" and not (chromium_path() and shutil.which("dbus-daemon")),
        reason="needs chromium and a message bus",
    ),
]

# Stands for the desktop's opener: it keeps what it was given.
OPENER = """#!/bin/sh
echo "$@" > {folder}/argv.part && mv {folder}/argv.part {folder}/argv
"""


class Screen:
    """The fake desktop in a thread of its own, for a test that blocks."""

    def __init__(self, service: FakeDesktop, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self.loop = loop

    def notice(self) -> tuple[int, str]:
        """The one notice that is shown, as its number and its words."""
        wait_for(lambda: bool(self._service.notices))
        ((number, shown),) = self._service.notices.items()
        return number, f"{shown[3]} {shown[4]}"

    def click(self, number: int) -> None:
        asyncio.run_coroutine_threadsafe(self._service.click(number), self.loop).result(WAIT_S)

    def is_empty(self) -> bool:
        return not self._service.notices


def wait_for(is_so: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < ends_s, "it did not come"
        time.sleep(0.02)


@contextmanager
def screen() -> Iterator[Screen]:
    ready: list[Screen] = []
    over = asyncio.Event()

    async def run() -> None:
        async with desktop() as service:
            ready.append(Screen(service, asyncio.get_running_loop()))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    wait_for(lambda: bool(ready))
    try:
        yield ready[0]
    finally:
        ready[0].loop.call_soon_threadsafe(over.set)
        thread.join(WAIT_S)


@pytest.fixture
def place(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with session_bus() as address, LoopbackServer(lambda _r: Reply(200, b'{"done":true}')) as api:
        monkeypatch.setitem(os.environ, "DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setitem(os.environ, "HOME", os.fspath(tmp_path))
        made = Place(os.fspath(tmp_path), api)
        yield made
        made.state.close()


def test_s22_a_click_on_the_notice_leads_to_the_page_and_the_yes_to_the_call(place: Place) -> None:
    opener = os.path.join(place.folder, "opener")
    with open(opener, "w", encoding="utf-8") as file:
        file.write(OPENER.format(folder=place.folder))
    os.chmod(opener, 0o700)
    place.settle('wait = 60\nshow = "notification"', f'[login]\nbrowser = ["{opener}"]\n')
    argv = os.path.join(place.folder, "argv")
    with screen() as seen, place.serve() as client, chromium() as browser:
        call = start(client, BIG, modern=True)
        number, words = seen.notice()
        assert "refund" in words
        assert not os.path.exists(argv)
        seen.click(number)
        wait_for(lambda: os.path.exists(argv))
        with open(argv, encoding="utf-8") as file:
            opened = file.read().strip()
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"file://{opened}")
        page.get_by_label("To approve, type the amount: 500").fill("500")
        assert page.url.startswith("http://127.0.0.1:")
        token = page.url.rpartition("/")[2]
        assert len(token) == 43
        assert token not in f"{words}{opened}"
        page.get_by_role("button", name="Approve once").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Approved", timeout=30_000)
        assert "isError" not in client.reply(call)["result"]
        assert len(place.api.seen) == 1
        wait_for(seen.is_empty)
        assert client.end() == 0
    assert glob.glob(os.path.join(place.folder, "mcp-proxy-approval-*")) == []
    assert place.command("audit", "verify").returncode == 0
