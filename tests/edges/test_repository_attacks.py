"""What a hostile file host can do to a developer who trusts its repository, attack by attack."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from repository_samples import (
    ONLINE_SEED,
    ROOT_SEEDS,
    STRANGER_SEED,
    Host,
    Repo,
    envelope,
    make_repository,
    serve,
    signer,
)
from trust_samples import OTHER_SEED, SEED
from tuf.api.metadata import DelegatedRole, Targets

from mcp_proxy.core.listing import Listing, find_target, withdrawal
from mcp_proxy.core.seen import Seen, repository_root
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import Repository
from mcp_proxy.edges import profile_repository
from mcp_proxy.edges.files import Held
from mcp_proxy.edges.places import VARIABLE, Home, init_home
from mcp_proxy.edges.profile_repository import open_repository
from mcp_proxy.edges.repository_folder import repository_lock, write_root
from mcp_proxy.edges.repository_proof import read_listing
from mcp_proxy.errors import McpProxyError


class Stage(NamedTuple):
    """A repository, the host that serves it, and a developer's home that trusts it."""

    folder: str
    repo: Repo
    host: Host
    home: Home
    repository: Repository

    def look(self, name: str = "billing") -> Listing:
        with open_repository(self.home, self.repository, localhost=False, wait=True) as client:
            return client.look(name)

    def fetch(self, version: int, name: str = "billing") -> bytes:
        with open_repository(self.home, self.repository, localhost=False, wait=True) as client:
            return client.fetch(name, find_target(name, version, client.look(name)))

    def refusal(self, ask: Callable[[], object] | None = None) -> str:
        """The id of what a look is refused with; what was proved before still stands."""
        with pytest.raises(McpProxyError) as caught:
            (ask or self.look)()
        return caught.value.id

    def saved(self) -> str:
        return self.repo.saved(os.path.join(self.folder, f"saved-{time.monotonic_ns()}"))


@pytest.fixture
def stage(tmp_path: os.PathLike[str]) -> Iterator[Stage]:
    folder = os.fspath(tmp_path)
    repo = make_repository(os.path.join(folder, "repository"))
    home = init_home(os.path.join(folder, "home"))
    with serve(repo.folder) as host:
        repository = Repository(write_root(home, repo.root_bytes), f"{host.url}/", ("*",))
        yield Stage(folder, repo, host, home, repository)


def test_an_honest_repository_says_who_signs_and_what_is_current(stage: Stage) -> None:
    listing = stage.look()
    assert listing.keys == (public_key(SEED),)
    assert listing.current is not None
    assert listing.current.version == 1
    assert time.time() < listing.until_s <= time.time() + 31 * 86_400
    assert stage.fetch(1) == envelope()
    assert read_listing(stage.home, stage.repository.id, "billing") == listing


def test_a_second_look_asks_for_two_files_and_a_held_version_for_none(stage: Stage) -> None:
    stage.fetch(1)
    stage.host.requests.clear()
    stage.fetch(1)
    assert stage.host.requests == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_rollback_to_an_older_state_is_refused(stage: Stage) -> None:
    old = stage.saved()
    stage.repo.publish("billing", envelope(version=2))
    listing = stage.look()
    stage.repo.replay(old)
    assert stage.refusal() == "MCPX-P22"
    assert read_listing(stage.home, stage.repository.id, "billing") == listing


def test_rollback_of_a_profile_inside_a_newer_snapshot_is_refused(stage: Stage) -> None:
    stage.repo.publish("billing", envelope(version=2))
    stage.look()
    stage.repo.roles["billing"].version -= 1
    stage.repo.refresh()
    assert stage.refusal() == "MCPX-P22"


def test_freeze_at_a_state_that_has_expired_is_refused(stage: Stage) -> None:
    stage.look()
    stage.repo.expire("timestamp")
    assert stage.refusal() == "MCPX-P21"


@pytest.mark.parametrize("role", ["root", "snapshot", "targets", "billing"])
def test_every_other_role_that_has_expired_is_a_freeze_too(stage: Stage, role: str) -> None:
    stage.repo.expire(role)
    assert stage.refusal() == "MCPX-P21"


def test_mix_and_match_of_an_old_snapshot_is_refused(stage: Stage) -> None:
    old = stage.saved()
    stage.look()
    stage.repo.publish("billing", envelope(version=2))
    stage.repo.mix(old)
    assert stage.refusal() == "MCPX-P23"


def test_mix_and_match_of_a_profiles_old_role_is_refused(stage: Stage) -> None:
    old = stage.saved()
    stage.look()
    stage.repo.publish("billing", envelope(version=2))
    stage.repo.mix_role("billing", old)
    assert stage.refusal() == "MCPX-P23"


def test_a_tampered_target_is_refused_and_not_kept(stage: Stage) -> None:
    stage.repo.tamper("billing/1.dsse.json")
    stage.repo.tamper("billing/profile.dsse.json")
    assert stage.refusal(lambda: stage.fetch(1)) == "MCPX-P25"
    shutil.rmtree(stage.repo.folder)
    assert stage.refusal(lambda: stage.fetch(1)) == "MCPX-U01"


def test_tampered_metadata_lack_a_signature(stage: Stage) -> None:
    stage.repo.edit("timestamp.json", "version", 99)
    assert stage.refusal() == "MCPX-P24"


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "billing"])
def test_too_few_signatures_are_refused(stage: Stage, role: str) -> None:
    stage.look()
    stage.repo.sign_too_little(role)
    assert stage.refusal() == "MCPX-P24"


@pytest.mark.parametrize("role", ["timestamp", "targets", "billing"])
def test_the_signature_of_a_stranger_does_not_count(stage: Stage, role: str) -> None:
    stage.repo.sign_as_stranger(role)
    assert stage.refusal() == "MCPX-P24"


def test_a_delegation_does_not_reach_another_profile(stage: Stage) -> None:
    stage.repo.delegate("hr", OTHER_SEED)
    stage.repo.publish("hr", envelope("hr", seed=OTHER_SEED))
    stage.repo.list_foreign("hr", "billing/9.dsse.json", envelope(version=9, seed=OTHER_SEED))
    assert sorted(stage.look().versions) == [1]
    assert stage.refusal(lambda: stage.fetch(9)) == "MCPX-P26"
    stage.repo.list_foreign("billing", "hr/9.dsse.json", envelope("hr", 9))
    assert sorted(stage.look("hr").versions) == [1]


@pytest.mark.parametrize("role", ["../../timestamp", "a/b", "%2e%2e"])
def test_a_role_whose_name_would_leave_its_folder_is_not_asked_for(stage: Stage, role: str) -> None:
    delegations = stage.repo.targets.delegations
    assert delegations is not None
    assert delegations.roles is not None
    own = delegations.roles.pop("billing")
    delegations.roles[role] = DelegatedRole(role, [], 1, terminating=False, paths=["*/*"])
    delegations.roles["billing"] = own
    stage.repo.targets.add_key(signer(STRANGER_SEED).public_key, role)
    stage.repo.roles[role] = Targets(expires=stage.repo.targets.expires)
    stage.repo.targets.version += 1
    stage.repo.write("targets", stage.repo.targets)
    stage.repo.refresh()
    assert stage.refusal() == "MCPX-P23"
    assert not any("%" in path or ".." in path for path in stage.host.requests)


def test_a_name_that_is_not_delegated_has_no_keys(stage: Stage) -> None:
    listing = stage.look("nobody")
    assert (listing.keys, listing.current, listing.versions) == ((), None, {})
    record = Seen(1, "0" * 64, repository_root(stage.repository.id), ())
    assert "no longer" in withdrawal("nobody", record, listing)


@pytest.mark.parametrize("name", ["metadata/timestamp.json", "metadata/2.root.json"])
def test_endless_data_are_refused(stage: Stage, name: str) -> None:
    stage.host.endless.add(name)
    began = time.monotonic()
    assert stage.refusal() == "MCPX-P27"
    assert time.monotonic() - began < 5


def test_an_endless_target_is_refused(stage: Stage) -> None:
    target = stage.repo.roles["billing"].targets["billing/1.dsse.json"]
    stage.host.endless.add(stage.repo.target_file(target.path, target.hashes["sha256"]))
    assert stage.refusal(lambda: stage.fetch(1)) == "MCPX-P27"


def test_metadata_longer_than_their_bound_are_refused(stage: Stage) -> None:
    stage.repo.bloat("timestamp.json", 20_000)
    assert stage.refusal() == "MCPX-P27"


def test_slow_retrieval_ends_at_its_deadline(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_repository, "FILE_DEADLINE_S", 0.2)
    stage.host.slow_s["metadata/timestamp.json"] = 0.6
    assert stage.refusal() == "MCPX-U02"


def test_many_slow_files_end_at_the_deadline_of_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_repository, "TOTAL_DEADLINE_S", 0.0)
    assert stage.refusal() == "MCPX-U02"


def test_a_missing_file_and_a_dead_host_are_unreachable_and_named_by_the_url(stage: Stage) -> None:
    stage.repo.remove("metadata/timestamp.json")
    gone = stage._replace(repository=stage.repository._replace(url="http://127.0.0.1:9/"))
    for asked in (stage, gone):
        with pytest.raises(McpProxyError) as caught:
            asked.look()
        assert caught.value.id == "MCPX-U01"
        assert f"The repository {asked.repository.url} " in caught.value.why
        assert "root.json" not in caught.value.why


def test_s9_a_redirect_within_the_origin_is_followed_another_origin_is_not(stage: Stage) -> None:
    stage.host.redirect["metadata/timestamp.json"] = "/metadata/timestamp.json?moved"
    assert stage.look().current is not None
    stage.host.redirect["metadata/timestamp.json"] = "http://127.0.0.1:9/metadata/timestamp.json"
    assert stage.refusal() == "MCPX-U01"


def test_root_rotation_is_followed_with_its_proof(stage: Stage) -> None:
    stage.look()
    stage.repo.rotate("root", STRANGER_SEED, *ROOT_SEEDS[:2])
    stage.repo.rotate("timestamp", OTHER_SEED)
    listing = stage.look()
    assert read_listing(stage.home, stage.repository.id, "billing") == listing


def test_a_root_that_its_predecessor_did_not_sign_is_refused(stage: Stage) -> None:
    stage.repo.rotate("root", STRANGER_SEED, OTHER_SEED)
    stage.repo.seeds["root"] = (STRANGER_SEED, OTHER_SEED)
    stage.repo.write_root()
    assert stage.refusal() == "MCPX-P24"


def test_a_revoked_online_key_signs_nothing_any_more(stage: Stage) -> None:
    stage.look()
    stage.repo.rotate("timestamp", OTHER_SEED)
    stage.repo.sign_as_stranger("timestamp", ONLINE_SEED)
    assert stage.refusal() == "MCPX-P24"


def test_a_revoked_profile_key_is_listed_no_more(stage: Stage) -> None:
    stage.repo.delegate("billing", OTHER_SEED)
    assert stage.look().keys == (public_key(OTHER_SEED),)


def test_the_root_it_was_trusted_with_cannot_be_exchanged(stage: Stage) -> None:
    other = make_repository(os.path.join(stage.folder, "other"), {})
    path = os.path.join(stage.home.config, "repositories", f"{stage.repository.id}.root.json")
    with open(path, "wb") as file:
        file.write(other.root_bytes + b" ")
    assert stage.refusal() == "MCPX-P18"


def test_a_failed_refresh_leaves_what_was_proved(stage: Stage) -> None:
    listing = stage.look()
    stage.repo.publish("billing", envelope(version=2))
    stage.repo.remove(f"metadata/{stage.repo.snapshot.version}.snapshot.json")
    assert stage.refusal() == "MCPX-U01"
    assert read_listing(stage.home, stage.repository.id, "billing") == listing


def test_a_proof_that_was_changed_on_disk_is_refused(stage: Stage) -> None:
    stage.look()
    folder = os.path.join(stage.home.data, "repositories", stage.repository.id, "proofs")
    path = os.path.join(folder, "billing.json")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for spoiled, found in (
        (text.replace('\\"version\\":1', '\\"version\\":2', 1), "MCPX-P24"),
        (text[:-40], "MCPX-P23"),
        ("", "MCPX-P23"),
    ):
        with open(path, "w", encoding="utf-8") as file:
            file.write(spoiled)
        assert stage.refusal(lambda: read_listing(stage.home, stage.repository.id, "billing")) == (
            found
        )


def test_a_background_refresh_gives_way_to_another(stage: Stage) -> None:
    with (
        repository_lock(stage.home, stage.repository.id, wait=True),
        pytest.raises(Held),
        open_repository(stage.home, stage.repository, localhost=False, wait=False),
    ):
        pass


@pytest.mark.slow
def test_six_processes_at_once_while_the_repository_changes(stage: Stage) -> None:
    arguments = [stage.repository.id, stage.repository.url]
    environment = {**os.environ, VARIABLE: os.path.dirname(stage.home.config)}
    workers = [
        subprocess.Popen([sys.executable, "-c", _LOOK_OFTEN, *arguments], env=environment)
        for _ in range(6)
    ]
    for version in range(2, 6):
        stage.repo.publish("billing", envelope(version=version))
        time.sleep(0.2)
    assert [worker.wait(60) for worker in workers] == [0] * 6
    current = stage.look().current
    assert current is not None
    assert current.version == 5


_LOOK_OFTEN = """
import sys
from mcp_proxy.core.trust_store import Repository
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.profile_repository import open_repository
for _ in range(4):
    repository = Repository(sys.argv[1], sys.argv[2], ("*",))
    with open_repository(find_home(), repository, localhost=False, wait=True) as client:
        client.look("billing")
"""
