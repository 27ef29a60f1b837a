"""What the profile's publisher may have kept for one reader: MACs, and arguments under a seal."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from homes import make_home
from log_desk import ALLOWED, call_once, log_in, path_of, read_bytes

from mcp_proxy.core.audit_mac import check_macs, evolve, unwrap
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.core.recipient import recipient_of
from mcp_proxy.core.sealed_arguments import known_arguments
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

PRIVATE = hashlib.sha256(b"an organisation").digest()
ACME = recipient_of(PRIVATE, "acme").line
PROGRAM = Path(__file__).with_name("mac_process.py")
ARGUMENTS = {"customer": "cus_1", "note": "canary-of-the-note"}


def rules(recipient: str = ACME, arguments: str = "sealed") -> AuditRules:
    return AuditRules(("customer",), "deny", recipient, arguments)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(os.fspath(tmp_path / "home"))


def clear_rows(path: str) -> list[dict[str, Any]]:
    data = read_bytes(path.removesuffix(".jsonl") + ".clear.jsonl")
    return [json.loads(line) for line in data.splitlines()]


def entries(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_bytes(path).splitlines()]


def everything(home: Home) -> bytes:
    files = (path for path in Path(home.state).rglob("*") if path.is_file())
    return b"".join(path.read_bytes() for path in files)


def test_s21_every_entry_of_a_segment_has_the_mac_that_the_recipient_derives(home: Home) -> None:
    log = log_in(home, rules())
    for _ in range(3):
        call_once(log)
    path = path_of(log)
    log.close("client ended")
    first = unwrap(PRIVATE, entries(path)[0]["mac"])
    lines = read_bytes(path).splitlines()
    assert len(lines) == 8
    assert check_macs(lines, first) is None
    for at in range(1, len(lines) - 1):
        assert check_macs([*lines[:at], *lines[at + 1 :]], first) == at
    assert first not in everything(home)
    assert first.hex().encode() not in everything(home)


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is read by /proc")
def test_s21_keys_of_the_entries_before_are_not_in_the_process_s_memory(tmp_path: Path) -> None:
    """Of short-lived copies CPython may keep one for a while: a few of sixty are let pass."""
    words = [sys.executable, PROGRAM, os.fspath(tmp_path / "home"), ACME, "30"]
    environment = {**os.environ, "PYTHONPATH": os.fspath(PROGRAM.parent.parent)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, env=environment, text=True, **pipes) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        memory = memory_of(process.pid)
        process.communicate("")
    lines = read_bytes(path).splitlines()
    key = bytearray(unwrap(PRIVATE, json.loads(lines[0])["mac"]))
    keys = [bytes(key), *(bytes(evolve(key)) for _ in lines)]
    assert len(keys) == 62
    held = [at for at, one in enumerate(keys) if any(one in part for part in memory)]
    assert held[-1] == 61
    assert len(held) < 5


def memory_of(pid: int) -> list[bytes]:
    """What a process of ours may write to: all that it holds."""
    parts = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            first, last = (int(end, 16) for end in span.split("-"))
            if rights.startswith("rw"):
                memory.seek(first)
                parts.append(memory.read(last - first))
    return parts


def test_s21_without_a_recipient_there_is_no_mac(home: Home) -> None:
    log = log_in(home, rules(""))
    call_once(log)
    assert {entry.get("mac") for entry in entries(path_of(log))} == {None}


def test_sealed_arguments_open_for_the_recipient_and_stand_nowhere_else(home: Home) -> None:
    log = log_in(home, rules())
    log.decided(ALLOWED, ARGUMENTS)
    decided, row = entries(path_of(log))[1], clear_rows(path_of(log))[0]
    assert known_arguments(decided, row, (PRIVATE,)).arguments == ARGUMENTS
    assert known_arguments(decided, row, (b"x" * 32,)).source == "part"
    assert b"canary" not in everything(home)


def test_arguments_are_sealed_to_the_home_s_own_key_once_there_is_one(home: Home) -> None:
    log = log_in(home, rules(""))
    log.decided(ALLOWED, ARGUMENTS)
    public = Path(home.state) / "audit-key.json"
    seal = recipient_of(PRIVATE, "x").line.split(":")[1]
    public.write_text(json.dumps({"verifier": "", "seal": seal}), encoding="utf-8")
    log.decided(ALLOWED, ARGUMENTS)
    path = path_of(log)
    log.close("client ended")
    assert ["sealed" in row for row in clear_rows(path)] == [False, True]
    told = entries(path)
    decided = [entry for entry in told if entry["kind"] == "decided"]
    known = [
        known_arguments(*pair, (PRIVATE,)).source
        for pair in zip(decided, clear_rows(path), strict=True)
    ]
    assert known == ["part", "sealed"]
    notes = [entry for entry in told if entry["kind"] == "note"]
    assert [(note["what"], note["count"]) for note in notes] == [("arguments not sealed", 1)]


def write_public(home: Home, row: object) -> None:
    text = row if isinstance(row, str) else json.dumps(row)
    Path(home.state, "audit-key.json").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "row",
    [
        *({"seal": "AAAA"}, {"seal": "A" * 43 + "="}, {"seal": ""}, {"seal": "\u00e9"}),
        *({"seal": 7}, {"seal": None}, {"seal": []}, {}, [], None, "", "{"),
        pytest.param("[" * 60_000, id="deep"),
    ],
)
def test_s20_a_damaged_file_of_the_home_s_key_seals_nothing_and_is_counted(
    home: Home, row: object
) -> None:
    """The second is the point that agrees on zero with everybody."""
    write_public(home, row)
    log = log_in(home, rules(""))
    log.decided(ALLOWED, ARGUMENTS)
    path = path_of(log)
    log.close("client ended")
    assert "sealed" not in clear_rows(path)[0]
    assert [entry["kind"] for entry in entries(path)] == ["open", "note", "decided", "close"]
    assert entries(path)[1]["what"] == "arguments not sealed"


def test_a_key_that_takes_the_place_of_a_lost_one_is_sealed_to_at_once(home: Home) -> None:
    log = log_in(home, rules(""))
    privates = (PRIVATE, hashlib.sha256(b"another").digest())
    for private in privates:
        write_public(home, {"verifier": "", "seal": recipient_of(private, "x").line.split(":")[1]})
        log.decided(ALLOWED, ARGUMENTS)
    path = path_of(log)
    for private, decided, row in zip(privates, entries(path)[1:], clear_rows(path), strict=True):
        assert known_arguments(decided, row, (private,)).source == "sealed"


@pytest.mark.parametrize("name", ["state/ledger.jsonl", "state/audit", "data/state.json"])
@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\n", b"null", b"[]\n", b'{"seq":0}\n', b"\xff\xfe"),
        *(b'{"home":[],"id":{}}', b'{"home":"","id":"\\ud800"}'),
        pytest.param(b"[" * 60_000, id="deep"),
        pytest.param(b'{"home":"","id":"%s"}' % (b"x" * 60_000), id="long"),
    ],
)
def test_s20_whatever_a_file_of_the_home_holds_a_call_is_logged_or_denied(
    home: Home, name: str, data: bytes
) -> None:
    path = Path(home.state).parent / name
    path.write_bytes(data)
    path.chmod(0o600)
    log = log_in(home, rules(""))
    with contextlib.suppress(AuditError):
        call_once(log)
        log.close("client ended")


def test_a_profile_that_keeps_digests_alone_seals_nothing(home: Home) -> None:
    log = log_in(home, rules(arguments="digest"))
    log.decided(ALLOWED, ARGUMENTS)
    assert "sealed" not in clear_rows(path_of(log))[0]


def test_a_recipient_that_nothing_can_be_sealed_to_denies_each_call(home: Home) -> None:
    log = log_in(home, rules("mcpxr1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:zero"))
    with pytest.raises(AuditError) as caught:
        log.decided(ALLOWED, ARGUMENTS)
    assert caught.value.id == "MCPX-A01"
    assert "audit.recipient" in caught.value.why
