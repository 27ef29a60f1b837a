"""How a person hears of a call that waits: a notice, the page it leads to, or neither."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from app.approval_world import Client, Process, World, play, read, until

from mcp_proxy.app import showing
from mcp_proxy.edges.settings import Settings
from mcp_proxy.edges.settings_approval import ApprovalSettings
from mcp_proxy.edges.settings_login import LoginSettings

BROWSER = ("/usr/bin/true",)


class Notice:
    """Fills `Notification`."""

    def __init__(self) -> None:
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class Desktop:
    """Stands in for the desktop: `has_notices` tells whether it shows any."""

    def __init__(self) -> None:
        self.has_notices = True
        self.said: list[str] = []
        self.notices: list[Notice] = []
        self.clicks: list[Callable[[], None] | None] = []
        self.opened: list[str] = []

    async def notify(
        self, title: str, body: str, on_click: Callable[[], None] | None
    ) -> Notice | None:
        self.said.append(f"{title}|{body}")
        self.clicks.append(on_click)
        if not self.has_notices:
            return None
        self.notices.append(Notice())
        return self.notices[-1]

    async def open_page(self, url: str, _opener: Any, _folder: str, _kept_s: float) -> str:
        self.opened.append(url)
        return ""


@pytest.fixture
def beside(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plays a scene at a desktop, with these settings and this browser."""

    def run(
        scene: Callable[[Desktop, World, Process], Awaitable[None]],
        show: str = "notification",
        browser: tuple[str, ...] = BROWSER,
    ) -> None:
        desktop = Desktop()
        approval = ApprovalSettings(wait=10, show=show)
        settings = Settings(login=LoginSettings(browser), approval=approval)
        monkeypatch.setattr("mcp_proxy.app.person.read_settings", lambda _home: settings)
        monkeypatch.setattr(showing, "notify", desktop.notify)
        monkeypatch.setattr(showing, "open_page", desktop.open_page)
        monkeypatch.setattr(showing, "opener_of", lambda _machine: None)

        async def whole() -> None:
            world = World(os.path.join(tmp_path, "home"))
            process = Process(world)
            await scene(desktop, world, process)
            await process.end()

        play(whole)

    return run


async def approved(process: Process, call: asyncio.Task[Any]) -> None:
    (request,) = await process.asked()
    assert await process.say(request, yes=True)
    assert read(await call)[0] is None


def test_a_notice_leads_to_the_page_and_goes_with_the_answer(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client(), customer="canary"))
        await until(lambda: bool(desktop.notices))
        assert desktop.opened == []
        click = desktop.clicks[0]
        assert click is not None
        click()
        await until(lambda: bool(desktop.opened))
        await approved(process, call)
        await until(lambda: desktop.notices[0].is_closed)
        (url,) = desktop.opened
        (said,) = desktop.said
        assert "note of the profile billing" in said
        for hidden in ("canary", url, "http"):
            assert hidden not in said

    beside(scene)


def test_without_a_notification_service_the_page_opens_by_itself(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        desktop.has_notices = False
        call = asyncio.create_task(process.call("note", Client()))
        await until(lambda: bool(desktop.opened))
        await approved(process, call)

    beside(scene)


def test_a_page_can_open_without_a_notice(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client()))
        await until(lambda: bool(desktop.opened))
        assert desktop.said == []
        await approved(process, call)

    beside(scene, "page")


def test_where_there_is_no_display_the_notice_names_the_command(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client()))
        await until(lambda: bool(desktop.said))
        assert desktop.clicks == [None]
        assert "mcp-proxy approve" in desktop.said[0]
        await approved(process, call)
        assert desktop.opened == []

    beside(scene, browser=())


def test_a_person_who_wants_the_terminal_alone_is_shown_nothing(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client()))
        await approved(process, call)
        assert (desktop.said, desktop.opened) == ([], [])

    beside(scene, "terminal")


def test_the_same_call_again_is_not_shown_again(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        calls = [asyncio.create_task(process.call("note", Client())) for _ in range(3)]
        await until(lambda: bool(desktop.notices))
        (request,) = await process.asked()
        assert await process.say(request, yes=True, times=3)
        assert [read(await call)[0] for call in calls] == [None, None, None]
        assert len(desktop.notices) == 1

    beside(scene)


def test_a_channel_that_the_profile_leaves_out_is_not_used(beside: Any) -> None:
    async def scene(desktop: Desktop, _world: World, process: Process) -> None:
        assert read(await process.call("odd", Client()))[0] == "MCPX-D03"
        assert (desktop.said, desktop.opened) == ([], [])

    beside(scene)
