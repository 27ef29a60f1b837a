"""The vectors in tests/assets/audit: what is written today, and a second reading of each format.

The readings use `cryptography` alone and nothing of ours, as another program would.
"""

import base64
import hashlib
import hmac
import json
import os
import re
from typing import Any

import pytest
from core.audit_samples import ARGUMENTS, ASSETS
from core.audit_story import (
    HOME,
    KILLED,
    PLAIN,
    PROTECTED,
    PRUNED,
    RECIPIENT,
    SEED,
    TORN_BYTES,
    keys,
    story,
)
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcp_proxy.core import audit
from mcp_proxy.core.audit_ledger import FIELDS

FOLDER = os.path.join(ASSETS, "audit")
STATE = os.path.join(FOLDER, "state")
ZERO = "0" * 64


def asset(*parts: str) -> bytes:
    with open(os.path.join(FOLDER, *parts), "rb") as file:
        return file.read()


def rows(name: str) -> list[dict[str, Any]]:
    """The whole lines of a file of the story."""
    return [json.loads(line) for line in asset("state", name).split(b"\n")[:-1] if line.strip()]


def test_the_story_is_what_is_written_today() -> None:
    found = {
        os.path.relpath(os.path.join(place, name), STATE).replace(os.sep, "/")
        for place, _, names in os.walk(STATE)
        for name in names
    }
    made = story()
    assert found == set(made)
    assert {name: asset("state", name) for name in made} == made
    assert asset("keys.json") == keys()


def test_the_ledger_has_every_kind_with_its_fields_in_their_order() -> None:
    ledger = rows("ledger.jsonl")
    assert {entry["kind"] for entry in ledger} == set(FIELDS)
    for entry in ledger:
        fields = FIELDS[entry["kind"]]
        assert tuple(entry) == ("seq", "time", "kind", *fields, "note", "prev", "hash")


@pytest.mark.parametrize("name", ["ledger.jsonl", *(f"audit/{it}.jsonl" for it in (PLAIN, KILLED))])
def test_a_chain_is_as_documented_read_without_our_code(name: str) -> None:
    prev = ZERO
    for number, line in enumerate(asset("state", name).split(b"\n")[:-1]):
        body, _, rest = line.rpartition(b',"hash":"')
        assert rest == hashlib.sha256(body).hexdigest().encode() + b'"}'
        entry = json.loads(line)
        assert (entry["seq"], entry["prev"]) == (number, prev)
        prev = entry["hash"]


def test_a_segment_names_the_ledgers_entry_that_opened_it() -> None:
    opened = {it["segment"]: it for it in rows("ledger.jsonl") if it["kind"] == "open"}
    assert PRUNED in opened
    for name in (PLAIN, PROTECTED, KILLED):
        first = rows(f"audit/{name}.jsonl")[0]
        assert first["ledger"] == {key: opened[name][key] for key in ("seq", "hash")}


def test_the_ledger_tells_how_many_entries_a_segment_has_and_the_last_ones_hash() -> None:
    ledger = rows("ledger.jsonl")
    for mark in (it for it in ledger if it["kind"] in ("checkpoint", "close")):
        if mark["segment"] != PRUNED:
            found = rows(f"audit/{mark['segment']}.jsonl")
            assert found[mark["entries"] - 1]["hash"] == mark["head"]
    (crash,) = (it for it in ledger if it.get("reason") == "crash")
    tail = asset("state", f"audit/{KILLED}.jsonl").split(b"\n")[-1]
    assert (crash["segment"], crash["torn"]) == (KILLED, TORN_BYTES) == (KILLED, len(tail))


def test_s21_a_note_is_a_c2sp_signed_note_over_the_chain_before_and_the_entry() -> None:
    name, key_id, key = json.loads(keys())["verifier"].split("+", 2)
    public = base64.b64decode(key)
    assert (name, public[:1]) == ("mcp-proxy-audit/" + HOME, b"\x01")
    assert hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] == key_id
    signed = [entry for entry in rows("ledger.jsonl") if entry["note"]]
    assert len(signed) == 7
    for entry in signed:
        text, blank, line = entry["note"].partition("\n\n")
        match = re.fullmatch(r"— (\S+) (\S{92})\n", line)
        assert blank
        assert match is not None
        assert match[1] == name
        signature = base64.b64decode(match[2])
        assert signature[:4].hex() == key_id
        verifier = Ed25519PublicKey.from_public_bytes(public[1:])
        verifier.verify(signature[4:], (text + "\n").encode())
        with pytest.raises(InvalidSignature):
            verifier.verify(signature[4:], text.encode())
        fields = {key: entry[key] for key in FIELDS[entry["kind"]]}
        told = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        assert text.split("\n") == [
            name,
            str(entry["seq"]),
            base64.b64encode(bytes.fromhex(entry["prev"])).decode(),
            f"{entry['time']} {entry['kind']} "
            + base64.b64encode(hashlib.sha256(told).digest()).decode(),
        ]


def opened(private: bytes, sealed: str, info: bytes) -> bytes:
    """What was sealed, read by the construction's description."""
    key, data = X25519PrivateKey.from_private_bytes(private), base64.b64decode(sealed)
    shared = key.exchange(X25519PublicKey.from_public_bytes(data[:32]))
    salt = data[:32] + key.public_key().public_bytes_raw()
    derived = HKDF(SHA256(), 32, salt, info).derive(shared)
    return AESGCM(derived).decrypt(data[32:44], data[44:], info)


def test_s21_the_macs_of_a_protected_segment_follow_from_the_recipients_key_alone() -> None:
    lines = asset("state", f"audit/{PROTECTED}.jsonl").split(b"\n")[:-1]
    mac = json.loads(lines[0])["mac"]
    public = X25519PrivateKey.from_private_bytes(RECIPIENT).public_key().public_bytes_raw()
    assert mac["recipient"] == hashlib.sha256(public).hexdigest()[:16]
    key = opened(RECIPIENT, mac["wrapped"], b"mcp-proxy audit mac 1")
    for number, line in enumerate(lines):
        body = line[: line.index(b',"hash":"')]
        if number:
            match = re.fullmatch(rb'(.*),"mac":"([0-9a-f]{64})"(,"prev":"[0-9a-f]{64}")', body)
            assert match is not None
            assert hmac.new(key, match[1] + match[3], "sha256").hexdigest().encode() == match[2]
        key = hmac.new(key, b"evolve", "sha256").digest()
    assert len(lines) == 4


def test_sealed_arguments_are_opened_by_the_recipient_or_else_by_the_homes_key() -> None:
    info = b"mcp-proxy audit arguments 1"
    told = json.dumps(ARGUMENTS[0], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    (row,) = rows(f"audit/{PROTECTED}.clear.jsonl")
    assert opened(RECIPIENT, row["sealed"], info) == told.encode()
    home = HKDF(SHA256(), 32, None, b"mcp-proxy audit seal 1").derive(SEED)
    assert opened(home, rows(f"audit/{PLAIN}.clear.jsonl")[0]["sealed"], info) == told.encode()
    public = X25519PrivateKey.from_private_bytes(home).public_key().public_bytes_raw()
    assert json.loads(asset("state", "audit-key.json"))["seal"] == base64.b64encode(public).decode()


def test_an_erased_call_is_a_line_of_spaces_and_its_entry_stays() -> None:
    lines = asset("state", f"audit/{PLAIN}.clear.jsonl").split(b"\n")
    assert lines[1] == b" " * len(lines[1]) != b""
    entry = rows(f"audit/{PLAIN}.jsonl")[3]
    assert (entry["kind"], len(entry["args"])) == ("decided", 64)
    (erase,) = (it for it in rows("ledger.jsonl") if it["kind"] == "erase")
    assert (erase["segment"], erase["call"]) == (PLAIN, 3)


def test_a_decision_bears_its_trace_and_its_clients_span() -> None:
    entry = rows(f"audit/{PLAIN}.jsonl")[1]
    assert re.fullmatch("[0-9a-f]{32}-[0-9a-f]{16}", entry["trace"])
    assert re.fullmatch("[0-9a-f]{16}", entry["parent"])
    assert set(audit.FIELDS["decided"]) <= entry.keys()
