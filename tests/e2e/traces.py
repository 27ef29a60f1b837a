"""Everything that may hold a trace of a secret: what was printed, files, children, processes."""

import base64
import contextlib
import json
import os
from typing import Any
from urllib.parse import quote

SPY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spy")


class Traces:
    """Gathers bytes by where they were found; the spy tells of children and of files that went."""

    def __init__(self, folder: str) -> None:
        self.folder, self.spied = folder, os.path.join(folder, "spied")
        os.makedirs(self.spied)
        self.found: list[tuple[str, bytes]] = []

    @property
    def env(self) -> dict[str, str]:
        """What makes a command of ours tell."""
        return {"PYTHONPATH": SPY, "SPY_FOLDER": self.spied}

    def add(self, place: str, said: str | bytes) -> None:
        """Something that was printed or shown."""
        self.found.append((place, said.encode() if isinstance(said, str) else said))

    def add_process(self, pid: int) -> None:
        """The command line of a running process."""
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            self.add("command line", file.read())

    def children(self) -> list[dict[str, Any]]:
        """Every child that was started: its event, argv and environment."""
        rows = [self._read(os.path.join(self.spied, name)) for name in os.listdir(self.spied)]
        return [json.loads(row) for row in rows if row.startswith(b"{")]

    def places(self, *beside: str) -> list[tuple[str, bytes]]:
        """All of it, with every file below the folder but for those whose path has `beside`."""
        files = [
            (path, self._read(path))
            for place, _, names in os.walk(self.folder)
            for path in (os.path.join(place, name) for name in names)
            if not any(word in path for word in beside)
        ]
        return self.found + files

    def _read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()


def forms(secret: str) -> set[bytes]:
    """A secret as it may be written."""
    encoded = base64.b64encode(secret.encode()).decode()
    url = base64.urlsafe_b64encode(secret.encode()).decode()
    texts = {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        encoded,
        url,
        url.rstrip("="),
    }
    return {text.encode() for text in texts} | {secret.encode().hex().encode()}


def assert_no_trace(
    places: list[tuple[str, bytes]], secrets: list[tuple[str, str]] | dict[str, str]
) -> None:
    """None of the named secrets stands anywhere."""
    rows = secrets.items() if isinstance(secrets, dict) else secrets
    wanted = [(name, form) for name, secret in rows for form in forms(secret)]
    assert wanted
    leaks = {
        f"{name} in {place}" for place, data in places for name, form in wanted if form in data
    }
    assert not leaks, "\n".join(sorted(leaks))
