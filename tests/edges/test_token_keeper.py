"""Access tokens in serve: renewed ahead of their end and at a 401, once for all, or never again."""

import asyncio
import contextlib
import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from authorization_server import AuthorizationServer
from edges.kept_login import AUTH, NAME, KeptLogin

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.profile import Identity
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.files import Held as LockHeld
from mcp_proxy.edges.places import init_home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.token_keeper import TokenKeeper
from mcp_proxy.edges.token_renewal import Renewals
from mcp_proxy.errors import CredentialError, HomeError


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as made:
        yield made


@pytest.fixture
def login(tmp_path: Path, server: AuthorizationServer) -> KeptLogin:
    return KeptLogin(init_home(str(tmp_path / "home")), server)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))


def ask(login: KeptLogin, keeper: TokenKeeper | None = None) -> Authorization:
    """One call's authorization, in a process of its own where no keeper is given."""
    return asyncio.run((keeper or login.keeper()).authorization(login.spec))


def refused(login: KeptLogin) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        ask(login)
    return caught.value


def token(authorization: Authorization) -> str:
    return authorization.headers[0][1].removeprefix("Bearer ")


async def landed(login: KeptLogin, refreshes: int) -> None:
    """Until the renewal that goes on beside the calls is done."""
    while login.refreshes < refreshes or login.tokens.sent:
        await asyncio.sleep(0.01)


def test_a_token_that_holds_is_used_without_a_question(login: KeptLogin) -> None:
    assert token(ask(login)) == login.tokens.access.reveal()
    assert login.server.seen == []


def test_a_restart_after_the_end_renews_without_a_login(login: KeptLogin) -> None:
    login.end()
    found = ask(login)
    assert login.server.ledger.valid(token(found)) is not None
    assert login.refreshes == 1
    login.server.ledger.expire()
    assert ask(login) == found
    assert login.refreshes == 1


def test_ahead_of_the_end_calls_go_on_with_the_old_token_while_another_is_fetched(
    login: KeptLogin,
) -> None:
    held = login.server.faults.hold = threading.Event()

    async def work() -> None:
        keeper = login.keeper()
        old = await keeper.authorization(login.spec)
        login.clock.ahead_s = 3600 - 50
        for _ in range(20):
            assert await keeper.authorization(login.spec) == old
        held.set()
        await landed(login, 1)
        while await keeper.authorization(login.spec) == old:
            await asyncio.sleep(0.01)
        assert login.refreshes == 1

    run(work)


@pytest.mark.parametrize(("lifetime_s", "ahead_s"), [(3600, 60), (100, 10)])
def test_renewal_begins_a_minute_or_a_tenth_of_the_life_before_the_end(
    login: KeptLogin, lifetime_s: int, ahead_s: int
) -> None:
    login.server.knobs.access_s = lifetime_s
    login.log_in()

    async def work() -> None:
        keeper = login.keeper()
        login.clock.ahead_s = lifetime_s - ahead_s - 2
        await keeper.authorization(login.spec)
        await keeper.close()
        assert login.refreshes == 0
        keeper = login.keeper()
        login.clock.ahead_s = lifetime_s - ahead_s + 1
        await keeper.authorization(login.spec)
        await landed(login, 1)

    run(work)


def test_a_hundred_calls_at_once_after_the_end_make_one_renewal(login: KeptLogin) -> None:
    login.end()

    async def work() -> None:
        keeper = login.keeper()
        asked = (keeper.authorization(login.spec) for _ in range(100))
        assert len({token(found) for found in await asyncio.gather(*asked)}) == 1

    run(work)
    assert login.refreshes == 1


def test_six_processes_at_once_after_the_end_make_one_renewal(login: KeptLogin) -> None:
    login.end()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(token(ask(login)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 6
    assert len(set(found)) == 1
    assert (login.refreshes, login.server.ledger.alarms) == (1, 0)


def test_a_401_gets_another_token_and_all_who_were_refused_get_the_same(login: KeptLogin) -> None:
    async def work() -> None:
        keeper = login.keeper()
        used = await keeper.authorization(login.spec)
        login.server.ledger.expire()
        asked = (keeper.renewed(login.spec, used) for _ in range(50))
        others = set(await asyncio.gather(*asked))
        assert len(others) == 1
        assert used not in others
        assert await keeper.renewed(login.spec, used) in others

    run(work)
    assert login.refreshes == 1


def test_a_server_that_refuses_each_new_token_gets_three_a_minute(login: KeptLogin) -> None:
    async def work() -> None:
        keeper = login.keeper()
        used = await keeper.authorization(login.spec)
        for _ in range(3):
            other = await keeper.renewed(login.spec, used)
            assert other is not None
            used = other
        for _ in range(3):
            assert await keeper.renewed(login.spec, used) is None
        assert login.refreshes == 3
        login.clock.ahead_s += 61
        assert await keeper.renewed(login.spec, used) is not None

    run(work)
    assert login.server.ledger.alarms == 0


def test_a_token_that_another_process_has_fetched_is_used_after_a_401(login: KeptLogin) -> None:
    async def work() -> None:
        keeper = login.keeper()
        used = await keeper.authorization(login.spec)
        login.log_in()
        other = await keeper.renewed(login.spec, used)
        assert other is not None
        assert token(other) == login.tokens.access.reveal()

    run(work)
    assert login.refreshes == 0


def test_s6_a_login_ends_what_was_required_without_restart(login: KeptLogin) -> None:
    async def work() -> None:
        keeper = login.keeper()
        login.server.ledger.end_grants()
        login.end()
        before = read_generation(login.home)
        for _ in range(2):
            with pytest.raises(CredentialError, match="no longer takes") as caught:
                await keeper.authorization(login.spec)
            assert caught.value.id == "MCPX-C05"
            assert caught.value.next == "mcp-proxy login guarded"
        assert read_generation(login.home) != before
        login.log_in()
        keeper.forget()
        found = await keeper.authorization(login.spec)
        assert login.server.ledger.valid(token(found)) is not None

    run(work)


def test_s8_an_invalid_grant_is_one_state_that_every_process_sees_without_asking_again(
    login: KeptLogin,
) -> None:
    login.server.ledger.end_grants()
    login.end()
    assert refused(login).id == "MCPX-C05"
    asked = len(login.server.seen)
    assert refused(login).why == login.tokens.needs_login
    assert len(login.server.seen) == asked


def test_s8_the_mark_is_on_disk_before_the_token_leaves(login: KeptLogin) -> None:
    held = login.server.faults.hold = threading.Event()
    refresh = login.tokens.refresh
    assert refresh is not None
    login.end()
    thread = threading.Thread(target=ask, args=(login,), daemon=True)
    thread.start()
    while not login.server.heard("/token"):
        time.sleep(0.01)
    assert login.tokens.sent == hashlib.sha256(refresh.reveal().encode()).hexdigest()
    with pytest.raises(LockHeld), login.store.lock(NAME, wait=False):
        pass
    held.set()
    thread.join(10)
    assert login.tokens.sent == ""


@pytest.mark.parametrize("drop", ["before", "after"])
def test_s8_a_lost_answer_ends_in_a_login_and_never_in_a_second_use(
    login: KeptLogin, drop: str
) -> None:
    login.server.faults.drop, login.server.faults.drops = drop, 1
    login.end()
    assert refused(login).id == "MCPX-C05"
    asked = len(login.server.seen)
    error = refused(login)
    assert (error.id, error.next) == ("MCPX-C05", "mcp-proxy login guarded")
    assert (len(login.server.seen), login.server.ledger.alarms) == (asked, 0)


def test_s8_a_mark_of_a_process_that_died_ends_in_a_login_and_is_not_sent_again(
    login: KeptLogin,
) -> None:
    login.put(login.tokens._replace(sent="a" * 64))
    assert token(ask(login)) == login.tokens.access.reveal()
    login.end()
    assert "was sent" in refused(login).why
    assert login.tokens.needs_login
    assert login.server.seen == []


def test_s8_a_server_that_was_not_reached_leaves_no_mark(
    tmp_path: Path, server: AuthorizationServer
) -> None:
    login = KeptLogin(init_home(str(tmp_path / "home")), server)
    login.put(
        login.tokens._replace(server=login.tokens.server._replace(token="http://127.0.0.1:9/token"))
    )
    login.end()
    error = refused(login)
    assert (error.id, error.next) == ("MCPX-C08", "try again in a minute")
    assert (login.tokens.sent, login.tokens.needs_login) == ("", "")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_costs_no_login_and_is_left_alone_for_a_while(
    login: KeptLogin, status: int
) -> None:
    path = login.server.path + "/token"
    login.server.faults.queued[path] = [(status, {}, b"{}")]

    async def work() -> None:
        keeper = login.keeper()
        login.end()
        for _ in range(3):
            with pytest.raises(CredentialError, match="could not be renewed") as caught:
                await keeper.authorization(login.spec)
            assert caught.value.id == "MCPX-C08"
        assert len(login.server.seen) == 1
        assert (login.tokens.sent, login.tokens.needs_login) == ("", "")
        login.clock.ahead_s += 3
        await keeper.authorization(login.spec)

    run(work)
    assert (login.refreshes, login.server.ledger.alarms) == (1, 0)


def test_a_server_s_trouble_does_not_last_longer_where_the_clock_is_set_back(
    login: KeptLogin,
) -> None:
    login.server.faults.queued[login.server.path + "/token"] = [(503, {}, b"{}")]

    async def work() -> None:
        keeper = login.keeper()
        used = await keeper.authorization(login.spec)
        login.end()
        with pytest.raises(CredentialError, match="could not be renewed"):
            await keeper.authorization(login.spec)
        login.clock.ahead_s -= 86_400
        assert await keeper.renewed(login.spec, used) is not None

    run(work)
    assert login.refreshes == 1


def test_a_renewal_that_cannot_be_marked_is_not_begun_by_each_call(
    login: KeptLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise HomeError("MCPX-H03", "The disk is full.")

    begun = []
    asked = Renewals.renew

    def counted(*given: Any, **named: Any) -> Any:
        begun.append(given)
        return asked(*given, **named)

    monkeypatch.setattr(Renewals, "renew", counted)

    async def work() -> None:
        keeper = login.keeper()
        login.end()
        with monkeypatch.context() as patch:
            patch.setattr(type(login.store), "write", full)
            for _ in range(5):
                with pytest.raises(CredentialError, match="The disk is full"):
                    await keeper.authorization(login.spec)
        assert len(begun) == 1
        login.clock.ahead_s += 3
        await keeper.authorization(login.spec)

    run(work)
    assert (login.refreshes, login.server.ledger.alarms) == (1, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(words, check=False).returncode != 0:
        pytest.skip("no file system can be made here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def test_s8_a_disk_that_fills_while_a_token_is_under_way_loses_no_login(
    small_disk: Path, server: AuthorizationServer
) -> None:
    login = KeptLogin(init_home(str(small_disk / "home")), server)
    held = server.faults.hold_after = threading.Event()
    login.end()
    found: list[Authorization] = []
    thread = threading.Thread(target=lambda: found.append(ask(login)), daemon=True)
    thread.start()
    assert server.decided.wait(10)
    fill(small_disk)
    held.set()
    thread.join(10)
    assert (login.refreshes, login.tokens.sent) == (1, "")
    assert token(found[0]) == login.tokens.access.reveal()


def test_s8_on_a_full_disk_no_token_is_sent_and_the_login_stands(
    small_disk: Path, server: AuthorizationServer
) -> None:
    login = KeptLogin(init_home(str(small_disk / "home")), server)
    login.end()
    with login.store.lock(NAME):  # its file is there
        filler = fill(small_disk)
    error = refused(login)
    assert "vault.json cannot be used: No space left on device." in error.why
    assert server.heard("/token") == []
    filler.unlink()
    assert server.ledger.valid(token(ask(login))) is not None


@pytest.mark.parametrize("status", [200, 201, 204])
def test_s8_an_answer_that_cannot_be_used_ends_in_a_login(login: KeptLogin, status: int) -> None:
    path = login.server.path + "/token"
    body = b"" if status == 204 else b"[]"
    login.server.faults.queued[path] = [(status, {"Content-Type": "application/json"}, body)]
    login.end()
    assert refused(login).id == "MCPX-C05"
    assert refused(login).id == "MCPX-C05"
    assert len(login.server.heard("/token")) == 1
    assert refused(login).id == "MCPX-C05"
    assert len(login.server.seen) == 1


def test_s8_a_profile_that_names_another_server_or_client_needs_a_login(login: KeptLogin) -> None:
    for auth in (
        AUTH._replace(issuer="https://evil.example"),
        AUTH._replace(client_id="another"),
        AUTH._replace(endpoints=(("token", "https://evil.example/token"),)),
        AUTH._replace(grant="client_credentials"),
        AUTH._replace(grant="id_jag", identity=Identity("https://idp.example", "app")),
    ):
        login.spec = login.spec._replace(auth=auth)
        assert refused(login).id == "MCPX-C05"
    assert login.server.seen == []


def test_s8_another_resource_gets_no_token(login: KeptLogin) -> None:
    for url in ("https://evil.example/api", login.server.resource_origin + "/other"):
        login.spec = login.spec._replace(url=url)
        assert refused(login).id == "MCPX-C05"


def test_s7_another_profile_gets_no_token(login: KeptLogin) -> None:
    binding = login.tokens.binding._replace(profiles=(("other", "keys"),))
    login.put(login.tokens._replace(binding=binding))
    error = refused(login)
    assert (error.id, error.next) == (
        "MCPX-C03",
        "mcp-proxy credential allow guarded --profile guarded",
    )


def test_without_a_login_the_command_is_named(login: KeptLogin) -> None:
    login.store.remove(NAME)
    assert (refused(login).id, refused(login).next) == ("MCPX-C05", "mcp-proxy login guarded")


def test_a_login_without_a_refresh_token_ends_with_its_access_token(login: KeptLogin) -> None:
    login.server.knobs.gives_refresh = False
    login.log_in()
    ask(login)
    login.end()
    assert refused(login).id == "MCPX-C05"
    assert login.server.seen == []


def test_a_client_s_own_tokens_are_fetched_again_and_again_without_a_mark(
    login: KeptLogin, server: AuthorizationServer
) -> None:
    server.add_client("machine", "client_secret_basic", "s3cret/of it")
    machine = login.tokens.client._replace(
        id="machine", method="client_secret_basic", secret=Secret("s3cret/of it")
    )
    tokens = login.tokens._replace(grant="client_credentials", client=machine, refresh=None)
    login.put(tokens)
    auth = AUTH._replace(grant="client_credentials", client_id="machine")
    login.spec = login.spec._replace(auth=auth)
    server.faults.drop, server.faults.drops = "before", 1
    login.end()
    assert refused(login).id == "MCPX-C08"
    for _ in range(2):
        login.clock.ahead_s += 3700
        assert server.ledger.valid(token(ask(login))) is not None
    assert server.ledger.counts["client_credentials"] == 2


def test_calls_end_at_their_own_deadline_and_the_renewal_that_hangs_goes_on(
    login: KeptLogin,
) -> None:
    held = login.server.faults.hold_after = threading.Event()

    async def work() -> None:
        keeper = login.keeper()
        login.end()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await keeper.authorization(login.spec)
        held.set()
        found = await keeper.authorization(login.spec)
        assert login.server.ledger.valid(token(found)) is not None

    run(work)
    assert (login.refreshes, login.server.ledger.alarms) == (1, 0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"junk"),
        (400, b'{"error": 7}'),
        (401, b'{"error": "invalid_client"}'),
        (403, b"<html>denied</html>"),
        (302, b""),
    ],
)
def test_a_refusal_that_is_no_invalid_grant_keeps_the_login_and_names_the_command(
    login: KeptLogin, status: int, body: bytes
) -> None:
    login.server.faults.queued[login.server.path + "/token"] = [(status, {}, body)]
    login.end()
    error = refused(login)
    assert (error.id, error.next) == ("MCPX-C08", "mcp-proxy login guarded")
    assert (login.tokens.sent, login.tokens.needs_login) == ("", "")
    assert login.server.ledger.valid(token(ask(login))) is not None


def test_closing_waits_for_the_answer_to_a_token_that_was_sent(login: KeptLogin) -> None:
    held = login.server.faults.hold_after = threading.Event()

    async def work() -> None:
        keeper = login.keeper()
        login.clock.ahead_s = 3600 - 50
        await keeper.authorization(login.spec)
        while not login.server.decided.is_set():
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.2, held.set)
        await keeper.close()

    run(work)
    assert (login.refreshes, login.tokens.sent) == (1, "")


def test_after_closing_none_begins(login: KeptLogin) -> None:
    login.end()

    async def work() -> None:
        keeper = login.keeper()
        await keeper.close()
        with pytest.raises(CredentialError, match="ends"):
            await keeper.authorization(login.spec)

    run(work)
    assert login.server.seen == []


def test_s8_what_is_read_before_a_login_does_not_outlive_it(login: KeptLogin) -> None:
    held = login.server.faults.hold_after = threading.Event()

    async def work() -> None:
        keeper = login.keeper()
        login.end()
        early = asyncio.create_task(keeper.authorization(login.spec))
        while not login.server.decided.is_set():
            await asyncio.sleep(0.01)
        keeper.forget()
        held.set()
        await early
        login.log_in()
        keeper.forget()
        found = await keeper.authorization(login.spec)
        assert token(found) == login.tokens.access.reveal()

    run(work)


def test_no_token_is_in_the_keeper_s_state(login: KeptLogin) -> None:
    keeper = login.keeper()
    found = ask(login, keeper)
    assert token(found) not in repr(vars(keeper))
