"""References: what a command of the user prints is the secret, and what it says goes nowhere."""

import os
import shutil
import time
from pathlib import Path

import pytest

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import reference_command
from mcp_proxy.edges.reference_command import fix_source, read_source
from mcp_proxy.edges.settings_credentials import Source, parse_source
from mcp_proxy.errors import CredentialError, HomeError

CANARY = "canary-3d90"
WHAT = "The credential a"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs written for a shell")


def program(folder: Path, body: str, name: str = "manager") -> Source:
    """A program of the user's; the folder of a test may be below one that others may write."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return Source("", (str(path), "read", "op://vault/item"))


def refused(source: Source) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        read_source(source, WHAT)
    assert CANARY not in str(caught.value) + caught.value.next
    assert caught.value.id == "MCPX-C01"
    return caught.value


def test_what_the_command_prints_is_the_secret_but_for_its_line_end(tmp_path: Path) -> None:
    for body, secret in {
        f"printf '%s' {CANARY}": CANARY,
        f"echo {CANARY}": CANARY,
        f"printf '%s\\r\\n' {CANARY}": CANARY,
        "printf ' ü \\n\\n'": " ü \n",
        'printf "%s" "$1 $2"': "read op://vault/item",
    }.items():
        assert read_source(program(tmp_path, body), WHAT) == secret


def test_a_command_that_fails_or_prints_nothing_is_an_error_that_quotes_nothing(
    tmp_path: Path,
) -> None:
    for body, words in {
        f"echo {CANARY}; echo {CANARY} >&2; exit 3": "ended with code 3",
        f"echo {CANARY}; kill -9 $$": "ended by signal 9",
        f"echo {CANARY} >&2": "printed nothing",
        "echo": "printed nothing",
        f"printf '\\377{CANARY}'": "no UTF-8 text",
        f"head -c {LIMITS.reference_bytes + 1} /dev/zero": "more than 64 KiB",
    }.items():
        error = refused(program(tmp_path, body))
        assert words in error.why
        assert error.next.startswith("run manager in a terminal")


def test_a_command_that_hangs_ends_at_the_deadline_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_command, "LIMITS", LIMITS._replace(reference_deadline_ms=300))
    mark = tmp_path / "child"
    began = time.monotonic()
    body = f"(sleep 1; echo late > {mark}) & echo {CANARY}; sleep 60"
    assert "did not end within 0.3 s" in refused(program(tmp_path, body)).why
    assert time.monotonic() - began < 10
    time.sleep(1.2)
    assert not mark.exists()


def test_what_outlives_the_command_and_holds_its_output_ends_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_command, "LIMITS", LIMITS._replace(reference_deadline_ms=300))
    began = time.monotonic()
    assert "did not end" in refused(program(tmp_path, f"sleep 30 &\necho {CANARY}")).why
    assert time.monotonic() - began < 10


@pytest.mark.skipif(not shutil.which("setsid"), reason="setsid is not on every system")
def test_what_has_left_the_command_s_group_and_holds_its_output_ends_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_command, "LIMITS", LIMITS._replace(reference_deadline_ms=300))
    began = time.monotonic()
    assert "did not end" in refused(program(tmp_path, f"setsid sleep 8 &\necho {CANARY}")).why
    assert time.monotonic() - began < 5


def test_its_stdin_is_empty_and_its_group_its_own(tmp_path: Path) -> None:
    assert refused(program(tmp_path, "cat")).why.endswith("printed nothing.")
    group = read_source(program(tmp_path, "ps -o pgid= -p $$"), WHAT)
    assert int(group) != os.getpgrp()


def test_s10_it_gets_no_variable_that_is_not_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "BILLING_TOKEN",
        "LD_PRELOAD_X",
        "PYTHONPATH",
        "AWS_SECRET_ACCESS_KEY",
        "NODE_OPTIONS",
    ):
        monkeypatch.setenv(name, CANARY)
    for name in ("OP_SERVICE_ACCOUNT_TOKEN", "OP_SESSION_acme", "GPG_TTY", "PASSWORD_STORE_DIR"):
        monkeypatch.setenv(name, "kept")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", "/elsewhere")
    said = read_source(program(tmp_path, "env"), WHAT)
    assert CANARY not in said
    assert "HOME=/elsewhere" not in said
    assert "GPG_TTY=kept" in said
    assert "PASSWORD_STORE_DIR=kept" in said
    assert "OP_S" not in said
    own = read_source(program(tmp_path, "env", "op"), WHAT)
    assert "OP_SERVICE_ACCOUNT_TOKEN=kept" in own
    assert "OP_SESSION_acme=kept" in own


def test_s10_no_shell_reads_its_words(tmp_path: Path) -> None:
    made = tmp_path / "made"
    source = program(tmp_path, 'printf "%s" "$1"')
    words = f"$(touch {made}); `touch {made}`"
    assert read_source(source._replace(argv=(source.argv[0], words)), WHAT) == words
    assert not made.exists()


def test_the_program_is_looked_for_once_and_never_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir(mode=0o700)
        program(folder, f"echo {folder.name}")
    monkeypatch.setenv("PATH", str(first))
    fixed = fix_source(parse_source('cmd:["manager","x"]'))
    assert fixed.argv == (str(first / "manager"), "x")
    monkeypatch.setenv("PATH", str(second))
    assert read_source(fixed, WHAT) == "first"
    with pytest.raises(ValueError, match="No program"):
        fix_source(Source("", ("no-such-manager",)))


def test_s23_a_program_that_others_may_change_is_not_started(tmp_path: Path) -> None:
    made = tmp_path / "made"
    source = program(tmp_path, f"touch {made}; echo {CANARY}")
    os.chmod(source.argv[0], 0o722)
    assert "other users may write it" in refused(source).why
    with pytest.raises(HomeError, match="other users may write it"):
        fix_source(source)
    os.unlink(source.argv[0])
    assert "cannot be started" in refused(source).why
    assert not made.exists()


def test_a_variable_is_read_at_each_use(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("A_TOKEN")
    monkeypatch.setenv("A_TOKEN", CANARY)
    assert read_source(source, WHAT) == CANARY
    for value in ("", None):
        monkeypatch.delenv("A_TOKEN") if value is None else monkeypatch.setenv("A_TOKEN", value)
        assert "A_TOKEN, which is not set here" in refused(source).why
