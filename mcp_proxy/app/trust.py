"""`trust add`, `list`, `remove`: which keys may sign which profile names on this machine."""

import os

from mcp_proxy.app import admin_log
from mcp_proxy.core.admin_policy import check_key
from mcp_proxy.core.trust_store import TrustedKey, is_scope, key_id, parse_key_line
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.installs import change_keys
from mcp_proxy.edges.places import ensure_home, find_home
from mcp_proxy.edges.profile_store import read_stored_trust
from mcp_proxy.errors import UsageError

_KEY_FILE_BYTES = 64 << 10


def read_key(line_or_file: str, scopes: str) -> TrustedKey:
    """A key line, or a file that holds exactly one, with `scopes` separated by commas.

    A key that is trusted here already keeps what it may sign.

    Raises:
        UsageError: W01 no key line, or a scope that is no name and no prefix with `*`.
        ProfileError: P15; P29 the administrator does not allow the key.
        HomeError: H01 to H03.
    """
    line = parse_key_line(_find_line(line_or_file))
    home = find_home()
    check_key(read_policy(), key_id(line.public))
    held = read_stored_trust(home).keys.get(key_id(line.public)) if home.id else None
    asked = [scope.strip() for scope in scopes.split(",")]
    profiles = tuple(dict.fromkeys((*(held.profiles if held else ()), *asked)))
    for scope in profiles:
        if not is_scope(scope):
            raise UsageError(
                "MCPX-W01",
                f"{scope!r} is no scope: give a profile's name, or at least three characters "
                "and a trailing *.",
                "mcp-proxy trust add KEY-LINE --profiles billing,support-*",
            )
    return TrustedKey(key_id(line.public), line.name, line.public, profiles)


def add(key: TrustedKey, *, unasked: bool) -> TrustedKey | None:
    """Trusts the key for its scope; the entry there was, if any. `unasked`: nobody confirmed.

    Raises:
        AuditError: A01, and nothing is changed.
        ProfileError: P15; P29 the administrator does not allow the key.
        HomeError: H01 to H03.
    """
    home = ensure_home()
    check_key(read_policy(), key.keyid)
    before = read_stored_trust(home).keys.get(key.keyid)
    scopes = " ".join(key.profiles)
    admin_log.record(home, "trust add", key=key.keyid, name=key.name, profiles=scopes, yes=unasked)
    change_keys(home, lambda keys: {**keys, key.keyid: key})
    return before


def list_keys() -> list[TrustedKey]:
    """The trusted keys in order of their names. Raises ProfileError P15, HomeError."""
    home = find_home()
    keys = read_stored_trust(home).keys.values() if home.id else ()
    return sorted(keys, key=lambda key: (key.name, key.keyid))


def remove(which: str) -> TrustedKey:
    """Trusts no longer the key of that id (or a unique beginning of it) or that name.

    Raises:
        UsageError: W01 no such key, or several.
        AuditError: A01, and nothing is changed.
    """
    found = [key for key in list_keys() if key.name == which or _starts(key.keyid, which)]
    if len(found) != 1:
        how_many = "No key" if not found else "More than one key"
        raise UsageError(
            "MCPX-W01", f"{how_many} here is called {which!r}.", "mcp-proxy trust list"
        )
    key = found[0]
    home = find_home()
    admin_log.record(home, "trust remove", key=key.keyid, name=key.name)
    change_keys(home, lambda keys: {kid: item for kid, item in keys.items() if kid != key.keyid})
    return key


def _starts(keyid: str, which: str) -> bool:
    return len(which) >= 8 and keyid.startswith(which.lower())


def _find_line(text: str) -> str:
    if text.startswith("mcpx1:"):
        return text
    if not os.path.exists(text):
        raise UsageError(
            "MCPX-W01",
            f"{text!r} is neither a key line, which begins with mcpx1:, nor a file with one.",
            "mcp-proxy trust add KEY-LINE --profiles NAMES",
        )
    data = read_given(text, _KEY_FILE_BYTES).decode(errors="replace")
    lines = [line for line in data.splitlines() if line.startswith("mcpx1:")]
    if len(lines) != 1:
        raise UsageError("MCPX-W01", f"{text} does not hold exactly one key line.")
    return lines[0]
