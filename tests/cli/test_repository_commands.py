"""What `repository` and `profile publish` print, ask for and return."""

import json
import os
import subprocess
import sys

import pytest
from edges.fakes_keychain import MemoryKeychain
from publisher_desk import Desk, line
from trust_samples import OTHER_SEED, payload, trusted

from mcp_proxy.app import repository_admin as admin
from mcp_proxy.app import signing_keys, tuf_extra, warmup
from mcp_proxy.cli import render
from mcp_proxy.cli.main import main
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import key_id
from mcp_proxy.edges.files import write_given
from mcp_proxy.errors import ProfileError


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(os.fspath(tmp_path), monkeypatch)


def run(*words: str) -> int:
    return main(list(words))


def by(*names: str) -> list[str]:
    return [word for name in names for word in ("--key", f"env:{name}")]


def test_from_init_to_a_revoked_version(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    roots = ["--root-key", "env:ROOT", "--root-key", "env:ROOT2", "--threshold", "2"]
    others = ["--targets-key", "env:TARGETS", "--online-key", "env:ONLINE"]
    assert run("repository", "init", desk.repo, *roots, *others) == 0
    path, digest = capsys.readouterr().out.splitlines()
    with open(path, "rb") as file:
        assert sha256_hex(file.read()) == digest
    delegated = ["delegate", desk.repo, "billing", "--signer", line("SIGNER")]
    assert run("repository", *delegated, *by("TARGETS", "ONLINE")) == 0
    assert f"signed by SIGNER ({trusted().keyid}), and by nobody" in capsys.readouterr().err
    for version in (1, 2):
        published = ["publish", desk.file("billing", version), "--to", desk.repo]
        assert run("profile", *published, *by("SIGNER", "ONLINE")) == 0
    assert "Published billing version 2." in capsys.readouterr().err
    assert run("repository", "revoke", desk.repo, "billing@2", *by("SIGNER", "ONLINE")) == 0
    err = capsys.readouterr().err
    assert "Version 1 is the current one." in err
    assert "only on purpose: mcp-proxy profile install billing@1" in err
    assert run("profile", "publish", "--renew", "--to", desk.repo, *by("ONLINE")) == 0
    assert "Signed anew: timestamp." in capsys.readouterr().err
    assert run("repository", "revoke", desk.repo, "billing", "--yes", *by("SIGNER", "ONLINE")) == 0
    assert run("repository", "show", desk.repo) == 0
    assert "revoked" in capsys.readouterr().out


def test_show_is_data_with_fingerprints_as_trust_list_has_them(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.init()
    desk.delegate("billing")
    desk.publish("billing", 3)
    capsys.readouterr()
    assert run("repository", "show", desk.repo, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [role["role"] for role in shown["roles"]] == ["root", "targets", "snapshot", "timestamp"]
    (profile,) = shown["profiles"]
    assert (profile["current"], profile["floor"], profile["versions"]) == (3, 1, [3])
    assert profile["keys"] == [{"fingerprint": trusted().keyid, "name": "SIGNER"}]
    assert run("repository", "show", desk.repo) == 0
    assert "SIGNER" in capsys.readouterr().out


def test_a_root_that_waits_says_who_has_to_sign(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.init("ROOT", "ROOT2", threshold=2)
    assert run("repository", "root", desk.repo, *by("ROOT")) == 0
    err = capsys.readouterr().err
    assert "ROOT2" in err
    assert f"next:  mcp-proxy repository sign {desk.repo}" in err
    assert run("repository", "show", desk.repo) == 0
    assert "Waiting for signatures: root" in capsys.readouterr().err
    assert run("repository", "sign", desk.repo, "--yes", *by("ROOT2")) == 0
    assert "published: root version 2" in capsys.readouterr().err


def test_s1_what_waits_is_shown_before_a_yes_at_the_terminal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.init("ROOT", "ROOT2", threshold=2)
    words = ["repository", "sign", desk.repo, *by("ROOT2")]
    assert run("repository", "root", desk.repo, "--add-key", line("OTHER"), *by("ROOT")) == 0
    terminal = os.path.join(desk.folder, "terminal")
    monkeypatch.setattr(render, "_TERMINAL", terminal)
    assert run(*words) == 2
    for answer, code in (("\n", 1), ("y\n", 0)):
        with open(terminal, "w", encoding="utf-8") as file:
            file.write(answer)
        capsys.readouterr()
        assert run(*words) == code
        assert f"OTHER ({key_id(public_key(OTHER_SEED))})" in capsys.readouterr().err
    assert run(*words) == 2


def test_a_new_signer_without_its_key_waits_for_it(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.init()
    desk.delegate("billing")
    desk.publish("billing", 1)
    words = ["repository", "delegate", desk.repo, "billing", "--signer", line("OTHER")]
    assert run(*words, *by("TARGETS", "ONLINE")) == 4
    assert f"next:  mcp-proxy repository sign {desk.repo}" in capsys.readouterr().err
    assert run("repository", "sign", desk.repo, "--yes", *by("OTHER", "ONLINE")) == 0
    err = capsys.readouterr().err
    assert "billing: listed no more: 1" in err
    assert "Signed and published: billing, targets." in err
    words = ["repository", "undelegate", desk.repo, "billing", "--yes"]
    assert run(*words, *by("TARGETS", "ONLINE")) == 0
    assert "Nobody may sign billing" in capsys.readouterr().err


@pytest.mark.parametrize(("what", "signing"), [("revoke", "SIGNER"), ("undelegate", "TARGETS")])
def test_s1_all_versions_of_a_profile_are_withdrawn_after_a_yes_at_the_terminal(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    signing: str,
) -> None:
    desk.init()
    desk.delegate("billing")
    for version in (1, 2):
        desk.publish("billing", version)
    words = ["repository", what, desk.repo, "billing", *by(signing, "ONLINE")]
    terminal = os.path.join(desk.folder, "terminal")
    monkeypatch.setattr(render, "_TERMINAL", terminal)
    assert run(*words) == 2
    for answer, code, left in (("\n", 1, (1, 2)), ("y\n", 0, ())):
        with open(terminal, "w", encoding="utf-8") as file:
            file.write(answer)
        capsys.readouterr()
        assert run(*words) == code
        assert "billing: 1, 2" in capsys.readouterr().err
        rows = [row.versions for row in admin.show(desk.repo).profiles]
        assert rows in ([left], []) if code == 0 else rows == [left]


def test_what_nobody_may_sign_is_not_asked_about(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.init()
    for what in ("revoke", "undelegate"):
        assert run("repository", what, desk.repo, "billing", "--yes") == 2
        assert "'billing' to nobody" in capsys.readouterr().err


def test_floor_and_key_say_what_they_did(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.init()
    desk.delegate("billing")
    for version in (1, 2):
        desk.publish("billing", version)
    assert run("repository", "floor", desk.repo, "billing", "2", *by("SIGNER", "ONLINE")) == 0
    assert "Listed no more: 1." in capsys.readouterr().err
    assert run("repository", "key", "env:SIGNER") == 0
    assert capsys.readouterr().out == line("SIGNER") + "\n"


def test_a_key_of_another_name_is_made_where_new_asks_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keychain = MemoryKeychain()
    monkeypatch.setattr(signing_keys, "home_keychain", lambda _home: keychain)
    source = os.path.join(desk.folder, "billing.payload.jsonl")
    write_given(source, payload())
    assert run("repository", "key", "bob") == 4
    assert "next:  mcp-proxy repository key bob --new" in capsys.readouterr().err
    assert keychain.items == {}
    assert run("repository", "key", "bob", "--new") == 0
    assert "A new signing key was made" in capsys.readouterr().err
    assert run("profile", "sign", source, "--key", "tea") == 0
    told = capsys.readouterr().err
    assert "A new signing key, tea, was made" in told
    assert "trusts it" in told
    assert run("repository", "key", "default") == 0
    assert list(keychain.items) == ["signing:bob", "signing:tea", "signing:default"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["profile", "publish", "--to", "."], 2),
        (["profile", "publish", "a.json", "--renew", "--to", "."], 2),
        (["profile", "publish", "a.json", "--days", "3", "--to", "."], 2),
        (["profile", "publish", "--renew", "--days", "0", "--to", "."], 2),
        (["repository", "revoke", ".", "billing@x"], 2),
        (["repository", "init", "new", "--timestamp-days", "0"], 2),
        (["repository", "delegate", ".", "billing", "--signer", "rubbish"], 2),
        (["repository", "show", "."], 3),
        (["repository", "sign", "."], 3),
    ],
)
@pytest.mark.usefixtures("desk")
def test_wrong_usage_and_wrong_folders_have_their_exit_codes(words: list[str], code: int) -> None:
    assert run(*words) == code


WITHOUT = """
import sys
sys.modules.update({"tuf": None, "securesystemslib": None})
from mcp_proxy.cli import render
from mcp_proxy.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "words", [["repository", "show", "."], ["profile", "publish", "a.json", "--to", "."]]
)
def test_without_the_extra_a_command_says_how_to_install_it(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "MCPX-P30" in done.stderr
    assert "next:  uv tool install '/path/to/this/checkout[tuf]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_missing_module_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(name: str) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(warmup, "load", lack)
    with pytest.raises(ModuleNotFoundError):
        tuf_extra.load("mcp_proxy.none")
    with pytest.raises(ProfileError):
        tuf_extra.load("tuf.api")
