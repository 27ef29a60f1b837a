"""A proof is believed whole or not at all, whatever its bytes are; what signers may write in it."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository_samples import ONLINE_SEED, Repo, envelope, make_repository
from securesystemslib.signer import SSlibKey
from trust_samples import SEED

from mcp_proxy.core.listing import Listing, Target
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import key_id
from mcp_proxy.edges.repository_proof import Proof, check_root, verify_proof, view_root
from mcp_proxy.errors import ProfileError


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return make_repository(os.fspath(tmp_path_factory.mktemp("repository")))


def proof(repo: Repo, name: str = "billing") -> Proof:
    """The present state of a repository whose root never changed."""

    def read(file: str) -> bytes:
        with open(os.path.join(repo.folder, "metadata", file), "rb") as opened:
            return opened.read()

    return Proof(
        (),
        read("timestamp.json"),
        read(f"{repo.snapshot.version}.snapshot.json"),
        read(f"{repo.targets.version}.targets.json"),
        read(f"{repo.roles[name].version}.{name}.json"),
    )


def verify(repo: Repo, spoiled: Proof | None = None) -> Listing:
    return verify_proof(repo.root_bytes, spoiled or proof(repo), "billing")


def outcome(repo: Repo, spoiled: Proof) -> Listing | str:
    """The listing, or the id of what is refused."""
    try:
        return verify(repo, spoiled)
    except ProfileError as error:
        return error.id


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    field=st.sampled_from(Proof._fields[1:]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_a_flipped_bit_is_refused_or_says_nothing_else(
    repo: Repo, field: str, place: float, bit: int
) -> None:
    whole = proof(repo)
    data = bytearray(getattr(whole, field))
    data[int(place * len(data))] ^= 1 << bit
    found = outcome(repo, whole._replace(**{field: bytes(data)}))
    assert found in (verify(repo), "MCPX-P23", "MCPX-P24")


@pytest.mark.parametrize("field", Proof._fields[1:])
@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 5_000, b'{"signed": {}, "signatures": []}'])
def test_what_is_no_metadata_is_refused(repo: Repo, field: str, data: bytes) -> None:
    with pytest.raises(ProfileError) as caught:
        verify(repo, proof(repo)._replace(**{field: data}))
    assert caught.value.id == "MCPX-P23"


def test_a_role_in_the_place_of_another_is_refused(repo: Repo) -> None:
    whole = proof(repo)
    for swapped in (
        whole._replace(timestamp=whole.snapshot),
        whole._replace(targets=whole.role),
        whole._replace(roots=(whole.snapshot,)),
        whole._replace(roots=(repo.root_bytes,)),
    ):
        with pytest.raises(ProfileError):
            verify(repo, swapped)


def test_the_listing_holds_until_the_first_of_the_chain_expires(tmp_path: os.PathLike[str]) -> None:
    repo = make_repository(os.fspath(tmp_path))
    soon = repo.timestamp.expires.replace(year=repo.timestamp.expires.year + 1)
    repo.expire("billing", soon)
    repo.expire("timestamp", soon)
    assert verify(repo).until_s == min(
        int(role.expires.timestamp()) for role in (repo.root, repo.targets, repo.snapshot)
    )


def lie(repo: Repo, custom: object) -> None:
    target = repo.roles["billing"].targets["billing/1.dsse.json"]
    target.unrecognized_fields["custom"] = custom


@pytest.mark.parametrize(
    "custom",
    [
        None,
        "text",
        {"mcp-proxy": {}},
        {"mcp-proxy": {"version": 2}},
        {"mcp-proxy": {"version": "1"}},
        {"mcp-proxy": {"version": 1, "floor": 2}},
        {"mcp-proxy": {"version": True}},
    ],
)
def test_signers_who_say_nonsense_beside_a_target_are_refused(
    tmp_path: os.PathLike[str], custom: object
) -> None:
    repo = make_repository(os.fspath(tmp_path))
    lie(repo, custom)
    repo._bump("billing", repo.roles["billing"])
    repo.refresh()
    with pytest.raises(ProfileError) as caught:
        verify(repo)
    assert caught.value.id == "MCPX-P23"


def test_keys_of_other_kinds_sign_no_profile(tmp_path: os.PathLike[str]) -> None:
    repo = make_repository(os.fspath(tmp_path))
    point = {"public": "-----BEGIN PUBLIC KEY-----"}
    other = SSlibKey("f" * 64, "ecdsa", "ecdsa-sha2-nistp256", point)
    repo.targets.add_key(other, "billing")
    repo._bump("targets", repo.targets)
    repo.refresh()
    assert verify(repo).keys == (public_key(SEED),)


def test_a_listing_names_each_version_and_the_current_one(tmp_path: os.PathLike[str]) -> None:
    repo = make_repository(
        os.fspath(tmp_path), {"billing": {1: envelope(), 2: envelope(version=2)}}
    )
    listing = verify(repo)
    assert sorted(listing.versions) == [1, 2]
    assert listing.current == Target(
        "billing/profile.dsse.json",
        2,
        len(envelope(version=2)),
        listing.versions[2].sha256,
    )
    assert listing.floor == 1


def test_a_root_is_shown_with_its_threshold_and_keys(repo: Repo) -> None:
    view = view_root(repo.root_bytes)
    assert (view.version, view.threshold, len(view.keys)) == (1, 2, 3)
    assert key_id(public_key(ONLINE_SEED)) not in {key.fingerprint for key in view.keys}


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda data: data.replace(b'"threshold":2', b'"threshold":1', 1), "MCPX-P24"),
        (lambda data: data.replace(b'"_type":"root"', b'"_type":"targets"'), "MCPX-P23"),
        (lambda data: data[:-2], "MCPX-P23"),
        (lambda _data: b"", "MCPX-P23"),
    ],
)
def test_a_root_that_does_not_sign_itself_is_refused(
    repo: Repo, spoil: Callable[[bytes], bytes], found: str
) -> None:
    data = spoil(repo.root_bytes)
    assert data != repo.root_bytes
    with pytest.raises(ProfileError) as caught:
        check_root(data)
    assert caught.value.id == found
