"""The file of pauses: what it pauses, and that one which cannot be read pauses everything."""

import os

import pytest
from homes import make_home
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.digest import with_checksum
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.pauses import EVERYTHING, Paused, Pauses, change_pauses, read_pauses
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.errors import UsageError

BILLING = Paused("billing", None, 5, "audit")
REFUND = Paused("billing", "refund", 6, "")
FIND = Paused(None, "find", 7, "")
NAMES = st.sampled_from(["billing", "crm", None])
TOOLS = st.sampled_from(["find", "refund", None])


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return make_home(os.path.join(os.fspath(tmp_path), "home"))


def path(home: Home) -> str:
    return os.path.join(home.state, "paused.json")


def test_a_home_without_the_file_has_nothing_paused(home: Home) -> None:
    assert read_pauses(home) == Pauses()


def test_what_is_written_is_read_again_and_running_processes_hear_of_it(home: Home) -> None:
    before = read_generation(home)
    change_pauses(home, lambda held: (*held.rows, BILLING))
    change_pauses(home, lambda held: (*held.rows, REFUND, FIND))
    assert read_pauses(home) == Pauses((BILLING, REFUND, FIND))
    assert read_generation(home) != before
    change_pauses(home, lambda _held: ())
    assert read_pauses(home) == Pauses()


@given(st.lists(st.tuples(NAMES, TOOLS), max_size=4), st.sampled_from(["billing", "crm"]), TOOLS)
def test_a_pause_holds_for_what_it_names_and_all_below(
    places: list[tuple[str | None, str | None]], profile: str, tool: str | None
) -> None:
    rows = tuple(Paused(*place, 0, "") for place in places)
    covering = {(a, b) for a in (None, profile) for b in (None, tool)}
    found = Pauses(rows).of(profile, tool)
    assert (found is not None) == bool(covering & set(places))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}x",
        b"5",
        b"[5]",
        b"[{}]",
        b'[{"profile":"billing"}]',
        b'[{"profile":"../x","tool":null,"since_s":1,"reason":""}]',
        b'[{"profile":null,"tool":null,"since_s":true,"reason":""}]',
        b'[{"profile":null,"tool":null,"since_s":1,"reason":5}]',
        b'[{"profile":null,"tool":null,"since_s":1,"reason":"","more":1}]',
        b"[" * 100_000,
    ],
)
def test_s23_a_file_that_is_not_right_pauses_everything(home: Home, body: bytes) -> None:
    write_file(path(home), with_checksum(body))
    assert read_pauses(home).of("billing", "find") == EVERYTHING


def test_s23_a_file_that_was_changed_by_hand_pauses_everything(home: Home) -> None:
    change_pauses(home, lambda _held: (BILLING,))
    with open(path(home), "rb") as file:
        data = file.read()
    write_file(path(home), data.replace(b"billing", b"another"))
    assert read_pauses(home).of("crm", None) == EVERYTHING


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_s23_a_file_that_others_may_write_or_a_link_pauses_everything(home: Home) -> None:
    change_pauses(home, lambda _held: ())
    os.chmod(path(home), 0o666)
    assert read_pauses(home).is_broken
    os.rename(path(home), path(home) + ".moved")
    os.symlink(path(home) + ".moved", path(home))
    assert read_pauses(home).is_broken


def test_more_than_the_bound_are_refused_and_the_file_stays(home: Home) -> None:
    change_pauses(home, lambda _held: (BILLING,))
    many = tuple(Paused("billing", f"tool{number}", 0, "") for number in range(LIMITS.pauses + 1))
    with pytest.raises(UsageError, match="At most 256"):
        change_pauses(home, lambda _held: many)
    assert read_pauses(home) == Pauses((BILLING,))


def test_everything_can_be_paused_however_much_is_paused_already(home: Home) -> None:
    many = tuple(Paused("billing", f"tool{number}", 0, "") for number in range(LIMITS.pauses))
    change_pauses(home, lambda _held: many)
    change_pauses(home, lambda held: (*held.rows, EVERYTHING))
    assert read_pauses(home).of("crm", "find") == EVERYTHING


def test_a_reason_is_cleaned_when_it_is_read(home: Home) -> None:
    row = BILLING._replace(reason="stop\x1b[31m now\u200b")
    change_pauses(home, lambda _held: (row,))
    assert read_pauses(home).rows[0].reason == "stop now"
