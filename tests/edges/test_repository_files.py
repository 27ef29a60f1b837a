"""A repository's folder as its publisher reads it: nothing is built upon what does not fit."""

import os
import shutil

import pytest
from repository_samples import ONLINE_SEED, SEED, Repo, envelope, make_repository
from tuf.api.metadata import Metadata

from mcp_proxy.edges.repository_change import Change
from mcp_proxy.edges.repository_drafts import read_drafts
from mcp_proxy.edges.repository_files import (
    free_version,
    load_repository,
    lock,
    write_below,
)
from mcp_proxy.edges.repository_profiles import listed_now, revoke, versions
from mcp_proxy.errors import HomeError, UsageError


@pytest.fixture
def repo(tmp_path: os.PathLike[str]) -> Repo:
    """Billing 1 and 2, made by python-tuf alone."""
    listed = {"billing": {1: envelope(), 2: envelope(version=2)}}
    return make_repository(os.path.join(os.fspath(tmp_path), "repo"), listed)


def test_a_repository_of_another_tool_is_read_and_changed(repo: Repo) -> None:
    change = Change(load_repository(repo.folder), [SEED, ONLINE_SEED], 1_800_000_000)
    revoke(change, "billing", 2)
    assert change.prepare() is None
    change.commit()
    role = load_repository(repo.folder).profiles["billing"]
    assert role is not None
    assert versions(role.signed, "billing") == (1,)
    assert listed_now(role.signed, "billing") == (1, 1)


def put(repo: Repo, path: str, held: str) -> None:
    """The bytes of another metadata file under this name."""
    folder = os.path.join(repo.folder, "metadata")
    shutil.copy(os.path.join(folder, held), os.path.join(folder, path))


@pytest.mark.parametrize("held", ["1.snapshot.json", "timestamp.json"])
def test_a_file_under_the_name_of_another_is_found_out(repo: Repo, held: str) -> None:
    put(repo, f"{repo.snapshot.version}.snapshot.json", held)
    with pytest.raises(HomeError) as caught:
        load_repository(repo.folder)
    assert caught.value.id == "MCPX-T01"


def test_a_profiles_old_role_under_the_new_name_is_found_out(repo: Repo) -> None:
    number = repo.roles["billing"].version
    put(repo, f"{number}.billing.json", f"{number - 1}.billing.json")
    with pytest.raises(HomeError):
        load_repository(repo.folder)


def test_a_root_that_nobody_signed_is_found_out(repo: Repo) -> None:
    repo.sign_too_little("root")
    with pytest.raises(HomeError, match="not signed"):
        load_repository(repo.folder)


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b'{"signed": {}}', b"\xff"])
def test_rubbish_is_no_metadata(repo: Repo, data: bytes) -> None:
    with open(os.path.join(repo.folder, "metadata", "timestamp.json"), "wb") as file:
        file.write(data)
    with pytest.raises(HomeError) as caught:
        load_repository(repo.folder)
    assert caught.value.id == "MCPX-T01"


def test_an_expired_repository_is_read_for_a_publisher_may_renew_it(repo: Repo) -> None:
    repo.expire("timestamp")
    assert load_repository(repo.folder).timestamp.signed.is_expired()


def test_a_role_that_a_stranger_signed_counts_for_nothing(repo: Repo) -> None:
    repo.sign_as_stranger("billing")
    assert load_repository(repo.folder).profiles == {"billing": None}


def test_a_number_that_a_crash_left_behind_is_not_used_again(repo: Repo) -> None:
    number = repo.roles["billing"].version
    put(repo, f"{number + 5}.billing.json", f"{number}.billing.json")
    assert free_version(repo.folder, "billing", number) == number + 6
    assert free_version(repo.folder, "hr", 0) == 1


def test_a_draft_that_was_overtaken_is_told(repo: Repo) -> None:
    role = Metadata(repo.roles["billing"])
    write_below(repo.folder, [("draft/billing.json", role.to_bytes())])
    held = load_repository(repo.folder)
    assert held.waiting == {"billing"}
    with pytest.raises(HomeError, match="take it away"):
        read_drafts(held)


def test_the_lock_of_what_is_no_repository_is_not_made(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(HomeError), lock(os.fspath(tmp_path)):
        pass
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: os.PathLike[str]) -> None:
    place = os.path.join(tmp_path, "file")
    with open(place, "w", encoding="utf-8"):
        pass
    with pytest.raises(UsageError):
        write_below(place, [("metadata/timestamp.json", b"")])


def test_half_a_character_in_a_file_is_damage_and_no_crash(repo: Repo) -> None:
    path = os.path.join(repo.folder, "metadata", "timestamp.json")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('"_type"', '"x": "\\ud800", "_type"', 1))
    with pytest.raises(HomeError, match="no TUF metadata"):
        load_repository(repo.folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_in_the_folder_holds_nobody_up(repo: Repo) -> None:
    repo.remove("metadata/timestamp.json")
    os.mkfifo(os.path.join(repo.folder, "metadata", "timestamp.json"))
    with pytest.raises(HomeError, match="no file"):
        load_repository(repo.folder)
