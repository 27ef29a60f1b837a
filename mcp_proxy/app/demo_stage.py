"""The demo's stage: a throw-away home, the embedded API and gateway, and where secrets are kept.

S24: everything it makes is named `demo-...`, its key is trusted for such names alone, and all of it
goes away at the end, keychain items included.
"""

import base64
import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.app import home as homes
from mcp_proxy.app.assets import read_asset
from mcp_proxy.app.audit_keys import KEY_ITEM
from mcp_proxy.app.credentials import Wish, set_credential
from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_gateway import Gateway
from mcp_proxy.app.demo_http import LoopbackServer
from mcp_proxy.app.talk_env import talk_env
from mcp_proxy.edges.audit_anchor import HEAD_ITEM
from mcp_proxy.edges.keychain import KEYCHAIN_NAME, open_keychain
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_approval import ApprovalSettings
from mcp_proxy.errors import CredentialError

PROFILE = "demo-billing"
SCOPE = "demo-*"
# The demo's person looks by itself; the desktop of whoever plays it is left alone.
_ASKED = ApprovalSettings(wait=20, show="terminal")
_KEY_NAME = "demo-key"
_KEY_VARIABLE = "MCP_PROXY_DEMO_KEY"


class Store(NamedTuple):
    """Where this demo's secrets are: the keychain, or variables where there is none, and why."""

    keychain: bool
    sentence: str


class Credential(NamedTuple):
    """One of the profile's credentials with a random secret, made for this run."""

    name: str
    origin: str
    variable: str
    secret: str


class Stage(NamedTuple):
    """Everything the acts play with."""

    folder: str
    home: Home
    store: Store
    api: LoopbackServer
    gateway: LoopbackServer
    credentials: tuple[Credential, ...]

    @property
    def key(self) -> str:
        """The signing key, as `profile sign --key` takes it."""
        return _KEY_NAME if self.store.keychain else f"env:{_KEY_VARIABLE}"

    def child_env(self) -> dict[str, str]:
        """What the launched proxy gets beyond a client's few variables."""
        env = talk_env()
        if not self.store.keychain:
            env |= {item.variable: item.secret for item in self.credentials}
        return env

    def write_source(self, version: int) -> str:
        """The shipped profile with this stage's addresses; returns the path of the copy."""
        for name in ("demo-billing.openapi.json", "demo-gateway.tools.json"):
            _write(os.path.join(self.folder, name), read_asset(name))
        text = read_asset("demo-billing.yaml").decode()
        text = text.replace("https://billing.example.com", self.api.origin)
        text = text.replace("https://gateway.example.com", self.gateway.origin)
        text = text.replace("version: 1\n", f"version: {version}\n")
        path = os.path.join(self.folder, f"demo-billing-{version}.yaml")
        _write(path, text.encode())
        return path

    def store_credential(self, item: Credential) -> None:
        """What `credential set` does. Raises CredentialError, HomeError, AuditError."""
        source = None if self.store.keychain else f"env:{item.variable}"
        wish = Wish(item.name, [item.origin], "", "bearer", None, [PROFILE], source)
        set_credential(wish, item.secret if self.store.keychain else None)


@contextlib.contextmanager
def raised_stage(keep: bool) -> Iterator[Stage]:
    """The stage, while the servers run; afterwards everything is removed unless `keep`.

    Raises:
        HomeError, AuditError: the home cannot be made.
    """
    folder = os.path.realpath(tempfile.mkdtemp(prefix="mcp-proxy-demo-"))
    before = {name: os.environ.get(name) for name in (VARIABLE, _KEY_VARIABLE)}
    api_token, gateway_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    api = LoopbackServer(BillingApi(api_token).handle)
    gateway = LoopbackServer(Gateway(gateway_token).handle)
    named = (
        Credential("demo-billing-api", api.origin, "MCP_PROXY_DEMO_API_TOKEN", api_token),
        Credential("demo-gateway", gateway.origin, "MCP_PROXY_DEMO_GATEWAY_TOKEN", gateway_token),
    )
    try:
        os.environ[VARIABLE] = os.path.join(folder, "home")
        os.environ[_KEY_VARIABLE] = base64.b64encode(secrets.token_bytes(32)).decode()
        home = homes.init(os.environ[VARIABLE])
        write_settings(home, Settings(approval=_ASKED))
        stage = Stage(folder, home, _find_store(home), api, gateway, named)
        with api, gateway:
            yield stage
        if not keep and stage.store.keychain:
            _forget(stage)
    finally:
        _restore(before)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _find_store(home: Home) -> Store:
    """The keychain if a probe item can be written, read and removed in time."""
    began = time.perf_counter()
    try:
        keychain = open_keychain(home.id)
        keychain.set("demo-probe", "probe")
        same = keychain.get("demo-probe") == "probe"
        keychain.delete("demo-probe")
    except CredentialError as error:
        return Store(False, f"{error.why} So secrets are random values in variables (env:).")
    if not same:
        return Store(
            False, "The keychain gave back another value. So secrets are variables (env:)."
        )
    took = round((time.perf_counter() - began) * 1000)
    return Store(True, f"{KEYCHAIN_NAME} answers ({took} ms for write, read, remove)")


def _forget(stage: Stage) -> None:
    keychain = open_keychain(stage.home.id)
    names = [f"credential:{item.name}" for item in stage.credentials]
    for name in (*names, f"signing:{_KEY_NAME}", KEY_ITEM, HEAD_ITEM):
        keychain.delete(name)


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
