"""A publisher's desk for tests: a home, keys in variables, and a repository made by the product.

The variables ROOT, ROOT2, ROOT3, TARGETS, ONLINE, SIGNER and OTHER hold keys; nothing lies in a
keychain. `Desk.client` is python-tuf's own client, which judges what was written.
"""

import base64
import os

import pytest
from repository_samples import ONLINE_SEED, ROOT_SEEDS, TARGETS_SEED, Client, envelope
from trust_samples import OTHER_SEED, SEED

from mcp_proxy.app import publishing, signing_keys
from mcp_proxy.app import repository_admin as admin
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import format_key_line
from mcp_proxy.edges.files import write_given
from mcp_proxy.edges.places import VARIABLE, init_home
from mcp_proxy.errors import CredentialError

SEEDS = {
    "ROOT": ROOT_SEEDS[0],
    "ROOT2": ROOT_SEEDS[1],
    "ROOT3": ROOT_SEEDS[2],
    "TARGETS": TARGETS_SEED,
    "ONLINE": ONLINE_SEED,
    "SIGNER": SEED,
    "OTHER": OTHER_SEED,
}


def line(name: str) -> str:
    """The key line of one of the variables."""
    return format_key_line(public_key(SEEDS[name]), name)


def keys(*names: str) -> list[str]:
    """As they are given to `--key`."""
    return [f"env:{name}" for name in names]


class Desk:
    """A publisher with all keys; `repo` is the folder of the repository."""

    def __init__(self, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Makes a home below `folder`, no repository yet."""
        self.folder = folder
        self.repo = os.path.join(folder, "repo")
        monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
        self.home = init_home(os.path.join(folder, "home"))
        for name, seed in SEEDS.items():
            monkeypatch.setenv(name, base64.b64encode(seed).decode())
        monkeypatch.setattr(signing_keys, "home_keychain", _no_keychain)

    def init(self, *root: str, threshold: int = 1, days: dict[str, int] | None = None) -> bytes:
        """`repository init` with these root keys (ROOT); the first root.json."""
        founding = admin.Founding(
            tuple(keys(*(root or ("ROOT",)))), threshold, "env:TARGETS", "env:ONLINE", days or {}
        )
        with open(admin.create(self.repo, founding).path, "rb") as file:
            return file.read()

    def delegate(self, name: str, *signers: str, by: tuple[str, ...] = ()) -> tuple[int, ...]:
        """`repository delegate` to these signers (SIGNER)."""
        lines = [line(signer) for signer in signers or ("SIGNER",)]
        with_keys = keys("TARGETS", "ONLINE", *by)
        return admin.delegate_name(self.repo, name, lines, 1, with_keys)

    def file(self, name: str, version: int, signer: str = "SIGNER", **more: str) -> str:
        """A signed file of that profile and version."""
        path = os.path.join(self.folder, f"{name}-{version}.dsse.json")
        write_given(path, envelope(name, version, SEEDS[signer], **more))
        return path

    def publish(
        self, name: str, version: int, signer: str = "SIGNER", **more: str
    ) -> list[publishing.Published]:
        """`profile publish` of that version, signed by `signer`."""
        path = self.file(name, version, signer, **more)
        return publishing.publish([path], self.repo, keys(signer, "ONLINE"))

    def client(self, root: bytes, url: str, name: str = "client") -> Client:
        """An independent client of its own."""
        return Client(root, url, os.path.join(self.folder, name))


def _no_keychain(_home_id: str) -> object:
    raise CredentialError("MCPX-C02", "There is no keychain.")
