"""`profile lint`: a source, a payload, an envelope or an installed profile in; findings out."""

from typing import NamedTuple

from mcp_proxy.app.profile_file import is_name, unverified_profile
from mcp_proxy.core.contents import Contents, parse_contents
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.lint import Finding, lint, not_built
from mcp_proxy.workshop.source import parse_source
from mcp_proxy.workshop.tokens import listed_tokens

_SOURCES = (".yaml", ".yml")


class Linted(NamedTuple):
    """What lint found; `tokens` is each tool's estimate, by name, in the profile's order."""

    file: str
    findings: tuple[Finding, ...]
    tokens: dict[str, int]


def lint_given(given: str) -> Linted:
    """Lints the file, or the installed profile of that name.

    A signature is not checked: whoever reviews another's profile need not trust its signer yet.
    What keeps a source from being built is what is found of it.

    Raises:
        ProfileError: the payload is none, or the installed profile may not be served.
        UsageError: the file cannot be read.
    """
    now_s = int(clock.now_s())
    if given.endswith(_SOURCES):
        data = read_given(given, LIMITS.small_file_bytes)
        try:
            return _lint_source(given, data, now_s)
        except SourceError as error:
            return Linted(given, not_built(error), {})
    contents = parse_contents(_profile(given, now_s))
    return _linted(given, contents, lint(contents, None, "", now_s))


def _lint_source(file: str, data: bytes, now_s: int) -> Linted:
    source = parse_source(data, file)
    payload = build_payload(source, now_s).payload
    contents = parse_contents(parse_payload(payload, sha256_hex(payload), ""))
    return _linted(file, contents, lint(contents, source, data.decode("utf-8-sig"), now_s))


def _linted(file: str, contents: Contents, findings: tuple[Finding, ...]) -> Linted:
    return Linted(file, findings, {name: listed_tokens(row) for name, row in contents.rows.items()})


def _profile(given: str, now_s: int) -> Profile:
    return load_profile(find_home(), given, now_s) if is_name(given) else unverified_profile(given)
