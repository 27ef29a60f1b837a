"""`profile import` as its own process: chosen in a real terminal, and large documents in time."""

import json
import os
import re
import select
import signal
import struct
import time
from pathlib import Path

import published
import pytest
from e2e.stage import COMMAND
from measured import measure
from workshop.import_samples import wide_api

from mcp_proxy.app.building import build
from mcp_proxy.core.profile_lines import parse_payload

fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
IMPORT_S = 10.0
MEMORY_MIB = 500
WAIT_S = 20.0


class Terminal:
    """A process on a terminal of its own, `rows` by 100."""

    def __init__(self, folder: Path, home: Path, *words: str, rows: int = 14) -> None:
        self.seen = ""
        environment = {**os.environ, "TERM": "xterm", "MCP_PROXY_HOME": str(home)}
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(COMMAND, (COMMAND, *words), environment)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def until(self, words: str) -> str:
        """What stands on the screen once `words` do."""
        ends_s = time.monotonic() + WAIT_S
        while words not in (screen := self.screen()):
            ready, _, _ = select.select([self.descriptor], [], [], ends_s - time.monotonic())
            assert ready, f"{words!r} is not in {screen!r}"
            self.seen += os.read(self.descriptor, 65_536).decode(errors="replace")
        return screen

    def screen(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen.rpartition("\x1b[H")[2])

    def end(self) -> int:
        """The exit code, once it has ended."""
        try:
            while data := os.read(self.descriptor, 65_536):
                self.seen += data.decode(errors="replace")
        except OSError:  # Linux: the other side is closed
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "api.json").write_text(json.dumps(wide_api()))
    words = ("profile", "import", "shop", "--openapi", "api.json")
    return Terminal(folder, tmp_path / "home", *words)


def files(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path / "work"))


def test_tools_are_searched_and_chosen_in_a_terminal(tmp_path: Path, terminal: Terminal) -> None:
    shown = terminal.until("chosen: 0")
    assert "search: ▏  (10 of 10)" in shown
    assert shown.index("GET /orders/{id}") < shown.index("[admin] GET /buyers/{id}/secrets")
    terminal.press("orders")
    terminal.until("search: orders▏  (3 of 10)")
    terminal.press(" \x1b[B\x1b[B ")
    shown = terminal.until("chosen: 2, about ")
    assert re.search(r"\[x\] write +\d+  POST /orders · Create an order", shown)
    terminal.press("\x7f" * 6 + "upload ")
    terminal.until("No tool can be built of it: api.json#/paths")
    terminal.press("\r")
    assert terminal.end() == 0
    assert terminal.seen.endswith("shop.yaml\r\n")
    assert files(tmp_path) == ["api.json", "shop.import.json", "shop.yaml"]
    payload = Path(build(str(tmp_path / "work" / "shop.yaml"), None)).read_bytes()
    profile = parse_payload(payload, "", "")
    assert profile.header.tools == ("get_order", "create_order")


def test_escape_leaves_the_terminal_as_it_was_and_writes_nothing(
    tmp_path: Path, terminal: Terminal
) -> None:
    before = termios.tcgetattr(terminal.descriptor)[3]
    terminal.until("chosen: 0")
    assert termios.tcgetattr(terminal.descriptor)[3] != before
    terminal.press(" ")
    terminal.until("chosen: 1")
    terminal.press("\x1b")
    terminal.until("Nothing was written.")
    assert termios.tcgetattr(terminal.descriptor)[3] == before
    assert terminal.end() == 1
    assert "\x1b[?1049l" in terminal.seen
    assert files(tmp_path) == ["api.json"]


def test_an_interrupt_leaves_it_too(tmp_path: Path, terminal: Terminal) -> None:
    terminal.until("chosen: 0")
    os.kill(terminal.pid, signal.SIGINT)
    assert terminal.end() == 1
    assert "\x1b[?1049l" in terminal.seen
    assert files(tmp_path) == ["api.json"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expression", "tools"),
    [("github", "tag:issues,method:get", 20), ("stripe", "path:/v1/invoices*,method:get", 6)],
)
def test_a_large_document_is_imported_built_and_imported_again_in_time(
    tmp_path: Path, name: str, expression: str, tools: int
) -> None:
    """Each command as a whole process."""
    document = str(published.document(name))
    commands = [
        ("import", name, "--openapi", document, "--select", expression),
        ("build", f"{name}.yaml"),
        ("import", name),
    ]
    for words in commands:
        cost = measure([COMMAND, "profile", *words], tmp_path)
        assert cost.code == 0, cost.told
        assert cost.processor_s < IMPORT_S
        assert cost.memory_kib < MEMORY_MIB << 10
    assert "Nothing moved" in cost.told
    profile = parse_payload((tmp_path / f"{name}.payload.jsonl").read_bytes(), "", "")
    assert len(profile.header.tools) >= tools
