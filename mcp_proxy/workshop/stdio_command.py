"""A local server's command and environment: a source's values in, the payload's out (S13)."""

import re

from mcp_proxy.core.command import is_variable
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.package_runner import check_versions
from mcp_proxy.core.profile import Auth
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.workshop.argument_reference import Wrong

_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]|\\\\")
_SECRETS = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIALS?)$", re.IGNORECASE)


def checked_command(words: list[str]) -> tuple[str, ...]:
    """The complete argv. Raises Wrong for one that nobody could judge by reading it."""
    if len(words) > LIMITS.command_words or sum(map(len, words)) > LIMITS.command_chars:
        bounds = f"{LIMITS.command_words} words and {LIMITS.command_chars} characters"
        raise Wrong(("command",), f"is too long; at most {bounds} fit")
    for index, word in enumerate(words):
        if not is_visible_line(word):
            raise Wrong(("command", index), "must be one visible line; take out what hides")
    check_program(words[0])
    try:
        check_versions(tuple(words))
    except ValueError as error:
        raise Wrong(("command",), str(error)) from None
    return tuple(words)


def checked_environment(values: dict[str, str], auth: Auth | None) -> tuple[tuple[str, str], ...]:
    """The variables, sorted by name. Raises Wrong for one that no profile may set."""
    if len(values) > LIMITS.environment_names:
        raise Wrong(("environment",), f"names more than {LIMITS.environment_names} variables")
    for name, value in values.items():
        path = ("environment", name)
        _check_variable(name, path)
        if not is_visible_line(value) or len(value) > LIMITS.command_chars:
            raise Wrong(path, "must be one visible line; take out what hides")
    if auth is not None:
        _check_variable(auth.name, ("auth", "name"))
    names = [*values, *([auth.name] if auth is not None else [])]
    if len({name.upper() for name in names}) != len(names):
        # Windows tells no upper from lower case.
        raise Wrong(("environment",), "sets a variable twice, or the credential's; keep one")
    return tuple(sorted(values.items()))


def secret_warnings(values: dict[str, str]) -> list[str]:
    """A sentence about each variable that seems to hold a secret, which no profile holds."""
    told = "looks like a secret's; give it by auth: {kind: env, credential: NAME, name: %s}"
    return [f"{name} {told % name}" for name in values if _SECRETS.search(name)]


def check_program(program: str) -> None:
    """Raises Wrong for an option, or a path that depends on a folder."""
    is_path = re.search(r"[/\\]", program) is not None
    if not program or program.startswith("-"):
        raise Wrong(("command", 0), "is no program; write its name or its absolute path")
    if program in (".", "..") or (is_path and not _ABSOLUTE.match(program)):
        raise Wrong(("command", 0), "is a relative path; write a bare name or an absolute path")


def _check_variable(name: str, path: tuple[str, ...]) -> None:
    if not is_variable(name):
        raise Wrong(path, f"{name} steers what the program loads; no profile may set it")
