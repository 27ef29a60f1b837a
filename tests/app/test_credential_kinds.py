"""`credential set` of every kind, `allow` of a login: what is bound, what is refused."""

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from edges.fakes_keychain import MemoryKeychain
from homes import ledger_text

from mcp_proxy.app import credential_rotate, credentials
from mcp_proxy.app.credential_fit import fitting_profiles
from mcp_proxy.app.credential_rotate import rotate
from mcp_proxy.app.credentials import Wish, allow_credential, remove_credential, set_credential
from mcp_proxy.cli.main import main
from mcp_proxy.core.binding import Binding, make_client_binding
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.payload import dump_lines
from mcp_proxy.core.profile import AuditRules, Auth, Header, OAuth, UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.token_set import Client, Server, TokenSet
from mcp_proxy.core.trust_store import EMPTY, TrustedKey, dump_trust_store, key_id
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.installs import install_profile
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import read_generation, trust_path
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.vault import Vault
from mcp_proxy.errors import CredentialError, UsageError

CANARY = "canary-61bb"
ORIGIN = "https://api.example.com"
ISSUER = "https://login.example.com/t"
SEED = b"\1" * 32
WISH = Wish("billing-api", [ORIGIN], "", "bearer", None, [], None)
CLIENT_WISH = Wish(
    "billing-api", [], "", "client", None, [], None, issuer=ISSUER, client="us", method=""
)
OAUTH = OAuth("oauth", "billing-api", "authorization_code", ISSUER, "", "", (), ())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def store(home: Home, monkeypatch: pytest.MonkeyPatch) -> CredentialStore:
    keychain = MemoryKeychain()
    store = CredentialStore(home, lambda _home_id: keychain)
    for module in (credentials, credential_rotate):
        monkeypatch.setattr(module, "credential_store", lambda _home: store)
    return store


@pytest.fixture
def logins(home: Home) -> TokenStore:
    return TokenStore(home, Vault(home, lambda: bytes(32)))


def install(home: Home, name: str, auth: Any) -> None:
    header = Header(
        *(name, 1, "T", "", 1, None, "UTC", ()),
        {"api": UpstreamSpec("rest", ORIGIN, auth, 20_000, ())},
        AuditRules((), "deny"),
        (),
    )
    key = TrustedKey(key_id(public_key(SEED)), "default", public_key(SEED), (name,))
    write_file(trust_path(home), dump_trust_store(EMPTY._replace(keys={key.keyid: key})))
    install_profile(home, sign_payload(dump_lines(header, b"[]", []), SEED), 1.0)


class Pair:
    """A certificate and its key, in PEM."""

    def __init__(self, passphrase: str = "") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "us")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        sealing = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        self.certificate = made.public_bytes(Encoding.PEM).decode()
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing).decode()


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    os.chmod(path, 0o600)
    return str(path)


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("wish", "secret"),
    [
        (WISH._replace(kind="query", header="api_key"), CANARY),
        (WISH._replace(kind="sigv4"), f"AKIAIOSFODNN7EXAMPLE:{CANARY}"),
        (WISH._replace(kind="basic", origins=["http://proxy.corp.example:3128"]), f"us:{CANARY}"),
        (CLIENT_WISH, CANARY),
        (CLIENT_WISH._replace(method="private_key_jwt"), Pair().key),
    ],
)
def test_each_kind_is_stored_with_its_binding(
    home: Home, store: CredentialStore, wish: Wish, secret: str
) -> None:
    binding = set_credential(wish, secret, store)
    item = store.read_item("billing-api")
    assert item.binding == binding
    assert binding.kind == wish.kind
    assert secret.strip().rpartition(":")[2] in item.secret.reveal()
    log = ledger_text(home).encode()
    assert CANARY.encode() not in log
    assert (wish.issuer or wish.origins[0]).encode() in log


@pytest.mark.parametrize(
    ("wish", "secret", "why"),
    [
        (WISH._replace(kind="query"), "x", "needs --parameter"),
        (WISH._replace(kind="sigv4"), CANARY, "AWS keys are written"),
        (WISH._replace(kind="mtls"), CANARY, "No certificate in PEM"),
        (WISH._replace(kind="bearer", origins=["http://a.example"]), "x", "not https"),
        (CLIENT_WISH._replace(issuer=""), "x", "The issuer is the URL"),
        (CLIENT_WISH._replace(client=""), "x", "The client's id"),
        (CLIENT_WISH._replace(kind="bearer"), "x", "go with --kind client"),
        (CLIENT_WISH._replace(method="private_key_jwt"), CANARY, "needs a private key in PEM"),
        (CLIENT_WISH, Pair().key, "needs a secret, not a key"),
    ],
)
def test_what_does_not_fit_its_kind_is_refused_before_anything_is_stored(
    home: Home, store: CredentialStore, wish: Wish, secret: str, why: str
) -> None:
    with pytest.raises(UsageError) as caught:
        set_credential(wish, secret, store)
    assert why in caught.value.why
    assert CANARY not in caught.value.why + caught.value.next
    assert store.references() == {}


def test_s8_a_clients_secret_is_allowed_to_the_profiles_that_log_in_there(
    home: Home, store: CredentialStore
) -> None:
    install(home, "billing", OAUTH)
    assert set_credential(CLIENT_WISH, CANARY, store).profiles == (("billing", "keys"),)
    for binding in (
        make_client_binding("https://evil.example", "us", "client_secret_basic", []),
        Binding("bearer", "Authorization", (Origin("https", "api.example.com", 443),), "", ()),
    ):
        assert fitting_profiles(home, "billing-api", binding) == ()


def test_s8_a_profile_that_names_another_client_is_not_allowed(
    home: Home, store: CredentialStore
) -> None:
    install(home, "billing", OAUTH._replace(client_id="other"))
    assert set_credential(CLIENT_WISH, CANARY, store).profiles == ()


def test_a_certificate_is_taken_from_its_files(
    home: Home, store: CredentialStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home, "billing", Auth("mtls", "billing-api", ""))
    pair = Pair()
    files = [
        *("--certificate", write(tmp_path, "c.pem", pair.certificate)),
        *("--key", write(tmp_path, "k.pem", pair.key)),
    ]
    words = ["credential", "set", "billing-api", "--kind", "mtls", "--origin", ORIGIN]
    assert main([*words, *files]) == 0
    item = store.read_item("billing-api")
    held = json.loads(item.secret.reveal())
    assert held == {"certificate": pair.certificate, "key": pair.key}
    assert item.binding.profiles == (("billing", "keys"),)
    assert "PRIVATE" not in "".join(capsys.readouterr())


@pytest.mark.usefixtures("home")
def test_a_certificate_s_files_may_lie_in_the_present_folder(
    store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair()
    write(tmp_path, "both.pem", pair.certificate + pair.key)
    monkeypatch.chdir(tmp_path)
    files = ["--certificate", "both.pem", "--key", "both.pem"]
    assert main(["credential", "set", "corp", "--kind", "mtls", "--origin", ORIGIN, *files]) == 0
    assert store.read_item("corp").binding.kind == "mtls"


def test_a_certificate_is_rotated_from_files_too_and_only_a_certificate(
    home: Home, store: CredentialStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = Pair(), Pair()
    for name, kind, secret in (
        ("corp", "mtls", old.certificate + old.key),
        ("token", "bearer", CANARY),
    ):
        set_credential(WISH._replace(name=name, kind=kind), secret, store)
    files = [
        *("--certificate", write(tmp_path, "c.pem", new.certificate)),
        *("--key", write(tmp_path, "k.pem", new.key)),
    ]
    before = store.read_item("corp").binding
    assert main(["credential", "rotate", "corp", *files]) == 0
    item = store.read_item("corp")
    assert json.loads(item.secret.reveal()) == {"certificate": new.certificate, "key": new.key}
    assert item.binding == before
    for words in (["corp", *files[:2]], ["corp", *files, "--from", "env:X"], ["token", *files]):
        capsys.readouterr()
        assert main(["credential", "rotate", *words]) == 2
        assert "go together" in capsys.readouterr().err
    assert store.read_item("token").secret.reveal() == CANARY


def test_what_is_not_right_of_a_reference_or_a_client_names_the_option(
    home: Home, store: CredentialStore, capsys: pytest.CaptureFixture[str]
) -> None:
    set_credential(WISH, CANARY, store)
    words = ["credential", "rotate", WISH.name, "--from", 'cmd:["nonesuch-program"]']
    assert main(words) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"next: mcp-proxy credential rotate {WISH.name} --from env:VAR" in said
    client = ["credential", "set", "us", "--kind", "client", "--issuer", ISSUER, "--from", "env:X"]
    assert main(client) == 2
    assert "The client's id is missing: give --client-id" in capsys.readouterr().err


def test_an_encrypted_key_wants_its_passphrase(
    home: Home, store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair(CANARY)
    both = write(tmp_path, "both.pem", pair.certificate + pair.key)
    words = ["credential", "set", "corp", "--kind", "mtls", "--origin", ORIGIN]
    words += ["--certificate", both, "--key", both]
    stdin(monkeypatch, "wrong\n")
    assert main(words) == 2
    stdin(monkeypatch, f"{CANARY}\n")
    assert main(words) == 0
    assert json.loads(store.read_item("corp").secret.reveal())["passphrase"] == CANARY


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": Pair().key}, "do not belong together"),
        ({"key": "nothing"}, "One private key in PEM"),
        ({"certificate": "nothing"}, "No certificate in PEM"),
    ],
)
def test_a_pair_that_tls_would_not_take_is_refused(
    home: Home,
    store: CredentialStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    told: str,
) -> None:
    pair = Pair()
    texts = {"certificate": pair.certificate, "key": pair.key} | change
    words = ["credential", "set", "corp", "--kind", "mtls", "--origin", ORIGIN]
    for name, text in texts.items():
        words += [f"--{name}", write(tmp_path, name, text)]
    assert main(words) == 2
    assert told in capsys.readouterr().err
    assert store.references() == {}


def test_s23_a_key_that_others_can_read_is_refused(
    home: Home, store: CredentialStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "both.pem", Pair().certificate + Pair().key)
    os.chmod(path, 0o644)
    words = ["credential", "set", "corp", "--kind", "mtls", "--origin", ORIGIN]
    assert main([*words, "--certificate", path, "--key", path]) != 0
    assert "chmod" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--origin", ORIGIN, "--certificate", "x"],
        [
            *("--origin", ORIGIN, "--kind", "mtls", "--from", "env:X"),
            "--certificate",
            "x",
            "--key",
            "x",
        ],
        ["--origin", ORIGIN, "--kind", "mtls", "--key", "x"],
        ["--origin", ORIGIN, "--kind", "header", "--parameter", "x"],
        ["--origin", ORIGIN, "--kind", "query", "--header", "x"],
        ["--issuer", ISSUER, "--client-id", "us"],
        ["--issuer", ISSUER, "--kind", "client"],
        ["--issuer", ISSUER, "--kind", "client", "--client-id", "us", "--path", "/x"],
    ],
)
def test_options_that_do_not_go_together_are_told(
    home: Home, store: CredentialStore, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, CANARY)
    assert main(["credential", "set", "billing-api", *words]) == 2
    assert store.references() == {}


def login(binding: Binding) -> TokenSet:
    return TokenSet(
        *("authorization_code", Server(ISSUER, f"{ISSUER}/token"), Client("us", "none"), ORIGIN),
        *((), (), Secret(CANARY), None, None, 1.0),
        binding,
    )


def test_s7_allow_adds_one_profile_to_a_login_and_tells_the_others(
    home: Home, store: CredentialStore, logins: TokenStore
) -> None:
    origins = (Origin("https", "api.example.com", 443),)
    binding = Binding("oauth", "Authorization", origins, "", (("billing", "keys"),))
    logins.write("billing-api", login(binding))
    before = read_generation(home)
    allowed = allow_credential("billing-api", "support", store, logins)
    assert allowed.profiles == (("billing", "keys"), ("support", "keys"))
    assert logins.read("billing-api") == login(allowed)
    assert read_generation(home) != before
    set_credential(CLIENT_WISH, CANARY, store)
    allow_credential("billing-api", "other", store, logins)
    assert ("other", "keys") in store.read_item("billing-api").binding.profiles


def test_a_login_is_ended_by_logout(home: Home, store: CredentialStore, logins: TokenStore) -> None:
    logins.write("billing-api", login(Binding("oauth", "Authorization", (), "", ())))
    with pytest.raises(CredentialError) as caught:
        remove_credential("billing-api", store, logins)
    assert caught.value.next == "mcp-proxy logout PROFILE"
    with pytest.raises(CredentialError, match="There is no credential none"):
        remove_credential("none", store, logins)


@pytest.mark.parametrize(
    ("wish", "secret", "other", "why"),
    [
        (CLIENT_WISH, CANARY, Pair().key, "needs a secret, not a key"),
        (CLIENT_WISH._replace(method="private_key_jwt"), Pair().key, CANARY, "needs a private key"),
        (WISH._replace(kind="mtls"), (Pair(), None), (Pair(), Pair()), "do not belong together"),
    ],
)
def test_a_rotation_to_what_would_not_work_is_refused_and_changes_nothing(
    home: Home, store: CredentialStore, wish: Wish, secret: Any, other: Any, why: str
) -> None:
    set_credential(wish, _together(secret), store)
    before = store.read_item("billing-api")
    with pytest.raises(UsageError, match=why) as caught:
        rotate("billing-api", _together(other), None, store)
    assert CANARY not in str(caught.value)
    assert store.read_item("billing-api") == before


def _together(made: Any) -> str:
    if isinstance(made, str):
        return made
    certificate, key = made
    return str(certificate.certificate + (key or certificate).key)
