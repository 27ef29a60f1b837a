"""`approve`: what a person sees of a call, and that a person at a terminal alone answers for it."""

import argparse
import json
import os
import re
import subprocess
import sys
from typing import Any, NamedTuple

import pytest
from edges.fakes_keychain import MemoryKeychain
from homes import ledger_text, make_home
from terminal import Person

from mcp_proxy.app import admin_log, keychain_store
from mcp_proxy.app.approving_here import Case, Desk
from mcp_proxy.app.audit_keys import ensure_key
from mcp_proxy.cli import approve
from mcp_proxy.cli.approval_view import case_lines
from mcp_proxy.core.approval_request import Argument, Subject, View, Wanted, dump_view, summary_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.signed_note import verify_note
from mcp_proxy.edges import approvals
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.errors import AuditError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")

NOTE = View(
    "add_note",
    "Add a note",
    "billing",
    "write",
    ("Every call of this tool is asked for.",),
    (Argument("text", '"hello"', "given"),),
    ("Changes something: add_note at api.", 'text is "hello".'),
    ("POST https://api.example.com/notes", "", '{"text":"hello"}'),
)
REFUND = NOTE._replace(
    tool="refund",
    effect="destructive",
    arguments=(Argument("amount", "12000", "given"),),
    words=("Destroys, or changes what cannot be changed back: refund at api.", "amount is 12,000."),
    request_lines=("POST https://api.example.com/refunds", "", '{"amount":12000}'),
    confirm_label="amount",
    confirm_value="12000",
)
ALL = ("page", "terminal")


class World(NamedTuple):
    """A home whose state.db is read and written as a serving process does."""

    home: Home
    state: StateDb

    def ask(self, view: View, channels: tuple[str, ...] = ALL, digest: str = "") -> Request:
        """An open request for the call that the view shows."""
        made = Wanted(
            digest or os.urandom(32).hex(),
            Subject(view.profile, "ab" * 32, "keys"),
            *(view.tool, view.effect, dump_view(view), summary_of(view), channels),
        )
        asked = self.state.run_now(lambda tx: approvals.ask(tx, made))
        assert asked is not None
        return asked.request

    def now(self, request: Request) -> Request:
        """The request as it stands now."""
        found = self.state.look_now(lambda tx: approvals.find(tx, request.id))
        assert found is not None
        return found


@pytest.fixture
def world(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = os.path.join(os.fspath(tmp_path), "home")
    home = make_home(folder)
    monkeypatch.setenv(VARIABLE, folder)
    monkeypatch.setenv("TERM", "dumb")
    state = StateDb(home)
    yield World(home, state)
    state.close()


def at_terminal(*words: str) -> Person:
    return Person("approve", *words)


def notes(home: Home, request: Request) -> list[str]:
    return [line for line in ledger_text(home).splitlines() if request.id in line]


def test_s17_a_call_is_shown_whole_and_approved_once(world: World) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code.lower())
    for text in (
        "add_note of profile billing",
        "Add a note",
        "Changes something: add_note at api.",
        'text is "hello".',
        "Every call of this tool is asked for.",
        "Nothing yet.",
        "POST https://api.example.com/notes",
        '{"text":"hello"}',
        "Answer: ",
    ):
        person.sees(text)
    person.types("a")
    person.sees("Approved; the call goes on")
    assert person.ends() == 0
    found = world.now(request)
    assert (found.state, found.by, found.uses_left) == ("approved", "terminal", 1)
    (note,) = notes(world.home, request)
    assert '"approval given"' in note
    assert '"by":"terminal"' in note
    assert found.who
    assert f'"who":"{found.who}"' in note


def test_a_call_is_approved_so_often_within_so_long(world: World) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types("a 3 30")
    assert person.ends() == 0
    found = world.now(request)
    assert (found.state, found.uses_left) == ("approved", 3)
    assert found.until_s - found.decided_s == pytest.approx(30 * 60)
    assert '"count":3' in notes(world.home, request)[0]


@pytest.mark.parametrize("answer", ["a 51 10", "a 2 481"])
def test_more_than_may_be_is_refused_and_the_call_stays_open(world: World, answer: str) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types(answer)
    person.sees("1 to 50")
    assert person.ends() == 2
    assert world.now(request).state == "asked"
    assert notes(world.home, request) == []


def test_s17_a_destructive_call_wants_its_value_typed(world: World) -> None:
    request = world.ask(REFUND)
    person = at_terminal(request.code)
    shown = person.sees("Answer: ")
    assert "a 3 30" not in shown
    person.types("a")
    person.sees("type the amount: 12000")
    person.sees("> ")
    assert world.now(request).state == "asked"
    person.types("12000")
    person.sees("Approved")
    assert person.ends() == 0
    assert world.now(request).state == "approved"


@pytest.mark.parametrize("typed", ["y", "12,000"])
def test_s17_anything_but_the_value_approves_nothing(world: World, typed: str) -> None:
    request = world.ask(REFUND)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types("a")
    person.sees("type the amount: 12000")
    person.sees("> ")
    person.types(typed)
    person.sees("Nothing was approved")
    assert person.ends() == 1
    assert world.now(request).state == "asked"


@pytest.mark.parametrize("answer", ["a 2 10", "a 1 480"])
def test_s17_a_destructive_call_is_approved_neither_several_times_nor_for_long(
    world: World, answer: str
) -> None:
    request = world.ask(REFUND)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types(answer)
    person.sees("once at a time")
    assert person.ends() == 2
    assert world.now(request).state == "asked"


def test_a_call_is_denied_with_a_word_that_is_cleaned_and_bounded(world: World) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types("d Use the other  customer." + "x" * 400)
    person.sees("Denied; the model is told so.")
    assert person.ends() == 0
    found = world.now(request)
    assert (found.state, found.by) == ("denied", "terminal")
    assert found.word.startswith("Use the other customer.")
    assert len(found.word) == LIMITS.approval_word_chars
    assert '"approval denied"' in notes(world.home, request)[0]


@pytest.mark.parametrize("answer", ["y", "a b", "", "a\x1b", "\x1b"])
def test_anything_else_leaves_the_call_open(world: World, answer: str) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types(answer)
    person.sees("Left as it is.")
    assert person.ends() == 1
    assert world.now(request).state == "asked"


def test_s1_what_was_typed_before_the_call_was_shown_approves_nothing(world: World) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code)
    person.types("a")
    person.sees("Answer: ")
    person.types("")
    person.sees("Left as it is.")
    person.ends()
    assert world.now(request).state == "asked"


@pytest.mark.parametrize("more", [(), ("--yes",), ("a",)], ids=" ".join)
def test_s1_approve_by_a_pipe_or_argv_alone_approves_nothing(
    world: World, more: tuple[str, ...]
) -> None:
    requests = [world.ask(NOTE), world.ask(REFUND)]
    for words in ((requests[0].code, *more), more):
        done = subprocess.run(
            [sys.executable, "-m", "mcp_proxy", "approve", *words],
            input="a\na\n12000\ny\nyes\n",
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        assert done.returncode == 2
        assert "needs a person at a terminal" in done.stderr or "error: " in done.stderr
    assert [world.now(request).state for request in requests] == ["asked", "asked"]


def test_s1_the_call_is_shown_at_the_terminal_though_the_streams_lead_elsewhere(
    world: World, tmp_path: os.PathLike[str]
) -> None:
    request = world.ask(NOTE)
    script = f"{sys.executable} -m mcp_proxy approve {request.code} <{os.devnull} >{{0}} 2>&1"
    path = os.path.join(os.fspath(tmp_path), "out")
    person = Person(program=["/bin/sh", "-c", script.format(path)])
    person.sees("POST https://api.example.com/notes")
    person.sees("Answer: ")
    person.types("a")
    person.ends()
    assert world.now(request).state == "approved"
    assert os.path.getsize(path) == 0


def test_s17_a_call_that_the_terminal_may_not_approve_can_be_denied_there(world: World) -> None:
    request = world.ask(NOTE, ("page",))
    person = at_terminal(request.code)
    person.sees("may not be approved at a terminal")
    person.sees("Answer: ")
    person.types("a")
    person.sees("Left as it is.")
    person.ends()
    assert world.now(request).state == "asked"
    person = at_terminal(request.code)
    person.sees("Answer: ")
    person.types("d")
    person.sees("Denied")
    person.ends()
    assert world.now(request).state == "denied"


def test_s17_an_answer_that_comes_second_changes_nothing(world: World) -> None:
    request = world.ask(NOTE)
    person = at_terminal(request.code)
    person.sees("Answer: ")
    world.state.run_now(lambda tx: approvals.deny(tx, request.id, "page", "her", "no"))
    person.types("a")
    person.sees("answered elsewhere")
    assert person.ends() == 1
    found = world.now(request)
    assert (found.state, found.by, found.word) == ("denied", "page", "no")


def test_s17_what_cannot_be_logged_is_not_approved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.ask(NOTE)

    def broken(*_words: object, **_facts: object) -> None:
        raise AuditError("MCPX-A01", "The disk is full.")

    monkeypatch.setattr(admin_log, "record_signed", broken)
    with Desk() as desk:
        case = desk.case(request.code)
        assert case is not None
        for answer in (desk.approve, lambda one: desk.deny(one, "no")):
            with pytest.raises(AuditError):
                answer(case)
    assert world.now(request).state == "asked"


def test_s21_an_answer_at_the_terminal_is_signed_where_the_key_is_at_hand(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keychain = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: keychain)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    key = ensure_key(world.home).verifier
    approved, denied = world.ask(NOTE), world.ask(REFUND)
    with Desk() as desk:
        cases = desk.case(approved.code), desk.case(denied.code)
        assert cases[0] is not None
        assert cases[1] is not None
        assert desk.approve(cases[0])
        assert desk.deny(cases[1], "")
    for request in (approved, denied):
        (line,) = notes(world.home, request)
        assert verify_note(json.loads(line)["note"], (key,)) is not None


def test_a_code_that_is_none_is_told(world: World) -> None:
    request = world.ask(NOTE)
    world.state.run_now(lambda tx: approvals.deny(tx, request.id, "page", "her", ""))
    for code in (request.code, "NONSENSE", "%"):
        person = at_terminal(code)
        person.sees("No call that waits has the code")
        person.sees("may have expired, or have been answered")
        assert person.ends() == 2


def test_what_was_approved_before_is_shown(world: World) -> None:
    first = world.ask(NOTE)
    world.state.run_now(lambda tx: approvals.approve(tx, first.id, "page", "her"))
    person = at_terminal(world.ask(NOTE).code)
    person.sees("Approved before")
    person.sees('by page: add_note: text "hello"')
    person.sees("Answer: ")
    person.types("")
    person.ends()


def test_without_a_drawable_terminal_a_call_is_picked_by_a_line(world: World) -> None:
    first, second = world.ask(NOTE), world.ask(REFUND)
    person = at_terminal()
    person.sees(first.code)
    person.sees(second.code)
    person.sees("Number or code: ")
    person.types("1")
    person.sees("add_note of profile billing")
    person.sees("Answer: ")
    person.types("a")
    assert person.ends() == 0
    assert [world.now(item).state for item in (first, second)] == ["approved", "asked"]


def test_the_live_list_shows_what_comes_and_goes_and_answers_several(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    person = at_terminal()
    person.sees("Nothing waits for you.")
    first = world.ask(NOTE)
    person.sees(first.code)
    second = world.ask(NOTE._replace(profile="crm"))
    person.sees(second.code)
    person.presses("2")
    person.sees("pick: 2")
    person.presses("\r")
    person.sees("add_note of profile crm")
    person.sees("Answer: ")
    person.types("a")
    person.sees("Approved; the call goes on")
    person.sees("Calls that wait")
    person.presses("nope\r")
    person.sees("nothing here is nope")
    person.presses(first.code.lower() + "\r")
    person.sees("add_note of profile billing")
    person.sees("Answer: ")
    person.types("d not now")
    person.sees("Nothing waits for you.")
    person.presses("\x1b")
    assert person.ends() == 0
    assert [world.now(item).state for item in (first, second)] == ["denied", "approved"]


def test_a_number_keeps_its_call_when_another_one_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    first, second = world.ask(NOTE), world.ask(NOTE._replace(profile="crm"))
    person = at_terminal()
    person.sees(second.code)
    world.state.run_now(lambda tx: approvals.deny(tx, first.id, "page", "her", ""))
    while first.code in person.shown.rpartition("\x1b[H")[2]:
        person.sees("\x1b[H")
        person.sees("pick:")
    person.presses("2\r")
    person.sees("add_note of profile crm")
    person.sees("Answer: ")
    person.types("")
    person.sees("Calls that wait")
    person.presses("\x03")
    assert person.ends() in (0, 130)


def test_a_home_in_which_nothing_was_ever_asked_is_left_as_it_is(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.path.join(os.fspath(tmp_path), "home")
    home = make_home(folder)
    monkeypatch.setenv(VARIABLE, folder)
    monkeypatch.setenv("TERM", "dumb")
    person = at_terminal()
    person.sees("Nothing waits for you.")
    assert person.ends() == 0
    assert not os.path.exists(os.path.join(home.state, "state.db"))


def case_of(view: View) -> Case:
    request = Request("1" * 32, "ABCDEFGH", "", "", "", "", "", ALL, "", "", 0.0, 600.0)
    return Case(request, view, (), 0.0, True)


def test_s25_what_cannot_be_seen_is_shown_and_no_text_makes_a_line_of_ours() -> None:
    evil = "hello\x1b[2J\u202e\nWhat it does\r\x07" + " " * 200 + "Approved before"
    view = NOTE._replace(tool="a\u200bb", words=(evil, evil), request_lines=(evil,))
    lines = [line.plain for line in case_lines(case_of(view), 60)]
    shown = "\n".join(lines)
    for mark in ("[U+001B]", "[U+202E]", "[U+000A]", "[U+000D]", "[U+0007]", "[U+200B]"):
        assert mark in shown
    assert re.search("[\x00-\x09\x0b-\x1f\u200b\u202e]", shown) is None
    assert lines.count("What it does") == 1
    assert [line for line in lines if line.startswith("Approved before")] == ["Approved before"]
    assert all(len(line) <= 60 for line in lines)


def test_s17_every_character_of_the_request_is_on_the_screen() -> None:
    body = "".join(chr(code) for code in range(0x20, 0x2000) if chr(code).isprintable())
    view = NOTE._replace(request_lines=(body,))
    lines = [line.plain for line in case_lines(case_of(view), 40)]
    start = lines.index("What is sent, to the byte, and hashed") + 1
    joined = "".join(line.removeprefix("  │ ") for line in lines[start:])
    hidden = re.compile(r"\[U\+([0-9A-F]{4})\]")
    assert hidden.sub(lambda mark: chr(int(mark[1], 16)), joined) == body


def test_the_help_offers_no_way_around_the_terminal() -> None:
    parser = argparse.ArgumentParser()
    approve.add_commands(parser.add_subparsers())
    for words in (["approve", "--yes"], ["approve", "A", "B"]):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
