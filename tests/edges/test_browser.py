"""How a browser is sent to a page: by a file, by an absolute path, without a shell."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from mcp_proxy.edges.browser import (
    Machine,
    check_page,
    environment,
    open_file,
    open_page,
    opener_of,
    redirect_file,
)
from mcp_proxy.errors import CredentialError

URL = "https://as.example/authorize?state=abc&scope=a%20b"

# Writes what it was given and what it sees to the file of its first word.
SPY = """#!{python}
import json, os, sys
with open(sys.argv[1], "w") as file:
    json.dump([sys.argv[2:], dict(os.environ), open(sys.argv[2]).read()], file)
"""


def script(folder: Path, text: str) -> str:
    path = folder / "browser"
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o700)
    return str(path)


def test_s22_what_starts_the_browser_sees_a_file_and_not_the_address(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    spy = script(tmp_path, SPY)
    with redirect_file(URL, str(tmp_path)) as path:
        assert asyncio.run(open_file((spy, str(seen)), path)) == ""
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    text = seen.read_text()
    words, told, page = json.loads(text)
    assert words == [path]
    assert "state=abc" not in str(told)
    assert "https://as.example/authorize?state=abc&amp;scope=a%20b" in page
    assert not os.path.exists(path)


def test_s22_the_file_goes_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), redirect_file(URL, str(tmp_path)):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_s22_what_a_killed_login_left_goes_with_the_next_and_nothing_else(tmp_path: Path) -> None:
    left = ["mcp-proxy-approval-0123456789abcdef.html", ".mcp-proxy-login-0123456789abcdef.html.0a"]
    others = ["mcp-proxy-login-notes.html", "notes.html"]
    for name in (*left, *others, "mcp-proxy-login-fedcba9876543210.html"):
        (tmp_path / name).write_text("x")
        if not name.endswith("3210.html"):
            os.utime(tmp_path / name, (1, 1))
    with redirect_file(URL, str(tmp_path)):
        kept = set(os.listdir(tmp_path))
    assert kept > {*others, "mcp-proxy-login-fedcba9876543210.html"}
    assert not kept & set(left)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://as.example/authorize",
        "https:///authorize",
        "-a Calculator",
        "https://as.example/`touch x`\n",
        "https://as.example/ b",
        "https://[bad",
        "smb://as.example/share",
        "",
    ],
)
def test_s22_a_page_that_is_not_of_the_web_is_opened_by_nobody(url: str, tmp_path: Path) -> None:
    with pytest.raises(CredentialError) as caught, redirect_file(url, str(tmp_path)):
        pytest.fail("it was written")
    assert caught.value.id == "MCPX-C07"
    assert os.listdir(tmp_path) == []


def test_plain_http_is_for_this_machine_alone() -> None:
    check_page("http://127.0.0.1:8000/authorize")
    check_page("http://[::1]:8000/authorize")


def test_s22_a_page_cannot_break_out_of_the_file(tmp_path: Path) -> None:
    url = 'https://as.example/?a="><script>x</script>'
    with redirect_file(url, str(tmp_path)) as path:
        page = Path(path).read_text()
    assert "<script>" not in page
    assert page.count("https://as.example/?a=&quot;&gt;&lt;script&gt;") == 2


def test_a_browser_that_fails_is_told(tmp_path: Path) -> None:
    failing = script(tmp_path, "#!{python}\nraise SystemExit(4)\n")
    told = asyncio.run(open_file((failing,), str(tmp_path)))
    assert told == f"{failing} ended with code 4, so no browser was opened."


def test_a_browser_that_is_not_there_or_not_ours_is_told(tmp_path: Path) -> None:
    told = asyncio.run(open_file((str(tmp_path / "none"),), str(tmp_path)))
    assert "cannot be started" in told
    others = script(tmp_path, "#!{python}\n")
    os.chmod(others, 0o777)
    assert "other users may write it" in asyncio.run(open_file((others,), str(tmp_path)))


def test_no_variable_names_a_program_and_no_secret_goes_along() -> None:
    ours = {
        "BROWSER": "/tmp/evil",
        "BILLING_TOKEN": "canary",
        "LD_PRELOAD": "/tmp/evil.so",
        "PATH": "/tmp/evil",
        "DISPLAY": ":0",
        "XDG_RUNTIME_DIR": "/run/user/1",
    }
    handed = environment(ours)
    assert handed["DISPLAY"] == ":0"
    assert handed["XDG_RUNTIME_DIR"] == "/run/user/1"
    assert "evil" not in str(handed)
    assert "canary" not in str(handed)


def test_each_system_has_its_opener() -> None:
    assert opener_of(Machine("win32", {}, "")) == ()
    assert opener_of(Machine("darwin", {}, "")) == ("/usr/bin/open",)
    assert opener_of(Machine("darwin", {"SSH_CONNECTION": "x"}, "")) is None
    assert opener_of(Machine("linux", {}, "6.1")) is None


def test_s22_a_page_of_ours_is_shown_by_a_file_that_stays_a_while(tmp_path: Path) -> None:
    url = "http://127.0.0.1:4711/token"
    seen = tmp_path / "seen"
    spy = script(tmp_path, SPY)
    home = tmp_path / "home"
    home.mkdir()
    assert asyncio.run(open_page(url, (spy, str(seen)), str(home), 0.2)) == ""
    words, told, page = json.loads(seen.read_text())
    assert words[0].startswith(f"{home}/mcp-proxy-approval-")
    assert "token" not in f"{words}{told}"
    assert url in page
    assert os.listdir(home) == []


def test_a_browser_that_fails_to_show_a_page_is_told_at_once(tmp_path: Path) -> None:
    failing = script(tmp_path, "#!{python}\nraise SystemExit(4)\n")
    url = "http://127.0.0.1:4711/token"
    told = asyncio.run(open_page(url, (failing,), str(tmp_path), 600.0))
    assert told == f"{failing} ended with code 4, so no browser was opened."
    assert os.listdir(tmp_path) == ["browser"]
