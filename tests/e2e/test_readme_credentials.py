"""The README's commands for secrets, logins and a company's network, run as they stand there."""

import os
import re
import shlex
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from e2e.company import Authority
from e2e.login_world import open_world
from e2e.stage import COMMAND, KEPT

pytestmark = pytest.mark.slow

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORIGIN = "https://api.example.com"
GATEWAY = "https://gateway.example.com/mcp"
# What a person types, by the commands that ask for it.
TYPED = {
    "mcp-proxy credential rotate billing": "canary-new",
    "mcp-proxy credential set proxy": "ada:canary-proxy",
    "mcp-proxy credential set crm --kind client": "canary-client",
}


def commands(title: str) -> list[str]:
    """The lines of a part's blocks of commands, without their comments."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        part = re.split(r"\n##", file.read().split(f"\n{title}\n")[1])[0]
    lines = "".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL)).splitlines()
    return [line.partition("   #")[0].rstrip() for line in lines]


def typed(line: str) -> str:
    """The same with what it asks for on stdin, unless it takes that from elsewhere."""
    if "--from" in line or "<" in line:
        return line
    secret = next((text for start, text in TYPED.items() if line.startswith(start)), "")
    return f"printf {secret} | {line}" if secret else line


def run(folder: Path, *lines: str) -> str:
    """All that they print, in a home and a folder of their own; each has to succeed."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    programs = folder / "programs"
    programs.mkdir()
    for name in ("op", "pass"):
        (programs / name).write_text("#!/bin/sh\necho canary-from-a-manager\n")
        (programs / name).chmod(0o700)
    env["PATH"] = f"{programs}:{os.path.dirname(COMMAND)}:{env['PATH']}"
    env |= {"HOME": os.fspath(folder), "MCP_PROXY_HOME": os.fspath(folder / "home")}
    env |= {"BILLING_TOKEN": "canary-variable", "COLUMNS": "300"}
    script = "\n".join(["set -e", 'mcp-proxy home init "$MCP_PROXY_HOME"', *map(typed, lines)])
    done = subprocess.run(
        ["bash", "-c", script],
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "canary" not in told
    return " ".join(told.split())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the README makes words by openssl")
def test_the_readme_s_places_for_secrets_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "client-key.pem").write_text(_client_key())
    stored = f"printf canary-old | mcp-proxy credential set billing --origin {ORIGIN}"
    places = commands("### Where secrets are kept")
    told = run(tmp_path, *places, *commands("## Credentials"), stored, *commands("### Rotation"))
    assert "billing is in env:BILLING_TOKEN" in told
    assert 'billing is in cmd:["pass","show","api/billing"]' in told
    assert "under a passphrase, from env:VAULT_PASSPHRASE" in told
    assert "crm is in the vault, for https://login.example.com only" in told
    assert told.count("billing has its new secret") == 1
    assert "billing is taken from" in told
    assert "billing-bot at https://login.example.com" in told


def _client_key() -> str:
    done = subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_readme_s_network_is_set_as_it_stands(tmp_path: Path) -> None:
    shutil.copy(Authority(os.fspath(tmp_path / "ca")).pem, tmp_path / "company-ca.pem")
    vault = ["export VAULT_PASSPHRASE=canary-passphrase"]
    vault.append("mcp-proxy vault init --from env:VAULT_PASSPHRASE")
    # In a home that trusts nobody yet, doctor finds just that.
    lines = [
        f"{line} || true" if line == "mcp-proxy doctor" else line
        for line in commands("### A company's network")
    ]
    told = run(tmp_path, *vault, *lines)
    assert "proxy http://proxy.example.com:3128" in told
    assert ".internal.example.com, 10.0.0.0/8" in told
    assert "private login.internal.example.com" in told
    assert f"ok network: ca_file {tmp_path}/company-ca.pem" in told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks")
def test_the_readme_s_logins_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line.replace("crm", "guarded") for line in commands("### Login")]
    said = {}
    with open_world(os.fspath(tmp_path)) as world:
        world.server.knobs.access_s = 3600
        for line in lines:
            words = shlex.split(line.replace(GATEWAY, world.server.mcp))[1:]
            if "--no-browser" not in words:
                said[line] = world.run(*words)
                continue
            with world.started(*words) as login:
                url = re.search(r"http\S+/authorize\?\S+\n", login.wait_for("&prompt="))
                assert url is not None
                urllib.request.urlopen(url[0].strip(), timeout=10).close()
                assert login.end() == 0
    assert "enter this code" in said["mcp-proxy login guarded --device"]
    assert "invoices.write" in said["mcp-proxy login guarded --scope invoices.write"]
    assert "ready" in said["mcp-proxy status guarded"]
    assert "is revoked at" in said["mcp-proxy logout guarded"]
    assert "Tools written out: 1" in said["mcp-proxy profile import guarded --select '*'"]
    assert "is revoked at" in said["mcp-proxy logout guarded.yaml"]
