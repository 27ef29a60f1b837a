"""Where each kind of secret goes, and that what came of it is in nothing that comes back."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from edges.fakes_authorizer import static_authorizer
from edges.fakes_company import Authority
from edges.fakes_http import Heard, Loopback, http
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core.answer import Answer, Failure, HttpAnswer, Wishes
from mcp_proxy.core.authorization import Authorization, Certificate
from mcp_proxy.core.binding import make_binding, make_client_binding
from mcp_proxy.core.binding_use import ClientUse
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.profile import Auth, Aws, UpstreamSpec
from mcp_proxy.core.request import RestRequest
from mcp_proxy.core.secret import Secret, check_secret
from mcp_proxy.edges import clock
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.placement import place
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.errors import CredentialError

CANARY = "canary/9d3+b e"
ORIGIN = "https://api.example.com"
PEM = (
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def store(home: Home) -> CredentialStore:
    keychain = MemoryKeychain()
    return CredentialStore(home, lambda _home_id: keychain)


def item(kind: str, secret: str, header: str | None = None, origin: str = ORIGIN) -> Item:
    binding = make_binding(kind, header, [origin], "", [("billing", "keys")])
    return Item(binding, check_secret(kind, secret))


def spec(auth: Any, url: str = ORIGIN) -> UpstreamSpec:
    return UpstreamSpec("rest", url, auth, 5_000, ())


def test_a_query_key_is_a_parameter_and_a_certificate_goes_with_the_connection() -> None:
    query = place(item("query", CANARY, "api_key"), spec(Auth("query", "c", "api_key")))
    assert query == Authorization(query=("api_key", CANARY))
    text = json.dumps({"certificate": PEM[0], "key": PEM[1], "passphrase": "p w"})
    shown = place(item("mtls", text), spec(Auth("mtls", "c", "")))
    certificate = Certificate(PEM[0], Secret(PEM[1]), Secret("p w"))
    assert shown == Authorization(secrets=("p w",), certificate=certificate)
    assert "p w" not in repr(shown) + repr(shown.certificate)


def test_a_certificate_is_not_left_out_where_there_is_no_tls() -> None:
    one = item("mtls", "".join(PEM), origin="http://127.0.0.1:80")
    with pytest.raises(CredentialError, match="over https only"):
        place(one, spec(Auth("mtls", "c", ""), "http://127.0.0.1"))


@pytest.mark.parametrize("kind", ["client", "env", "oauth"])
def test_s8_what_is_for_no_request_goes_into_none(kind: str) -> None:
    binding = make_client_binding(ORIGIN, "us", "client_secret_basic", [])
    one = Item(binding._replace(kind=kind), Secret(CANARY))
    with pytest.raises(CredentialError, match="goes into no request"):
        place(one, spec(Auth("bearer", "c", "Authorization")))


def called(home: Home, store: CredentialStore, handler: Any, path: str) -> tuple[Answer, Heard]:
    async def main() -> tuple[Answer, Heard]:
        async with Loopback(handler) as server:
            store.put("maps", item("query", CANARY, "api_key", server.url))
            authorizer = static_authorizer(home, store)
            named = server.spec(auth=Auth("query", "maps", "api_key"))
            upstream = RestUpstream(named, authorizer, LIMITS)
            request = RestRequest("GET", server.url + path, (), None, retry_safe=False)
            try:
                answer = await upstream.call(request, Wishes({}, progress=True), lambda _: None, 5)
            finally:
                await upstream.close()
            return answer, server.heard[0]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1", "/v1?api_key=canary%2F9d3%2Bb%20e"),
        ("/v1?q=a%20b", "/v1?q=a%20b&api_key=canary%2F9d3%2Bb%20e"),
    ],
)
def test_a_query_key_stands_encoded_at_the_end_of_the_address(
    home: Home, store: CredentialStore, path: str, target: str
) -> None:
    async def handler(_heard: Heard, _writer: Any) -> bytes:
        return http(200, b"{}", content_type="application/json")

    answer, heard = called(home, store, handler, path)
    assert isinstance(answer, HttpAnswer)
    assert heard.target == target
    assert "authorization" not in heard.headers


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
def test_an_echo_of_a_query_key_is_masked_in_every_answer_and_redirect(
    home: Home, store: CredentialStore, status: int
) -> None:
    async def echo(heard: Heard, _writer: Any) -> bytes:
        text = f"no: {heard.target} ({CANARY})"
        told = {"content_type": "text/plain", "location": f"https://b.example{heard.target}"}
        return http(status, text.encode(), **told)

    answer, heard = called(home, store, echo, "/v1")
    assert "api_key=" in heard.target
    told = answer.text if isinstance(answer, Failure) else str(answer)
    assert "canary" not in told
    assert "9d3" not in told


def test_s8_a_clients_secret_leaves_the_store_for_its_issuer_alone(store: CredentialStore) -> None:
    pairs = [("billing", "keys")]
    binding = make_client_binding("https://login.example.com", "us", "client_secret_post", pairs)
    store.put("api", Item(binding, Secret(CANARY)))
    use = ClientUse("api", "billing", "keys", "https://login.example.com", "us")
    assert store.resolve_client(use).secret == Secret(CANARY)
    assert store.binding("api") == binding
    for other in (
        use._replace(issuer="https://evil.example"),
        use._replace(client="other"),
        use._replace(profile="other"),
        use._replace(credential="none"),
    ):
        with pytest.raises(CredentialError) as caught:
            store.resolve_client(other)
        assert CANARY not in str(caught.value)
    assert store.binding("none") is None


def test_s7_what_the_settings_name_is_given_for_its_own_origin_and_kind_alone(
    store: CredentialStore,
) -> None:
    proxy = Origin("http", "proxy.corp.example", 3128)
    store.put("proxy", item("basic", f"us:{CANARY}", origin="http://proxy.corp.example:3128"))
    found = store.resolve_origin("proxy", "basic", proxy)
    assert found is not None
    assert found.secret == Secret(f"us:{CANARY}")
    assert store.resolve_origin("proxy", "basic", proxy._replace(port=80)) is None
    assert store.resolve_origin("proxy", "basic", proxy._replace(scheme="https")) is None
    with pytest.raises(CredentialError, match="of kind basic, not mtls"):
        store.resolve_origin("proxy", "mtls", proxy)
    with pytest.raises(CredentialError, match="is not set here"):
        store.resolve_origin("none", "mtls", proxy)


def test_s9_a_login_bound_to_plain_http_reaches_no_upstream_there(store: CredentialStore) -> None:
    store.put("proxy", item("basic", f"us:{CANARY}", origin="http://proxy.corp.example:3128"))
    wanted = spec(Auth("basic", "proxy", "Authorization"), "http://proxy.corp.example:3128")
    with pytest.raises(CredentialError, match="not https"):
        store.resolve(wanted, Grounds("billing", "keys"))


def test_aws_keys_are_read_again_when_they_have_expired(
    home: Home, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(name: str, expires: str) -> None:
        row = {"Version": 1, "AccessKeyId": name, "SecretAccessKey": "x", "Expiration": expires}
        store.put("aws", item("sigv4", json.dumps(row)))

    async def check() -> None:
        authorizer = static_authorizer(home, store)
        named = spec(Aws("sigv4", "aws", "eu-central-1", "s3"))
        monkeypatch.setattr(clock, "now_s", lambda: 1_000.0)
        put("AKIAFIRST", "1970-01-01T01:00:00Z")
        first = await authorizer.authorization(named)
        put("AKIASECOND", "1970-01-01T02:00:00Z")
        assert await authorizer.authorization(named) == first
        monkeypatch.setattr(clock, "now_s", lambda: 3_600.0)
        second = await authorizer.authorization(named)
        assert second != first
        assert second is not None
        assert second.expires_s == 7_200
        monkeypatch.setattr(clock, "now_s", lambda: 7_200.0)
        with pytest.raises(CredentialError, match="have expired"):
            await authorizer.authorization(named)

    asyncio.run(asyncio.wait_for(check(), 10))


def test_a_client_certificate_is_read_again_when_it_has_expired(
    home: Home, store: CredentialStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    issued = Authority(tmp_path, "Corp CA").issue("us")
    store.put("corp", item("mtls", issued.chain + issued.key.reveal()))

    async def check() -> None:
        authorizer = static_authorizer(home, store)
        named = spec(Auth("mtls", "corp", ""))
        shown = await authorizer.authorization(named)
        assert shown is not None
        assert shown.expires_s is not None
        assert shown.expires_s > clock.now_s()
        monkeypatch.setattr(clock, "now_s", lambda: shown.expires_s)
        with pytest.raises(CredentialError, match="certificate of corp has expired") as caught:
            await authorizer.authorization(named)
        assert caught.value.next == "mcp-proxy credential rotate corp"

    asyncio.run(asyncio.wait_for(check(), 10))


def test_botocore_is_loaded_by_the_first_credential_that_signs() -> None:
    code = (
        "import sys\n"
        "import mcp_proxy.edges.authorizer\n"
        "assert not [name for name in sys.modules if name.startswith('botocore')]\n"
        "sys.modules['botocore'] = None\n"
        "from mcp_proxy.core.binding import make_binding\n"
        "from mcp_proxy.core.credential_item import make_item\n"
        "from mcp_proxy.core.profile import Aws, UpstreamSpec\n"
        "from mcp_proxy.edges.placement import place\n"
        "item = make_item(make_binding('sigv4', None, ['https://a.example'], '', []), 'AKIA:s')\n"
        "spec = UpstreamSpec('rest', 'https://a.example', Aws('sigv4', 'c', 'eu', 's3'), 1, ())\n"
        "try:\n    place(item, spec)\n"
        "except Exception as error:\n    print(error, error.next)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "the extra `aws`" in done.stdout
    assert "pip install 'mcp-proxy[aws]'" in done.stdout
