"""Secrets of more than one part, in the one form that they are kept in: JSON on a single line.

A client's certificate with its key, and AWS's access keys. What is read may be written as people
and tools write it: PEM blocks after one another, `ID:SECRET`, or the JSON of a credential process.
"""

import re
from datetime import datetime
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import LIMITS

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----(?:[^-]|-(?!----))+-----END \1-----")
_KEY_LABELS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
_CERTIFICATE_KEYS = {"certificate", "key", "passphrase"}
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_]{4,128}")
_AWS_TEXT = re.compile(r"[\x21-\x7e]{1,8192}")
_AWS_FORM = (
    "AWS keys are written ID:SECRET or ID:SECRET:SESSION, or as a credential process's JSON."
)


def certificate_text(text: str) -> str:
    """`{"certificate","key","passphrase"?}` from that JSON, or from PEM: chain and key together.

    Raises:
        ValueError: a whole sentence without any of the secret.
    """
    if len(text) > LIMITS.certificate_chars:
        raise ValueError(
            f"The certificate and key are above {LIMITS.certificate_chars} characters."
        )
    row = _object(text) if text.lstrip().startswith("{") else {"certificate": text, "key": text}
    if row is None or not row.keys() <= _CERTIFICATE_KEYS or not _are_texts(row):
        raise ValueError("The JSON holds certificate, key and, if need be, passphrase, as text.")
    chain = _blocks(row.get("certificate", ""), ("CERTIFICATE",))
    keys = _blocks(row.get("key", ""), _KEY_LABELS)
    if not chain:
        raise ValueError("No certificate in PEM is there (-----BEGIN CERTIFICATE-----).")
    if len(keys) != 1:
        raise ValueError("One private key in PEM is needed (-----BEGIN PRIVATE KEY-----).")
    rest = {"passphrase": row["passphrase"]} if row.get("passphrase") else {}
    form = {"certificate": "".join(chain), "key": keys[0], **rest}
    return strict_json.dumps(form).decode()


def private_key_text(text: str) -> str:
    """One private key in PEM, as text of its own. Raises ValueError, which quotes nothing."""
    keys = _blocks(text, _KEY_LABELS)
    if len(keys) != 1:
        raise ValueError("The client's key is not one private key in PEM.")
    return keys[0]


def aws_text(text: str) -> str:
    """`{"id","secret","session"?,"expires_s"?}` from `ID:SECRET[:SESSION]` or a process's JSON.

    Raises:
        ValueError: a whole sentence without any of the secret.
    """
    is_json = text.lstrip().startswith("{")
    row = _process_row(text) if is_json else _colon_row(text)
    parts = [row.get("secret"), *([row["session"]] if "session" in row else [])]
    named = isinstance(row.get("id"), str) and _ACCESS_KEY.fullmatch(row["id"])
    if not named or not all(isinstance(part, str) and _AWS_TEXT.fullmatch(part) for part in parts):
        raise ValueError(_AWS_FORM)
    return strict_json.dumps(row).decode()


def _colon_row(text: str) -> dict[str, Any]:
    return dict(zip(("id", "secret", "session"), text.split(":", 2), strict=False))


def _process_row(text: str) -> dict[str, Any]:
    """The JSON of `credential_process`, or the form that is kept itself."""
    read = _object(text)
    if read is None:
        raise ValueError(_AWS_FORM)
    if "AccessKeyId" not in read:
        moment = read.get("expires_s", 0)
        if not read.keys() <= {"id", "secret", "session", "expires_s"} or type(moment) is not int:
            raise ValueError(_AWS_FORM)
        return read
    if read.get("Version") != 1:
        raise ValueError("The credential process's JSON is not of Version 1.")
    row = {"id": read["AccessKeyId"], "secret": read.get("SecretAccessKey")}
    row |= {"session": read["SessionToken"]} if read.get("SessionToken") else {}
    return row | ({"expires_s": _moment(read["Expiration"])} if read.get("Expiration") else {})


def _moment(value: Any) -> int:
    """ISO 8601 with its offset, as seconds of the epoch."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("The credential process's Expiration is not a time with its zone.")
    return int(moment.timestamp())


def _object(text: str) -> dict[str, Any] | None:
    try:
        row = strict_json.loads(text.encode(errors="surrogatepass"))
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _are_texts(row: dict[str, Any]) -> bool:
    return all(isinstance(value, str) for value in row.values())


def _blocks(text: str, labels: tuple[str, ...]) -> list[str]:
    """The PEM blocks of those labels, each with its line break; what stands between is left."""
    text = text.replace("\r\n", "\n")
    return [found[0] + "\n" for found in _BLOCK.finditer(text) if found[1] in labels]
