"""The forms of an entry's fields: what our own writers write passes, anything else does not."""

import json
from typing import Any

import pytest
from core.audit_samples import segment

from mcp_proxy.core.audit_form import is_well_formed

LINES = segment().splitlines()
DECIDED: dict[str, Any] = json.loads(LINES[1])


def test_what_is_written_is_well_formed() -> None:
    assert all(is_well_formed(json.loads(line), line) for line in LINES)
    assert is_well_formed({**DECIDED, "version": None, "digest": None, "profile": None}, b"")


@pytest.mark.parametrize(
    "odd",
    [
        *({"time": time} for time in ("", 7, None, "2026-13-01T00:00:00Z", "2026-11-01 00:00:00")),
        *({"decision": word} for word in ("maybe", [], None)),
        *({"tool": name} for name in (7, [], {})),
        *({"call": call} for call in ("1", None, True, 1 << 63)),
        {"status": "200"},
        {"version": "3"},
        {"facts": [1]},
        {"rule": None},
        {"segments": "all"},
    ],
)
def test_another_form_is_none(odd: dict[str, Any]) -> None:
    assert not is_well_formed({**DECIDED, **odd}, b"")


def test_half_a_character_is_no_text() -> None:
    for text, is_text in (("\ud83d\ude00", True), ("\\ud83d", True), ("\ud83d", False)):
        line = json.dumps({**DECIDED, "rule": text}).encode()
        assert is_well_formed(json.loads(line), line) == is_text
