"""When a credential was last used: known to ten minutes, by no more writes than that takes."""

import time
from pathlib import Path

import pytest

from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.uses import EVERY_S, Uses, forget_use, last_use_s


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


def test_a_use_is_due_once_in_ten_minutes(home: Home) -> None:
    now = [1_000.0]
    uses = Uses(home, lambda: now[0])
    assert uses.is_due("billing")
    now[0] += EVERY_S - 1
    assert not uses.is_due("billing")
    assert uses.is_due("other")
    now[0] += 1
    assert uses.is_due("billing")
    now[0] -= 500
    assert uses.is_due("billing")


def test_a_recorded_use_is_told_until_it_is_forgotten(home: Home) -> None:
    assert last_use_s(home, "billing") is None
    Uses(home, time.time).record("billing")
    found = last_use_s(home, "billing")
    assert found is not None
    assert abs(found - time.time()) < 5
    forget_use(home, "billing")
    assert last_use_s(home, "billing") is None


def test_a_file_in_the_folder_s_place_is_no_error(home: Home) -> None:
    Path(home.state).mkdir(exist_ok=True)
    Path(home.state, "uses").write_text("")
    Uses(home, time.time).record("billing")
    assert last_use_s(home, "billing") is None
