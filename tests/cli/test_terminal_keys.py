"""What a terminal sends, as keys."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.cli.terminal_keys import TerminalKeys, parse_keys


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("ab c", ["a", "b", " ", "c"]),
        ("\x1b[A\x1bOB", ["up", "down"]),
        ("\x1b", ["escape"]),
        ("\x1bx", ["escape", "x"]),
        ("\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["page_up", "page_down", "home", "end"]),
        ("\x1b[1;5Cx", ["x"]),
        ("\r\n\x7f\x08", ["enter", "enter", "backspace", "backspace"]),
        ("\x03", ["escape"]),
        ("\x01\x00\u200b", []),
        ("é", ["é"]),
    ],
)
def test_bytes_become_keys(sent: str, keys: list[str]) -> None:
    assert parse_keys(sent) == keys


@given(st.text())
def test_whatever_is_sent_keys_come_of_it(sent: str) -> None:
    assert all(key.isprintable() for key in parse_keys(sent))


def test_a_sequence_that_comes_in_two_parts_is_one_key() -> None:
    ours, theirs = pytest.importorskip("pty").openpty()
    with TerminalKeys(theirs) as keys:
        os.write(ours, b"\x1b")
        os.write(ours, b"[A\xc3")
        os.write(ours, b"\xa9")
        assert [*keys.wait(5), *keys.wait(0.2)] == ["up", "é"]
        began = time.monotonic()
        assert keys.wait(0.05) == []
        assert time.monotonic() - began < 2
    os.close(ours)
    os.close(theirs)
