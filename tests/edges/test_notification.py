"""Notices on the desktop, by a real message bus and a service that keeps what it is told."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from edges.fakes_notifications import FakeDesktop, desktop, send_click, session_bus
from jeepney.io.asyncio import open_dbus_connection

from mcp_proxy.edges.notification import notify

pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs a message bus")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with session_bus() as found:
        yield found


@pytest.fixture(autouse=True)
def bus(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DBUS_SESSION_BUS_ADDRESS", address)


def with_desktop(work: Callable[[FakeDesktop], Awaitable[None]], *able: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), desktop(able or ("actions", "body")) as service:
            await work(service)

    asyncio.run(run())


def nothing() -> None:
    raise AssertionError("nobody clicked")


def test_a_notice_is_shown_and_a_click_on_it_is_told() -> None:
    async def work(service: FakeDesktop) -> None:
        clicked = asyncio.Event()
        notice = await notify("A call waits", "refund_invoice asks", clicked.set)
        assert notice is not None
        ((number, shown),) = service.notices.items()
        app, replaces, _, title, body, actions, _, expires_ms = shown
        assert (app, replaces, title, body) == (
            "mcp-proxy",
            0,
            "A call waits",
            "refund_invoice asks",
        )
        assert actions[::2] == ["default", "show"]
        assert expires_ms == 0
        await service.click(number)
        await clicked.wait()
        await notice.close()
        assert service.notices == {}

    with_desktop(work)


def test_a_click_on_another_notice_is_not_this_ones() -> None:
    async def work(service: FakeDesktop) -> None:
        clicked = asyncio.Event()
        first = await notify("one", "", nothing)
        second = await notify("two", "", clicked.set)
        assert first is not None
        assert second is not None
        await service.click(max(service.notices), "show")
        await clicked.wait()
        await first.close()
        await second.close()

    with_desktop(work)


def test_a_click_that_the_service_did_not_send_is_nobodys() -> None:
    async def work(service: FakeDesktop) -> None:
        notice = await notify("one", "", nothing)
        assert notice is not None
        async with await open_dbus_connection("SESSION") as stranger:
            await send_click(stranger, min(service.notices), "default")
        clicked = asyncio.Event()
        other = await notify("two", "", clicked.set)
        assert other is not None
        await service.click(max(service.notices))
        await clicked.wait()
        await notice.close()
        await other.close()

    with_desktop(work)


def test_a_desktop_whose_notices_cannot_be_clicked_shows_those_for_reading_alone() -> None:
    async def work(service: FakeDesktop) -> None:
        assert await notify("one", "", nothing) is None
        assert service.notices == {}
        notice = await notify("one", "answer in a terminal", None)
        assert notice is not None
        assert service.notices[7][5] == []
        await notice.close()

    with_desktop(work, "body")


def test_s25_what_a_notice_says_is_clean_and_no_markup() -> None:
    async def work(service: FakeDesktop) -> None:
        notice = await notify("a\x1b[31mb\u202e", "<b>x</b>\nsecond\u200b line", None)
        assert notice is not None
        title, body = service.notices[7][3:5]
        assert (title, body) == ("ab", "&lt;b&gt;x&lt;/b&gt; second line")
        await notice.close()

    with_desktop(work, "body", "body-markup")


def test_without_a_service_or_a_bus_there_is_no_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "XDG_RUNTIME_DIR", str(tmp_path))
    assert asyncio.run(notify("one", "", nothing)) is None
    for address in ("unix:path=/nonexistent/bus", "tcp:host=localhost", "", "nonsense"):
        monkeypatch.setitem(os.environ, "DBUS_SESSION_BUS_ADDRESS", address)
        assert asyncio.run(notify("one", "", nothing)) is None
    monkeypatch.delitem(os.environ, "DBUS_SESSION_BUS_ADDRESS")
    assert asyncio.run(notify("one", "", nothing)) is None


def test_a_client_that_passes_no_address_on_keeps_no_notice_back(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bus").symlink_to(address.partition("path=")[2].partition(",")[0])

    async def work(service: FakeDesktop) -> None:
        monkeypatch.delitem(os.environ, "DBUS_SESSION_BUS_ADDRESS")
        monkeypatch.setitem(os.environ, "XDG_RUNTIME_DIR", str(tmp_path))
        notice = await notify("one", "", None)
        assert notice is not None
        assert len(service.notices) == 1
        await notice.close()

    with_desktop(work)


def test_a_notice_of_a_desktop_that_is_gone_is_closed_without_a_word() -> None:
    async def work(service: FakeDesktop) -> None:
        notice = await notify("one", "", nothing)
        assert notice is not None
        await service.connection.close()
        await notice.close()

    with_desktop(work)


@pytest.mark.slow
def test_a_desktop_that_never_answers_costs_a_few_seconds() -> None:
    async def work(service: FakeDesktop) -> None:
        service.is_silent = True
        begun_s = asyncio.get_running_loop().time()
        assert await notify("one", "", nothing) is None
        assert asyncio.get_running_loop().time() - begun_s < 5

    with_desktop(work)
