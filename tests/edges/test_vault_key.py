"""The vault's key: made once in the keychain, or under a passphrase; never asked for twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core import passphrase as under
from mcp_proxy.core.passphrase import check_passphrase, unwrap, wrap
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings import Settings, read_settings, write_settings
from mcp_proxy.edges.settings_vault import VaultSettings
from mcp_proxy.edges.vault import Vault, change_key, vault_path
from mcp_proxy.edges.vault_key import KEY_ITEM, VaultKey
from mcp_proxy.errors import CredentialError

WORDS = Secret("correct horse")
OTHER = Secret("battery staple")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def keychain() -> MemoryKeychain:
    return MemoryKeychain()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cost that a test can pay."""
    monkeypatch.setattr(under, "COST", (1 << 10, 1))


def key_of(home: Home, keychain: MemoryKeychain, asked: list[str] | None = None) -> VaultKey:
    def passphrase(reference: str) -> Secret:
        if asked is not None:
            asked.append(reference)
        return WORDS

    return VaultKey(home, lambda _home_id: keychain, passphrase)


def refused(key: VaultKey) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        key()
    assert caught.value.id == "MCPX-C09"
    return caught.value


def seal_under(home: Home, words: Secret, old: bytes | None, new: bytes) -> None:
    change_key(home, old, new, wrap(words, new, home.id, os.urandom(28)))
    write_settings(home, read_settings(home)._replace(vault=VaultSettings("env:PASS")))


def test_the_key_is_made_once_and_read_once(home: Home, keychain: MemoryKeychain) -> None:
    key = key_of(home, keychain)
    made = key()
    assert len(made) == 32
    assert list(keychain.items) == [KEY_ITEM]
    Vault(home, key).write("token:a", {}, b"1")
    reads = keychain.reads
    assert [key() for _ in range(5)] == [made] * 5
    assert keychain.reads == reads
    assert key_of(home, keychain)() == made


def test_a_key_that_is_gone_is_never_made_anew_for_a_vault(
    home: Home, keychain: MemoryKeychain
) -> None:
    Vault(home, key_of(home, keychain)).write("token:a", {}, b"1")
    keychain.items.clear()
    before = Path(vault_path(home)).read_bytes()
    error = refused(key_of(home, keychain))
    assert "holds no key for the vault" in error.why
    assert "log in again" in error.next
    assert (keychain.items, Path(vault_path(home)).read_bytes()) == ({}, before)


@pytest.mark.parametrize("text", ["", "x", "AAAA", "=" * 44])
def test_an_item_that_is_no_key_is_said_to_be_none(
    home: Home, keychain: MemoryKeychain, text: str
) -> None:
    keychain.items[KEY_ITEM] = text
    assert "does not hold a vault's key" in refused(key_of(home, keychain)).why


def test_a_locked_keychain_makes_no_key(home: Home, keychain: MemoryKeychain) -> None:
    keychain.locked = True
    with pytest.raises(CredentialError, match="Locked"):
        Vault(home, key_of(home, keychain)).write("token:a", {}, b"1")
    assert not os.path.exists(vault_path(home))


@pytest.mark.usefixtures("quick")
def test_a_passphrase_opens_the_vault_and_is_asked_for_once(
    home: Home, keychain: MemoryKeychain
) -> None:
    seal_under(home, WORDS, None, bytes(32))
    asked: list[str] = []
    key = key_of(home, keychain, asked)
    vault = Vault(home, key)
    vault.write("token:a", {}, b"1")
    assert (vault.read("token:a"), asked, keychain.items) == (b"1", ["env:PASS"], {})


@pytest.mark.usefixtures("quick")
def test_a_running_process_outlives_a_change_of_the_passphrase(
    home: Home, keychain: MemoryKeychain
) -> None:
    seal_under(home, WORDS, None, bytes(32))
    vault = Vault(home, key_of(home, keychain))
    vault.write("token:a", {}, b"1")
    seal_under(home, OTHER, bytes(32), bytes(32))
    vault.write("token:a", {}, b"2")
    assert vault.read("token:a") == b"2"
    assert "not the passphrase" in refused(key_of(home, keychain)).why


@pytest.mark.usefixtures("quick")
def test_a_running_process_takes_the_key_that_a_new_vault_has(
    home: Home, keychain: MemoryKeychain
) -> None:
    key = key_of(home, keychain)
    vault = Vault(home, key)
    vault.write("token:a", {}, b"1")
    seal_under(home, WORDS, key(), bytes(32))
    assert vault.read("token:a") == b"1"
    assert key() == bytes(32)


@pytest.mark.usefixtures("quick")
def test_settings_and_file_that_disagree_name_the_command(
    home: Home, keychain: MemoryKeychain
) -> None:
    write_settings(home, Settings(vault=VaultSettings("")))
    assert refused(key_of(home, keychain)).next == "mcp-proxy vault init"
    seal_under(home, WORDS, None, bytes(32))
    write_settings(home, Settings())
    error = refused(key_of(home, keychain))
    assert "settings have no [vault]" in error.why
    assert error.next == "mcp-proxy vault init"


@pytest.mark.usefixtures("quick")
def test_s8_a_key_opens_by_its_passphrase_in_its_home_alone() -> None:
    wrapped = wrap(WORDS, bytes(range(32)), "a" * 32, bytes(28))
    assert unwrap(WORDS, wrapped, "a" * 32) == bytes(range(32))
    for words, file, home in (
        (OTHER, wrapped, "a" * 32),
        (WORDS, wrapped, "b" * 32),
        (WORDS, wrapped._replace(salt=b"1" * 16), "a" * 32),
        (WORDS, wrapped._replace(sealed=wrapped.sealed[:-1]), "a" * 32),
    ):
        with pytest.raises(CredentialError, match="not the passphrase"):
            unwrap(words, file, home)


@pytest.mark.parametrize("n", [0, 1, -1, 3, 1 << 12, (1 << 13) + 1, 1 << 17, 1 << 60])
@pytest.mark.parametrize("p", [-1, 0, 1, 1 << 30])
def test_a_cost_that_is_not_ours_is_refused_before_it_is_paid(n: int, p: int) -> None:
    for cost in ((n, 10), (1 << 13, p)):
        wrapped = under.Wrapped(*cost, bytes(16), bytes(12), bytes(48))
        with pytest.raises(CredentialError, match="not known here"):
            unwrap(WORDS, wrapped, "a" * 32)


MEASURED = """
import resource
from mcp_proxy.core.passphrase import unwrap, wrap
from mcp_proxy.core.secret import Secret
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wrapped = wrap(Secret("correct horse"), bytes(32), "a" * 32, bytes(28))
assert unwrap(Secret("correct horse"), wrapped, "a" * 32) == bytes(32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts KiB on Linux")
def test_a_passphrase_takes_no_more_memory_than_a_serving_process_has_to_spare() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True
    )
    assert int(ended.stdout) < 10 << 10


def test_a_passphrase_is_one_form_of_unicode_and_long_enough() -> None:
    assert check_passphrase("passphra\u0073e\u0301") == check_passphrase("passphras\u00e9")
    for text in ("", "1234567", "x" * 1_025, "line\nbreak", "null\0byte!", "half \ud800 pair"):
        with pytest.raises(ValueError) as caught:
            check_passphrase(text)
        assert text[:7] not in str(caught.value) or not text


RACER = """
import sys, time
from mcp_proxy.app.keychain_store import vault_key
from mcp_proxy.edges.places import find_home
while time.time() < float(sys.argv[1]): pass
print(vault_key(find_home()).hex())
"""


@pytest.mark.keychain
@pytest.mark.slow
def test_six_processes_that_make_the_key_at_once_end_with_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        pytest.skip("no session bus: run under scripts/with-keychain")
    monkeypatch.setenv("MCP_PROXY_HOME", os.path.dirname(home.data))
    start = str(time.time() + 3)
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, start], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    made = {racer.communicate(timeout=60)[0] for racer in racers}
    assert len(made) == 1
    assert len(made.pop().strip()) == 64
