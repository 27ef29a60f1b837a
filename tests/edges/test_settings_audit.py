"""[audit]: every key is written and read, and what is wrong names its key."""

from typing import Any

import pytest

from mcp_proxy.edges.settings import Settings, dump_settings, parse_settings
from mcp_proxy.edges.settings_audit import AuditSettings, parse_audit, plain_audit

FULL = AuditSettings(
    keep_days=400,
    keep_mib=2048,
    head_header=True,
    head_folder="/mnt/evidence",
    otlp="http://127.0.0.1:4318",
    otlp_credential="collector",
)
VECTOR = """\
[audit]
keep_days = 400
keep_mib = 2048
head_header = true
head_folder = "/mnt/evidence"
otlp = "http://127.0.0.1:4318"
otlp_credential = "collector"
"""


def test_every_key_is_written_as_a_person_would_and_read_again() -> None:
    written = dump_settings(Settings(audit=FULL)).decode()
    assert VECTOR in written
    assert parse_settings(written.encode()).audit == FULL
    assert parse_audit(plain_audit(FULL)) == FULL


def test_nothing_set_writes_nothing() -> None:
    assert plain_audit(AuditSettings()) == {}
    assert parse_audit({}) == AuditSettings()
    assert parse_settings(b"") == Settings()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"keep": 1}, "keep is not known; keep_days, keep_mib"),
        ({"keep_days": "1"}, "keep_days is a whole number"),
        ({"keep_days": True}, "keep_days is a whole number"),
        ({"keep_days": 1.5}, "keep_days is a whole number"),
        ({"keep_days": -1}, "keep_days is a number from 0 to"),
        ({"keep_mib": 1 << 21}, "keep_mib is a number from 0 to"),
        ({"head_header": 1}, "head_header is true or false"),
        ({"head_folder": ["/x"]}, "head_folder is a text"),
        ({"head_folder": "evidence"}, "head_folder is an absolute path"),
        ({"head_folder": "a:b"}, "head_folder is an absolute path"),
        ({"otlp": 4318}, "otlp is a text"),
    ],
)
def test_what_is_wrong_names_its_key(rows: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_audit(rows)
    assert str(caught.value).startswith("[audit] ")
