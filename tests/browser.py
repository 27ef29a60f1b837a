"""A browser without a person, for `browser` of [login]: it follows a page to its end.

usage: browser.py [--log FILE] [--cafile FILE] [--code N] [--times N] PAGE

PAGE is the file that redirects, or an http(s) URL. Like a desktop's opener it returns at once, when
PAGE is read, and goes on by itself. `--log` appends one line of JSON for each page that it saw:
{"url", "status", "headers", "body"}, for PAGE itself {"page", "argv", "mode", "text", "env"}.
`--code` is what it ends with in place of doing anything, `--times` how often it follows PAGE.
"""

import argparse
import html
import json
import os
import re
import ssl
import stat
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urljoin

WAIT_S = 30
MOST_HOPS = 10


class _Stays(urllib.request.HTTPRedirectHandler):
    """Redirects are followed here, one by one, so that each is seen."""

    def redirect_request(self, *_args: Any) -> None:
        return None


def read_page(page: str, log: str) -> str:
    """The address that a page leads to, which is itself unless it is a file."""
    if page.startswith(("http://", "https://")):
        return page
    path = page.removeprefix("file://")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = re.search(r'http-equiv="refresh" content="0;\s*url=([^"]+)"', text)
    assert found is not None, text
    mode = stat.S_IMODE(os.stat(path).st_mode)
    env = dict(os.environ)
    note(log, {"page": page, "argv": sys.argv, "mode": mode, "text": text, "env": env})
    return html.unescape(found[1])


def follow(url: str, log: str, cafile: str) -> None:
    """GETs the address and what it redirects to."""
    context = ssl.create_default_context(cafile=cafile or None)
    secure = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(_Stays, secure, urllib.request.ProxyHandler({}))
    for _ in range(MOST_HOPS):
        try:
            answer = opener.open(url, timeout=WAIT_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body, headers = answer.read(1 << 16).decode(), dict(answer.headers)
            status, location = answer.status, answer.headers.get("location")
        note(log, {"url": url, "status": status, "headers": headers, "body": body})
        if not location:
            return
        url = urljoin(url, location)


def note(log: str, row: dict[str, Any]) -> None:
    """One more line of the log, if there is one."""
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def main() -> int:
    """What a desktop's opener does; the pages are followed by a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", default="")
    parser.add_argument("--cafile", default="")
    parser.add_argument("--code", type=int)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("page")
    given = parser.parse_args()
    if given.code is not None:
        return int(given.code)
    url = read_page(given.page, given.log)
    if os.fork() == 0:
        for _ in range(given.times):
            follow(url, given.log, given.cafile)
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
