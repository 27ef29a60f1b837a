"""The sample repositories are what they say: python-tuf's own client takes and refuses them."""

import os

import pytest
from repository_samples import (
    ONLINE_SEED,
    ROOT_SEEDS,
    STRANGER_SEED,
    Client,
    Host,
    Repo,
    envelope,
    make_repository,
    serve,
)
from trust_samples import OTHER_SEED
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)

CURRENT = "billing/profile.dsse.json"


@pytest.fixture
def folder(tmp_path: os.PathLike[str]) -> str:
    return os.fspath(tmp_path)


@pytest.fixture
def repo(folder: str) -> Repo:
    return make_repository(os.path.join(folder, "repo"))


def test_published_versions_are_found_until_they_are_revoked(repo: Repo, folder: str) -> None:
    with serve(repo.folder) as host:
        client = Client(repo.root_bytes, host.url, folder)
        assert client.load() == envelope()
        repo.publish("billing", envelope(version=2))
        assert client.load() == envelope(version=2)
        assert client.load("billing/1.dsse.json") == envelope()
        repo.revoke("billing", 2)
        assert client.load() == envelope()
        assert client.load("billing/2.dsse.json") is None
        repo.revoke("billing")
        assert client.load() is None


def test_a_floor_takes_older_versions_away(repo: Repo, folder: str) -> None:
    repo.publish("billing", envelope(version=2))
    repo.floor("billing", 2)
    with serve(repo.folder) as host:
        client = Client(repo.root_bytes, host.url, folder)
        assert client.load() == envelope(version=2)
        assert client.load("billing/1.dsse.json") is None


def test_rotated_keys_are_followed(repo: Repo, folder: str) -> None:
    with serve(repo.folder) as host:
        client = Client(repo.root_bytes, host.url, folder)
        client.load()
        repo.rotate("timestamp", OTHER_SEED)
        repo.rotate("root", *ROOT_SEEDS[1:], STRANGER_SEED)
        repo.rotate("snapshot", ONLINE_SEED, OTHER_SEED)
        repo.delegate("billing", OTHER_SEED)
        repo.publish("billing", envelope(version=2, seed=OTHER_SEED))
        assert client.load() == envelope(version=2, seed=OTHER_SEED)


ATTACKS = {
    "replayed": BadVersionNumberError,
    "mixed": RepositoryError,
    "role mixed": BadVersionNumberError,
    "tampered": LengthOrHashMismatchError,
    "edited": UnsignedMetadataError,
    "root signed too little": UnsignedMetadataError,
    "targets signed too little": UnsignedMetadataError,
    "signed by a stranger": UnsignedMetadataError,
    "timestamp expired": ExpiredMetadataError,
    "role expired": ExpiredMetadataError,
    "bloated": DownloadLengthMismatchError,
    "endless": DownloadLengthMismatchError,
    "gone": DownloadError,
}


def attack(repo: Repo, host: Host, saved: str, how: str) -> None:
    match how:
        case "replayed":
            repo.replay(saved)
        case "mixed":
            repo.mix(saved)
        case "role mixed":
            repo.mix_role("billing", saved)
        case "tampered":
            repo.tamper(CURRENT)
        case "edited":
            repo.edit("timestamp.json", "version", 99)
        case "root signed too little":
            repo.sign_too_little("root")
        case "targets signed too little":
            repo.sign_too_little("targets")
        case "signed by a stranger":
            repo.sign_as_stranger("billing")
        case "timestamp expired":
            repo.expire("timestamp")
        case "role expired":
            repo.expire("billing")
        case "bloated":
            repo.bloat("timestamp.json", 20_000)
        case "endless":
            host.endless.add("metadata/timestamp.json")
        case "gone":
            repo.remove("metadata/timestamp.json")


@pytest.mark.parametrize("how", ATTACKS)
def test_an_attack_is_one(repo: Repo, folder: str, how: str) -> None:
    saved = repo.saved(os.path.join(folder, "saved"))
    with serve(repo.folder) as host:
        client = Client(repo.root_bytes, host.url, folder)
        repo.publish("billing", envelope(version=2))
        if how in ("replayed", "tampered"):
            client.load("billing/1.dsse.json")
        attack(repo, host, saved, how)
        with pytest.raises(ATTACKS[how]):
            client.load()


def test_a_path_of_another_profile_is_not_delegated(repo: Repo, folder: str) -> None:
    repo.list_foreign("billing", "hr/profile.dsse.json", envelope("hr"))
    with serve(repo.folder) as host:
        assert Client(repo.root_bytes, host.url, folder).load("hr/profile.dsse.json") is None
