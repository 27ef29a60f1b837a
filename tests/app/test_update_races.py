"""What changes between a comparison and what follows from it; who is told, and who is not asked."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator

import homes
import publisher_desk
import pytest
from repository_desk import SEED, Desk, open_desk
from repository_samples import STRANGER_SEED, make_repository, serve
from trust_samples import OTHER_SEED

from mcp_proxy.app import admin_log, profiles, renewing, repositories
from mcp_proxy.app.named_install import accept, find_offer, read_name
from mcp_proxy.app.refreshing import refresh
from mcp_proxy.app.updates import update
from mcp_proxy.core.seen import PINNED_KEYS, repository_root
from mcp_proxy.edges.files import Held, write_given
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.places import VARIABLE
from mcp_proxy.edges.profile_store import check_held, profile_path, records_path, trust_path
from mcp_proxy.edges.repository_folder import repository_lock
from mcp_proxy.errors import AuditError, McpProxyError

FEWER = [homes.tool("find"), homes.tool("refund")]
MORE = [homes.tool(name) for name in ("find", "refund", "ask", "more")]


@pytest.fixture
def installed(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Billing version 1, installed from a trusted repository."""
    folder = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    with open_desk(folder) as made:
        made.publish(1)
        made.trust()
        made.install()
        yield made


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(McpProxyError) as caught:
        ask()
    return caught.value.id


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """`act` runs after an update was compared with what is installed, before it is activated."""
    compare = renewing.is_wider_than_held

    def compared(*args: object) -> bool:
        found = compare(*args)
        act()
        return found

    monkeypatch.setattr(renewing, "is_wider_than_held", compared)


def fail_to_log(*_args: object, **_facts: object) -> None:
    raise AuditError("MCPX-A01", "The log is full.")


def test_s5_a_profile_that_is_removed_meanwhile_is_not_put_back(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.publish(2, tools=FEWER)
    between(monkeypatch, lambda: profiles.remove("billing"))
    assert refresh("billing", offline=False).problem is not None
    assert list_installed(installed.home) == ()
    assert installed.record.version == 1


def test_s5_a_pin_that_is_set_meanwhile_holds(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = installed.offer("billing@1")
    accept(offer, unasked=True)
    installed.publish(2, tools=FEWER)
    assert refresh("billing", offline=False).activated == 0
    assert installed.load().header.version == 1


def test_s5_a_yes_counts_only_for_the_comparison_that_was_shown(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    shown = installed.offer()
    assert refresh("billing", offline=False).activated == 2
    assert refused(lambda: accept(shown, unasked=True)) == "MCPX-W01"
    accept(installed.offer(), unasked=True)


def test_s5_a_version_that_replaces_the_one_that_was_shown_is_not_taken(installed: Desk) -> None:
    installed.publish(2, tools=MORE)
    shown = update("billing").offer
    assert shown is not None
    installed.publish(3, tools=[*MORE, homes.tool("and_more")])
    refresh("billing", offline=False)
    accept(shown, unasked=True)
    assert installed.load().header.version == 2
    installed.repo.revoke("billing", 2)
    refresh("billing", offline=False)
    assert refused(lambda: accept(shown, unasked=True)) == "MCPX-P26"


def test_s5_a_right_given_back_after_it_was_taken_is_asked_for(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    assert refresh("billing", offline=False).activated == 2
    installed.publish(3)
    found = refresh("billing", offline=False)
    assert (found.activated, found.waiting) == (0, 3)
    assert installed.load().header.version == 2


def test_s5_nothing_is_installed_by_a_refresh(installed: Desk) -> None:
    profiles.remove("billing")
    installed.publish(2, tools=FEWER)
    found = refresh("billing", offline=False)
    assert found.problem is not None
    assert found.problem.id == "MCPX-P11"
    assert list_installed(installed.home) == ()


def test_s1_a_withdrawal_and_its_end_are_logged_once_each(installed: Desk) -> None:
    installed.publish(2, tools=MORE)
    installed.repo.revoke("billing", 1)
    for _ in range(2):
        refresh("billing", offline=False)
    (note,) = installed.notes("profile withdraw")
    assert (note["version"], note["by"], note["repository"]) == (1, "refresh", installed.id)
    installed.publish(1)
    installed.publish(2, tools=MORE)
    for _ in range(2):
        refresh("billing", offline=False)
    assert len(installed.notes("profile give back")) == 1
    assert installed.load().header.version == 1


def test_s20_a_withdrawal_counts_even_where_it_cannot_be_logged(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.repo.revoke("billing", 1)
    monkeypatch.setattr(admin_log, "record", fail_to_log)
    found = refresh("billing", offline=False)
    assert found.problem is not None
    assert found.problem.exit_code == 5
    assert refused(installed.load) == "MCPX-P19"


def test_s20_nothing_is_given_back_that_cannot_be_logged(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.repo.revoke("billing", 1)
    refresh("billing", offline=False)
    installed.publish(1)
    monkeypatch.setattr(admin_log, "record", fail_to_log)
    refresh("billing", offline=False)
    assert refused(installed.load) == "MCPX-P19"


def test_s6_a_version_that_is_served_beside_a_newer_one_is_revoked_too(installed: Desk) -> None:
    served = installed.load()
    installed.publish(2, tools=FEWER)
    assert refresh("billing", offline=False).activated == 2
    check_held(installed.home, served)
    installed.repo.revoke("billing", 1)
    refresh("billing", offline=False)
    assert installed.load().header.version == 2
    assert refused(lambda: check_held(installed.home, served)) == "MCPX-P19"


def test_a_delegation_with_more_signers_than_a_record_takes_is_refused(installed: Desk) -> None:
    seeds = [bytes([number]) * 32 for number in range(1, 70)]
    installed.repo.delegate("hr", *seeds)
    assert refused(lambda: installed.offer("hr")) == "MCPX-P23"


def test_a_local_copy_is_put_back_under_its_repositorys_lock(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(installed.folder, "copy.dsse.json")
    shutil.copy(profile_path(installed.home, "billing"), path)
    put = profiles.activate_profile

    def putting(*args: object, **more: object) -> object:
        with pytest.raises(Held), repository_lock(installed.home, installed.id, wait=False):
            pass
        return put(*args, **more)

    monkeypatch.setattr(profiles, "activate_profile", putting)
    profiles.install(profiles.prepare(path), unasked=True)
    assert installed.load().header.version == 1


def test_s2_other_bytes_that_no_signer_signed_withdraw_the_version_too(installed: Desk) -> None:
    installed.publish(1, seed=STRANGER_SEED, tools=MORE)
    refresh("billing", offline=False)
    assert refused(installed.load) == "MCPX-P19"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_refresh_that_was_stopped_holds_up_no_start_no_proof_and_no_other(
    installed: Desk,
) -> None:
    child = os.fork()
    if child == 0:
        with repository_lock(installed.home, installed.id, wait=True):
            os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    try:
        os.waitpid(child, os.WUNTRACED)
        assert installed.load().header.version == 1
        assert refresh("billing", offline=True).verified
        found = refresh("billing", offline=False)
        assert (found.verified, found.problem) == (False, None)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert refresh("billing", offline=False).verified


def test_s2_a_removed_profile_does_not_come_back_from_the_other_root(installed: Desk) -> None:
    profiles.remove("billing")
    homes.trust(installed.home)
    path = os.path.join(installed.folder, "own.dsse.json")
    write_given(path, homes.sign_payload(homes.payload(version=9), SEED))
    assert refused(lambda: profiles.prepare(path)) == "MCPX-P14"
    assert list_installed(installed.home) == ()


def test_s2_a_repository_that_comes_back_under_another_id_is_another_root(
    installed: Desk,
) -> None:
    repositories.remove(repositories.find_one(installed.id))
    other = make_repository(os.path.join(installed.folder, "other"), days=20)
    other.delegate("billing", SEED)
    write_given(installed.root_path, other.root_bytes)
    with serve(other.folder) as host:
        other_root = repositories.read_candidate(host.url, installed.root_path, "*")
        repositories.add(other_root, unasked=True)
        assert refused(installed.load) == "MCPX-P18"
        assert refused(installed.offer) == "MCPX-P18"
    assert installed.record.root == repository_root(installed.id)


def test_s2_a_move_there_and_back_opens_no_way_to_an_older_version(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    refresh("billing", offline=False)
    homes.trust(installed.home)
    repositories.move(repositories.read_move("billing", "keys"), unasked=True)
    assert installed.record.root == PINNED_KEYS
    assert installed.record.activation is None
    repositories.move(repositories.read_move("billing", installed.id), unasked=True)
    assert (installed.record.version, installed.record.activation) == (2, None)
    assert refused(installed.load) == "MCPX-P13"
    installed.repo.revoke("billing", 2)
    assert refused(installed.offer) == "MCPX-P07"


def test_s2_the_same_version_with_other_bytes_from_the_new_root_is_refused(
    installed: Desk,
) -> None:
    homes.trust(installed.home, seed=OTHER_SEED)
    repositories.move(repositories.read_move("billing", "keys"), unasked=True)
    path = os.path.join(installed.folder, "own.dsse.json")
    write_given(path, homes.sign_payload(homes.payload(version=1, tools=MORE), OTHER_SEED))
    assert refused(lambda: profiles.prepare(path)) == "MCPX-P08"


def test_s2_without_its_record_or_its_trust_nothing_is_served(installed: Desk) -> None:
    os.rename(records_path(installed.home), records_path(installed.home) + ".away")
    assert refused(installed.load) == "MCPX-P03"
    homes.trust(installed.home)
    assert refused(installed.load) == "MCPX-P13"
    os.rename(records_path(installed.home) + ".away", records_path(installed.home))
    os.unlink(trust_path(installed.home))
    assert refused(installed.load) == "MCPX-P18"


def test_a_name_given_away_by_our_own_command_and_never_published_says_so(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = publisher_desk.Desk(os.fspath(tmp_path), monkeypatch)
    root = os.path.join(desk.folder, "root.json")
    write_given(root, desk.init())
    desk.delegate("billing")
    wanted = read_name("billing")
    assert wanted is not None
    with serve(desk.repo) as host:
        repositories.add(repositories.read_candidate(host.url, root, "*"), unasked=True)
        with pytest.raises(McpProxyError, match="no version of it was published yet"):
            find_offer(wanted)
        desk.publish("billing", 1)
        accept(find_offer(wanted), unasked=True)
    assert list_installed(desk.home) == ("billing",)
