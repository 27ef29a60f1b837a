"""The vault's writers killed at each call that changes a disk: an entry is the old or the new."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core import passphrase as under
from mcp_proxy.core.binding import make_binding
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.passphrase import wrap
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings_credentials import Source
from mcp_proxy.edges.vault import Vault, change_key
from mcp_proxy.edges.vault_items import VaultItems

KEY, NEW = bytes(32), bytes(range(32))
ITEM = Item(make_binding("bearer", None, ["https://a.example"], "", []), Secret("old"))
CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "close", "rename")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


def killed(act: Callable[[], object], instant: int) -> bool:
    """Whether a process was killed before that one of its calls; False where it had ended."""
    child = os.fork()
    if child == 0:
        left = [instant]

        def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*args: Any, **more: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **more)

            return counted

        with contextlib.suppress(BaseException):
            for name in CALLS:
                setattr(os, name, deadly(getattr(os, name)))
            act()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def storm(home: Home, act: Callable[[], object], judge: Callable[[], object]) -> list[object]:
    """What `judge` saw after `act` was killed at its first instant, its second, until its end."""
    saved = f"{home.data}-saved"
    shutil.copytree(home.data, saved)
    settings = Path(home.config, "settings.toml")
    before = settings.read_bytes() if settings.exists() else None
    seen = []
    for instant in range(1, 200):
        for name in os.listdir(home.data):
            os.unlink(os.path.join(home.data, name))
        shutil.copytree(saved, home.data, dirs_exist_ok=True)
        if before is not None:
            settings.write_bytes(before)
        was_killed = killed(act, instant)
        seen.append(judge())
        if not was_killed:
            return seen
    raise AssertionError("it never ended")


def test_s8_a_write_is_done_or_not(home: Home) -> None:
    vault = Vault(home, lambda: KEY)
    vault.write("token:a", {"issuer": "x"}, b"old")
    vault.write("token:b", {}, b"other")

    def judge() -> object:
        assert vault.read("token:b") == b"other"
        return vault.read("token:a")

    seen = storm(home, lambda: vault.write("token:a", {"issuer": "x"}, b"new"), judge)
    assert seen == sorted(seen, reverse=True)
    assert {*seen} == {b"old", b"new"}
    assert len(seen) > 8


def test_s8_a_first_write_and_a_removal_are_done_or_not(home: Home) -> None:
    vault = Vault(home, lambda: KEY)
    seen = storm(home, lambda: vault.write("token:a", {}, b"new"), lambda: vault.read("token:a"))
    assert {*seen} == {None, b"new"}
    shutil.rmtree(f"{home.data}-saved")
    seen = storm(home, lambda: vault.remove("token:a"), lambda: vault.read("token:a"))
    assert {*seen} == {None, b"new"}


def test_s8_another_key_is_taken_for_all_entries_or_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under, "COST", (1 << 10, 1))
    vault, moved = Vault(home, lambda: KEY), Vault(home, lambda: NEW)
    for name in ("token:a", "token:b"):
        vault.write(name, {}, b"kept")
    wrapped = wrap(Secret("correct horse"), NEW, home.id, os.urandom(28))

    def judge() -> object:
        opened = []
        for which, reader in (("old", vault), ("new", moved)):
            with contextlib.suppress(Exception):
                assert [reader.read(name) for name in ("token:a", "token:b")] == [b"kept"] * 2
                opened.append(which)
        return opened

    seen = storm(home, lambda: change_key(home, KEY, NEW, wrapped), judge)
    assert all(opened in (["old"], ["new"]) for opened in seen)
    assert seen[-1] == ["new"]


def test_a_rotation_leaves_the_old_secret_or_the_new_one(home: Home) -> None:
    items = VaultItems(Vault(home, lambda: KEY))
    store = CredentialStore(home, lambda _home_id: items)
    store.put("a", ITEM)

    def judge() -> object:
        found = store.read_item("a")
        assert found.binding == ITEM.binding
        return found.secret.reveal()

    seen = storm(home, lambda: store.rotate("a", Secret("new")), judge)
    assert {*seen} == {"old", "new"}
    assert seen[-1] == "new"


def test_a_rotation_to_a_reference_never_leaves_no_secret(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "new")
    items = VaultItems(Vault(home, lambda: KEY))
    store = CredentialStore(home, lambda _home_id: items)
    store.put("a", ITEM)

    def judge() -> object:
        reference = store.references()["a"]
        if reference is None:
            return store.read_item("a").secret.reveal()
        assert reference.binding == ITEM.binding
        return os.environ[reference.variable]

    seen = storm(home, lambda: store.rotate("a", Source("A_TOKEN")), judge)
    assert {*seen} == {"old", "new"}


def test_a_reader_waits_for_a_writer_that_deletes_before_it_adds(home: Home) -> None:
    """As the macOS backend writes: between the two, the item is not there."""
    keychain = MemoryKeychain()
    store = CredentialStore(home, lambda _home_id: keychain)
    store.put("a", ITEM)
    whole = keychain.items["credential:a"]
    looks = []

    class Replacing(MemoryKeychain):
        def get(self, name: str) -> str | None:
            looks.append(name)
            return None if len(looks) == 1 else whole

    assert CredentialStore(home, lambda _home_id: Replacing()).read_item("a") == ITEM
    assert len(looks) == 2
