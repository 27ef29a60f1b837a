"""A developer's desk for tests: a home, and a served repository that it trusts."""

import contextlib
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import homes
from repository_samples import Host, Repo, make_repository, serve

from mcp_proxy.app import named_install, repositories
from mcp_proxy.app.named_install import Offer, read_name
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import Activation, Seen
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.edges.files import write_given
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import load_profile, read_records

SEED = homes.SEED


class Desk(NamedTuple):
    """`folder` holds the home, the repository and its root.json; `id` is the repository's."""

    folder: str
    home: Home
    repo: Repo
    host: Host
    id: str

    @property
    def root_path(self) -> str:
        """The root metadata as handed out."""
        return os.path.join(self.folder, "root.json")

    def trust(self, scopes: str = "*") -> None:
        """`trust add-repository`."""
        candidate = repositories.read_candidate(self.host.url, self.root_path, scopes)
        repositories.add(candidate, unasked=True)

    def publish(self, version: int, *, seed: bytes = SEED, **shape: object) -> bytes:
        """A version of billing, as `homes.payload` makes it; the envelope."""
        data = sign_payload(homes.payload(version=version, **shape), seed)
        self.repo.publish("billing", data, floor=1)
        return data

    def offer(self, text: str = "billing") -> Offer:
        """What `profile install` of that argument would show."""
        wanted = read_name(text)
        assert wanted is not None
        return named_install.find_offer(wanted)

    def install(self, text: str = "billing") -> None:
        """`profile install --yes`."""
        named_install.accept(self.offer(text), unasked=True)

    def load(self, *, later_s: float = 0) -> Profile:
        """What a start would serve, that much later."""
        return load_profile(self.home, "billing", time.time() + later_s)

    @property
    def record(self) -> Seen:
        """The version record of billing."""
        return read_records(self.home)["billing"]

    @property
    def activation(self) -> Activation:
        """What the repository said of billing."""
        assert self.record.activation is not None
        return self.record.activation

    def notes(self, what: str) -> list[dict[str, object]]:
        """The facts of the commands of that name in the audit log."""
        return [row["facts"] for row in homes.commands(self.home) if row["what"] == what]


@contextlib.contextmanager
def open_desk(folder: str) -> Iterator[Desk]:
    """A desk in an empty folder: billing is delegated and has no version, nothing is trusted yet.

    MCP_PROXY_HOME has to name `folder`/home.
    """
    home = init_home(os.path.join(folder, "home"))
    repo = make_repository(os.path.join(folder, "repository"), {})
    repo.delegate("billing", SEED)
    write_given(os.path.join(folder, "root.json"), repo.root_bytes)
    with serve(repo.folder) as host:
        yield Desk(folder, home, repo, host, repo.root_digest)
