"""The administrator's policy where it counts: files, trust, installed profiles, --yes, the home.

The file lies in a test's folder here and belongs to whoever runs the tests; nothing else differs.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import OTHER_SEED, SEED, install, make_home, payload, trust

from mcp_proxy.app.contract import ProfileContract
from mcp_proxy.app.doctor import examine
from mcp_proxy.cli.main import main
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import format_key_line, key_id
from mcp_proxy.edges import admin_policy
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.profile_store import (
    check_held,
    load_profile,
    read_generation,
    read_stored_trust,
    read_trust,
)
from mcp_proxy.errors import HomeError, McpProxyError, ProfileError

Write = Callable[[str], None]

OWN, FOREIGN = (key_id(public_key(seed)) for seed in (SEED, OTHER_SEED))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the policy file; there is none before."""
    path = tmp_path / "policy.toml"
    monkeypatch.setattr(admin_policy, "POLICY_PATH", os.fspath(path))
    monkeypatch.setattr(admin_policy, "ADMINISTRATOR", os.geteuid())

    def write(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)

    return write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.fspath(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    made = make_home(folder)
    install(made)
    return made


def refused(home: Home) -> str:
    with pytest.raises(McpProxyError) as raised:
        load_profile(home, "billing", time.time())
    return raised.value.id


def test_the_policy_lies_where_only_an_administrator_writes() -> None:
    assert admin_policy.POLICY_PATH in (
        "/etc/mcp-proxy/policy.toml",
        "/Library/Application Support/mcp-proxy/policy.toml",
    )
    assert admin_policy.ADMINISTRATOR == 0


def test_a_signer_that_is_not_listed_counts_no_more_and_is_not_forgotten(
    home: Home, write: Write
) -> None:
    write(f'signers = ["{OWN}"]')
    assert load_profile(home, "billing", time.time()).signer == OWN
    write(f'signers = ["{FOREIGN}"]')
    assert refused(home) == "MCPX-P29"
    assert read_trust(home).keys == {}
    trust(home, OTHER_SEED, "other")
    assert set(read_stored_trust(home).keys) == {OWN, FOREIGN}
    write("")
    assert load_profile(home, "billing", time.time()).signer == OWN


def test_another_fault_is_told_before_the_policy(home: Home, write: Write) -> None:
    write(f'signers = ["{FOREIGN}"]')
    install_path = os.path.join(home.data, "profiles", "billing.dsse.json")
    with open(install_path, "wb") as file:
        file.write(sign_payload(payload(version=2), OTHER_SEED))
    assert refused(home) == "MCPX-P03"


def test_s6_a_running_process_notices_at_its_next_call(home: Home, write: Write) -> None:
    profile = load_profile(home, "billing", time.time())
    contract = ProfileContract(home, profile, read_generation(home), lambda: None, lambda: None)
    assert not isinstance(contract.ready("find", time.time()), Deny)
    write(f'signers = ["{FOREIGN}"]')
    denied = contract.ready("find", time.time())
    assert isinstance(denied, Deny)
    assert denied.id == "MCPX-P29"
    with pytest.raises(ProfileError, match="administrator"):
        check_held(home, profile)


@pytest.mark.parametrize("command", ["verify", "install"])
def test_a_file_of_a_forbidden_signer_is_refused(
    home: Home, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    write(f'signers = ["{FOREIGN}"]')
    path = tmp_path / "new.dsse.json"
    path.write_bytes(sign_payload(payload(version=2), SEED))
    assert main(["profile", command, str(path)]) in (1, 3)
    assert "MCPX-P29" in capsys.readouterr().err


def test_trust_add_refuses_what_the_policy_does_not_list(
    home: Home, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write(f'signers = ["{OWN}"]')
    line = format_key_line(public_key(OTHER_SEED), "other")
    assert main(["trust", "add", line, "--profiles", "other", "--yes"]) == 3
    assert "MCPX-P29" in capsys.readouterr().err
    assert set(read_stored_trust(home).keys) == {OWN}
    assert main(["trust", "list", "--json"]) == 0
    assert [row["keyid"] for row in json.loads(capsys.readouterr().out)] == [OWN]


def test_s1_the_policy_may_forbid_yes(
    home: Home, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("yes = false")
    line = format_key_line(public_key(OTHER_SEED), "other")
    assert main(["trust", "add", line, "--profiles", "other", "--yes"]) == 2
    assert "does not allow --yes" in capsys.readouterr().err
    assert set(read_stored_trust(home).keys) == {OWN}


def test_s10_the_policy_may_forbid_another_home(
    home: Home, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("home = false")
    assert main(["profile", "list"]) == 3
    assert f"{VARIABLE} to name a home. (MCPX-P29)" in capsys.readouterr().err
    assert home.id


def test_s19_the_policy_bounds_the_grace(home: Home, write: Write) -> None:
    write('grace = "12h"')
    assert read_trust(home).grace_max_s == 43_200


def test_doctor_tells_of_a_policy_and_of_one_that_is_not_right(home: Home, write: Write) -> None:
    assert home.id
    assert next(examine()).what == "home"
    write("yes = false")
    assert next(examine()).found.endswith("is in force: --yes is refused")
    write(f'signers = ["{FOREIGN}"]')
    key = next(row for row in examine() if row.what.startswith("key "))
    assert (key.ok, key.next) == (False, f"mcp-proxy trust remove {OWN}")
    write("yes = 0")
    assert not next(examine()).ok


@pytest.mark.parametrize("text", ["signers = 3", "signed = []", "yes", "\x00", "a = " + "[" * 500])
def test_a_policy_that_is_not_right_allows_nothing(home: Home, write: Write, text: str) -> None:
    write(text)
    assert refused(home) == "MCPX-P29"


def test_s23_a_policy_that_others_could_write_is_refused(
    home: Home, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write("")
    (tmp_path / "policy.toml").chmod(0o666)
    assert refused(home) == "MCPX-H02"
    (tmp_path / "policy.toml").chmod(0o644)
    monkeypatch.setattr(admin_policy, "ADMINISTRATOR", os.geteuid() + 1)
    assert refused(home) == "MCPX-H02"


def test_s23_a_link_in_its_place_and_what_cannot_be_read_are_refused(
    home: Home, write: Write, tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    (tmp_path / "other.toml").write_text("", encoding="utf-8")
    path.symlink_to(tmp_path / "other.toml")
    assert refused(home) == "MCPX-H02"
    path.unlink()
    path.mkdir()
    with pytest.raises(HomeError):
        admin_policy.read_policy()
