"""Signing keys: found where they were asked for, made only where that was said, never shown."""

import base64
import os

import pytest
from trust_samples import SEED, trusted

from mcp_proxy.app import signing_keys
from mcp_proxy.app.signing_keys import (
    OWN_NAMES,
    SigningKey,
    find_key,
    find_or_make_key,
    held_keys,
)
from mcp_proxy.edges.places import VARIABLE, init_home
from mcp_proxy.errors import CredentialError, UsageError

TEXT = base64.b64encode(SEED).decode()


class FakeKeychain:
    """A keychain in memory that answers, or raises C02."""

    def __init__(self, items: dict[str, str], *, answers: bool = True) -> None:
        self.items = items
        self._answers = answers

    def get(self, name: str) -> str | None:
        if not self._answers:
            raise CredentialError("MCPX-C02", "Locked.")
        return self.items.get(name)

    def set(self, name: str, value: str) -> None:
        self.items[name] = value


@pytest.fixture
def keychain(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> FakeKeychain:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    init_home(folder)
    made = FakeKeychain({"signing:team": TEXT})
    monkeypatch.setattr(signing_keys, "home_keychain", lambda _home: made)
    return made


def test_a_key_is_shown_by_its_fingerprint_and_never_by_its_bytes() -> None:
    key = SigningKey(SEED, "team", made=False)
    assert key.fingerprint == trusted().keyid
    assert repr(SEED) not in repr(key)
    assert key.fingerprint in repr(key)


def test_a_key_that_is_not_there_is_made_only_where_that_was_said(keychain: FakeKeychain) -> None:
    with pytest.raises(CredentialError) as caught:
        find_key("other", make=False)
    assert (caught.value.id, list(keychain.items)) == ("MCPX-C01", ["signing:team"])
    assert find_key("other", make=True).made
    assert not find_key("other", make=False).made


def test_the_product_s_own_names_need_no_asking_and_others_do(keychain: FakeKeychain) -> None:
    for name in OWN_NAMES:
        assert find_or_make_key(name, new=False).made
    assert not find_or_make_key("team", new=False).made
    with pytest.raises(CredentialError) as caught:
        find_or_make_key("taem", new=False)
    assert "It has default, repository-root" in caught.value.why
    assert find_or_make_key("taem", new=True).made
    assert not find_or_make_key("taem", new=True).made
    assert len(keychain.items) == len(OWN_NAMES) + 2


def test_keys_are_looked_for_by_names_that_may_be_anything(keychain: FakeKeychain) -> None:
    names = ["team", "nobody", "", "../x", "a b", "team", "x" * 65]
    assert [key.name for key in held_keys(names)] == ["team"]
    keychain.items["signing:bad"] = "rubbish-canary"
    with pytest.raises(CredentialError) as caught:
        held_keys(["bad"])
    assert caught.value.id == "MCPX-C01"
    assert "rubbish-canary" not in caught.value.why


def test_without_a_keychain_none_are_held_and_asking_for_one_says_why(
    keychain: FakeKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = FakeKeychain({}, answers=False)
    monkeypatch.setattr(signing_keys, "home_keychain", lambda _home: locked)
    assert held_keys(["team"]) == []
    with pytest.raises(CredentialError) as caught:
        find_key("team", make=False)
    assert caught.value.id == "MCPX-C02"
    assert keychain.items


def test_a_variable_is_named_as_variables_are() -> None:
    with pytest.raises(UsageError):
        find_key("env:NOT-ONE", make=True)
