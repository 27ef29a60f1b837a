"""Verdicts on disk: for one profile digest, whole or none, safe with several writers (S16, S23)."""

import os
import threading
from typing import Any

import pytest
from homes import make_home

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.verdicts import (
    read_declared,
    read_drifted,
    record_declared,
    record_drifted,
)

DIGEST, OTHER = "d" * 64, "e" * 64
PLACE = ("billing", DIGEST, "gateway")
ENTRY: dict[str, Any] = {"name": "find", "description": "x", "nested": [None, {"a": 1.5}]}


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return make_home(os.path.join(tmp_path, "home"))


def path(home: Home, name: str = "billing.json") -> str:
    return os.path.join(home.state, "verdicts", name)


def test_s16_nothing_is_kept_where_nothing_drifted(home: Home) -> None:
    assert read_drifted(home, "billing", DIGEST) == {}
    record_drifted(home, *PLACE, frozenset())
    assert not os.path.exists(path(home))


def test_s16_drifted_tools_are_kept_by_upstream(home: Home) -> None:
    record_drifted(home, *PLACE, frozenset({"b", "a"}))
    record_drifted(home, "billing", DIGEST, "other", frozenset({"c"}))
    assert read_drifted(home, "billing", DIGEST) == {"gateway": {"a", "b"}, "other": {"c"}}
    record_drifted(home, *PLACE, frozenset())
    assert read_drifted(home, "billing", DIGEST) == {"other": {"c"}}


def test_s16_tools_that_match_again_leave_no_file(home: Home) -> None:
    record_drifted(home, *PLACE, frozenset({"a"}))
    record_drifted(home, *PLACE, frozenset())
    assert not os.path.exists(path(home))


def test_s16_a_verdict_holds_for_one_profile_digest(home: Home) -> None:
    record_drifted(home, *PLACE, frozenset({"a"}))
    record_declared(home, *PLACE, {"find": ENTRY})
    assert read_drifted(home, "billing", OTHER) == {}
    assert read_declared(home, "billing", OTHER, "gateway") == {}
    record_drifted(home, "billing", OTHER, "gateway", frozenset({"b"}))
    assert read_drifted(home, "billing", DIGEST) == {}


def test_declarations_are_kept_whole_and_renewed_one_by_one(home: Home) -> None:
    record_declared(home, *PLACE, {"find": ENTRY, "pay": {"name": "pay"}})
    record_declared(home, *PLACE, {"pay": {"name": "pay", "v": 2}})
    held = read_declared(home, "billing", DIGEST, "gateway")
    assert held == {"find": ENTRY, "pay": {"name": "pay", "v": 2}}
    assert read_declared(home, "billing", DIGEST, "other") == {}


def test_what_is_no_news_is_not_written(home: Home) -> None:
    record_declared(home, *PLACE, {"find": ENTRY})
    before = os.stat(path(home, "billing.declared.json")).st_ino
    record_declared(home, *PLACE, {"find": dict(ENTRY)})
    assert os.stat(path(home, "billing.declared.json")).st_ino == before


def test_declarations_above_the_bound_are_not_kept(home: Home) -> None:
    record_declared(home, *PLACE, {"find": ENTRY})
    record_declared(home, *PLACE, {"big": {"x": "x" * LIMITS.declared_bytes}})
    assert read_declared(home, "billing", DIGEST, "gateway") == {"find": ENTRY}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"0" * 64 + b"\n{}",
        b"\xff" * 100,
        b"[" * 100_000,
    ],
)
def test_s23_a_damaged_verdict_is_none_and_can_be_replaced(home: Home, data: bytes) -> None:
    record_drifted(home, *PLACE, frozenset({"a"}))
    write_file(path(home), data)
    assert read_drifted(home, "billing", DIGEST) == {}
    record_drifted(home, *PLACE, frozenset({"b"}))
    assert read_drifted(home, "billing", DIGEST) == {"gateway": {"b"}}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_s23_a_verdict_that_others_may_write_is_none(home: Home) -> None:
    record_drifted(home, *PLACE, frozenset({"a"}))
    os.chmod(path(home), 0o666)
    assert read_drifted(home, "billing", DIGEST) == {}


def test_several_writers_lose_nothing(home: Home) -> None:
    def write(number: int) -> None:
        record_drifted(home, "billing", DIGEST, f"u{number}", frozenset({"a"}))
        record_declared(home, "billing", DIGEST, f"u{number}", {"find": ENTRY})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_drifted(home, "billing", DIGEST)) == 8
    assert all(read_declared(home, "billing", DIGEST, f"u{number}") for number in range(8))
