"""What `profile diff` prints and returns, and what install shows of a newer version."""

import json
import os
import shutil
from pathlib import Path

import pytest
from trust_samples import SEED, installed_home, payload

from mcp_proxy.cli import render
from mcp_proxy.cli.change_view import change_lines, count_words
from mcp_proxy.cli.main import main
from mcp_proxy.core.change import NARROWER, WIDER, Change
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.edges.places import VARIABLE

ASSETS = Path(__file__).parent.parent / "assets"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with billing 3 installed, and version 4, which calls another origin, beside."""
    monkeypatch.setenv(VARIABLE, os.fspath(tmp_path / "home"))
    monkeypatch.setattr(render, "_TERMINAL", os.fspath(tmp_path / "no-terminal"))
    installed_home(os.fspath(tmp_path / "home"))
    (tmp_path / "old.payload.jsonl").write_bytes(payload())
    other = payload(version=4, url="https://other.example.com")
    (tmp_path / "new.dsse.json").write_bytes(sign_payload(other, SEED))
    return tmp_path


def path(folder: Path, name: str) -> str:
    return os.fspath(folder / name)


def test_an_installed_name_is_compared_with_a_signed_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "diff", "billing", path(folder, "new.dsse.json")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "upstream billing-api",
        '  wider     address: "https://api.example.com" -> "https://other.example.com"',
    ]
    assert "billing 3 -> 4: 1 wider." in err
    assert "waits until a person agrees" in err
    assert "new.dsse.json is read as it is: no signature" in err
    assert "billing is read as it is" not in err


def test_versions_of_a_source_are_built_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for asset in ASSETS.glob("vector.*"):
        shutil.copy(asset, tmp_path)
    text = (tmp_path / "vector.yaml").read_text().replace("maxLength: 500", "maxLength: 100")
    (tmp_path / "closer.yaml").write_text(text)
    before = sorted(os.listdir(tmp_path))
    assert (
        main(["profile", "diff", path(tmp_path, "vector.yaml"), path(tmp_path, "closer.yaml")]) == 0
    )
    out, err = capsys.readouterr()
    words = "  narrower  argument text: length at most 500 -> 100"
    assert out.splitlines() == ["tool note", words]
    assert "activates by itself" in err
    assert sorted(os.listdir(tmp_path)) == before


def test_as_json_it_gives_the_classes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = path(folder, "old.payload.jsonl"), path(folder, "new.dsse.json")
    assert main(["profile", "diff", old, new, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["wider"] is True
    assert (shown["old"]["version"], shown["new"]["version"]) == (3, 4)
    assert [one["kind"] for one in shown["changes"]] == ["wider"]
    assert main(["profile", "diff", old, old, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["wider"], shown["changes"]) == (False, [])


def test_a_version_kept_here_is_named_with_its_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = folder / "home" / "data" / "kept" / "billing"
    kept.mkdir(parents=True)
    shutil.copy(folder / "new.dsse.json", kept / "4.dsse.json")
    assert main(["profile", "diff", "billing", "billing@4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"]["version"] == 4
    assert main(["profile", "diff", "billing", "billing@5"]) == 3
    assert "Version 5 of profile billing is not kept here" in capsys.readouterr().err


def test_two_alike_are_told_to_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = path(folder, "old.payload.jsonl")
    assert main(["profile", "diff", "billing", old]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing differs but version and time of issue" in err


def test_install_shows_what_a_newer_version_changes_before_it_asks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "install", path(folder, "new.dsse.json")]) == 2
    err = capsys.readouterr().err
    assert "Version 4 follows version 3" in err
    assert '  wider     address: "https://api.example.com" -> "https://other.' in err
    assert "There is no terminal to confirm on." in err
    assert main(["profile", "install", path(folder, "new.dsse.json"), "--yes"]) == 0
    assert main(["profile", "diff", "billing", path(folder, "new.dsse.json"), "--json"]) == 0
    assert '"wider": false' in capsys.readouterr().out


def test_lines_are_grouped_by_place_and_long_words_go_below() -> None:
    changes = (
        Change(WIDER, "tool a", "description: x -> y"),
        Change(NARROWER, "tool a", "argument b:\nat most 5 -> 4\nlength at most 9 -> 8"),
        Change(WIDER, "tool c", "name"),
    )
    assert change_lines(changes) == [
        "tool a",
        "  wider     description: x -> y",
        "  narrower  argument b:",
        "            at most 5 -> 4",
        "            length at most 9 -> 8",
        "tool c",
        "  wider     name",
    ]
    assert count_words(changes) == "2 wider, 1 narrower"
    assert change_lines(()) == []
