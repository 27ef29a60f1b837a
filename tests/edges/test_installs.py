"""Installing: the record is raised before the switch, whatever happens in between."""

import os

import pytest
from trust_samples import NOW_S, SEED, installed_home, keys, payload, trusted

from mcp_proxy.core.signing import sign_payload
from mcp_proxy.core.trust_store import EMPTY, dump_trust_store
from mcp_proxy.edges import installs
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.installs import change_keys, install_profile, list_installed, remove_profile
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import (
    load_profile,
    profile_path,
    read_generation,
    read_keys,
    read_records,
    trust_path,
)
from mcp_proxy.errors import HomeError, ProfileError


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return installed_home(os.path.join(os.fspath(tmp_path), "home"))


def envelope(**more: object) -> bytes:
    return sign_payload(payload(**more), SEED)


def test_first_install_into_an_empty_home(tmp_path: os.PathLike[str]) -> None:
    home = init_home(os.path.join(os.fspath(tmp_path), "home"))
    write_file(trust_path(home), dump_trust_store(EMPTY._replace(keys=keys())))
    assert list_installed(home) == ()
    install_profile(home, envelope(), NOW_S)
    assert list_installed(home) == ("billing",)
    assert load_profile(home, "billing", NOW_S).header.version == 3
    assert read_records(home)["billing"].signed_by == (trusted().keyid,)


def test_install_writes_the_canonical_form(home: Home) -> None:
    install_profile(home, envelope().replace(b",", b",\n  "), NOW_S)
    assert read_file(profile_path(home, "billing"), 1 << 20) == envelope()


def test_s6_every_change_raises_the_generation(home: Home) -> None:
    seen = [read_generation(home)]
    install_profile(home, envelope(version=4), NOW_S)
    seen.append(read_generation(home))
    change_keys(home, lambda held: held)
    seen.append(read_generation(home))
    remove_profile(home, "billing")
    seen.append(read_generation(home))
    assert len(set(seen)) == 4


def test_s3_older_version_is_not_installed_even_after_remove(home: Home) -> None:
    install_profile(home, envelope(version=5), NOW_S)
    assert remove_profile(home, "billing")
    assert not remove_profile(home, "billing")
    with pytest.raises(ProfileError) as caught:
        install_profile(home, envelope(version=4), NOW_S)
    assert caught.value.id == "MCPX-P07"
    with pytest.raises(ProfileError) as caught:
        install_profile(home, envelope(version=5, title="Other"), NOW_S)
    assert caught.value.id == "MCPX-P08"
    install_profile(home, envelope(version=5), NOW_S)
    assert load_profile(home, "billing", NOW_S).header.version == 5


def test_s3_crash_between_record_and_switch_leaves_the_old_file_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die_at_the_switch(path: str, data: bytes) -> None:
        if path == profile_path(home, "billing"):
            raise HomeError("MCPX-H03", "The machine went down.")
        write_file(path, data)

    monkeypatch.setattr(installs, "write_file", die_at_the_switch)
    with pytest.raises(HomeError):
        install_profile(home, envelope(version=4), NOW_S)
    monkeypatch.undo()
    with pytest.raises(ProfileError) as caught:
        load_profile(home, "billing", NOW_S)
    assert caught.value.id == "MCPX-P07"
    install_profile(home, envelope(version=4), NOW_S)
    assert load_profile(home, "billing", NOW_S).header.version == 4


def test_refused_file_changes_nothing(home: Home) -> None:
    before = read_generation(home), read_records(home)
    for data in (payload(), envelope(version=2), sign_payload(payload(version=9), bytes(32))):
        with pytest.raises(ProfileError):
            install_profile(home, data, NOW_S)
    assert (read_generation(home), read_records(home)) == before


def test_damaged_trust_store_is_never_overwritten(home: Home) -> None:
    write_file(trust_path(home), b"damaged")
    with pytest.raises(ProfileError):
        change_keys(home, lambda _held: {})
    assert read_file(trust_path(home), 100) == b"damaged"


def test_removed_key_is_gone(home: Home) -> None:
    change_keys(home, lambda _held: {})
    assert read_keys(home) == {}


def test_only_profile_names_are_listed(home: Home) -> None:
    for name in (".x.dsse.json.1", "UPPER.dsse.json", "note.txt"):
        write_file(os.path.join(home.data, "profiles", name), b"")
    assert list_installed(home) == ("billing",)
