"""The store: a secret leaves it only for the use it is bound to."""

import os
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core.binding import make_binding, make_client_binding
from mcp_proxy.core.binding_use import ClientUse
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.settings import settings_path
from mcp_proxy.edges.settings_credentials import Reference
from mcp_proxy.errors import CredentialError

CANARY = "canary-91fe"
SPEC = UpstreamSpec(
    "rest",
    "https://api.example.com/v1",
    Auth("bearer", "billing-api", "Authorization"),
    20_000,
    (),
)
GROUNDS = Grounds("billing", "keys")
BINDING = make_binding("bearer", None, ["https://api.example.com"], "", [("billing", "keys")])
ITEM = Item(BINDING, Secret(CANARY))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def keychain() -> MemoryKeychain:
    return MemoryKeychain()


@pytest.fixture
def store(home: Home, keychain: MemoryKeychain) -> CredentialStore:
    return CredentialStore(home, lambda _home_id: keychain)


def refusal(
    store: CredentialStore, spec: UpstreamSpec, grounds: Grounds = GROUNDS
) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        store.resolve(spec, grounds)
    assert CANARY not in str(caught.value) + caught.value.next
    return caught.value


def test_a_secret_is_given_for_the_use_it_is_bound_to(store: CredentialStore) -> None:
    store.put("billing-api", ITEM)
    assert store.resolve(SPEC, GROUNDS) == ITEM


def test_s7_the_binding_lives_in_the_item_beside_the_secret(
    home: Home, store: CredentialStore, keychain: MemoryKeychain
) -> None:
    store.put("billing-api", ITEM)
    assert list(keychain.items) == ["credential:billing-api"]
    assert CANARY in keychain.items["credential:billing-api"]
    settings = Path(settings_path(home)).read_text()
    assert CANARY not in settings
    assert "example" not in settings


def test_a_credential_that_is_not_set_names_the_command(store: CredentialStore) -> None:
    error = refusal(store, SPEC)
    assert error.id == "MCPX-C01"
    assert error.next == "mcp-proxy credential set billing-api --origin https://api.example.com"


def test_an_item_taken_out_of_the_keychain_is_missing(
    store: CredentialStore, keychain: MemoryKeychain
) -> None:
    store.put("billing-api", ITEM)
    keychain.items.clear()
    assert refusal(store, SPEC).id == "MCPX-C01"


def test_a_damaged_item_is_not_used(store: CredentialStore, keychain: MemoryKeychain) -> None:
    store.put("billing-api", ITEM)
    keychain.items["credential:billing-api"] = f'{{"v":1,"secret":"{CANARY}"}}'
    assert "damaged" in refusal(store, SPEC).why


WRONG_USES = {
    "another origin": (SPEC._replace(url="https://evil.example/v1"), "MCPX-C04"),
    "plain http": (SPEC._replace(url="http://api.example.com/v1"), "MCPX-C04"),
    "localhost without the setting": (SPEC._replace(url="http://localhost/v1"), "MCPX-C04"),
    "another kind": (
        SPEC._replace(auth=Auth("basic", "billing-api", "Authorization")),
        "MCPX-C04",
    ),
    "another header": (SPEC._replace(auth=Auth("header", "billing-api", "X-Key")), "MCPX-C04"),
    "the host header": (SPEC._replace(auth=Auth("header", "billing-api", "Host")), "MCPX-C04"),
    "a credential name with a path": (
        SPEC._replace(auth=Auth("bearer", "../signing:default", "Authorization")),
        "MCPX-C04",
    ),
}


@pytest.mark.parametrize(("spec", "error_id"), WRONG_USES.values(), ids=WRONG_USES.keys())
def test_s7_a_profile_cannot_take_a_secret_elsewhere(
    store: CredentialStore, spec: UpstreamSpec, error_id: str
) -> None:
    store.put("billing-api", ITEM)
    assert refusal(store, spec).id == error_id


def test_s7_another_profile_may_not_use_it_until_it_is_allowed(store: CredentialStore) -> None:
    store.put("billing-api", ITEM)
    other = Grounds("support", "keys")
    error = refusal(store, SPEC, other)
    assert (error.id, error.next) == (
        "MCPX-C03",
        "mcp-proxy credential allow billing-api --profile support",
    )
    assert store.allow("billing-api", other).profiles == (("billing", "keys"), ("support", "keys"))
    assert store.resolve(SPEC, other).secret == ITEM.secret
    assert store.resolve(SPEC, GROUNDS).secret == ITEM.secret


def test_s2_s7_the_same_name_from_another_root_may_not_use_it(store: CredentialStore) -> None:
    store.put("billing-api", ITEM)
    assert refusal(store, SPEC, Grounds("billing", "repository https://x")).id == "MCPX-C03"


def test_a_reference_is_read_from_its_variable(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put_reference("billing-api", Reference("BILLING_TOKEN", BINDING))
    monkeypatch.setenv("BILLING_TOKEN", CANARY)
    assert store.resolve(SPEC, GROUNDS) == ITEM


@pytest.mark.parametrize("value", [None, "", "\n", f"{CANARY}\n", f"Bearer {CANARY}"])
def test_s7_an_empty_or_odd_variable_is_an_error(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    store.put_reference("billing-api", Reference("BILLING_TOKEN", BINDING))
    monkeypatch.delenv("BILLING_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("BILLING_TOKEN", value)
    error = refusal(store, SPEC)
    assert error.id == "MCPX-C01"
    assert "BILLING_TOKEN" in error.why


@pytest.mark.parametrize(("spec", "error_id"), WRONG_USES.values(), ids=WRONG_USES.keys())
def test_s7_a_reference_carries_the_same_binding(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch, spec: UpstreamSpec, error_id: str
) -> None:
    store.put_reference("billing-api", Reference("BILLING_TOKEN", BINDING))
    monkeypatch.setenv("BILLING_TOKEN", CANARY)
    assert refusal(store, spec).id == error_id
    assert refusal(store, SPEC, Grounds("support", "keys")).id == "MCPX-C03"
    store.allow("billing-api", Grounds("support", "keys"))
    assert store.resolve(SPEC, Grounds("support", "keys")).secret == ITEM.secret


def test_s9_http_localhost_needs_the_setting_and_the_binding(
    home: Home, store: CredentialStore
) -> None:
    spec = SPEC._replace(url="http://localhost:8080/v1")
    binding = BINDING._replace(
        origins=make_binding("bearer", None, ["http://localhost:8080"], "", []).origins
    )
    store.put("billing-api", Item(binding, ITEM.secret))
    assert "localhost = true" in refusal(store, spec).why
    path = Path(settings_path(home))
    path.write_text("[network]\nlocalhost = true\n" + path.read_text())
    assert store.resolve(spec, GROUNDS).secret == ITEM.secret


def test_a_reference_in_place_of_an_item_removes_the_item(
    store: CredentialStore, keychain: MemoryKeychain
) -> None:
    store.put("billing-api", ITEM)
    store.put_reference("billing-api", Reference("BILLING_TOKEN", BINDING))
    assert keychain.items == {}


def test_a_removed_credential_is_gone_from_keychain_and_settings(
    store: CredentialStore, keychain: MemoryKeychain
) -> None:
    store.put("billing-api", ITEM)
    store.put_reference("ci", Reference("CI", BINDING))
    store.remove("billing-api")
    assert keychain.items == {}
    assert list(store.references()) == ["ci"]
    store.remove("ci")
    assert store.references() == {}
    with pytest.raises(CredentialError, match="no credential"):
        store.remove("ci")


def test_a_locked_keychain_changes_nothing(
    store: CredentialStore, keychain: MemoryKeychain
) -> None:
    store.put("billing-api", ITEM)
    keychain.locked = True
    for change in (
        lambda: store.put("other", ITEM),
        lambda: store.remove("billing-api"),
        lambda: store.allow("billing-api", Grounds("support", "keys")),
        lambda: store.put_reference("billing-api", Reference("CI", BINDING)),
    ):
        with pytest.raises(CredentialError, match="Locked"):
            change()
    assert store.references() == {"billing-api": None}
    assert refusal(store, SPEC).id == "MCPX-C02"


def test_s6_every_change_raises_the_generation(home: Home, store: CredentialStore) -> None:
    seen = {read_generation(home)}
    for change in (
        lambda: store.put("billing-api", ITEM),
        lambda: store.allow("billing-api", Grounds("support", "keys")),
        lambda: store.put_reference("ci", Reference("CI", BINDING)),
        lambda: store.remove("ci"),
    ):
        change()
        assert read_generation(home) not in seen
        seen.add(read_generation(home))


def test_s23_the_settings_are_for_their_owner_alone(home: Home, store: CredentialStore) -> None:
    store.put("billing-api", ITEM)
    if os.name == "posix":
        assert os.stat(settings_path(home)).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("method", "key"), [("client_secret_post", True), ("private_key_jwt", False)]
)
def test_s8_a_references_key_is_never_sent_as_a_secret_nor_a_secret_taken_for_a_key(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch, method: str, key: bool
) -> None:
    issuer = "https://login.example.com"
    binding = make_client_binding(issuer, "us", method, [("billing", "keys")])
    store.put_reference("billing-api", Reference("CLIENT", binding))
    pem = f"-----BEGIN PRIVATE KEY-----\n{CANARY.replace('-', '')}\n-----END PRIVATE KEY-----\n"
    monkeypatch.setenv("CLIENT", pem if key else CANARY)
    with pytest.raises(CredentialError, match=f"The method {method} needs") as caught:
        store.resolve_client(ClientUse("billing-api", *GROUNDS, issuer, "us"))
    assert CANARY not in str(caught.value)
