"""Profiles of a repository on a developer's machine: installed, kept fresh, updated, withdrawn."""

import os
import shutil
import time
from collections.abc import Callable, Iterator

import homes
import pytest
from repository_desk import SEED, Desk, open_desk
from repository_samples import STRANGER_SEED, make_repository, serve
from trust_samples import OTHER_SEED

from mcp_proxy.app import admin_log, profiles, repositories
from mcp_proxy.app.named_install import accept, read_name
from mcp_proxy.app.refreshing import Refreshed, refresh, refresh_all
from mcp_proxy.app.renewing import fetch_newer, open_repository
from mcp_proxy.app.updates import update, update_all
from mcp_proxy.core.listing import activation
from mcp_proxy.core.seen import PINNED_KEYS, dump_seen, repository_root, wait_for_publisher
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import key_id
from mcp_proxy.edges import installs
from mcp_proxy.edges.activations import activate_profile
from mcp_proxy.edges.files import write_file, write_given
from mcp_proxy.edges.places import VARIABLE
from mcp_proxy.edges.profile_store import profile_path, read_generation, read_records
from mcp_proxy.errors import AuditError, HomeError, McpProxyError, ProfileError, UsageError

FEWER = [homes.tool("find"), homes.tool("refund")]


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Trusted, with billing version 1 published."""
    folder = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    with open_desk(folder) as made:
        made.publish(1)
        made.trust()
        yield made


@pytest.fixture
def installed(desk: Desk) -> Desk:
    desk.install()
    return desk


def refusal(error: McpProxyError | None) -> str:
    assert error is not None
    return error.id


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(McpProxyError) as caught:
        ask()
    return caught.value.id


def test_a_profile_is_installed_by_its_name_and_starts_without_its_repository(desk: Desk) -> None:
    desk.install()
    shutil.rmtree(desk.repo.folder)
    profile = desk.load()
    assert (profile.header.version, profile.root) == (1, repository_root(desk.id))
    assert profile.freshness is not None
    assert desk.activation.keys == (public_key(SEED),)
    (note,) = desk.notes("profile install")
    assert (note["root"], note["pin"], note["yes"]) == (f"repository {desk.id}", False, True)


def test_an_offer_shows_signers_tools_and_what_changes(installed: Desk) -> None:
    assert installed.offer().changes == ()
    installed.publish(2, tools=FEWER)
    offer = installed.offer()
    assert offer.checked.signers[0].keyid == key_id(public_key(SEED))
    assert [tool.name for tool in offer.checked.tools] == ["find", "refund"]
    assert [change.kind for change in offer.changes or ()] == ["narrower"]


def test_what_was_changed_after_it_was_shown_is_not_installed(desk: Desk) -> None:
    offer = desk.offer()
    desk.repo.revoke("billing", 1)
    refresh("billing", offline=False)
    assert refused(desk.offer) == "MCPX-P26"
    assert refused(lambda: accept(offer, unasked=True)) == "MCPX-P26"


def test_a_name_that_no_trusted_repository_answers_for(desk: Desk) -> None:
    assert refused(lambda: desk.offer("support")) == "MCPX-P26"
    repositories.remove(repositories.find_one(desk.host.url))
    assert refused(desk.offer) == "MCPX-P18"


def test_a_scope_keeps_a_repository_from_other_names(installed: Desk) -> None:
    repositories.remove(repositories.find_one(installed.id))
    installed.trust("support-*")
    assert refused(installed.load) == "MCPX-P18"
    assert refused(installed.offer) == "MCPX-P18"


def test_two_repositories_that_delegate_a_name_are_both_named(desk: Desk) -> None:
    other = make_repository(os.path.join(desk.folder, "other"), days=20)
    write_given(os.path.join(desk.folder, "other.json"), other.root_bytes)
    with serve(other.folder) as host:
        candidate = repositories.read_candidate(
            host.url, os.path.join(desk.folder, "other.json"), "*"
        )
        repositories.add(candidate, unasked=True)
        with pytest.raises(UsageError) as caught:
            desk.offer()
    assert desk.host.url in caught.value.why
    assert host.url in caught.value.why


def test_s5_an_update_that_is_not_wider_activates_by_itself(installed: Desk) -> None:
    before = read_generation(installed.home)
    installed.publish(2, tools=FEWER)
    found = refresh("billing", offline=False)
    assert found[:5] == ("billing", True, 2, 0, 2)
    assert found.problem is None
    assert installed.load().header.tools == ("find", "refund")
    assert read_generation(installed.home) != before
    (note,) = installed.notes("profile activate")
    assert (note["version"], note["by"]) == (2, "refresh")


def test_s5_a_wider_update_waits_and_the_old_version_serves_on(installed: Desk) -> None:
    installed.publish(2, tools=[*FEWER, homes.tool("ask"), homes.tool("more")])
    found = refresh("billing", offline=False)
    assert (found.verified, found.version, found.waiting, found.activated) == (True, 1, 2, 0)
    assert installed.load().header.version == 1
    again = update("billing")
    assert again.offer is not None
    assert [(item.kind, item.place) for item in again.offer.changes or ()] == [
        ("wider", "tool more")
    ]
    accept(again.offer, unasked=True)
    assert installed.load().header.version == 2
    assert installed.activation.waiting == 0


def test_s3_an_activation_cut_short_is_refused_until_the_next_refresh_ends_it(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die_at_the_switch(path: str, data: bytes) -> None:
        if path == profile_path(installed.home, "billing"):
            raise HomeError("MCPX-H03", "The machine went down.")
        write_file(path, data)

    installed.publish(2, tools=FEWER)
    with monkeypatch.context() as patch:
        patch.setattr(installs, "write_file", die_at_the_switch)
        assert refusal(refresh("billing", offline=False).problem) == "MCPX-H03"
    assert refused(installed.load) == "MCPX-P07"
    before = read_generation(installed.home)
    assert refresh("billing", offline=False).verified
    assert installed.load().header.version == 2
    assert read_generation(installed.home) != before


def test_an_activation_that_cannot_be_logged_does_not_happen(
    installed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_facts: object) -> None:
        raise AuditError("MCPX-A01", "The disk is full.")

    installed.publish(2, tools=FEWER)
    monkeypatch.setattr(admin_log, "record", refuse)
    assert refusal(refresh("billing", offline=False).problem) == "MCPX-A01"
    assert installed.load().header.version == 1


def test_a_renewed_timestamp_is_nobodys_concern_but_the_records(installed: Desk) -> None:
    before, until_s = read_generation(installed.home), installed.activation.fresh_until_s
    installed.repo.days = 60
    installed.repo.renew()
    installed.repo.expire("snapshot", installed.repo.timestamp.expires)
    refresh("billing", offline=False)
    assert installed.activation.fresh_until_s >= until_s
    assert read_generation(installed.home) == before


def test_s19_past_the_timestamp_and_without_grace_nothing_is_served(installed: Desk) -> None:
    assert refused(lambda: installed.load(later_s=31 * 86_400)) == "MCPX-P21"


def test_an_unreachable_repository_changes_nothing(installed: Desk) -> None:
    record = installed.record
    shutil.rmtree(os.path.join(installed.repo.folder, "metadata"))
    assert refusal(refresh("billing", offline=False).problem) == "MCPX-U01"
    assert installed.record == record
    assert installed.load().header.version == 1


def test_a_withdrawn_version_is_refused_at_once_and_an_older_one_may_be_pinned(
    installed: Desk,
) -> None:
    installed.publish(2, tools=FEWER)
    refresh("billing", offline=False)
    before = read_generation(installed.home)
    installed.repo.revoke("billing", 2)
    found = refresh("billing", offline=False)
    assert (found.verified, refusal(found.problem)) == (False, "MCPX-P19")
    assert read_generation(installed.home) != before
    assert refused(installed.load) == "MCPX-P19"
    problem = update("billing").problem
    assert problem is not None
    assert problem.next == "mcp-proxy profile install billing@1"
    installed.install("billing@1")
    assert installed.load().header.version == 1
    assert installed.record.version == 2


def test_a_withdrawn_profile_and_a_withdrawn_delegation(installed: Desk) -> None:
    installed.repo.revoke("billing")
    found = update("billing").problem
    assert refusal(found) == "MCPX-P19"
    assert refused(installed.offer) == "MCPX-P26"


def test_where_nothing_is_listed_every_command_says_to_wait_for_the_publisher(
    installed: Desk,
) -> None:
    installed.repo.revoke("billing")
    problems = [refresh("billing", offline=offline).problem for offline in (False, True)]
    problems.append(update("billing").problem)
    for ask in (installed.load, installed.offer, lambda: installed.offer("billing@1")):
        with pytest.raises(McpProxyError) as caught:
            ask()
        problems.append(caught.value)
    assert {item.next for item in problems if item is not None} == {wait_for_publisher("billing")}
    found = [item.id for item in problems if item is not None]
    assert found == [*(["MCPX-P19"] * 4), *(["MCPX-P26"] * 2)]


def test_what_is_not_installed_is_installed_once_a_version_is_listed(desk: Desk) -> None:
    desk.repo.revoke("billing")
    for text in ("billing", "billing@1"):
        with pytest.raises(McpProxyError) as caught:
            desk.offer(text)
        assert caught.value.id == "MCPX-P26"
        assert caught.value.next.endswith("then mcp-proxy profile install billing")


def test_a_current_version_that_goes_back_withdraws_the_newer_one(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    refresh("billing", offline=False)
    installed.publish(1)
    assert refusal(refresh("billing", offline=False).problem) == "MCPX-P19"
    installed.install("billing@2")
    assert installed.load().header.version == 2


def test_s3_other_bytes_under_an_installed_version_withdraw_it(installed: Desk) -> None:
    installed.publish(1, tools=FEWER)
    found = refresh("billing", offline=False)
    assert refusal(found.problem) == "MCPX-P19"
    assert "other bytes" in str(found.problem)
    assert refused(installed.offer) == "MCPX-P08"


def test_the_same_payload_with_a_new_signature_is_taken_over(installed: Desk) -> None:
    installed.repo.delegate("billing", STRANGER_SEED)
    installed.publish(1, seed=STRANGER_SEED)
    assert refresh("billing", offline=False).verified
    assert installed.load().signer == key_id(public_key(STRANGER_SEED))


def test_what_was_fetched_and_is_used_no_more_is_forgotten(installed: Desk) -> None:
    for version in (2, 3, 4):
        installed.publish(version, tools=FEWER)
        refresh("billing", offline=False)
    refresh("billing", offline=False)
    folder = os.path.join(installed.home.data, "repositories", installed.id, "targets")
    assert os.listdir(folder) == ["billing.4.dsse.json"]
    assert refresh("billing", offline=True).verified


def test_a_revoked_key_refuses_what_it_alone_signed(installed: Desk) -> None:
    installed.repo.delegate("billing", STRANGER_SEED)
    found = refresh("billing", offline=False)
    assert (found.verified, refusal(found.problem)) == (False, "MCPX-P20")
    assert refused(installed.load) == "MCPX-P20"
    installed.publish(2, seed=STRANGER_SEED, tools=FEWER)
    assert refresh("billing", offline=False).activated == 2
    assert installed.load().header.version == 2


def test_a_version_that_no_listed_key_signed_is_not_installed(desk: Desk) -> None:
    desk.publish(2, seed=STRANGER_SEED)
    assert refused(desk.offer) == "MCPX-P20"


def test_another_profiles_file_under_a_name_is_refused(desk: Desk) -> None:
    data = sign_payload(homes.payload(name="support", version=2), SEED)
    desk.repo.publish("billing", data)
    assert refused(desk.offer) == "MCPX-P12"


def test_s3_a_pin_is_kept_across_updates_until_it_is_ended(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    installed.publish(3, tools=FEWER)
    refresh("billing", offline=False)
    installed.install("billing@2")
    assert installed.record.pin is not None
    assert installed.record.version == 3
    installed.publish(4, tools=FEWER)
    found = update("billing")
    assert (found.version, found.current, found.offer) == (2, 4, None)
    assert installed.load().header.version == 2
    assert installed.notes("profile install")[-1]["pin"] is True
    installed.install()
    assert (installed.record.pin, installed.load().header.version) == (None, 4)


def test_s3_a_pin_is_never_below_the_floor_nor_of_what_was_withdrawn(installed: Desk) -> None:
    for version in (2, 3):
        installed.publish(version, tools=FEWER)
    refresh("billing", offline=False)
    installed.install("billing@1")
    installed.repo.floor("billing", 2)
    assert refused(lambda: installed.offer("billing@1")) == "MCPX-P28"
    assert refusal(refresh("billing", offline=False).problem) == "MCPX-P19"
    installed.install("billing@2")
    installed.repo.revoke("billing", 2)
    assert refusal(refresh("billing", offline=False).problem) == "MCPX-P19"
    assert refused(lambda: installed.offer("billing@2")) == "MCPX-P26"
    assert refused(lambda: installed.offer("billing@9")) == "MCPX-P26"


def test_s3_an_older_current_version_is_not_installed_without_a_pin(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    refresh("billing", offline=False)
    installed.repo.revoke("billing", 2)
    with pytest.raises(McpProxyError) as caught:
        installed.offer()
    assert caught.value.id == "MCPX-P07"
    assert caught.value.next == "mcp-proxy profile install billing@1"


def test_s4_offline_proof_needs_no_network_and_changes_nothing(installed: Desk) -> None:
    record = installed.record
    installed.host.requests.clear()
    found = refresh("billing", offline=True)
    assert found == Refreshed("billing", True, 1, 0, 0, record.activation.fresh_until_s)
    assert installed.host.requests == []
    assert installed.record == record


@pytest.mark.parametrize(
    ("place", "found"), [("targets/billing.1.dsse.json", "P25"), ("proofs/billing.json", "P23")]
)
def test_s4_offline_proof_fails_where_the_cache_was_touched(
    installed: Desk, place: str, found: str
) -> None:
    path = os.path.join(installed.home.data, "repositories", installed.id, place)
    with open(path, "ab") as file:
        file.write(b" }")
    assert refusal(refresh("billing", offline=True).problem) == f"MCPX-{found}"
    os.unlink(path)
    assert refusal(refresh("billing", offline=True).problem) == f"MCPX-{found}"
    assert refresh("billing", offline=False).verified
    assert refresh("billing", offline=True).verified


def test_s4_a_record_may_not_claim_more_than_was_signed(installed: Desk) -> None:
    path = os.path.join(installed.home.data, "seen.json")
    records = read_records(installed.home)
    longer = installed.activation._replace(fresh_until_s=installed.activation.fresh_until_s + 9)
    records["billing"] = installed.record._replace(activation=longer)
    write_file(path, dump_seen(records))
    assert refusal(refresh("billing", offline=True).problem) == "MCPX-P23"


def test_s2_a_file_counts_only_if_it_is_what_the_repository_activated(installed: Desk) -> None:
    path = os.path.join(installed.folder, "billing.dsse.json")
    write_given(path, sign_payload(homes.payload(version=2, tools=FEWER), SEED))
    with pytest.raises(McpProxyError) as caught:
        profiles.prepare(path)
    assert caught.value.id == "MCPX-P14"
    write_given(path, sign_payload(homes.payload(version=1), SEED))
    profiles.remove("billing")
    profiles.install(profiles.prepare(path), unasked=True)
    assert installed.load().root == repository_root(installed.id)


def test_s2_a_pinned_key_does_not_deliver_a_repositorys_name(installed: Desk) -> None:
    homes.trust(installed.home, OTHER_SEED)
    path = os.path.join(installed.folder, "billing.dsse.json")
    write_given(path, sign_payload(homes.payload(version=2), OTHER_SEED))
    assert refused(lambda: profiles.prepare(path)) == "MCPX-P14"


def test_s2_a_repository_does_not_deliver_a_name_of_pinned_keys(desk: Desk) -> None:
    homes.trust(desk.home)
    homes.install(desk.home, version=1)
    desk.publish(2)
    with pytest.raises(ProfileError) as caught:
        desk.offer()
    assert caught.value.id == "MCPX-P14"
    assert caught.value.next == f"mcp-proxy trust move billing --to {desk.id[:16]}"
    assert isinstance(update("billing").problem, UsageError)
    assert refresh("billing", offline=False) == Refreshed("billing", True, 1)


def test_s2_another_repository_does_not_take_a_name_over(installed: Desk) -> None:
    other = make_repository(os.path.join(installed.folder, "other"), {}, days=20)
    other.delegate("billing", SEED)
    other.publish("billing", sign_payload(homes.payload(version=9), SEED))
    path = os.path.join(installed.folder, "other.json")
    write_given(path, other.root_bytes)
    with serve(other.folder) as host:
        repositories.add(repositories.read_candidate(host.url, path, "*"), unasked=True)
        assert installed.offer().checked.profile.header.version == 1
        assert update("billing").current == 1
        repositories.remove(repositories.find_one(installed.id))
        assert refused(installed.offer) == "MCPX-P18"
        assert refused(installed.load) == "MCPX-P18"
        assert refusal(update("billing").problem) == "MCPX-P18"
        write_given(path, sign_payload(homes.payload(version=9), SEED))
        assert refused(lambda: profiles.prepare(path)) == "MCPX-P18"
        repositories.move(repositories.read_move("billing", host.url), unasked=True)
        installed.install()
    assert installed.load().header.version == 9


def test_s2_a_repository_cannot_activate_over_pinned_keys_by_itself(desk: Desk) -> None:
    homes.trust(desk.home)
    homes.install(desk.home, version=1)
    desk.publish(2)
    client = open_repository(desk.home, repositories.find_one(desk.id), wait=True)
    with client as opened:
        listing = opened.look("billing")
        newer = fetch_newer(opened, "billing", listing)
    with pytest.raises(McpProxyError) as caught:
        activate_profile(
            desk.home,
            "billing",
            newer.data,
            root=repository_root(desk.id),
            activation=activation(listing),
            now_s=time.time(),
            over=desk.load().digest,
        )
    assert caught.value.id == "MCPX-P14"
    assert desk.load().header.version == 1


def test_s2_only_trust_move_changes_a_root_and_the_highest_version_stays(installed: Desk) -> None:
    installed.publish(2, tools=FEWER)
    refresh("billing", offline=False)
    homes.trust(installed.home)
    repositories.move(repositories.read_move("billing", "keys"), unasked=True)
    assert installed.load().root == PINNED_KEYS
    homes.distrust(installed.home)
    assert refused(installed.load) == "MCPX-P03"
    homes.trust(installed.home)
    path = os.path.join(installed.folder, "billing.dsse.json")
    write_given(path, sign_payload(homes.payload(version=1), SEED))
    assert refused(lambda: profiles.prepare(path)) == "MCPX-P07"
    repositories.move(repositories.read_move("billing", installed.host.url), unasked=True)
    assert refused(installed.load) == "MCPX-P13"
    installed.install()
    assert installed.load().header.version == 2
    assert [note["to"] for note in installed.notes("trust move")] == [
        "keys",
        f"repository {installed.id}",
    ]


def test_moving_says_what_has_to_be_allowed_anew(desk: Desk) -> None:
    desk.publish(2, auth=homes.BEARER)
    desk.install()
    wanted = repositories.read_move("billing", "keys")
    assert [gap.why for gap in wanted.lacking] == ["The credential billing-api is not set."]


@pytest.mark.parametrize(("name", "to"), [("nobody", "keys"), ("billing", "none"), ("billing", "")])
def test_a_move_that_cannot_be_is_wrong_usage(installed: Desk, name: str, to: str) -> None:
    with pytest.raises(UsageError):
        repositories.read_move(name, to or installed.id)


def test_kept_versions_of_pinned_keys_can_be_gone_back_to(desk: Desk) -> None:
    homes.trust(desk.home)
    for version in range(1, 8):
        homes.install(desk.home, version=version)
    assert refused(lambda: desk.offer("billing@2")) == "MCPX-P11"
    desk.install("billing@3")
    assert (desk.load().header.version, desk.record.version) == (3, 7)
    assert desk.notes("profile install")[-1]["pin"] is True
    homes.install(desk.home, version=3)
    with pytest.raises(McpProxyError) as caught:
        homes.install(desk.home, version=8)
    assert caught.value.id == "MCPX-P17"
    desk.install("billing")
    assert (desk.load().header.version, desk.record.pin) == (7, None)
    homes.distrust(desk.home)
    assert refused(lambda: desk.offer("billing@3")) == "MCPX-P03"


def test_all_profiles_of_repositories_are_refreshed_and_updated(installed: Desk) -> None:
    homes.trust(installed.home, SEED, "other")
    homes.install(installed.home, name="other")
    assert [row.profile for row in refresh_all(offline=True)] == ["billing"]
    assert [row.profile for row in update_all()] == ["billing"]


def test_what_is_not_installed_cannot_be_refreshed(desk: Desk) -> None:
    assert refusal(refresh("billing", offline=False).problem) == "MCPX-P11"
    assert refusal(refresh("../billing", offline=True).problem) == "MCPX-P11"


@pytest.mark.parametrize("text", ["a b", "BILLING", "billing@0", "billing@", "x.json", "@1"])
def test_what_is_no_name_is_a_file(text: str) -> None:
    assert read_name(text) is None
