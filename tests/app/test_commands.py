"""`trust command` and the credential of a local server: what is recorded, matched and refused."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import homes
import pytest
from edges.fakes_authorizer import static_authorizer
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import commands, doctor, keychain_store
from mcp_proxy.app.check import Check
from mcp_proxy.app.credential_list import list_credentials
from mcp_proxy.app.credentials import Wish, set_credential
from mcp_proxy.app.missing import missing_commands, missing_credentials
from mcp_proxy.cli import credential, render, trust
from mcp_proxy.core.command import Place, command_digest
from mcp_proxy.core.profile import Auth, Profile, UpstreamSpec
from mcp_proxy.edges import clock
from mcp_proxy.edges.command_store import put_command, read_commands
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.profile_store import load_profile, read_generation
from mcp_proxy.errors import AuditError, CredentialError, HomeError, ProfileError, UsageError

CANARY = "canary-51d0-value"
PLACE = Place("billing", "files")
AUTH = Auth("env", "files-token", "FILES_TOKEN")
ENVIRONMENT = (("MODE", "strict"),)
SPEC = UpstreamSpec("stdio", "", AUTH, 5_000, (), (), ("server", "--root", "/data"), ENVIRONMENT)
WISH = Wish("files-token", [], "", "bearer", None, [], None, "billing/files")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs are found as on POSIX")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    return homes.make_home(str(tmp_path / "home"))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program `server`, on the PATH."""
    monkeypatch.setenv("PATH", f"relative:{make_program(tmp_path / 'bin')}")
    return str(tmp_path / "bin" / "server")


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    held = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: held)
    return held


def make_program(folder: Path, name: str = "server") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return str(folder)


def install(home: Home, spec: UpstreamSpec = SPEC, version: int = 1) -> Profile:
    homes.install(home, upstreams={"files": spec}, version=version)
    return load_profile(home, "billing", clock.now_s())


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    groups = parser.add_subparsers()
    for group in (trust, credential):
        group.add_commands(groups)
    options = parser.parse_args(words)
    return int(options.run(options))


def launch(home: Home, spec: UpstreamSpec = SPEC) -> Launch:
    """What serve would start."""
    store = CredentialStore(home, keychain_store._open)

    async def ask() -> Launch:
        return await static_authorizer(home, store).launch("files", spec)

    return asyncio.run(ask())


def test_s13_the_person_sees_each_word_and_the_program_before_a_yes(
    home: Home, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    terminal = Path(os.path.dirname(program), "terminal")
    terminal.write_text("\n")
    monkeypatch.setattr(render, "_TERMINAL", str(terminal))
    assert run("trust", "command", "billing", "files") == 1
    assert read_commands(home) == {}
    shown = capsys.readouterr().err
    for text in (program, "--root", "/data", "MODE=strict", "FILES_TOKEN (the credential)"):
        assert text in shown
    terminal.write_text("y\n")
    assert run("trust", "command", "billing", "files") == 0
    assert read_commands(home)[PLACE].executable == program
    assert '"yes":false' in homes.ledger_text(home)


def test_s25_no_word_of_a_command_passes_for_two_or_for_a_line_of_ours(
    home: Home, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("server", "-x" + " " * 70 + "executable   /bin/true", "a\u00a0b", "a b")
    install(home, SPEC._replace(command=words, environment=(("MODE", "a" + " " * 9),)))
    run("trust", "command", "billing", "files", "--yes")
    shown = capsys.readouterr().err
    assert f"word 1       '-x{'␣' * 70}executable␣␣␣/bin/true'" in shown
    assert "word 2       'a␣b'" in shown
    assert "word 3       'a b'" in shown
    assert f"MODE='a{'␣' * 9}'" in shown


def test_trusting_ends_with_the_credential_that_is_missing(
    home: Home, program: str, keychain: MemoryKeychain, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    assert "credential set files-token --command billing/files" in capsys.readouterr().out


def test_doctor_calls_no_credential_set_whose_command_is_untrusted(
    home: Home, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_check_serve", lambda name, _profile: Check(name, True, "served"))
    homes.install(home, upstreams={"files": SPEC}, url="http://127.0.0.1:1")
    found = list(doctor._check_profile(home, load_profile(home, "billing", clock.now_s())))
    assert "mcp-proxy trust command billing files" in [check.next for check in found]
    assert not any(check.what.startswith("credentials") for check in found)


def test_s1_a_command_is_logged_before_it_is_trusted(home: Home, program: str) -> None:
    install(home)
    before = read_generation(home)
    assert run("trust", "command", "billing", "files", "--yes") == 0
    log = homes.ledger_text(home)
    assert '"what":"trust command"' in log
    assert program in log
    assert '"yes":true' in log
    assert read_generation(home) != before
    homes.block_ledger(home)
    with pytest.raises(AuditError):
        run("trust", "command", "billing", "files", "--remove")
    assert PLACE in read_commands(home)


def test_the_record_is_listed_and_removed(
    home: Home, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    capsys.readouterr()
    assert run("trust", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[-1] == {
        "profile": "billing",
        "upstream": "files",
        "root": "keys",
        "executable": program,
        "argv": ["server", "--root", "/data"],
        "environment": ["FILES_TOKEN", "MODE=strict"],
        "problem": None,
    }
    assert run("trust", "list") == 0
    assert program in capsys.readouterr().out
    assert run("trust", "command", "billing", "files", "--remove") == 0
    assert read_commands(home) == {}
    with pytest.raises(UsageError):
        run("trust", "command", "billing", "files", "--remove")


def test_s13_a_version_is_shown_to_be_no_content_pin(
    home: Home, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_program(Path(os.path.dirname(program)), "npx")
    install(home, SPEC._replace(command=("npx", "-y", "some-server@1.2.3")))
    assert run("trust", "command", "billing", "files", "--yes") == 0
    assert "A version is not a content pin" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["some-server", "some-server@latest", "some-server@^1.0.0"])
def test_s13_npx_without_an_exact_version_cannot_be_trusted(
    home: Home, program: str, package: str
) -> None:
    make_program(Path(os.path.dirname(program)), "npx")
    install(home, SPEC._replace(command=("npx", "-y", package)))
    with pytest.raises(ProfileError) as caught:
        run("trust", "command", "billing", "files", "--yes")
    assert caught.value.id == "MCPX-P16"
    assert read_commands(home) == {}


@pytest.mark.parametrize("word", ["./server", "bin/server", "../bin/server", "no-such-program"])
def test_s13_a_program_is_absolute_or_on_the_path(home: Home, program: str, word: str) -> None:
    install(home, SPEC._replace(command=(word,)))
    with pytest.raises(UsageError):
        commands.prepare("billing", "files")


def test_s13_a_relative_folder_on_the_path_is_passed_over(
    home: Home, program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_program(tmp_path / "relative")
    monkeypatch.chdir(tmp_path)
    install(home)
    assert commands.prepare("billing", "files").record.executable == program


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_s13_a_program_that_others_may_write_cannot_be_trusted(
    home: Home, program: str, mode: int
) -> None:
    os.chmod(program, mode)
    install(home)
    with pytest.raises(HomeError) as caught:
        commands.prepare("billing", "files")
    assert caught.value.id == "MCPX-H02"


@pytest.mark.parametrize(("profile", "upstream"), [("billing", "api"), ("billing", "x")])
def test_only_a_local_server_has_a_command(
    home: Home, program: str, profile: str, upstream: str
) -> None:
    install(home)
    with pytest.raises(UsageError):
        commands.prepare(profile, upstream)


def test_s13_only_a_verified_profile_names_a_command(home: Home, program: str) -> None:
    install(home)
    homes.distrust(home)
    with pytest.raises(ProfileError) as caught:
        commands.prepare("billing", "files")
    assert caught.value.id == "MCPX-P03"


CHANGED = {
    "another word": SPEC._replace(command=("server", "--root", "/")),
    "one word more": SPEC._replace(command=(*SPEC.command, "--write")),
    "another variable": SPEC._replace(environment=(("LEVEL", "1"),)),
    "one variable more": SPEC._replace(environment=(*ENVIRONMENT, ("X", "1"))),
    "the credential in another variable": SPEC._replace(auth=AUTH._replace(name="OTHER")),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED.keys())
def test_s13_a_later_version_with_another_command_is_not_started(
    home: Home, program: str, keychain: MemoryKeychain, changed: UpstreamSpec
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    set_credential(WISH, CANARY)
    profile = install(home, changed, version=2)
    with pytest.raises(ProfileError) as caught:
        launch(home, changed)
    assert caught.value.id == "MCPX-P16"
    assert [gap.next for gap in missing_commands(home, profile)] == [
        "mcp-proxy trust command billing files"
    ]


def test_s13_what_is_started_is_the_record_whatever_the_path_says_later(
    home: Home, program: str, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    set_credential(WISH, CANARY)
    fake = make_program(Path(os.path.dirname(program), "fake"))
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    made = launch(home)
    assert (made.executable, made.argv, made.environment) == (program, SPEC.command, ENVIRONMENT)
    assert made.variable == "FILES_TOKEN"
    assert made.secret is not None
    assert made.secret.reveal() == CANARY
    assert CANARY not in repr(made)


def test_what_is_missing_is_told_in_the_order_it_is_mended(
    home: Home, program: str, keychain: MemoryKeychain
) -> None:
    profile = install(home)
    assert [gap.next for gap in missing_commands(home, profile)] == [
        "mcp-proxy trust command billing files"
    ]
    assert missing_credentials(home, profile) == []
    run("trust", "command", "billing", "files", "--yes")
    assert missing_commands(home, profile) == []
    assert [gap.next for gap in missing_credentials(home, profile)] == [
        "mcp-proxy credential set files-token --command billing/files"
    ]
    with pytest.raises(CredentialError) as caught:
        launch(home)
    assert caught.value.id == "MCPX-C01"
    set_credential(WISH, CANARY)
    assert missing_credentials(home, profile) == []
    os.chmod(program, 0o777)
    assert "other users may write it" in missing_commands(home, profile)[0].why


def test_s13_a_credential_is_bound_to_the_command_as_it_was(
    home: Home, program: str, keychain: MemoryKeychain, tmp_path: Path
) -> None:
    profile = install(home)
    run("trust", "command", "billing", "files", "--yes")
    binding = set_credential(WISH, CANARY)
    record = read_commands(home)[PLACE]
    assert binding.command == command_digest(record)
    assert (binding.kind, binding.header) == ("env", "FILES_TOKEN")
    make_program(tmp_path / "other")
    put_command(home, PLACE, record._replace(executable=str(tmp_path / "other" / "server")))
    with pytest.raises(CredentialError) as caught:
        launch(home)
    assert caught.value.id == "MCPX-C04"
    assert caught.value.next == "mcp-proxy credential set files-token --command billing/files"
    assert missing_credentials(home, profile)[0].next == caught.value.next
    assert list_credentials()[0].problem == (
        "It is bound to a command that is not trusted here any more."
    )


def test_s7_a_header_s_credential_goes_into_no_environment(
    home: Home, program: str, keychain: MemoryKeychain
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    origin = Wish("files-token", ["https://a.example"], "", "bearer", None, ["billing"], None)
    set_credential(origin, CANARY)
    with pytest.raises(CredentialError) as caught:
        launch(home)
    assert caught.value.id == "MCPX-C04"


def test_s7_a_variable_s_credential_goes_into_no_header(
    home: Home, program: str, keychain: MemoryKeychain
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    set_credential(WISH, CANARY)
    rest = UpstreamSpec(
        "rest", "https://a.example", Auth("bearer", "files-token", "Authorization"), 1_000, ()
    )
    store = CredentialStore(home, keychain_store._open)

    async def ask() -> None:
        await static_authorizer(home, store).authorization(rest)

    with pytest.raises(CredentialError) as caught:
        asyncio.run(ask())
    assert caught.value.id == "MCPX-C04"


def test_s13_an_untrusted_command_takes_no_credential(
    home: Home, program: str, keychain: MemoryKeychain
) -> None:
    install(home)
    with pytest.raises(ProfileError) as caught:
        set_credential(WISH, CANARY)
    assert caught.value.id == "MCPX-P16"
    assert keychain.items == {}


@pytest.mark.parametrize(
    "wish",
    [
        WISH._replace(command="billing"),
        WISH._replace(command="billing/api"),
        WISH._replace(command="../billing/files"),
        WISH._replace(name="another"),
        WISH._replace(header="X-Key"),
        WISH._replace(profiles=["billing"]),
        WISH._replace(origins=["https://a.example"]),
        WISH._replace(kind="basic"),
        WISH._replace(source="cmd:cat"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(
    home: Home, program: str, keychain: MemoryKeychain, wish: Wish
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    with pytest.raises(UsageError):
        set_credential(wish, CANARY)
    assert keychain.items == {}


def test_a_variable_of_ours_may_hold_the_server_s_credential(
    home: Home, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    words = ("credential", "set", "files-token", "--command", "billing/files")
    assert run(*words, "--from", "env:OUR_TOKEN") == 0
    with pytest.raises(CredentialError) as caught:
        launch(home)
    assert "OUR_TOKEN" in caught.value.why
    monkeypatch.setenv("OUR_TOKEN", CANARY)
    made = launch(home)
    assert made.secret is not None
    assert (made.variable, made.secret.reveal()) == ("FILES_TOKEN", CANARY)
    capsys.readouterr()
    assert run("credential", "list", "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out)[0]["binding"]["variable"] == "FILES_TOKEN"
    assert json.loads(out)[0]["commands"] == ["billing/files"]
    assert run("credential", "list") == 0
    assert "billing/files" in capsys.readouterr().out
    assert CANARY not in out


@pytest.mark.parametrize("secret", ["", "a\nb", "a\0b", "a\x1bb"])
def test_a_secret_that_fits_no_variable_is_refused(
    home: Home, program: str, keychain: MemoryKeychain, secret: str
) -> None:
    install(home)
    run("trust", "command", "billing", "files", "--yes")
    with pytest.raises(UsageError):
        set_credential(WISH, secret)
    assert keychain.items == {}


def test_the_settings_keep_commands_beside_credentials(
    home: Home, keychain: MemoryKeychain
) -> None:
    spec = SPEC._replace(auth=None, command=(sys.executable, "-m", 'späße "\\ \u2028'[:8]))
    install(home, spec)
    run("trust", "command", "billing", "files", "--yes")
    origin = Wish("api", ["https://a.example"], "", "bearer", None, ["billing"], None)
    set_credential(origin, CANARY)
    assert read_commands(home)[PLACE].argv == spec.command
    assert launch(home, spec).argv == spec.command
