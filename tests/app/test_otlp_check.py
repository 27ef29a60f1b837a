"""doctor about the collector: nothing where none is set, else whether it takes the log."""

import os

import pytest
from homes import make_home
from otlp_collector import Answer, FakeCollector

from mcp_proxy.app import otlp_extra
from mcp_proxy.app.otlp_check import check_collector
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def point(home: Home, url: str) -> None:
    write_settings(home, Settings(audit=AuditSettings(otlp=url)))


def test_nothing_is_said_where_no_collector_is_set(home: Home) -> None:
    assert list(check_collector(home)) == []


def test_a_collector_that_answers_is_good_and_gets_nothing_of_the_log(home: Home) -> None:
    with FakeCollector() as collector:
        point(home, collector.url)
        (check,) = check_collector(home)
        assert check.ok
        assert check.found == f"{collector.url} takes the log"
        assert collector.logs == []


def test_one_that_refuses_or_is_not_there_is_told_with_why(home: Home) -> None:
    with FakeCollector(Answer(401)) as collector:
        point(home, collector.url)
        (check,) = check_collector(home)
        assert not check.ok
        assert "401" in check.found
    (check,) = check_collector(home)
    assert not check.ok
    assert "cannot be reached" in check.found
    assert "it is tried again" in (check.next or "")
    point(home, "http://collector.example")
    (check,) = check_collector(home)
    assert "[audit] otlp" in check.found


def test_without_the_extra_it_says_how_to_install_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_name: str) -> None:
        raise ModuleNotFoundError("no", name="opentelemetry.exporter")

    point(home, "http://127.0.0.1:9")
    monkeypatch.setattr(otlp_extra.warmup, "load", missing)
    (check,) = check_collector(home)
    assert not check.ok
    assert "[otel]" in (check.next or "")
