"""The [login] of the local settings: the browser's command, and a port that a server insists on."""

from typing import Any, NamedTuple


class LoginSettings(NamedTuple):
    """`browser` is a complete argv, which the page to open is added to; empty for the system's own.

    `port` is the callback's on 127.0.0.1, 0 for any that is free.
    """

    browser: tuple[str, ...] = ()
    port: int = 0


def parse_login(rows: dict[str, Any]) -> LoginSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    extra = sorted(rows.keys() - set(LoginSettings._fields))
    if extra:
        raise ValueError(f"[login] {extra[0]} is not known; `browser` and `port` are.")
    browser, port = rows.get("browser", []), rows.get("port", 0)
    if not isinstance(browser, list) or not all(isinstance(word, str) and word for word in browser):
        raise ValueError("[login] browser is a list of words, the program's path first.")
    if browser and not browser[0].startswith("/") and browser[0][1:3] != ":\\":
        raise ValueError("[login] browser starts with the absolute path of a program.")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError("[login] port is a number from 0 to 65535.")
    return LoginSettings(tuple(browser), port)


def plain_login(login: LoginSettings) -> dict[str, Any]:
    """The inverse of `parse_login`; empty where nothing is set."""
    browser = {"browser": list(login.browser)} if login.browser else {}
    return {**browser, **({"port": login.port} if login.port else {})}
