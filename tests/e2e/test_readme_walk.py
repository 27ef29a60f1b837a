"""The README's walk from a publisher to many developers, then its section on the repository, run as
they stand there.
"""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from e2e.stage import COMMAND, KEPT

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TITLES = ("## From a publisher to many developers\n", "## The repository\n")
ASKS = (
    "trust add-repository",
    "profile install",
    "profile update",
    "repository sign",
    "repository undelegate",
)


def script() -> str:
    """The commands of both sections; what asks a person is answered by --yes."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    sections = "".join(readme.split(title)[1].split("\n## ")[0] for title in TITLES)
    lines = "".join(re.findall(r"```sh\n(.*?)```", sections, re.DOTALL)).splitlines()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    text = "\n".join(_answered(line.partition("   #")[0].rstrip()) for line in lines)
    text = text.replace("8123", port).replace("/path/to/this/checkout", ROOT)
    return f"set -e\ntrap 'kill %1' EXIT\n{text}\n"


def _answered(line: str) -> str:
    return f"{line} --yes" if any(f"mcp-proxy {asks}" in line for asks in ASKS) else line


@pytest.mark.slow
@pytest.mark.keychain
def test_the_readme_s_walk_runs_as_it_stands(tmp_path: Path) -> None:
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"PATH": f"{os.path.dirname(COMMAND)}:{env['PATH']}"}
    env["MCP_PROXY_HOME"] = os.fspath(tmp_path / "home")
    subprocess.run([COMMAND, "home", "init", env["MCP_PROXY_HOME"]], env=env, check=True)
    folder = tmp_path / "folder"
    folder.mkdir()
    done = subprocess.run(
        ["bash", "-c", script()],
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "billing.yaml is read as it is: no signature and no trust is looked at." in told
    assert "Version 2 waits" in told
    assert "the model can now call it (destructive)" in told
    assert "The repository has withdrawn version 2" in told
    assert "GET https://billing.example.com/v1/invoices?customer_id=cus_0001" in told
    assert "Signed and published: root version 3." in told
    assert "Nobody may sign billing" in told
    assert told.rstrip().splitlines()[-1].startswith("billing is version 3 now")
