"""A profile read from a file, whoever signed it or nobody."""

import os
from pathlib import Path

import pytest
from homes import SEED, payload

from mcp_proxy.app.assets import asset_path
from mcp_proxy.app.profile_file import is_name, unverified_profile
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.errors import ProfileError, SourceError, UsageError


@pytest.mark.parametrize("signed", [False, True])
def test_a_payload_and_an_envelope_hold_the_same_profile(tmp_path: Path, signed: bool) -> None:
    path = tmp_path / "billing.jsonl"
    path.write_bytes(sign_payload(payload(), SEED) if signed else payload())
    profile = unverified_profile(os.fspath(path))
    assert (profile.header.profile, profile.header.tools) == ("billing", ("find", "refund", "ask"))
    assert profile.signer == ""


def test_a_source_is_built_in_memory_and_leaves_no_file(tmp_path: Path) -> None:
    for name in ("demo-billing.yaml", "demo-billing.openapi.json", "demo-gateway.tools.json"):
        with open(asset_path(name), "rb") as asset:
            (tmp_path / name).write_bytes(asset.read())
    before = sorted(os.listdir(tmp_path))
    profile = unverified_profile(os.fspath(tmp_path / "demo-billing.yaml"))
    assert profile.header.profile == "demo-billing"
    assert sorted(os.listdir(tmp_path)) == before


def test_what_is_no_profile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(b'{"payloadType":"a","payload":"","signatures":[]}')
    with pytest.raises(ProfileError):
        unverified_profile(os.fspath(path))
    with pytest.raises(UsageError):
        unverified_profile(os.fspath(tmp_path / "absent.json"))
    with pytest.raises(SourceError):
        unverified_profile(os.fspath(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(
    ("given", "named"),
    [("billing", True), ("billing.yaml", False), ("./billing", False), ("billing@3", False)],
)
def test_a_name_is_no_file(given: str, named: bool) -> None:
    assert is_name(given) is named
