"""A local server's command as this machine trusts it (S13): which program, started how.

A profile names a command; what may be started is the record that `trust command` made of it here.
The two are compared word by word, and no part of a record is a pattern.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.text import hidden_character
from mcp_proxy.errors import ProfileError

UPSTREAM_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# What the sidecar sets itself, and what makes a loader, an interpreter or a package runner run
# other code, or names a program.
_FIXED = frozenset(
    (
        *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "PATHEXT", "COMSPEC"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
        *("PROGRAMDATA", "SHELL", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "PS4", "NODE_OPTIONS"),
        *("NODE_PATH", "PERL5OPT", "PERL5LIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "CLASSPATH"),
        *("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GCONV_PATH"),
        *("DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "NODE_REPL_EXTERNAL_MODULE", "ZDOTDIR"),
        *("LUA_INIT", "LUA_PATH", "LUA_CPATH", "PHPRC", "PHP_INI_SCAN_DIR", "GEM_HOME", "GEM_PATH"),
        *("BUNDLE_GEMFILE", "GIT_EXEC_PATH", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS"),
        *("GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_PAGER", "GIT_EDITOR", "SSH_ASKPASS"),
        *("PAGER", "EDITOR", "VISUAL", "BROWSER", "PROMPT_COMMAND", "XDG_CONFIG_HOME"),
    )
)
_FIXED_PREFIXES = (
    *("LD_", "DYLD_", "PYTHON", "BASH_FUNC_", "NPM_CONFIG_", "UV_", "PIP_", "PIPX_", "YARN_"),
    *("PNPM_", "BUN_", "COREPACK_", "DENO_", "COMPLUS_", "CORECLR_", "COR_", "OPENSSL_"),
    "GIT_CONFIG",
)
# Harmless ones of a refused family, which servers' instructions commonly set.
_ALLOWED = frozenset({"PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONIOENCODING"})


class Command(NamedTuple):
    """One record. `root` is the profile's trust root in one word.

    `environment`, sorted: NAME=value of the profile's constants, NAME of the credential's variable.
    """

    root: str
    executable: str
    argv: tuple[str, ...]
    environment: tuple[str, ...]


class Place(NamedTuple):
    """Where a command stands: one upstream of one profile."""

    profile: str
    upstream: str

    @property
    def text(self) -> str:
        """As it is written on the command line."""
        return f"{self.profile}/{self.upstream}"

    @property
    def trust_words(self) -> str:
        """The command that trusts what the profile names there."""
        return f"mcp-proxy trust command {self.profile} {self.upstream}"


def environment(spec: UpstreamSpec) -> tuple[str, ...]:
    """What a record holds of it: a server told to go elsewhere would take its secret there."""
    constants = [f"{name}={value}" for name, value in spec.environment]
    return tuple(sorted([*constants, *([] if spec.auth is None else [spec.auth.name])]))


def is_variable(name: str) -> bool:
    """Whether a profile may set the variable: a plain name that steers no loader or interpreter."""
    upper = name.upper()
    steers = upper in _FIXED or upper.startswith(_FIXED_PREFIXES)
    return _VARIABLE.fullmatch(name) is not None and (upper in _ALLOWED or not steers)


def check_spec(spec: UpstreamSpec) -> None:
    """Whether a stdio upstream is one that can be trusted and started at all.

    Raises:
        ValueError: a whole sentence.
    """
    argv = spec.command
    if spec.kind != "stdio" or not argv or not argv[0]:
        raise ValueError("It names no command.")
    if len(argv) > LIMITS.command_words or sum(map(len, argv)) > LIMITS.command_chars:
        raise ValueError("Its command is too long.")
    for word in (*argv, *(value for _, value in spec.environment)):
        hidden = hidden_character(word) or ("a line break" if "\n" in word else None)
        if hidden is not None:
            raise ValueError(f"Its command or environment holds {hidden}, which nobody sees.")
    _check_variables(spec)


def _check_variables(spec: UpstreamSpec) -> None:
    own = [] if spec.auth is None else [spec.auth.name]
    names = [*(name for name, _ in spec.environment), *own]
    for name in names:
        if not is_variable(name):
            raise ValueError(f"It sets the variable {name[:64]!r}, which no profile may set.")
    # Windows tells no upper from lower case.
    if len({name.upper() for name in names}) != len(names):
        raise ValueError("It sets a variable twice.")


def check_command(record: Command | None, spec: UpstreamSpec, root: str, place: Place) -> Command:
    """The record, if it is exactly of what the verified profile names there.

    Raises:
        ProfileError: P16, saying what differs.
    """
    if record is None:
        raise _untrusted(f"The command of {place.text} is not trusted here.", place)
    differs = next(
        (
            what
            for what, held, named in (
                ("trust root", record.root, root),
                ("command", record.argv, spec.command),
                ("environment", record.environment, environment(spec)),
            )
            if held != named
        ),
        None,
    )
    if differs is not None:
        why = f"The profile names another {differs} for {place.text} than was trusted here."
        raise _untrusted(why, place)
    return record


def command_digest(record: Command) -> str:
    """SHA-256 in hex of what a credential is bound to: executable, argv, environment."""
    return sha256_hex(
        canonical(
            {
                "executable": record.executable,
                "argv": list(record.argv),
                "environment": list(record.environment),
            }
        )
    )


def parse_command(row: Any) -> Command:
    """The stored form: exactly root, executable, argv, environment.

    Raises:
        ValueError: a whole sentence.
    """
    if not isinstance(row, dict) or row.keys() != set(Command._fields):
        raise ValueError(f"Its keys are not {', '.join(Command._fields)}.")
    if not all(isinstance(row[key], str) and row[key] for key in ("root", "executable")):
        raise ValueError("Its root and executable are text.")
    for key in ("argv", "environment"):
        if not isinstance(row[key], list) or not all(isinstance(word, str) for word in row[key]):
            raise ValueError(f"Its {key} is a list of text.")
    return Command(row["root"], row["executable"], tuple(row["argv"]), tuple(row["environment"]))


def plain_command(record: Command) -> dict[str, Any]:
    """The stored form, of TOML types; the inverse of `parse_command`."""
    return {
        "root": record.root,
        "executable": record.executable,
        "argv": list(record.argv),
        "environment": list(record.environment),
    }


def _untrusted(why: str, place: Place) -> ProfileError:
    return ProfileError("MCPX-P16", why, place.trust_words)
