"""The controlling terminal: opened by name, emptied before each question, never replaced."""

import os
import subprocess
import sys

import pytest
from terminal import Person

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")

# Asks twice, and says what was read.
_ASK = """
import sys, time
from mcp_proxy.edges.controlling_terminal import ControllingTerminal
from mcp_proxy.errors import UsageError
try:
    with ControllingTerminal() as terminal:
        for question in ("one?", "two?"):
            print(repr(terminal.ask(question)), flush=True)
except UsageError as error:
    print(error.why, flush=True)
    sys.exit(error.exit_code)
"""
PROGRAM = [sys.executable, "-c", _ASK]


def test_s1_each_question_is_answered_by_what_is_typed_after_it() -> None:
    person = Person(program=PROGRAM)
    person.sees("one? ")
    person.types("  yes ")
    person.sees("'yes'")
    person.sees("two? ")
    person.types("no\u200b")
    person.sees("'no\\u200b'")
    assert person.ends() == 0


def test_s1_lines_typed_at_once_answer_one_question_alone() -> None:
    person = Person(program=PROGRAM)
    person.sees("one? ")
    person.presses("first\nsecond\n")
    person.sees("'first'")
    person.sees("two? ")
    person.types("third")
    person.sees("'third'")
    assert person.ends() == 0


def test_s1_the_end_of_input_is_no_answer() -> None:
    person = Person(program=PROGRAM)
    person.sees("one? ")
    person.presses("\x04")
    person.sees("No answer was given")
    assert person.ends() == 2


@pytest.mark.parametrize("stdin", [b"yes\nyes\n", b""])
def test_s1_without_a_controlling_terminal_stdin_is_not_read(stdin: bytes) -> None:
    done = subprocess.run(
        PROGRAM, input=stdin, capture_output=True, start_new_session=True, check=False
    )
    assert done.returncode == 2
    assert b"needs a person at a terminal" in done.stdout
