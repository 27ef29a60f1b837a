"""What the commands print is safe to look at."""

import json

import pytest

from mcp_proxy.cli import render


@pytest.mark.parametrize("text", ["\x9b2J", "\u202eevil", "a\u200bb", "\ud800"])
def test_s25_json_for_a_person_holds_no_hidden_characters(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    render.json_out({"text": text, "name": "Grüße"})
    shown = capsys.readouterr().out
    assert text not in shown
    assert json.loads(shown) == {"text": text, "name": "Grüße"}


def test_json_keeps_letters_of_every_language(capsys: pytest.CaptureFixture[str]) -> None:
    render.json_out({"name": "Grüße"})
    assert "Grüße" in capsys.readouterr().out
