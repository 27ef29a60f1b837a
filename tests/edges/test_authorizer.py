"""The authorizer: one read of the keychain, a cache until told otherwise, no hang, no leak."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from edges.fakes_authorizer import static_authorizer
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.binding import make_binding
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.authorizer import ProfileAuthorizer
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings import settings_path
from mcp_proxy.errors import CredentialError

CANARY = "canary-c04d"
SPEC = UpstreamSpec(
    "rest",
    "https://api.example.com",
    Auth("bearer", "billing-api", "Authorization"),
    20_000,
    (),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def keychain() -> MemoryKeychain:
    return MemoryKeychain()


@pytest.fixture
def store(home: Home, keychain: MemoryKeychain) -> CredentialStore:
    return CredentialStore(home, lambda _home_id: keychain)


def put(store: CredentialStore, kind: str, header: str | None, secret: str) -> None:
    binding = make_binding(kind, header, ["https://api.example.com"], "", [("billing", "keys")])
    store.put("billing-api", Item(binding, Secret(secret)))


@pytest.fixture
def authorizer(home: Home, store: CredentialStore) -> ProfileAuthorizer:
    put(store, "bearer", None, CANARY)
    return static_authorizer(home, store)


def bearer(token: str) -> Authorization:
    return Authorization((("Authorization", f"Bearer {token}"),))


async def waiting_on(keychain: MemoryKeychain, reads: int) -> None:
    while keychain.reads < reads:
        await asyncio.sleep(0)


def run(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(check(), 10))


@pytest.mark.parametrize(
    ("kind", "header", "secret", "expected"),
    [
        ("bearer", None, "t", ("Authorization", "Bearer t")),
        ("basic", None, "user:pass", ("Authorization", "Basic dXNlcjpwYXNz")),
        ("header", "X-Api-Key", "t", ("X-Api-Key", "t")),
    ],
)
def test_each_kind_becomes_its_header(
    home: Home,
    store: CredentialStore,
    kind: str,
    header: str | None,
    secret: str,
    expected: tuple[str, str],
) -> None:
    put(store, kind, header, secret)
    spec = SPEC._replace(auth=Auth(kind, "billing-api", header or "Authorization"))
    authorizer = static_authorizer(home, store)
    assert asyncio.run(authorizer.authorization(spec)) == Authorization((expected,))


def test_an_upstream_without_auth_gets_nothing_and_reads_nothing(
    authorizer: ProfileAuthorizer, keychain: MemoryKeychain
) -> None:
    assert asyncio.run(authorizer.authorization(SPEC._replace(auth=None))) is None
    assert keychain.reads == 0


def test_the_keychain_is_read_once_for_many_calls(
    authorizer: ProfileAuthorizer, keychain: MemoryKeychain
) -> None:
    async def check() -> None:
        keychain.gate.clear()
        calls = [asyncio.create_task(authorizer.authorization(SPEC)) for _ in range(20)]
        await waiting_on(keychain, 1)
        keychain.gate.set()
        assert set(await asyncio.gather(*calls)) == {bearer(CANARY)}
        await authorizer.authorization(SPEC)
        assert keychain.reads == 1

    run(check)


def test_s6_after_forget_the_keychain_is_read_again(
    authorizer: ProfileAuthorizer, store: CredentialStore
) -> None:
    async def check() -> None:
        await authorizer.authorization(SPEC)
        put(store, "bearer", None, "new")
        assert await authorizer.authorization(SPEC) == bearer(CANARY)
        authorizer.forget()
        assert await authorizer.authorization(SPEC) == bearer("new")
        store.remove("billing-api")
        authorizer.forget()
        with pytest.raises(CredentialError, match="not set"):
            await authorizer.authorization(SPEC)

    run(check)


def test_after_a_401_the_keychain_is_read_once_more_and_gives_what_is_new(
    authorizer: ProfileAuthorizer, store: CredentialStore
) -> None:
    async def check() -> None:
        used = await authorizer.authorization(SPEC)
        assert used is not None
        put(store, "bearer", None, "new")
        assert await authorizer.renewed(SPEC, used) == bearer("new")
        assert "new" not in repr(await authorizer.authorization(SPEC))

    run(check)


def test_each_secret_that_ends_is_followed_by_the_next(
    authorizer: ProfileAuthorizer, store: CredentialStore
) -> None:
    async def check() -> None:
        used = await authorizer.authorization(SPEC)
        for token in ("second", "third", "fourth"):
            assert used is not None
            put(store, "bearer", None, token)
            used = await authorizer.renewed(SPEC, used)
            assert used == bearer(token)

    run(check)


def test_a_401_to_what_is_stored_reads_the_keychain_once_more_and_then_no_more(
    authorizer: ProfileAuthorizer, keychain: MemoryKeychain
) -> None:
    async def check() -> None:
        used = await authorizer.authorization(SPEC)
        assert used is not None
        for _ in range(5):
            assert await authorizer.renewed(SPEC, used) is None
        assert keychain.reads == 2

    run(check)


def test_s6_a_read_under_way_at_forget_is_not_cached(
    authorizer: ProfileAuthorizer, store: CredentialStore, keychain: MemoryKeychain
) -> None:
    async def check() -> None:
        keychain.gate.clear()
        before = asyncio.create_task(authorizer.authorization(SPEC))
        await waiting_on(keychain, 1)
        authorizer.forget()
        after = asyncio.create_task(authorizer.authorization(SPEC))
        await waiting_on(keychain, 2)
        keychain.gate.set()
        await asyncio.gather(before, after)
        assert keychain.reads == 2

    run(check)


def test_a_failure_is_not_cached(authorizer: ProfileAuthorizer, keychain: MemoryKeychain) -> None:
    async def check() -> None:
        keychain.locked = True
        with pytest.raises(CredentialError, match="Locked"):
            await authorizer.authorization(SPEC)
        keychain.locked = False
        assert await authorizer.authorization(SPEC) == bearer(CANARY)

    run(check)


def test_a_cancelled_call_leaves_the_answer_to_the_others(
    authorizer: ProfileAuthorizer, keychain: MemoryKeychain
) -> None:
    async def check() -> None:
        keychain.gate.clear()
        first = asyncio.create_task(authorizer.authorization(SPEC))
        second = asyncio.create_task(authorizer.authorization(SPEC))
        await waiting_on(keychain, 1)
        first.cancel()
        keychain.gate.set()
        assert await second == bearer(CANARY)
        with pytest.raises(asyncio.CancelledError):
            await first

    run(check)


def test_a_hung_keychain_keeps_neither_the_loop_nor_other_calls(
    authorizer: ProfileAuthorizer, keychain: MemoryKeychain
) -> None:
    async def check() -> None:
        keychain.gate.clear()
        stuck = asyncio.create_task(authorizer.authorization(SPEC))
        await waiting_on(keychain, 1)
        assert await authorizer.authorization(SPEC._replace(auth=None)) is None
        stuck.cancel()

    run(check)
    # The loop is closed; the thread's late answer must find nobody, quietly.
    keychain.gate.set()


def test_s7_another_profile_gets_nothing(home: Home, store: CredentialStore) -> None:
    put(store, "bearer", None, CANARY)
    authorizer = static_authorizer(home, store, "support")
    with pytest.raises(CredentialError) as caught:
        asyncio.run(authorizer.authorization(SPEC))
    assert caught.value.next == "mcp-proxy credential allow billing-api --profile support"


def test_broken_settings_are_a_credential_error(home: Home, authorizer: ProfileAuthorizer) -> None:
    Path(settings_path(home)).write_text("[colours]\n")
    with pytest.raises(CredentialError, match="colours") as caught:
        asyncio.run(authorizer.authorization(SPEC))
    assert caught.value.id == "MCPX-C01"


def test_an_unforeseen_error_reaches_the_caller_without_its_text(home: Home) -> None:
    def broken(_home_id: str) -> MemoryKeychain:
        raise RuntimeError(CANARY)

    store = CredentialStore(home, broken)
    Path(settings_path(home)).write_text('[credentials.billing-api]\nstore = "keychain"\n')
    with pytest.raises(CredentialError, match="RuntimeError") as caught:
        asyncio.run(static_authorizer(home, store).authorization(SPEC))
    assert CANARY not in str(caught.value)


def test_no_secret_is_in_the_authorizers_state(authorizer: ProfileAuthorizer) -> None:
    asyncio.run(authorizer.authorization(SPEC))
    assert CANARY not in repr(vars(authorizer))
