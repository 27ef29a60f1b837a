"""This machine's way out with the secrets that its settings name, bound to where they go."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from edges.fakes_company import Authority

from mcp_proxy.app.credentials import Wish, set_credential
from mcp_proxy.app.network import network_of
from mcp_proxy.app.network_change import change
from mcp_proxy.core.authorization import Certificate
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges import client_certificate
from mcp_proxy.edges.places import VARIABLE, Home, find_home, init_home
from mcp_proxy.errors import CredentialError, HomeError

PROXY = "http://proxy.corp:3128"
HOST = "api.example.com"
LOGIN = "jo:canary-77aa-login"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    monkeypatch.setenv("PROXY_LOGIN", LOGIN)
    init_home(folder)
    return find_home()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Certificate]:
    """The certificates that TLS was given."""
    given: list[Certificate] = []
    real: Callable[..., None] = client_certificate.show_certificate

    def show(context: object, certificate: Certificate) -> None:
        given.append(certificate)
        real(context, certificate)

    monkeypatch.setattr(client_certificate, "show_certificate", show)
    return given


def bind(name: str, kind: str, origin: str, variable: str) -> None:
    set_credential(Wish(name, [origin], "", kind, None, [], f"env:{variable}"), None)


def test_s7_a_proxys_login_goes_to_the_proxy_that_it_is_bound_to(home: Home):
    bind("corp", "basic", PROXY, "PROXY_LOGIN")
    change({"proxy": PROXY, "proxy_credential": "corp"})
    plan = network_of(home).plan(HOST, 443, None, tls=True)
    assert plan.proxy is not None
    assert (plan.proxy.origin.text, plan.proxy.login) == (PROXY, Secret(LOGIN))
    assert LOGIN not in repr(plan)
    change({"proxy": "http://other.corp:3128"})
    with pytest.raises(CredentialError, match="not bound to the proxy") as caught:
        network_of(home).plan(HOST, 443, None, tls=True)
    assert caught.value.id == "MCPX-C04"
    assert caught.value.next.endswith("--origin http://other.corp:3128 --kind basic")


def test_a_login_that_is_not_there_is_told_by_its_name(home: Home, monkeypatch: pytest.MonkeyPatch):
    bind("corp", "basic", PROXY, "PROXY_LOGIN")
    change({"proxy": PROXY, "proxy_credential": "corp"})
    monkeypatch.delenv("PROXY_LOGIN")
    with pytest.raises(CredentialError, match="corp"):
        network_of(home).plan(HOST, 443, None, tls=True)


def test_where_no_proxy_is_needed_its_login_is_not_read(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    bind("corp", "basic", PROXY, "PROXY_LOGIN")
    change({"proxy": PROXY, "proxy_credential": "corp", "no_proxy": (".example.com",)})
    monkeypatch.delenv("PROXY_LOGIN")
    assert network_of(home).plan(HOST, 443, None, tls=True).proxy is None


def test_s7_a_companys_certificate_is_shown_to_its_own_origins_alone(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: list[Certificate]
):
    jo = Authority(tmp_path, "Example Corp CA").issue("jo", "a passphrase")
    form = {"certificate": jo.chain, "key": jo.key.reveal(), "passphrase": "a passphrase"}
    monkeypatch.setenv("CORP_CERTIFICATE", json.dumps(form))
    bind("corp", "mtls", f"https://{HOST}", "CORP_CERTIFICATE")
    change({"certificates": ("corp",)})
    network_of(home).plan(HOST, 443, None, tls=True)
    assert [one.key.reveal().strip() for one in shown] == [jo.key.reveal().strip()]
    network_of(home).plan("other.example.com", 443, None, tls=True)
    network_of(home).plan(HOST, 8443, None, tls=True)
    assert len(shown) == 1


def test_a_credential_of_another_kind_is_no_certificate(home: Home):
    bind("corp", "basic", f"https://{HOST}", "PROXY_LOGIN")
    change({"certificates": ("corp",)})
    with pytest.raises(CredentialError, match="kind basic, not mtls"):
        network_of(home).plan(HOST, 443, None, tls=True)


def test_settings_that_are_damaged_stop_a_connection_and_nothing_before_it(home: Home):
    Path(home.config, "settings.toml").write_text("[network]\nproxi = 'x'\n")
    os.chmod(os.path.join(home.config, "settings.toml"), 0o600)
    network = network_of(home)
    with pytest.raises(HomeError, match="proxi is not known"):
        network.plan(HOST, 443, None, tls=True)
