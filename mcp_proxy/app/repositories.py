"""`trust add-repository`, and which repositories are trusted here; `trust move`, between roots."""

from typing import NamedTuple

from mcp_proxy.app import admin_log, tuf_extra
from mcp_proxy.app.missing import Missing, missing_commands, missing_credentials
from mcp_proxy.core.admin_policy import check_repository
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.repository import RoleView
from mcp_proxy.core.seen import PINNED_KEYS, Seen, repository_root
from mcp_proxy.core.trust_store import Repository, is_scope
from mcp_proxy.edges.activations import installed_payload, move_root
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.installs import change_trust
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import read_records, read_stored_trust
from mcp_proxy.edges.repository_folder import remove_root, write_root
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import McpProxyError, ProfileError, UsageError

EVERYTHING = "*"

_ROOT_BYTES = 512_000
_ID_DIGITS = 8


class Candidate(NamedTuple):
    """A repository that may be trusted: its root metadata, and what a person compares of them.

    `before` is how it is trusted already, or None.
    """

    data: bytes
    repository: Repository
    root: RoleView
    before: Repository | None


class Move(NamedTuple):
    """A name's change of root. `lacking` is what has to be allowed anew after it."""

    name: str
    record: Seen
    root: tuple[str, ...]
    lacking: tuple[Missing, ...]


def read_candidate(url: str, root_path: str, scopes: str) -> Candidate:
    """A repository and the root metadata that its publisher handed out; nothing is asked for.

    Raises:
        UsageError: W01 a URL that may not be asked, a file that cannot be read, a scope that is
            none.
        ProfileError: P23 no root metadata, P24 they do not sign themselves, P29, P30.
        HomeError: H01 to H03.
    """
    home = find_home()
    repository = Repository("", _read_url(home, url), _read_scopes(scopes))
    data = read_given(root_path, _ROOT_BYTES)
    root = _view_root(data, url, root_path)
    repository = repository._replace(id=sha256_hex(data))
    check_repository(read_policy(), repository.id)
    held = read_stored_trust(home).repositories if home.id else {}
    return Candidate(data, repository, root, held.get(repository.id))


def add(candidate: Candidate, *, unasked: bool) -> None:
    """Trusts the repository for its names. `unasked`: nobody confirmed.

    Raises:
        AuditError: A01, and nothing is changed.
        ProfileError: P15.
        HomeError: H01 to H03.
    """
    home, repository = ensure_home(), candidate.repository
    admin_log.record(
        home,
        "trust add-repository",
        repository=repository.id,
        url=repository.url,
        profiles=" ".join(repository.profiles),
        yes=unasked,
    )
    write_root(home, candidate.data)
    change_trust(
        home,
        lambda trust: trust._replace(
            repositories={**trust.repositories, repository.id: repository}
        ),
    )


def list_repositories() -> list[Repository]:
    """The trusted repositories in order of their URLs. Raises ProfileError P15, HomeError."""
    home = find_home()
    held = read_stored_trust(home).repositories.values() if home.id else ()
    return sorted(held, key=lambda item: (item.url, item.id))


def find(which: str) -> list[Repository]:
    """The repositories of that URL, or whose id begins so (8 digits at least)."""
    url = f"{which.removesuffix('/')}/"
    long_enough = len(which) >= _ID_DIGITS
    return [
        item
        for item in list_repositories()
        if item.url == url or (long_enough and item.id.startswith(which.lower()))
    ]


def find_one(which: str) -> Repository:
    """The one that is called so. Raises UsageError W01 where there is none, or several."""
    found = find(which)
    if len(found) != 1:
        how_many = "No repository" if not found else "More than one repository"
        why = f"{how_many} trusted here is called {which!r}."
        raise UsageError("MCPX-W01", why, "mcp-proxy trust list")
    return found[0]


def remove(repository: Repository) -> None:
    """Trusts the repository no longer; what it delegates is refused at once.

    Raises:
        AuditError: A01, and nothing is changed.
    """
    home = find_home()
    admin_log.record(home, "trust remove", repository=repository.id, url=repository.url)
    change_trust(
        home,
        lambda trust: trust._replace(
            repositories={
                key: item for key, item in trust.repositories.items() if item != repository
            }
        ),
    )
    remove_root(home, repository.id)


def read_move(name: str, to: str) -> Move:
    """A name, and the root that is to answer for it: `keys`, or a trusted repository.

    Raises:
        UsageError: W01 a name never installed here, no such repository, or no change.
        ProfileError, HomeError: the files of trust cannot be read.
    """
    home = find_home()
    record = read_records(home).get(name) if home.id else None
    if record is None:
        why = f"No version of a profile {name[:64]!r} was ever installed here."
        raise UsageError("MCPX-W01", why, f"mcp-proxy profile install {name}")
    root = PINNED_KEYS if to == PINNED_KEYS[0] else repository_root(find_one(to).id)
    if root == record.root:
        raise UsageError("MCPX-W01", f"Profile {name} belongs to that root already.")
    return Move(name, record, root, tuple(_lacking(home, name, record, root)))


def move(wanted: Move, *, unasked: bool) -> None:
    """Changes the root of a name: its highest version stays, what is installed is refused (S2).

    Raises:
        AuditError: A01, and nothing is changed.
        HomeError: H02, H03.
    """
    home = find_home()
    admin_log.record(
        home,
        "trust move",
        profile=wanted.name,
        before=" ".join(wanted.record.root),
        to=" ".join(wanted.root),
        yes=unasked,
    )
    move_root(home, wanted.name, wanted.root)


def _read_url(home: Home, url: str) -> str:
    localhost = bool(home.id) and read_settings(home).localhost
    try:
        origin, path = parse_url(url, localhost=localhost)
    except ValueError as error:
        mend = "mcp-proxy trust add-repository https://HOST/PATH --root root.json"
        raise UsageError("MCPX-W01", str(error), mend) from None
    return f"{origin.text}{path}/"


def _view_root(data: bytes, url: str, path: str) -> RoleView:
    """P23 is about the file that was given here: nothing of the repository has been seen yet."""
    try:
        root: RoleView = tuf_extra.load(tuf_extra.REPOSITORY_PROOF).view_root(data)
    except ProfileError as error:
        if error.id != "MCPX-P23":
            raise
        why = f"{path} is no root metadata: give the file N.root.json, as its publisher gave it."
        mend = f"mcp-proxy trust add-repository {url} --root N.root.json"
        raise ProfileError(error.id, why, mend) from None
    return root


def _read_scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(scope.strip() for scope in text.split(",")))
    for scope in scopes:
        if scopes != (EVERYTHING,) and not is_scope(scope):
            raise UsageError(
                "MCPX-W01",
                f"{scope!r} is no scope: give a profile's name, at least three characters and a "
                "trailing *, or * alone for whatever the repository delegates.",
                "mcp-proxy trust add-repository URL --root root.json --profiles billing,support-*",
            )
    return scopes


def _lacking(home: Home, name: str, record: Seen, root: tuple[str, ...]) -> list[Missing]:
    """Credentials and commands are bound to a name and its root, so they do not move with it."""
    profile = installed_payload(home, name, record)
    if profile is None:
        return []
    moved = profile._replace(root=root)
    try:
        return [*missing_commands(home, moved), *missing_credentials(home, moved)]
    except McpProxyError as error:
        return [Missing(error.why, error.next)]
