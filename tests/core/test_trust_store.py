"""The trust store, the key line and scopes."""

import json

import pytest
from trust_samples import OTHER_SEED, keys, trusted

from mcp_proxy.core.digest import sha256_hex, with_checksum
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import (
    EMPTY,
    Repository,
    TrustStore,
    dump_trust_store,
    format_key_line,
    is_scope,
    key_id,
    may_sign,
    parse_key_line,
    parse_trust_store,
)
from mcp_proxy.errors import ProfileError, UsageError

# RFC 8032, section 7.1, test 1.
RFC_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def test_sha256_has_its_published_value() -> None:
    assert sha256_hex(b"abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_public_key_of_a_seed_is_the_published_one() -> None:
    assert public_key(RFC_SEED) == RFC_PUBLIC


def test_key_line_has_its_exact_bytes_and_is_read_back() -> None:
    line = format_key_line(RFC_PUBLIC, "default")
    assert line == "mcpx1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=:default"
    assert parse_key_line(f" {line}\n") == (RFC_PUBLIC, "default")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mcpx1:",
        "mcpx2:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=:default",
        "mcpx1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR==:default",
        "mcpx1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=:",
        "mcpx1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=:na me",
        "mcpx1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=:a\x1b[0m",
    ],
)
def test_what_is_no_key_line_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_key_line(text)


@pytest.mark.parametrize("scope", ["billing", "a", "sup*", "support-*", "0123456789abcdef*"])
def test_scopes_are_names_or_prefixes_of_three(scope: str) -> None:
    assert is_scope(scope)


@pytest.mark.parametrize("scope", ["", "*", "su*", "Billing", "bil*ing", "../x", "a" * 17, "sup**"])
def test_wider_scopes_are_refused(scope: str) -> None:
    assert not is_scope(scope)


def test_scope_holds_exact_names_and_prefixes_only() -> None:
    key = trusted(OTHER_SEED, "billing", "support-*")
    assert may_sign(key, "billing")
    assert may_sign(key, "support-eu")
    assert not may_sign(key, "billing-2")
    assert not may_sign(key, "support")
    assert not may_sign(trusted(OTHER_SEED, "support")._replace(profiles=()), "support")


def test_trust_store_is_read_back() -> None:
    one = Repository("ab" * 32, "https://profiles.example.com/r/", ("*",))
    two = Repository("cd" * 32, "https://other.example.com/", ("billing", "sup*"))
    some = keys(trusted(), trusted(OTHER_SEED, "support-*", name="ci"))
    known = TrustStore(some, {one.id: one, two.id: two})
    data = dump_trust_store(known)
    assert data.split(b"\n", 1)[0] == sha256_hex(data.split(b"\n", 1)[1]).encode()
    assert parse_trust_store(data) == known
    assert parse_trust_store(dump_trust_store(EMPTY)) == EMPTY


def test_every_flipped_byte_of_the_trust_store_is_refused() -> None:
    data = dump_trust_store(TrustStore(keys(), {}))
    for position in range(len(data)):
        for mask in (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF):
            changed = bytearray(data)
            changed[position] ^= mask
            with pytest.raises(ProfileError) as caught:
                parse_trust_store(bytes(changed))
            assert caught.value.id == "MCPX-P15"


def test_every_shortened_trust_store_is_refused() -> None:
    data = dump_trust_store(TrustStore(keys(), {}))
    for length in range(len(data)):
        with pytest.raises(ProfileError):
            parse_trust_store(data[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"keyid": key_id(b"x" * 32)},
        {"public": "AAAA"},
        {"public": 5},
        {"profiles": ["*"]},
        {"profiles": "billing"},
        {"profiles": None},
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    rows = json.loads(dump_trust_store(TrustStore(keys(), {})).split(b"\n", 1)[1])
    rows["keys"][0].update(change)
    with pytest.raises(ProfileError):
        parse_trust_store(with_checksum(json.dumps(rows).encode()))
