"""`mcp-proxy audit erase` and `audit prune` as a person or a script meets them."""

import os
import re

import pytest
from homes import make_home
from log_desk import SetClock, ledger, read_bytes, serve_once

from mcp_proxy.cli import audit_erase as cli_erase
from mcp_proxy.cli import audit_prune as cli_prune
from mcp_proxy.cli import render
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.signed_note import verify_note
from mcp_proxy.edges.audit_erase import clear_path
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


@pytest.fixture
def old(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """The segment of a process that ended a hundred days ago."""
    wall = SetClock(monkeypatch)
    wall.set_back(100)
    path = serve_once(home)
    wall.set_back(0)
    return path


def run(*words: str, code: int = 0) -> None:
    assert main(["audit", *words]) == code


def name_of(path: str, seq: int = 1) -> str:
    return f"{os.path.basename(path).removesuffix('.jsonl')}:{seq}"


def test_erase_asks_then_erases_and_the_log_verifies(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, asked = serve_once(home), []

    def ask(question: str, _yes: bool) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr(render, "confirm", ask)
    run("erase", name_of(path), code=1)
    assert b"cus_1" in read_bytes(clear_path(path))
    run("erase", name_of(path))
    assert b"cus_1" not in read_bytes(clear_path(path))
    assert len(ledger(home, "erase")) == 1
    assert name_of(path) in asked[0]
    assert "find" in asked[0]
    run("verify")
    assert "cus_1" not in capsys.readouterr().out


def test_erase_without_a_terminal_needs_yes(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = serve_once(home)
    run("erase", name_of(path), "--yes")
    run("erase", name_of(path), "--yes")
    assert "erased before" in capsys.readouterr().err
    assert len(ledger(home, "erase")) == 1


def test_erase_ends_one_that_was_cut_off(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = serve_once(home)
    with open(clear_path(path), "rb+") as file:
        file.write(b" " * 20)
    run("erase", name_of(path), "--yes")
    assert f"Erased {name_of(path)};" in capsys.readouterr().err
    assert b"cus_1" not in read_bytes(clear_path(path))
    run("verify")


def test_erase_names_a_database_that_doctor_put_aside(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = serve_once(home)
    monkeypatch.setattr(cli_erase, "still_aside", lambda _home, _call: ("/s/state.db.bad-1",))
    for told in ("Erased", "erased before"):
        run("erase", name_of(path), "--yes")
        said = capsys.readouterr().err
        assert told in said
        assert "rm '/s/state.db.bad-1'*" in said.replace("\n", " ")


def test_a_row_of_a_call_that_was_never_made_is_asked_about_as_such(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = serve_once(home), []
    with open(clear_path(path), "ab") as file:
        file.write(read_bytes(file.name).replace(b'"seq":1,', b'"seq":9,'))
    monkeypatch.setattr(render, "confirm", lambda question, _yes: asked.append(question))
    run("erase", name_of(path, 9), code=1)
    assert "(of which the log has no entry)" in asked[0]


def test_erase_of_what_is_no_call_is_wrong_usage(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("erase", name_of(serve_once(home), 0), "--yes", code=2)
    assert "is no call" in capsys.readouterr().err
    assert ledger(home, "erase") == []


@pytest.mark.parametrize("words", [("erase",), ("prune", "--keep-days", "90")])
def test_s20_what_cannot_be_told_ends_with_5(home: Home, old: str, words: tuple[str, ...]) -> None:
    with open(ledger_path(home), "ab") as file:
        file.write(b"no entry\n")
    named = (name_of(old),) if words == ("erase",) else ()
    run(*words, *named, "--yes", code=5)
    assert segment_paths(home.state) == [old]
    assert b"cus_1" in read_bytes(clear_path(old))


def test_prune_without_any_bound_is_wrong_usage(
    home: Home, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("prune", "--yes", code=2)
    assert "--keep-days" in capsys.readouterr().err
    assert segment_paths(home.state) == [old]


def test_prune_shows_what_it_would_remove(
    home: Home, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("prune", "--keep-days", "90", "--dry-run")
    out, err = capsys.readouterr()
    assert os.path.basename(old).removesuffix(".jsonl") in out
    assert "age" in out
    assert re.fullmatch(r"1 segment, [0-9.]+ KiB; nothing was removed \(dry run\)\.\n", err)
    assert segment_paths(home.state) == [old]
    assert ledger(home, "prune") == []


def test_prune_by_its_options_or_the_settings_and_the_log_verifies(
    home: Home, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_once(home)
    run("prune", "--keep-days", "101", "--yes")
    assert "No segment" in capsys.readouterr().err
    write_settings(home, Settings(audit=AuditSettings(keep_days=90)))
    run("prune", "--yes")
    assert "Removed 1 segment;" in capsys.readouterr().err
    assert old not in segment_paths(home.state)
    assert [entry["why"] for entry in ledger(home, "prune")] == ["command"]
    run("verify")


def test_prune_asks_first(home: Home, old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "confirm", lambda _question, _yes: False)
    run("prune", "--keep-days", "90", code=1)
    assert segment_paths(home.state) == [old]


@pytest.mark.parametrize("number", ["0", "-1", "many", "1048577"])
def test_a_bound_is_a_number(home: Home, number: str) -> None:
    assert home
    with pytest.raises(SystemExit) as caught:
        run("prune", "--keep-days", number)
    assert caught.value.code == 2


def test_both_are_signed_where_the_key_is_at_hand(
    home: Home, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = Signer(home.id, bytes(32))
    for module in (cli_erase, cli_prune):
        monkeypatch.setattr(module, "find_signer", lambda _home: signer)
    run("erase", name_of(old), "--yes")
    run("prune", "--keep-days", "90", "--yes")
    for entry in ledger(home, "erase", "prune"):
        found = verify_note(entry["note"], (signer.verifier,))
        assert found is not None
        assert f"\n{entry['seq']}\n" in found[0]
    assert len(ledger(home, "erase", "prune")) == 2
