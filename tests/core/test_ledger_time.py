"""The ledger's time: it never goes back, and no clock that is set gives a window back (S18)."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.ledger_time import Judged, Reading, Record, confirmed, judge

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Machine(NamedTuple):
    """A machine whose wall clock can be set: real seconds go by, and the boot's clock with them."""

    wall_s: float = NOW_S
    boot_s: float = 1000.0
    boot: int = 1

    def later(self, passed_s: float) -> "Machine":
        return self._replace(wall_s=self.wall_s + passed_s, boot_s=self.boot_s + passed_s)

    def set(self, by_s: float) -> "Machine":
        return self._replace(wall_s=self.wall_s + by_s)

    def booted(self) -> "Machine":
        return self._replace(boot_s=5.0, boot=self.boot + 1)

    def judge(self, record: Record | None) -> Judged:
        return judge(Reading(self.wall_s, self.boot_s, f"boot-{self.boot}"), record)


MACHINE = Machine()
FIRST = MACHINE.judge(None).record


def test_the_first_time_is_the_wall_clocks() -> None:
    assert MACHINE.judge(None)[:2] == (NOW_S, "none")


def test_it_goes_with_the_wall_clock() -> None:
    found = MACHINE.later(100 * DAY_S).judge(FIRST)
    assert found[:2] == (NOW_S + 100 * DAY_S, "none")


def test_s18_a_clock_set_back_a_little_stands_still_until_it_has_caught_up() -> None:
    found = MACHINE.set(-299).judge(FIRST)
    assert found[:2] == (NOW_S, "none")
    assert MACHINE.set(-299).later(310).judge(found.record)[:2] == (NOW_S + 11, "none")


def test_s18_a_clock_set_back_above_five_minutes_is_a_step_until_it_is_nearly_there() -> None:
    found = MACHINE.set(-HOUR_S).judge(FIRST)
    assert found[:2] == (NOW_S, "back")
    assert MACHINE.set(-HOUR_S).later(3299).judge(found.record)[:2] == (NOW_S, "back")
    assert MACHINE.set(-HOUR_S).later(3300).judge(found.record)[:2] == (NOW_S, "none")


def test_s18_a_clock_set_forward_above_a_day_goes_on_by_the_boots_clock() -> None:
    found = MACHINE.set(DAY_S + 1).judge(FIRST)
    assert found[:2] == (NOW_S, "forward")
    later = MACHINE.set(DAY_S + 1).later(HOUR_S).judge(found.record)
    assert later[:2] == (NOW_S + HOUR_S, "forward")
    assert MACHINE.later(2 * HOUR_S).judge(later.record)[:2] == (NOW_S + 2 * HOUR_S, "none")


def test_s18_many_small_steps_forward_are_one_large_step() -> None:
    record, steps = FIRST, []
    for hours in range(12, 96, 12):
        found = MACHINE.set(hours * HOUR_S).judge(record)
        record = found.record
        steps.append(found.step)
    assert steps == ["none"] * 2 + ["forward"] * 5
    assert record.latest_s == NOW_S + DAY_S


def test_a_weekend_with_the_machine_off_is_believed() -> None:
    found = MACHINE.later(3 * DAY_S).booted().judge(FIRST)
    assert found[:2] == (NOW_S + 3 * DAY_S, "none")


def test_a_boots_clock_that_began_anew_is_another_boot_where_boots_have_no_name() -> None:
    record = confirmed(Reading(NOW_S, 90_000.0, ""))
    assert judge(Reading(NOW_S + 2 * DAY_S, 60.0, ""), record)[:2] == (NOW_S + 2 * DAY_S, "none")


def test_a_clock_that_was_set_back_before_a_boot_is_a_step_all_the_same() -> None:
    found = MACHINE.set(-DAY_S).booted().judge(FIRST)
    assert found[:2] == (NOW_S, "back")


def test_what_a_person_confirms_is_the_time_from_then_on() -> None:
    wrong = MACHINE.set(20 * HOUR_S).judge(FIRST).record
    assert MACHINE.judge(wrong).step == "back"
    now = Reading(NOW_S, MACHINE.boot_s, "boot-1")
    assert judge(now, confirmed(now))[:2] == (NOW_S, "none")


def test_a_clock_of_no_calendar_is_held_to_one() -> None:
    assert judge(Reading(1e30, 1.0, "a"), None).now_s < 1e12
    assert judge(Reading(-5.0, 1.0, "a"), None).now_s == 0


DEEDS = st.one_of(
    st.tuples(st.just("later"), st.floats(0, 40 * DAY_S)),
    st.tuples(st.just("set"), st.floats(-40 * DAY_S, 40 * DAY_S)),
)


@given(st.lists(DEEDS, max_size=30))
def test_s18_whatever_the_wall_clock_does_time_never_goes_back_nor_a_day_ahead_of_the_boots(
    deeds: list[tuple[str, float]],
) -> None:
    machine, record, latest_s = MACHINE, FIRST, NOW_S
    for deed, seconds in deeds:
        machine = getattr(machine, deed)(seconds)
        found = machine.judge(record)
        assert found.now_s >= latest_s
        assert found.now_s <= NOW_S + machine.boot_s - MACHINE.boot_s + DAY_S
        record, latest_s = found.record, found.now_s
