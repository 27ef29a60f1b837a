"""The sealed file: an entry opens as it was written, and nothing unreadable is replaced."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.vault_file import Entry, VaultFile, Wrapped, dump_vault, parse_vault
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.vault import Vault, change_key, read_vault, vault_path
from mcp_proxy.errors import CredentialError, HomeError

CANARY = b"canary-6c2f"
KEY = bytes(range(32))
ABOUT = {"issuer": "https://login.example", "client": "app"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault(home, lambda: KEY)


def plain(home: Home) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(Path(vault_path(home)).read_bytes())
    return row


def change(home: Home, edit: Callable[[dict[str, Any]], object]) -> None:
    row = plain(home)
    edit(row)
    Path(vault_path(home)).write_text(json.dumps(row))


def refusal(vault: Vault, name: str = "token:a") -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        vault.read(name)
    assert caught.value.id == "MCPX-C09"
    assert CANARY.decode() not in str(caught.value) + caught.value.next
    return caught.value


def test_entries_are_written_read_replaced_and_removed(vault: Vault) -> None:
    assert vault.read("token:a") is None
    assert vault.names() == {}
    vault.write("token:a", ABOUT, b"1")
    vault.write("token:b", {}, b"")
    vault.write("token:a", ABOUT, b"2")
    assert (vault.read("token:a"), vault.read("token:b")) == (b"2", b"")
    assert vault.names() == {"token:a": ABOUT, "token:b": {}}
    vault.remove("token:a")
    vault.remove("token:a")
    assert (vault.read("token:a"), list(vault.names())) == (None, ["token:b"])


def test_names_and_removal_need_no_key(home: Home, vault: Vault) -> None:
    vault.write("token:a", ABOUT, b"1")

    def never() -> bytes:
        raise AssertionError("asked for the key")

    locked = Vault(home, never)
    assert locked.names() == {"token:a": ABOUT}
    locked.remove("token:a")
    assert vault.names() == {}


def test_s8_the_data_is_sealed_in_a_file_of_our_own(home: Home, vault: Vault) -> None:
    vault.write("token:a", ABOUT, CANARY)
    path = vault_path(home)
    assert CANARY not in Path(path).read_bytes()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_s8_every_write_has_a_fresh_nonce(home: Home, vault: Vault) -> None:
    nonces = set()
    for _ in range(20):
        vault.write("token:a", ABOUT, CANARY)
        nonces.add(plain(home)["entries"]["token:a"]["nonce"])
    assert len(nonces) == 20


def test_s8_a_seal_holds_for_its_entry_its_about_and_its_home(home: Home, vault: Vault) -> None:
    vault.write("token:a", ABOUT, CANARY)
    vault.write("token:b", ABOUT, b"other")
    before = plain(home)

    def swap(row: dict[str, Any]) -> None:
        entries = row["entries"]
        entries["token:a"], entries["token:b"] = entries["token:b"], entries["token:a"]

    edits: list[Callable[[dict[str, Any]], object]] = [
        swap,
        lambda row: row["entries"]["token:a"]["about"].update(issuer="https://evil.example"),
        lambda row: row["entries"]["token:a"]["about"].update(resource="https://evil.example"),
    ]
    for edit in edits:
        Path(vault_path(home)).write_text(json.dumps(before))
        change(home, edit)
        assert "token:a of the vault is damaged, or was changed" in refusal(vault).why


def test_s8_every_flipped_bit_of_a_seal_is_found(home: Home, vault: Vault) -> None:
    vault.write("token:a", {}, b"12")
    whole = read_vault(home)
    assert whole is not None
    entry = whole.entries["token:a"]
    for field in ("nonce", "sealed"):
        data: bytes = getattr(entry, field)
        for bit in range(len(data) * 8):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            other = entry._replace(**{field: bytes(flipped)})
            file = whole._replace(entries={"token:a": other})
            Path(vault_path(home)).write_bytes(dump_vault(file))
            refusal(vault)


def test_s10_a_vault_of_another_home_is_refused_and_named(
    home: Home, vault: Vault, tmp_path: Path
) -> None:
    vault.write("token:a", ABOUT, CANARY)
    other = init_home(str(tmp_path / "other"))
    foreign = Path(vault_path(other))
    foreign.write_bytes(Path(vault_path(home)).read_bytes())
    foreign.chmod(0o600)
    assert "made by another home" in refusal(Vault(other, lambda: KEY)).why
    change(other, lambda row: row.update(home=other.id))
    assert "was changed" in refusal(Vault(other, lambda: KEY)).why


def test_another_key_is_told_from_damage_and_replaces_nothing(home: Home, vault: Vault) -> None:
    vault.write("token:a", ABOUT, CANARY)
    other = Vault(home, lambda: bytes(32))
    assert "another key" in refusal(other).why
    before = Path(vault_path(home)).read_bytes()
    with pytest.raises(CredentialError, match="another key"):
        other.write("token:b", {}, b"x")
    assert Path(vault_path(home)).read_bytes() == before


DAMAGED = {
    "empty": b"",
    "cut": b'{"v":1,"home":"',
    "no object": b"[]",
    "another version": b'{"v":2}',
    "no entries": b'{"v":1,"home":"a","key":{"id":"b"}}',
    "entries of another shape": b'{"v":1,"home":"a","key":{"id":"b"},"entries":[]}',
    "an entry of another shape": b'{"v":1,"home":"a","key":{"id":"b"},"entries":{"x":1}}',
    "not base64": b'{"v":1,"home":"a","key":{"id":"b"},'
    b'"entries":{"x":{"about":{},"nonce":"\xc3\xa9","sealed":""}}}',
    "a key that is no text": b'{"v":1,"home":"a","key":{"id":1},"entries":{}}',
    "twice the same key": b'{"v":1,"v":1}',
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_file_that_cannot_be_read_is_never_replaced(home: Home, vault: Vault, case: str) -> None:
    path = Path(vault_path(home))
    path.write_bytes(DAMAGED[case])
    path.chmod(0o600)
    for act in (
        lambda: vault.write("token:a", {}, b"x"),
        lambda: vault.remove("token:a"),
        lambda: change_key(home, None, KEY, Wrapped(1 << 13, 10, bytes(16), bytes(12), b"")),
    ):
        with pytest.raises(CredentialError, match="is damaged") as caught:
            act()
        assert caught.value.id == "MCPX-C09"
    assert path.read_bytes() == DAMAGED[case]


@pytest.mark.skipif(os.name != "posix", reason="modes and links")
def test_s23_a_vault_that_others_may_read_or_a_link_is_refused(home: Home, vault: Vault) -> None:
    vault.write("token:a", {}, CANARY)
    path = Path(vault_path(home))
    path.chmod(0o640)
    with pytest.raises(HomeError, match="other users may read it"):
        vault.read("token:a")
    path.chmod(0o600)
    path.rename(f"{path}.moved")
    path.symlink_to(f"{path}.moved")
    with pytest.raises(HomeError, match="symbolic link"):
        vault.write("token:a", {}, b"x")


def test_a_vault_grows_to_its_bound_and_no_further(home: Home, vault: Vault) -> None:
    vault.write("token:a", {}, bytes(600 << 10))
    before = Path(vault_path(home)).read_bytes()
    with pytest.raises(CredentialError, match="larger than 1 MiB"):
        vault.write("token:b", {}, bytes(600 << 10))
    assert Path(vault_path(home)).read_bytes() == before


def test_a_new_entry_leaves_room_for_another_s_longer_token(home: Home, vault: Vault) -> None:
    vault.write("token:a", {}, b"short")
    data = bytes(740 << 10)
    with pytest.raises(CredentialError, match="larger than 1 MiB"):
        vault.write("item:b", {}, data)
    vault.write("item:b", {}, data[: 700 << 10])
    vault.write("token:a", {}, bytes(2 * LIMITS.oauth_token_chars))


def test_a_home_that_was_never_made_keeps_no_vault(home: Home) -> None:
    with pytest.raises(CredentialError, match="no id"):
        Vault(home._replace(id=""), lambda: KEY).write("token:a", {}, b"x")


def test_another_key_seals_every_entry_anew(home: Home, vault: Vault) -> None:
    vault.write("token:a", ABOUT, CANARY)
    vault.write("item:b", {}, b"other")
    new, wrapped = bytes(32), Wrapped(1 << 13, 10, bytes(16), bytes(12), b"w")
    change_key(home, KEY, new, wrapped)
    assert "another key" in refusal(vault).why
    moved = Vault(home, lambda: new)
    assert (moved.read("token:a"), moved.read("item:b")) == (CANARY, b"other")
    assert moved.names() == {"token:a": ABOUT, "item:b": {}}


def test_a_key_is_changed_only_by_who_holds_the_one_before(home: Home, vault: Vault) -> None:
    vault.write("token:a", ABOUT, CANARY)
    wrapped = Wrapped(1 << 13, 10, bytes(16), bytes(12), b"w")
    for old in (None, bytes(32)):
        with pytest.raises(CredentialError, match="changed the vault meanwhile"):
            change_key(home, old, bytes(32), wrapped)
    assert vault.read("token:a") == CANARY


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
ENTRIES = st.builds(
    Entry,
    st.dictionaries(TEXTS, TEXTS, max_size=3),
    st.binary(min_size=12, max_size=12),
    st.binary(),
)
WRAPPED = st.builds(
    Wrapped,
    st.integers(0, 1 << 20),
    st.integers(0, 1 << 20),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=12, max_size=12),
    st.binary(),
)


@given(TEXTS, TEXTS, st.none() | WRAPPED, st.dictionaries(TEXTS, ENTRIES, max_size=3))
def test_whatever_is_written_is_read_back(
    home: str, key: str, wrapped: Wrapped | None, entries: dict[str, Entry]
) -> None:
    file = VaultFile(home, key, wrapped, entries)
    assert parse_vault(dump_vault(file)) == file


@given(st.binary(max_size=64))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_vault(data)
