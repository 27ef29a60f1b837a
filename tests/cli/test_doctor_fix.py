"""`doctor --fix` asks at the controlling terminal; no pipe, option or variable answers for it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from homes import commands, ledger_text, make_home
from terminal import Person

from mcp_proxy.app import admin_log
from mcp_proxy.app.ledger_mending import mend_ledger
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_file import state_path
from mcp_proxy.errors import AuditError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    made = make_home(folder)
    db = StateDb(made)
    db.run_now(lambda tx: tx.execute("INSERT INTO counters VALUES (x'00', x'', 'l', 1, 9e9)"))
    db.close()
    os.unlink(state_path(made))
    return made


def test_s18_a_person_at_the_terminal_starts_a_new_database(home: Home) -> None:
    person = Person("doctor", "--fix")
    person.sees("Start a new one? [y/N]")
    person.types("y")
    person.sees("A new state.db is in place")
    person.sees("ok  limits")
    person.ends()
    assert os.path.exists(state_path(home))


@pytest.mark.parametrize("said", ["y\n", "yes\n" * 9])
def test_s1_a_pipe_mends_nothing(home: Home, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_proxy", "doctor", "--fix"],
        input=said,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a person at a terminal" in done.stderr
    assert not os.path.exists(state_path(home))


def test_s20_a_person_at_the_terminal_begins_a_ledger_after_a_damaged_one(home: Home) -> None:
    damage(home)
    person = Person("doctor", "--fix")
    person.sees("no entry of the ledger")
    person.types("y")
    person.sees("A new ledger is in place")
    person.sees("Start a new one? [y/N]")
    person.types("n")
    person.sees("ok  audit log")
    person.ends()
    aside = [path for path in Path(home.state).iterdir() if ".damaged-" in path.name]
    assert [path.read_bytes().endswith(b"damage\n") for path in aside] == [True]
    first = json.loads(ledger_text(home).splitlines()[0])
    assert first["follows"] == hashlib.sha256(aside[0].read_bytes()).hexdigest()
    assert commands(home)[0]["facts"] == {"did": "ledger replaced"}


def damage(home: Home) -> Path:
    """The ledger's file, whose last line is no entry any more."""
    admin_log.record(home, "trust add")
    path = Path(ledger_path(home))
    path.write_bytes(path.read_bytes() + b"damage\n")
    return path


def test_s20_whoever_says_no_keeps_the_damaged_ledger_and_nothing_can_be_logged(
    home: Home,
) -> None:
    path = damage(home)
    held = path.read_bytes()
    told = list(mend_ledger(home, lambda _question: ""))
    assert told == ["Nothing was changed. What has to be logged stays refused."]
    assert path.read_bytes() == held
    with pytest.raises(AuditError) as caught:
        admin_log.record(home, "trust add")
    assert (caught.value.id, caught.value.next) == ("MCPX-A02", "mcp-proxy doctor --fix")


def test_a_whole_ledger_asks_nobody(home: Home) -> None:
    def nobody(_question: str) -> str:
        raise AssertionError("asked")

    assert list(mend_ledger(home, nobody)) == []
    admin_log.record(home, "trust add")
    assert list(mend_ledger(home, nobody)) == []
