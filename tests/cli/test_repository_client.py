"""What the developer's commands for repositories print, ask and return, as processes and here."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import homes
import pytest
from repository_desk import Desk, open_desk
from trust_samples import OTHER_SEED

from mcp_proxy.cli import profile, render, trust
from mcp_proxy.cli.main import main
from mcp_proxy.core.seen import wait_for_publisher
from mcp_proxy.edges.places import VARIABLE
from mcp_proxy.edges.profile_store import profile_path

WIDER = [homes.tool(name) for name in ("find", "refund", "ask", "more")]


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    monkeypatch.setattr(render, "_TERMINAL", os.path.join(folder, "terminal"))
    with open_desk(folder) as made:
        made.publish(1)
        yield made


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for group in (trust, profile):
        group.add_commands(commands)
    options = parser.parse_args(words)
    return int(options.run(options))


def answer(desk: Desk, text: str) -> None:
    """Puts a file in the place of the controlling terminal."""
    with open(os.path.join(desk.folder, "terminal"), "w", encoding="utf-8") as file:
        file.write(text)


def install(desk: Desk) -> None:
    desk.trust()
    desk.install()


def test_s1_the_fingerprint_of_a_root_is_shown_before_a_yes(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("trust", "add-repository", desk.host.url, "--root", desk.root_path)
    answer(desk, "\n")
    assert run(*words) == 1
    assert run("trust", "list") == 0
    assert desk.id in capsys.readouterr().err
    answer(desk, "y\n")
    assert run(*words) == 0
    said = capsys.readouterr().err
    assert "signed by    2 of 3 keys" in said
    assert "every profile that it delegates" in said
    assert desk.host.requests == []
    assert run(*words) == 0
    assert "trusted already" in capsys.readouterr().err


def test_trust_list_and_remove_know_repositories(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.trust("billing")
    assert run("trust", "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"repository": desk.id, "url": f"{desk.host.url}/", "profiles": ["billing"]}
    assert run("trust", "list") == 0
    assert desk.id in capsys.readouterr().out
    assert run("trust", "remove", desk.id[:8]) == 0
    assert run("trust", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_install_by_name_shows_asks_and_says_what_is_missing(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.trust()
    answer(desk, "\n")
    assert run("profile", "install", "billing") == 1
    answer(desk, "y\n")
    assert run("profile", "install", "billing") == 0
    said = capsys.readouterr()
    assert "profile   billing version 1: Billing" in said.err
    assert "Add this to your client's configuration" in said.out
    answer(desk, "y\n")
    assert run("profile", "install", "billing@1") == 0
    assert "pinned    to version 1" in capsys.readouterr().err


def test_list_and_show_tell_root_freshness_pin_and_what_waits(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    install(desk)
    desk.publish(2, tools=WIDER)
    assert run("profile", "refresh") == 0
    assert "Version 2 waits" in capsys.readouterr().err
    assert run("profile", "list") == 0
    listed = capsys.readouterr().out
    assert f"repository {desk.id[:8]}" in listed
    assert "version 2 waits" in listed
    assert run("profile", "show", "billing", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["root"], row["waiting"], row["pinned"]) == (f"repository {desk.id}", 2, None)
    assert row["fresh_until"] == desk.activation.fresh_until_s
    desk.install("billing@1")
    assert run("profile", "show", "billing") == 0
    assert "state     pinned to 1" in capsys.readouterr().out


def test_update_shows_what_is_wider_and_asks_with_no_as_default(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    install(desk)
    desk.publish(2, tools=WIDER)
    answer(desk, "\n")
    assert run("profile", "update") == 1
    said = capsys.readouterr().err
    assert "tool more" in said
    assert "1 wider" in said
    assert desk.load().header.version == 1
    answer(desk, "y\n")
    assert run("profile", "update", "billing") == 0
    assert desk.load().header.version == 2
    assert run("profile", "update", "billing") == 0
    assert "version 2 is current" in capsys.readouterr().err


def test_update_as_json_asks_nobody(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    install(desk)
    desk.publish(2, tools=WIDER)
    assert run("profile", "update", "billing", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["version"], row["waiting"], row["activated"]) == (1, 2, False)
    assert row["changes"][0]["place"] == "tool more"
    assert run("profile", "update", "billing", "--json", "--yes") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["version"], row["waiting"], row["activated"]) == (2, None, True)


def test_update_says_what_is_pinned_and_what_was_withdrawn(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    install(desk)
    desk.install("billing@1")
    desk.publish(2, tools=WIDER)
    assert run("profile", "update") == 0
    said = capsys.readouterr().err
    assert "billing is pinned to version 1, version 2 is current" in said
    desk.repo.revoke("billing", 1)
    assert run("profile", "update") == 3
    assert "MCPX-P19" in capsys.readouterr().err
    assert run("profile", "update", "--json") == 3
    assert json.loads(capsys.readouterr().out)[0]["id"] == "MCPX-P19"


def test_a_file_host_that_is_away_is_out_of_reach_and_the_installed_version_stays(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    install(desk)
    desk.host.status["metadata/timestamp.json"] = 503
    for action in ("update", "refresh"):
        assert run("profile", action, "billing") == 6
        assert "MCPX-U01" in capsys.readouterr().err
    assert desk.load().header.version == 1


def test_nothing_of_a_repository_is_installed(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.trust()
    assert run("profile", "update") == 0
    assert run("profile", "refresh") == 0
    assert capsys.readouterr().err.count("No profile of a repository is installed.") == 2


def test_trust_move_asks_and_names_the_next_command(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.trust()
    homes.trust(desk.home)
    homes.install(desk.home)
    answer(desk, "\n")
    assert run("trust", "move", "billing", "--to", desk.id) == 1
    assert desk.load().root == ("keys",)
    answer(desk, "y\n")
    assert run("trust", "move", "billing", "--to", desk.id) == 0
    assert capsys.readouterr().out.startswith("mcp-proxy profile install billing\n")
    desk.install()
    assert desk.load().root == ("repository", desk.id)


def test_refresh_as_serving_processes_run_it(desk: Desk) -> None:
    install(desk)
    command = [sys.executable, "-P", "-m", "mcp_proxy", "profile", "refresh", "billing"]
    done = subprocess.run([*command, "--offline", "--json"], capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["verified"]) == (0, True)
    desk.repo.revoke("billing")
    done = subprocess.run([*command, "--json"], capture_output=True, check=False)
    row = json.loads(done.stdout)
    assert (done.returncode, row["id"], row["verified"]) == (3, "MCPX-P19", False)
    assert row["next"] == wait_for_publisher("billing")


def test_an_offline_proof_loads_no_network_and_no_workshop(desk: Desk) -> None:
    install(desk)
    command = [sys.executable, "-X", "importtime", "-m", "mcp_proxy", "profile", "refresh"]
    done = subprocess.run([*command, "--offline"], capture_output=True, text=True, check=True)
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "tuf.api.metadata" in loaded
    heavy = {"asyncio", "httpx2", "keyring", "mcp", "pydantic", "ruamel", "tuf.ngclient", "urllib3"}
    assert loaded & {*heavy, "mcp_proxy.core.changes", "mcp_proxy.workshop"} == set()


WITHOUT = """
import sys
sys.modules.update({"tuf": None, "securesystemslib": None})
from mcp_proxy.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["profile", "refresh", "billing", "--offline"],
        ["profile", "update", "billing"],
        ["profile", "install", "billing"],
        ["trust", "add-repository", "http://127.0.0.1:9", "--root", "root.json"],
    ],
)
def test_without_the_extra_a_command_says_how_to_install_it(desk: Desk, words: list[str]) -> None:
    install(desk)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=desk.folder,
    )
    assert done.returncode == 3
    assert "MCPX-P30" in done.stderr
    assert "next:  uv tool install '/path/to/this/checkout[tuf]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("url", "root", "code"),
    [
        ("http://example.com", "root.json", 2),
        ("https://user@example.com", "root.json", 2),
        ("https://example.com", "none.json", 2),
        ("https://example.com", "snapshot.json", 3),
    ],
)
def test_a_repository_that_cannot_be_trusted(desk: Desk, url: str, root: str, code: int) -> None:
    os.link(
        os.path.join(desk.repo.folder, "metadata", f"{desk.repo.snapshot.version}.snapshot.json"),
        os.path.join(desk.folder, "snapshot.json"),
    )
    path = os.path.join(desk.folder, root)
    assert main(["trust", "add-repository", url, "--root", path, "--yes"]) == code
    assert main(["trust", "add-repository", desk.host.url, "--root", path, "--profiles", "?"]) == 2


def test_a_file_that_is_no_root_is_told_from_a_damaged_repository(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = os.path.join(desk.repo.folder, "metadata")
    path = os.path.join(folder, f"{desk.repo.snapshot.version}.snapshot.json")
    capsys.readouterr()
    assert main(["trust", "add-repository", desk.host.url, "--root", path, "--yes"]) == 3
    err = capsys.readouterr().err
    assert f"{path} is no root metadata" in err
    assert f"next:  mcp-proxy trust add-repository {desk.host.url} --root N.root.json" in err


def unread(desk: Desk, *words: str) -> int:
    """The exit code of a command at a terminal that says yes, all of whose output nobody reads."""
    answer(desk, "y\n")
    script = (
        "import sys; from mcp_proxy.cli import main, render; render._TERMINAL = sys.argv[1]; "
        "sys.exit(main.main(sys.argv[2:]))"
    )
    reads, writes = os.pipe()
    os.close(reads)
    terminal = os.path.join(desk.folder, "terminal")
    command = [sys.executable, "-c", script, terminal, *words]
    done = subprocess.run(command, stdout=writes, stderr=writes, timeout=60, check=False)
    os.close(writes)
    return done.returncode


def test_s1_a_yes_to_what_was_never_shown_does_not_count(desk: Desk) -> None:
    """As `mcp-proxy profile install billing 2>&1 | head -1` does."""
    desk.trust()
    assert unread(desk, "profile", "install", "billing") == 2
    assert not desk.notes("profile install")


def test_an_install_whose_output_nobody_reads_is_done_as_a_whole(desk: Desk) -> None:
    desk.trust()
    assert unread(desk, "profile", "install", "billing", "--yes") == 0
    assert desk.load().header.version == 1


def test_a_folder_that_is_called_as_a_profile_is_not_meant(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.trust()
    os.mkdir(os.path.join(desk.folder, "billing"))
    monkeypatch.chdir(desk.folder)
    assert run("profile", "install", "billing", "--yes") == 0
    assert desk.load().header.version == 1


def test_s5_what_cannot_be_compared_is_shown_whole_and_never_as_unchanged(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    install(desk)
    desk.repo.delegate("billing", OTHER_SEED)
    desk.publish(2, tools=WIDER, seed=OTHER_SEED)
    with open(profile_path(desk.home, "billing"), "ab") as file:
        file.write(b" ")
    answer(desk, "\n")
    assert run("profile", "update", "billing") == 1
    said = capsys.readouterr().err
    assert "nothing differs" not in said
    assert "unknown: nothing is here to compare with" in said
    assert "more" in said
