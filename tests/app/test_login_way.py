"""Which way a person logs in: by what was asked for, by the server, and by the machine."""

import pytest

from mcp_proxy.app import login_way
from mcp_proxy.app.login_way import LoginWish, Way, choose_way
from mcp_proxy.core.oauth_metadata import Metadata

AS = "https://as.example"
FIREFOX = ("/usr/bin/firefox",)


def server(**changed: str) -> Metadata:
    made = Metadata(AS, AS + "/a", AS + "/t", AS + "/d", "", "", (), None, False, False)
    return made._replace(**changed)


def way(
    wish: LoginWish, browser: tuple[str, ...] = (), *, may_device: bool = True, **changed: str
) -> tuple[Way, list[str]]:
    said: list[str] = []
    found = choose_way(wish, browser, server(**changed), said.append, may_device=may_device)
    return found, said


@pytest.fixture
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_way, "opener_of", lambda _machine: None)


def test_the_browser_of_the_settings_comes_first() -> None:
    assert way(LoginWish("billing"), FIREFOX) == (Way(False, FIREFOX), [])


def test_what_was_asked_for_counts() -> None:
    assert way(LoginWish("billing", device=True), FIREFOX) == (Way(True, None), [])
    assert way(LoginWish("billing", no_browser=True), FIREFOX) == (Way(False, None), [])


def test_a_server_that_knows_devices_alone_is_logged_in_to_by_one() -> None:
    assert way(LoginWish("billing"), FIREFOX, authorization="")[0] == Way(True, None)


@pytest.mark.usefixtures("_no_display")
def test_without_a_display_another_device_is_offered_where_the_server_can() -> None:
    found, said = way(LoginWish("billing"))
    assert (found, len(said)) == (Way(True, None), 1)
    assert "another device" in said[0]


@pytest.mark.usefixtures("_no_display")
def test_without_a_display_and_a_way_for_devices_the_address_is_printed() -> None:
    for found, said in (
        way(LoginWish("billing"), device_authorization=""),
        way(LoginWish("billing"), may_device=False),
    ):
        assert (found, len(said)) == (Way(False, None), 1)
        assert "no display" in said[0]
