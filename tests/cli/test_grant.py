"""`grant`: what it gives, to what, and that a person at a terminal alone gives it."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from homes import install, ledger_text, make_home, tool
from terminal import Person

from mcp_proxy.app import grants as grant_commands
from mcp_proxy.app import keychain_store
from mcp_proxy.cli import grant
from mcp_proxy.cli.main import main
from mcp_proxy.core.grant import Grant
from mcp_proxy.core.grant_conditions import parse_conditions
from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.edges import admin_policy
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.grants import read_grants, take_grant
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import settings_path
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.errors import CredentialError, HomeError, UsageError

posix = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
BOUNDS = ("--count", "3", "--for", "8h")
SMALL = ("--when", '{"amount": {"at_most": 5000}}')
ASK = ("grant", "add", "billing", "ask", *BOUNDS)
REFUND = ("grant", "add", "billing", "refund", *BOUNDS)


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a vault, whose key a variable gives, so that a child can sign."""
    made = make_home(os.path.join(os.fspath(tmp_path), "home"))
    tools = [
        tool("find"),
        tool("refund", approval="always"),
        tool("ask"),
        tool("page", approval="always", channels=("page",)),
    ]
    install(made, tools=tools)
    monkeypatch.setenv(VARIABLE, os.path.join(os.fspath(tmp_path), "home"))
    monkeypatch.setenv("WORDS", "a passphrase of this test alone")
    assert main(["vault", "init", "--from", "env:WORDS"]) == 0
    return made


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    grant.add_commands(parser.add_subparsers())
    options = parser.parse_args(words)
    return int(options.run(options))


def give(*words: str, tool_name: str = "ask") -> Grant:
    """Grants without the terminal, as `grant add` does after its answer."""
    wish = grant_commands.Wish("billing", tool_name, 3, "8h", *(words or (None,)))
    offer = grant_commands.prepare(wish)
    grant_commands.add(offer)
    return offer.grant


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run("grant", "list", "--json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def taken(home: Home, held: Grant) -> bool:
    state = StateDb(home)
    try:
        return state.run_now(lambda tx: take_grant(tx, held))
    finally:
        state.close()


@posix
def test_s1_a_grant_is_given_at_the_controlling_terminal(home: Home) -> None:
    person = Person(*ASK, *SMALL)
    person.sees("tool     ask of profile billing, version 1")
    person.sees("when     amount at most 5000")
    person.sees("at most 3, until ")
    person.sees("[y/N] ")
    assert read_grants(home).grants == ()
    person.types("y")
    person.sees("Granted")
    assert person.ends() == 0
    (held,) = read_grants(home).grants
    assert (held.tool, held.when, held.uses) == ("ask", ({"amount": {"at_most": 5000}},), 3)
    assert held.expires - held.issued == 8 * 3_600


@posix
@pytest.mark.parametrize("answer", ["y", "Refund"])
def test_s17_a_destructive_tool_is_granted_by_its_name_alone(home: Home, answer: str) -> None:
    person = Person(*REFUND, *SMALL)
    person.sees("type the tool's name: ")
    person.types(answer)
    person.sees("Nothing was granted.")
    assert person.ends() == 1
    assert read_grants(home).grants == ()


@posix
def test_s17_the_name_of_a_destructive_tool_grants_it(home: Home) -> None:
    person = Person(*REFUND, *SMALL)
    person.sees("effect   destructive")
    person.sees("type the tool's name: ")
    person.types("refund")
    assert person.ends() == 0
    assert [held.tool for held in read_grants(home).grants] == ["refund"]


@posix
def test_s1_a_grant_by_a_pipe_or_argv_alone_is_none(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_proxy", *ASK],
        input="y\nyes\nask\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a person at a terminal" in done.stderr
    assert read_grants(home).grants == ()


@pytest.mark.parametrize("option", ["--yes", "-y"])
def test_s1_a_grant_takes_no_yes(home: Home, option: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*ASK, option)
    assert caught.value.code == 2
    assert read_grants(home).grants == ()


@posix
def test_s25_what_cannot_be_seen_in_a_condition_is_shown_by_its_number(home: Home) -> None:
    person = Person(*ASK, "--when", json.dumps({"customer": {"is": "c\u202e1\x1b[2J"}}))
    person.sees('customer is "c[U+202E]1\\u001b[2J"')
    person.sees("[y/N] ")
    person.types("n")
    assert person.ends() == 1
    assert read_grants(home).grants == ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("grant", "add", "billing", "find", *BOUNDS), "ask nobody"),
        (("grant", "add", "billing", "nonsense", *BOUNDS), "has no tool 'nonsense'"),
        (("grant", "add", "billing", "page", *BOUNDS), "approved by page alone"),
        (REFUND, "needs conditions"),
        (("grant", "add", "billing", "ask", "--count", "0", "--for", "8h"), "from 1 to 1000"),
        (("grant", "add", "billing", "ask", "--count", "1001", "--for", "8h"), "from 1 to 1000"),
        (("grant", "add", "billing", "ask", "--count", "1", "--for", "8"), "30m, 8h or 5d"),
        (("grant", "add", "billing", "ask", "--count", "1", "--for", "31d"), "at most 30d"),
        ((*ASK, "--when", "nonsense"), "not valid JSON"),
        ((*ASK, "--when", "[]"), "1 to 16 maps"),
        ((*ASK, "--when", "{}"), "map of arguments"),
        ((*ASK, "--when", '{"total": {"is": 1}}'), "'total' is no argument"),
        ((*ASK, "--when", '{"amount": {}}'), "compares nothing"),
        ((*ASK, "--when", '{"/customer/vip": {"present": false}}'), "describes no vip"),
        ((*ASK, "--when", '{"/customer/*": {"present": false}}'), "name one"),
        ((*ASK, "--when", '{"amount": {"about": 5}}'), "'about' is none of above"),
        ((*ASK, "--when", '{"amount": {"at_most": "5"}}'), "needs a number"),
        ((*ASK, "--when", '{"amount": {"at_most": true}}'), "needs a number"),
        ((*ASK, "--when", '{"customer": {"in": []}}'), "needs a list"),
        ((*ASK, "--when", '{"customer": {"is": null}}'), "needs a text"),
        ((*ASK, "--when", '{"customer": {"matches": "("}}'), "needs a pattern"),
        ((*ASK, "--when", '{"customer": {"present": 1}}'), "needs true or false"),
    ],
)
def test_what_cannot_be_granted_is_refused_before_anybody_is_asked(
    home: Home, words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run(*words)
    assert told in caught.value.why
    assert read_grants(home).grants == ()


@pytest.mark.parametrize("when", [(), ("--when", "nonsense")], ids=["none", "no JSON"])
def test_the_example_of_a_condition_names_an_argument_of_the_tool(
    home: Home, when: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        run(*REFUND, *when)
    assert caught.value.next.endswith("""--when '{"customer": {"in": ["..."]}}'""")
    assert home.id


def test_the_example_goes_by_the_type_of_the_argument(home: Home) -> None:
    one = {"it's": ArgumentRule("query", "x", "form", True, "one")}
    for version, kind, tests in (
        (2, {"type": "integer"}, {"at_most": 5000}),
        (3, {"type": "boolean"}, {"is": False}),
        (4, {"type": ["string", "null"]}, {"in": ["..."]}),
    ):
        held = tool("refund", approval="always", arguments=one)
        held = held._replace(enforced={"type": "object", "properties": {"it's": kind}})
        install(home, tools=[held], version=version)
        with pytest.raises(UsageError) as caught:
            run(*REFUND)
        shown = shlex.split(caught.value.next)[-1]
        assert json.loads(shown) == {"it's": tests}
        assert parse_conditions(json.loads(shown), ["it's"])


def test_s1_nobody_is_asked_where_nothing_could_keep_the_key_that_signs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_home: Home) -> None:
        raise CredentialError("MCPX-C02", "The system has no keychain.")

    monkeypatch.setattr(keychain_store, "system_keychain", silent)
    os.unlink(settings_path(home))
    with pytest.raises(CredentialError) as caught:
        run(*ASK)
    assert (caught.value.id, caught.value.next) == ("MCPX-C02", "mcp-proxy vault init")
    assert read_grants(home).grants == ()


def test_s1_an_administrator_who_takes_the_terminal_away_takes_grants_away(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = admin_policy.read_policy()._replace(channels=frozenset({"page"}))
    monkeypatch.setattr(grant_commands, "read_policy", lambda: policy)
    with pytest.raises(UsageError, match="administrator"):
        run(*ASK)
    assert read_grants(home).grants == ()


def test_the_list_shows_what_is_left(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("grant", "list") == 0
    assert "Nothing is granted." in capsys.readouterr().err
    held = give()
    (row,) = listed(capsys)
    assert (row["id"], row["used"], row["uses"], row["state"]) == (held.id, 0, 3, "in force")
    for _ in range(3):
        assert taken(home, held)
    (row,) = listed(capsys)
    assert (row["used"], row["state"]) == (3, "used up")
    run("grant", "list")
    out = capsys.readouterr().out
    assert "3 of 3" in out
    assert "with any arguments" in out


def test_a_grant_of_another_version_is_told_as_such(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    give()
    install(home, version=2)
    assert [row["state"] for row in listed(capsys)] == ["for another version"]


def test_s17_a_grant_taken_back_is_used_up_too_so_that_an_older_file_is_worth_nothing(
    home: Home,
) -> None:
    held = give()
    path = os.path.join(home.config, "grants.json")
    with open(path, "rb") as file:
        older = file.read()
    assert run("grant", "revoke", held.id[:8]) == 0
    assert read_grants(home).grants == ()
    write_file(path, older)
    assert read_grants(home).grants == (held,)
    assert not taken(home, held)


@pytest.mark.parametrize("which", ["", "0", "zzzz", "ask"])
def test_a_grant_is_taken_back_by_an_id_that_is_one(home: Home, which: str) -> None:
    held = give()
    with pytest.raises(UsageError, match="begins with"):
        run("grant", "revoke", which)
    assert read_grants(home).grants == (held,)


def test_s1_grants_are_logged_with_their_bounds(home: Home) -> None:
    held = give()
    run("grant", "revoke", held.id)
    notes = [line for line in ledger_text(home).splitlines() if held.id in line]
    assert len(notes) == 2
    assert '"count":3' in notes[0]
    assert '"minutes":480' in notes[0]


def test_a_damaged_file_is_told_with_what_mends_it(home: Home) -> None:
    write_file(os.path.join(home.config, "grants.json"), b"damaged")
    with pytest.raises(HomeError, match="no grant counts"):
        run("grant", "list")
    with pytest.raises(HomeError, match="no grant counts"):
        give()


def test_ended_grants_make_room_for_new_ones(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Callable[[], float] = grant_commands.clock.now_s
    give()
    monkeypatch.setattr(grant_commands.clock, "now_s", lambda: clock() + 9 * 3_600)
    later = give()
    assert read_grants(home).grants == (later,)
