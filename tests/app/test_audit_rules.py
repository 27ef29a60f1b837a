"""Sentences of S18, S20 and S21 that the ledger made true, each by the product's own functions."""

import os
import re
from pathlib import Path

import pytest
from homes import make_home
from log_desk import ledger, log_in, serve_once

from mcp_proxy.app import admin_log
from mcp_proxy.app.audit_ledger_check import Place
from mcp_proxy.app.audit_verify import Means, Report, verify
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.edges.state_repair import replace_state

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = str(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def count_once(home: Home) -> None:
    db = StateDb(home)
    try:
        db.run_now(lambda tx: tx.execute("INSERT INTO counters VALUES (x'00', x'', 'l', 1, 9e9)"))
    finally:
        db.close()


def test_s18_the_ledger_tells_which_state_db_each_segment_began_with(home: Home) -> None:
    serve_once(home)
    count_once(home)
    serve_once(home)
    first = read_mark(home)
    assert first is not None
    replace_state(home)
    serve_once(home)
    second = read_mark(home)
    assert second is not None
    assert [entry["state"] for entry in ledger(home, "open")] == [None, first.id, second.id]
    assert first.id != second.id


def test_s20_a_command_or_a_refusal_is_one_entry_of_the_ledger_and_no_segment(home: Home) -> None:
    admin_log.record(home, "pause", profile="billing")
    admin_log.record_refusal(home, "billing", "MCPX-P03")
    (admin,), (refused,) = ledger(home, "admin"), ledger(home, "refused")
    assert (admin["what"], admin["facts"]) == ("pause", {"profile": "billing"})
    assert (refused["profile"], refused["error"]) == ("billing", "MCPX-P03")
    assert not os.path.exists(os.path.join(home.state, "audit"))


def test_s20_a_segment_is_in_the_ledger_before_its_file_is_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = []
    append = AuditLedger.append

    def noting(self: AuditLedger, kind: str, *rest: object) -> object:
        if kind == "open":
            there.append(sorted(Path(home.state).glob("audit/*/*.jsonl")))
        return append(self, kind, *rest)

    monkeypatch.setattr(AuditLedger, "append", noting)
    log = log_in(home)
    log.note("malformed")
    log.close("client ended")
    assert there == [[]]


def state_of(report: Report, about: str) -> str:
    return next(item.state for item in report.properties if item.about == about)


def signed_by(home: Home, seed: bytes) -> Signer:
    signer = Signer(home.id, seed)
    told = {"verifier": signer.verifier.line, "seal": signer.seal}
    AuditLedger(home).append("key", told, signer)
    log = log_in(home)
    log.note("malformed")
    log.close("client ended")
    AuditLedger(home).append("cut", {"bytes": 0}, signer)
    return signer


def test_s21_a_log_that_was_made_anew_as_a_whole_is_found_by_who_has_the_key_line_alone(
    home: Home,
) -> None:
    ours = signed_by(home, bytes(range(32)))
    place = Place(home.state, None)
    good = verify(place, Means((ours.verifier,), "given"))
    assert (good.good, state_of(good, "signed")) == (True, "proven")
    os.unlink(ledger_path(home))
    for path in Path(home.state).glob("audit/*/*"):
        path.unlink()
    signed_by(home, bytes(32))
    found = verify(place, Means((ours.verifier,), "given"))
    assert (found.good, state_of(found, "signed")) == (False, "broken")
    without = verify(place)
    assert (without.good, state_of(without, "signed")) == (True, "not checked here")


def test_s21_without_a_ledger_or_a_key_nothing_is_said_to_be_proven_by_them(home: Home) -> None:
    empty = verify(Place(home.state, home.id))
    assert {state_of(empty, about) for about in ("segments", "ledger", "signed", "macs")} == {
        "not proven"
    }
    serve_once(home)
    unsigned = verify(Place(home.state, home.id))
    assert state_of(unsigned, "ledger") == "proven"
    assert state_of(unsigned, "signed") == state_of(unsigned, "cut") == "not proven"


def test_s21_no_text_of_ours_calls_the_log_proof_against_tampering() -> None:
    texts = [ROOT / "README.md", *(ROOT / "mcp_proxy").rglob("*.py")]
    proof = re.compile(r"(?i)(?<!not )(tamper|forgery)[- ]?proof|cannot be (tampered|forged)")
    assert [path.name for path in texts if proof.search(path.read_text(encoding="utf-8"))] == []
