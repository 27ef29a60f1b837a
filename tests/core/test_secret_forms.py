"""Secrets of several parts: read as tools write them, kept in one form, quoted in no error."""

import json
import traceback

import pytest

from mcp_proxy.core.secret import check_secret

CANARY = "canary7f3a"
CERTIFICATE = f"-----BEGIN CERTIFICATE-----\nMIIB{CANARY}\n-----END CERTIFICATE-----\n"
KEY = f"-----BEGIN PRIVATE KEY-----\nMC4C{CANARY}\n-----END PRIVATE KEY-----\n"
OLD_KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0A\n\nMC4C\n"
    "-----END RSA PRIVATE KEY-----\n"
)


def kept(kind: str, text: str) -> object:
    return json.loads(check_secret(kind, text).reveal())


def test_a_certificate_is_read_from_pem_that_holds_the_chain_and_the_key() -> None:
    bag = f"Bag Attributes\r\n{KEY}subject=/CN=us\n{CERTIFICATE}{CERTIFICATE}"
    assert kept("mtls", bag) == {"certificate": CERTIFICATE * 2, "key": KEY}


def test_a_certificate_is_read_from_json_with_its_passphrase() -> None:
    row = {"certificate": CERTIFICATE, "key": OLD_KEY, "passphrase": CANARY}
    assert kept("mtls", json.dumps(row, indent=2)) == row


def test_a_credential_process_and_the_short_form_of_aws_keys_are_read() -> None:
    process = {
        "Version": 1,
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": "wJalr/K7+x",
        "SessionToken": "Fwo/==",
        "Expiration": "2026-11-23T10:00:00Z",
        "AccountId": "123456789012",
    }
    assert kept("sigv4", json.dumps(process, indent=2)) == {
        "id": "AKIAIOSFODNN7EXAMPLE",
        "secret": "wJalr/K7+x",
        "session": "Fwo/==",
        "expires_s": 1_795_428_000,
    }
    assert kept("sigv4", "AKIAIOSFODNN7EXAMPLE:wJalr/K7+x") == {
        "id": "AKIAIOSFODNN7EXAMPLE",
        "secret": "wJalr/K7+x",
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("mtls", CERTIFICATE + KEY),
        ("mtls", json.dumps({"certificate": CERTIFICATE, "key": OLD_KEY, "passphrase": "p"})),
        ("sigv4", "AKIAIOSFODNN7EXAMPLE:wJalr/K7+x:Fwo=="),
        ("client", f"\r\n{KEY}\n"),
    ],
)
def test_what_is_kept_is_read_again_as_the_same(kind: str, text: str) -> None:
    once = check_secret(kind, text)
    assert check_secret(kind, once.reveal()) == once


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("mtls", CANARY),
        ("mtls", CERTIFICATE),
        ("mtls", KEY),
        ("mtls", CERTIFICATE + KEY + KEY),
        ("mtls", json.dumps({"certificate": CERTIFICATE, "key": KEY, "extra": CANARY})),
        ("mtls", json.dumps({"certificate": CERTIFICATE, "key": [CANARY]})),
        ("mtls", f"{{{CANARY}"),
        ("mtls", CERTIFICATE * 2_000 + KEY),
        ("sigv4", CANARY),
        ("sigv4", f"AKIA IOS:{CANARY}"),
        ("sigv4", f"AKIAIOSFODNN7EXAMPLE:{CANARY}\n"),
        ("sigv4", json.dumps({"Version": 2, "AccessKeyId": CANARY, "SecretAccessKey": CANARY})),
        ("sigv4", json.dumps({"Version": 1, "AccessKeyId": CANARY})),
        ("sigv4", json.dumps({"Version": 1, "AccessKeyId": CANARY, "SecretAccessKey": [CANARY]})),
        ("sigv4", json.dumps({"id": "AKIAIOSF", "secret": CANARY, "expires_s": CANARY})),
        (
            "sigv4",
            json.dumps(
                {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "x", "Expiration": CANARY}
            ),
        ),
        ("client", KEY + KEY),
        ("client", CERTIFICATE),
        ("client", f"{CANARY}\n"),
        ("query", f"{CANARY}ü"),
        ("query", f"{CANARY}\r\n"),
    ],
)
def test_what_is_no_such_secret_is_refused_without_quoting_it(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as caught:
        check_secret(kind, text)
    assert CANARY not in "".join(traceback.format_exception_only(caught.value))
