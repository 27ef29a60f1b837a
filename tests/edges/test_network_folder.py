"""Which folders are told to lie on a file system of the network."""

import os
from pathlib import Path

import pytest

from mcp_proxy.edges.network_folder import network_kind
from mcp_proxy.edges.settings import Settings, dump_settings, parse_settings
from mcp_proxy.edges.settings_state import StateSettings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices have numbers in POSIX")


def told(tmp_path: Path, kind: str, optional: str = "shared:1 ") -> str:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(
        f"1 0 0:9999 / / rw - nfs a:/b rw\n36 35 {number} / /mnt rw {optional}- {kind} a:/b rw\n",
        encoding="utf-8",
    )
    return network_kind(os.fspath(tmp_path), os.fspath(mounts))


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs"])
def test_s23_a_network_file_system_is_told_by_its_kind(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, kind) == kind
    assert told(tmp_path, kind, "") == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.gocryptfs"])
def test_a_local_one_is_none(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, kind) == ""


def test_without_a_list_of_mounts_none_is_told(tmp_path: Path) -> None:
    assert network_kind(os.fspath(tmp_path), os.fspath(tmp_path / "none")) == ""


def test_the_setting_is_read_as_it_is_written() -> None:
    accepting = Settings(state=StateSettings(network_filesystem=True))
    assert parse_settings(dump_settings(accepting)) == accepting
    assert b"[state]" not in dump_settings(Settings())
    for wrong in (b"[state]\nnetwork_filesystem = 1", b"[state]\nplace = true"):
        with pytest.raises(ValueError, match=r"\[state\]"):
            parse_settings(wrong)
