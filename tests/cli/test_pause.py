"""`pause` and `resume`: what they stop, and that a person at a terminal alone resumes."""

import argparse
import os
import subprocess
import sys

import pytest
from homes import OTHER_SEED, install, ledger_text, make_home, tool, trust
from terminal import Person

from mcp_proxy.app import pausing
from mcp_proxy.app.contract import ProfileContract
from mcp_proxy.app.login_status import PAUSED, read_status
from mcp_proxy.cli import pause, resume, status
from mcp_proxy.core.policy import Deny
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.pauses import read_pauses
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.profile_store import load_profile, read_generation
from mcp_proxy.errors import AuditError, UsageError

posix = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    made = make_home(os.path.join(os.fspath(tmp_path), "home"), "billing", "crm", "find")
    install(made)
    install(made, name="crm", tools=[tool("find")])
    monkeypatch.setenv(VARIABLE, os.path.join(os.fspath(tmp_path), "home"))
    return made


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for group in (pause, resume, status):
        group.add_commands(commands)
    options = parser.parse_args(words)
    return int(options.run(options))


class Running:
    """A serving process's contract."""

    def __init__(self, home: Home, profile: str = "billing") -> None:
        self.held = load_profile(home, profile, clock.now_s())
        nothing = [lambda: None, lambda: None]
        self.contract = ProfileContract(home, self.held, read_generation(home), *nothing)

    def denial(self, name: str = "find") -> Deny | None:
        found = self.contract.ready(name, clock.now_s())
        return found if isinstance(found, Deny) else None

    def verdict(self, name: str = "find") -> str:
        denial = self.denial(name)
        return "ready" if denial is None else denial.id


def notes(home: Home) -> list[str]:
    return [line for line in ledger_text(home).splitlines() if '"what":"' in line]


def test_s6_a_paused_profile_denies_in_a_running_process_at_once(home: Home) -> None:
    billing, crm = Running(home), Running(home, "crm")
    assert run("pause", "billing", "--reason", "month end") == 0
    denial = billing.denial()
    assert denial is not None
    assert (denial.id, denial.rule) == ("MCPX-D11", "paused")
    assert "profile billing" in denial.text
    assert "month end" in denial.text
    assert "mcp-proxy resume billing" in denial.text
    assert crm.verdict() == "ready"


def test_s6_a_process_that_starts_later_is_paused_too(home: Home) -> None:
    run("pause", "billing")
    assert Running(home).verdict() == "MCPX-D11"


def test_a_tool_of_one_profile_is_paused_there_alone(home: Home) -> None:
    billing, crm = Running(home), Running(home, "crm")
    run("pause", "billing/find")
    assert (billing.verdict(), billing.verdict("refund")) == ("MCPX-D11", "ready")
    assert crm.verdict() == "ready"


def test_a_tool_alone_is_paused_in_every_profile_even_one_installed_later(home: Home) -> None:
    billing, crm = Running(home), Running(home, "crm")
    run("pause", "find")
    assert (billing.verdict(), crm.verdict()) == ("MCPX-D11", "MCPX-D11")
    assert billing.verdict("refund") == "ready"
    install(home, name="find", tools=[tool("find"), tool("ask")])
    assert Running(home, "find").verdict() == "MCPX-D11"
    assert Running(home, "find").verdict("ask") == "ready"


def test_a_name_of_a_profile_and_a_tool_pauses_both(home: Home) -> None:
    install(home, name="find", tools=[tool("ask")])
    run("pause", "find")
    assert Running(home, "find").verdict("ask") == "MCPX-D11"
    assert Running(home).verdict("find") == "MCPX-D11"


def test_all_pauses_everything_resources_and_prompts_too(home: Home) -> None:
    billing = Running(home)
    run("pause", "--all")
    assert billing.verdict() == "MCPX-D11"
    now_s = clock.now_s()
    contract = billing.contract
    for found in (
        contract.resource("docs://x", now_s),
        contract.prompt("greet", now_s),
        contract.holdings(now_s),
    ):
        assert isinstance(found, Deny)
        assert found.id == "MCPX-D11"


def test_a_broken_file_denies_every_call_and_names_what_mends_it(home: Home) -> None:
    write_file(os.path.join(home.state, "paused.json"), b"damaged")
    denial = Running(home).denial()
    assert denial is not None
    assert denial.id == "MCPX-D11"
    assert "mcp-proxy resume --all" in denial.text


def test_a_pause_over_a_broken_file_keeps_everything_paused(home: Home) -> None:
    write_file(os.path.join(home.state, "paused.json"), b"damaged")
    run("pause", "crm")
    assert Running(home).verdict() == "MCPX-D11"
    assert not read_pauses(home).is_broken


def test_a_pause_twice_is_one_and_keeps_its_first_time(home: Home) -> None:
    run("pause", "billing")
    first = read_pauses(home)
    run("pause", "billing", "--reason", "again")
    assert read_pauses(home) == first


def test_a_profile_that_is_not_trusted_any_more_can_be_paused(home: Home) -> None:
    trust(home, OTHER_SEED)
    assert run("pause", "billing") == 0
    assert read_pauses(home).of("billing", "find") is not None


@pytest.mark.parametrize("name", ["nonsense", "billing/", "/find", "x/find", "billing/../x", ""])
def test_a_name_that_nothing_here_has_is_refused(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="Nothing here is called"):
        run("pause", name)
    assert read_pauses(home).rows == ()


def test_a_tool_that_the_installed_version_lacks_is_paused_with_a_warning(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pause", "billing/older") == 0
    assert "has no tool older" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("billing", "--all")])
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_either_a_name_or_all_is_given(home: Home, command: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--all"):
        run(command, *words)
    assert home.id


def test_s1_pause_and_resume_are_logged_before_they_take_effect(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("pause", "billing/find", "--reason", "not for the log")
    assert any('"pause"' in note and '"find"' in note for note in notes(home))
    assert not any("not for the log" in note for note in notes(home))
    held = read_pauses(home)

    def broken(*_words: object, **_facts: object) -> None:
        raise AuditError("MCPX-A01", "The disk is full.")

    monkeypatch.setattr("mcp_proxy.app.admin_log.record", broken)
    with pytest.raises(AuditError):
        run("pause", "crm")
    assert read_pauses(home) == held


def test_status_shows_what_is_paused(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run("pause", "billing/find", "--reason", "month end")
    run("pause", "find")
    capsys.readouterr()
    assert run("status") == 0
    out, err = capsys.readouterr()
    assert out.count("paused") == 2
    assert [(row.upstream, row.tool) for row in read_status("crm")] == [("", "find")]
    assert 'A person has paused tool find of profile billing: "month end"' in err
    assert "next:  mcp-proxy resume billing/find" in err
    assert [row.profile for row in read_status("crm") if row.state == PAUSED] == ["*"]


def test_doctor_tells_what_is_paused(home: Home) -> None:
    assert list(pausing.check_pauses(home)) == []
    run("pause", "billing/find", "--reason", "month end")
    (check,) = pausing.check_pauses(home)
    assert (check.ok, check.next) == (True, "mcp-proxy resume billing/find")
    assert check.found == 'A person has paused tool find of profile billing: "month end"'
    write_file(os.path.join(home.state, "paused.json"), b"damaged")
    assert [check.ok for check in pausing.check_pauses(home)] == [False]


@posix
def test_s1_resume_is_answered_at_the_controlling_terminal(home: Home) -> None:
    billing = Running(home)
    run("pause", "billing", "--reason", "month end")
    run("pause", "crm")
    person = Person("resume", "billing")
    person.sees("profile billing, since ")
    person.sees("(month end)")
    person.sees("[y/N] ")
    assert billing.verdict() == "MCPX-D11"
    person.types("y")
    person.sees("Resumed: profile billing.")
    person.sees("Still paused: profile crm.")
    assert person.ends() == 0
    assert billing.verdict() == "ready"


@posix
@pytest.mark.parametrize("answer", ["", "n", "yes please", "resume billing"])
def test_s1_anything_but_yes_resumes_nothing(home: Home, answer: str) -> None:
    run("pause", "billing")
    person = Person("resume", "billing")
    person.sees("[y/N] ")
    person.types(answer)
    person.sees("Nothing was changed.")
    assert person.ends() == 1
    assert Running(home).verdict() == "MCPX-D11"


@posix
def test_s1_what_was_typed_before_the_question_is_no_answer(home: Home) -> None:
    run("pause", "billing")
    person = Person("resume", "billing")
    person.types("y")
    person.sees("[y/N] ")
    person.types("n")
    person.sees("Nothing was changed.")
    assert person.ends() == 1
    assert Running(home).verdict() == "MCPX-D11"


@posix
@pytest.mark.parametrize("words", [("resume", "billing"), ("resume", "--all")])
def test_s1_resume_by_a_pipe_or_argv_alone_changes_nothing(
    home: Home, words: tuple[str, ...]
) -> None:
    run("pause", "billing")
    done = subprocess.run(
        [sys.executable, "-m", "mcp_proxy", *words],
        input="y\ny\nyes\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a person at a terminal" in done.stderr
    assert Running(home).verdict() == "MCPX-D11"


@pytest.mark.parametrize("option", ["--yes", "-y"])
def test_s1_resume_takes_no_yes(home: Home, option: str) -> None:
    run("pause", "billing")
    with pytest.raises(SystemExit) as caught:
        run("resume", "billing", option)
    assert caught.value.code == 2
    assert Running(home).verdict() == "MCPX-D11"


@posix
def test_resume_all_ends_every_pause_and_mends_a_broken_file(home: Home) -> None:
    run("pause", "billing")
    run("pause", "find")
    write_file(os.path.join(home.state, "paused.json"), b"damaged")
    with pytest.raises(UsageError, match="resumed as a whole"):
        run("resume", "billing")
    person = Person("resume", "--all")
    person.sees("[y/N] ")
    person.types("y")
    assert person.ends() == 0
    assert Running(home).verdict() == "ready"


def test_what_breaks_while_a_person_is_asked_stays_paused(home: Home) -> None:
    run("pause", "crm")
    run("pause", "billing")
    found = pausing.find_paused("billing")
    write_file(os.path.join(home.state, "paused.json"), b"damaged")
    pausing.resume(found)
    assert (Running(home).verdict(), Running(home, "crm").verdict()) == ("MCPX-D11", "MCPX-D11")


def test_resume_of_what_is_not_paused_is_told_what_is(home: Home) -> None:
    with pytest.raises(UsageError, match="Nothing called 'billing' is paused"):
        run("resume", "billing")
    run("pause", "crm")
    with pytest.raises(UsageError, match="Paused: crm"):
        run("resume", "billing")
