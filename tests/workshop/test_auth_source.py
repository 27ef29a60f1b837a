"""How an upstream is authorized, from its block in a source to the payload that a start reads."""

import json
from pathlib import Path

import pytest
from workshop.server_samples import HEAD, build, write_listings
from workshop.source_samples import API

from mcp_proxy.core.profile import Auth, Aws, Identity, OAuth
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError

STAR = 'tools:\n  "*": {upstream: gateway}\n'
PLAIN = OAuth("oauth", "c", "authorization_code", "", "", "", (), ())


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_listings(tmp_path)


def built(folder: Path, auth: str) -> object:
    head = HEAD.replace("kind: mcp,", f"kind: mcp, auth: {{{auth}}},")
    payload = build(folder, STAR, head).payload
    return parse_payload(payload, "", "").header.upstreams["gateway"].auth


def refusal(folder: Path, auth: str) -> str:
    with pytest.raises(SourceError) as caught:
        built(folder, auth)
    return caught.value.why


@pytest.mark.parametrize(
    ("auth", "made"),
    [
        ("kind: query, credential: c, name: api_key", Auth("query", "c", "api_key")),
        ("kind: mtls, credential: c", Auth("mtls", "c", "")),
        (
            "kind: sigv4, credential: c, region: eu-central-1, service: execute-api",
            Aws("sigv4", "c", "eu-central-1", "execute-api"),
        ),
        ("kind: oauth, credential: c", PLAIN),
        (
            (
                "kind: oauth, credential: c, grant: client_credentials, issuer: "
                "https://login.example.com/, client_id: us, scopes: [read, 'write:all'], "
                "endpoints: {token: 'https://api.example.com/token?tenant=1'}"
            ),
            PLAIN._replace(
                grant="client_credentials",
                issuer="https://login.example.com/",
                client_id="us",
                scopes=("read", "write:all"),
                endpoints=(("token", "https://api.example.com/token?tenant=1"),),
            ),
        ),
        (
            (
                "kind: oauth, credential: c, grant: id_jag, issuer: https://a.example.com, "
                "identity: {issuer: https://idp.example.com, client_id: we}"
            ),
            PLAIN._replace(
                grant="id_jag",
                issuer="https://a.example.com",
                identity=Identity("https://idp.example.com", "we"),
            ),
        ),
        (
            "kind: oauth, credential: c, client_metadata: https://us.example.com/client.json",
            PLAIN._replace(client_metadata="https://us.example.com/client.json"),
        ),
    ],
)
def test_every_kind_survives_into_the_payload(tmp_path: Path, auth: str, made: object) -> None:
    assert built(tmp_path, auth) == made


def test_the_form_in_the_payload_is_fixed(tmp_path: Path) -> None:
    head = HEAD.replace("kind: mcp,", "kind: mcp, auth: {kind: oauth, credential: c},")
    auth = json.loads(build(tmp_path, STAR, head).payload.split(b"\n")[0])["upstreams"]["gateway"]
    assert auth["auth"] == {
        "client_id": "",
        "client_metadata": "",
        "credential": "c",
        "endpoints": [],
        "grant": "authorization_code",
        "identity": None,
        "issuer": "",
        "kind": "oauth",
        "resource": "",
        "scopes": [],
    }
    head = HEAD.replace(
        "kind: mcp,", "kind: mcp, auth: {kind: sigv4, credential: c, region: eu, service: s3},"
    )
    auth = json.loads(build(tmp_path, STAR, head).payload.split(b"\n")[0])["upstreams"]["gateway"]
    assert auth["auth"] == {"credential": "c", "kind": "sigv4", "region": "eu", "service": "s3"}


OAUTH = "kind: oauth, credential: c, "


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ("credential: c", "auth: kind: is missing; write bearer, basic"),
        ("kind: query, credential: c", "needs the parameter's name; add name: api_key"),
        ("kind: query, credential: c, name: a%20b", "auth.name"),
        ("kind: query, credential: c, name: 'a+b'", "is a parameter that no credential may be"),
        ("kind: mtls, credential: c, name: X", "mtls goes into no header"),
        ("kind: bearer, credential: My_Key", "write 1 to 64 of a-z, 0-9 and -"),
        ("kind: sigv4, credential: c, region: eu", "auth.service: is missing"),
        ("kind: sigv4, credential: c, region: 'eu/x', service: s3", "is no name of AWS"),
        (f"{OAUTH}issuer: http://login.example.com", "is no URL that a login may use"),
        (f"{OAUTH}issuer: 'https://user:pw@login.example.com'", "is no URL that a login may use"),
        (f"{OAUTH}issuer: 'https://a.example.com?x=1'", "is no URL that a login may use"),
        (f"{OAUTH}issuer: 'file:///etc/passwd'", "is no URL that a login may use"),
        (f"{OAUTH}client_id: 'a b '", "auth.client_id is not visible"),
        (f"{OAUTH}client_metadata: http://127.0.0.1/c.json", "is no https URL with a path"),
        (f"{OAUTH}client_metadata: https://us.example.com", "is no https URL with a path"),
        (f"{OAUTH}client_id: a, client_metadata: 'https://a.b/c'", "is of no use beside client_id"),
        (f"{OAUTH}scopes: ['a b']", "holds a blank, a quote"),
        (f"{OAUTH}scopes: [a, a]", "names one twice"),
        (f"{OAUTH}grant: id_jag, issuer: 'https://a.b'", "goes with grant id_jag, which needs it"),
        (f"{OAUTH}identity: {{issuer: 'https://a.b', client_id: x}}", "goes with grant id_jag"),
        (
            f"{OAUTH}grant: id_jag, identity: {{issuer: 'https://a.b', client_id: x}}",
            "needs the issuer here",
        ),
        (f"{OAUTH}endpoints: {{token: 'https://a.b/t'}}", "needs the issuer here"),
        (
            f"{OAUTH}issuer: 'https://a.b', endpoints: {{token: 'https://a.b/t'}}",
            "need authorization or device_authorization",
        ),
        (
            f"{OAUTH}issuer: 'https://a.b', endpoints: {{authorization: 'https://a.b/t'}}",
            "need token",
        ),
        (
            (
                f"{OAUTH}issuer: 'https://a.b', endpoints: {{authorization: 'javascript:x', "
                "token: 'https://a.b'}"
            ),
            "auth.endpoints.authorization: is no URL",
        ),
        (
            (
                f"{OAUTH}issuer: 'https://a.b', endpoints: {{authorization: 'https://a.b/x#y', "
                "token: 'https://a.b'}"
            ),
            "auth.endpoints.authorization: is no URL",
        ),
        (f"{OAUTH}resource: https://api.example.com", "auth.resource: is what an upstream of kind"),
        (f"{OAUTH}secret: x", "auth.secret: unknown key"),
    ],
)
def test_what_cannot_be_is_told_at_its_place(tmp_path: Path, auth: str, told: str) -> None:
    text = refusal(tmp_path, auth)
    assert "upstreams.gateway.auth" in text
    assert told.replace("auth.client_id is", "auth.client_id: is") in text
    assert "pw" not in text


@pytest.mark.parametrize(
    "resource", ["https://api.example.com/v1", "http://127.0.0.1:8080", "https://a.example/?x=1"]
)
def test_a_rest_apis_resource_survives_into_the_payload(tmp_path: Path, resource: str) -> None:
    terms = PLAIN._replace(issuer="https://login.example.com", resource=resource)
    assert rest_built(tmp_path, resource) == terms


@pytest.mark.parametrize(
    "resource",
    ["/v1", "urn:x", "http://api.example.com", "https://a.example/#x", "https://a.example/?x#y"],
)
def test_a_resource_is_an_absolute_https_url_without_a_fragment(
    tmp_path: Path, resource: str
) -> None:
    with pytest.raises(SourceError) as caught:
        rest_built(tmp_path, resource)
    assert "auth.resource: is no URL" in caught.value.why


def rest_built(folder: Path, resource: str) -> object:
    auth = (
        "auth: {kind: oauth, credential: c, issuer: 'https://login.example.com', "
        f"resource: '{resource}'}}"
    )
    (folder / "api.json").write_text(json.dumps(API))
    head = f"{HEAD}  api: {{kind: rest, url: 'https://a.example', openapi: api.json, {auth}}}\n"
    payload = build(folder, STAR, head).payload
    return parse_payload(payload, "", "").header.upstreams["api"].auth
