"""The keys of a source: strict, each refusal with its line, its key and the fix."""

import json
import os
from pathlib import Path

import pytest

from mcp_proxy.core.profile import FEATURES
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.source import editor_schema, parse_source, read_source
from mcp_proxy.workshop.yaml_reader import parse_yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

GOOD = """\
profile: billing
version: 3
title: Billing support
expires: 2027-06-01
upstreams:
  api:
    kind: rest
    url: https://api.example.com
    openapi: api.yaml
    auth: {kind: bearer, credential: api}
    deadline: 20s
tools:
  find:
    upstream: api
    operation: listInvoices
    effect: read
    arguments:
      limit: {maximum: 50, default: null}
    result: {validate: strip, max_bytes: 64KiB}
    approval: {when: {limit: {above: 10}}}
"""


def refusal(text: str, id: str = "MCPX-B01") -> str:  # noqa: A002
    with pytest.raises(SourceError) as caught:
        parse_source(text.encode(), "p.yaml")
    assert caught.value.id == id
    return caught.value.why


def test_a_source_becomes_values() -> None:
    profile = parse_source(GOOD.encode(), "p.yaml").profile
    tool = profile.tools["find"]
    assert profile.upstreams["api"].deadline == 20_000
    assert tool.result.max_bytes == 65_536
    assert tool.arguments["limit"].narrowing() == {"maximum": 50}
    assert tool.arguments["limit"].holds("default")
    assert not tool.arguments["limit"].holds("constant")


def test_expires_holds_through_its_day_in_utc() -> None:
    # 2027-06-01T23:59:59Z
    assert parse_source(GOOD.encode(), "p.yaml").profile.expires == 1_811_894_399


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("effect: read", "effekt: read", "p.yaml:16: tools.find.effekt: unknown key; did you mean"),
        ("    effect: read\n", "", "p.yaml:13: tools.find.effect: is missing"),
        ("version: 3", "version: '3'", "version: write a whole number"),
        ("version: 3", "version: true", "version: write a whole number"),
        ("version: 3", "version: 9007199254740992", "version: "),
        ("profile: billing", "profile: Billing", "write 1 to 16 of a-z, 0-9 and -"),
        ("20s", "20", "write a duration such as 20s"),
        ("20s", "231s", "write at most 230s"),
        ("64KiB", "64KB", "write a size such as 64KiB"),
        ("64KiB", "9MiB", "write at most 8MiB"),
        ("2027-06-01", "2027-02-30", "write a day such as 2027-06-01"),
        ("2027-06-01", "", "expires: is empty"),
        ("  find:", "  find it:", "name it with 1 to 64"),
        ("limit: {maximum", "limit: {maximun", "did you mean maximum?"),
        ("maximum: 50", "maximum:", "is empty"),
        ("{above: 10}", "{abov: 10}", "did you mean above?"),
        ("{limit: {above: 10}}", "[]", "at least 1 item"),
        ("kind: rest", "kind: soap", "upstreams.api.kind: write rest, mcp or stdio"),
        ("effect: read", "effect: reading", "effect: write read, write or destructive"),
        (
            "version: 3",
            "version: 3\nlimits: {}",
            "limits: unknown key; it belongs in another place",
        ),
        ("{above: 10}", "{frob: 10}", "frob: unknown key; take it out"),
    ],
)
def test_a_wrong_key_is_told_with_line_and_fix(old: str, new: str, told: str) -> None:
    assert old in GOOD
    assert told in refusal(GOOD.replace(old, new, 1))


def test_what_this_version_does_not_enforce_is_refused() -> None:
    text = refusal(GOOD.replace("tools:", "audit: {on_failure: allow}\ntools:", 1), "MCPX-B03")
    assert "audit.on_failure" in text
    assert "not enforced by this version" in text


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_of_the_payload_may_be_named(feature: str) -> None:
    text = GOOD.replace("kind: rest", f"kind: mcp\n    features: [{feature}]")
    text = text.replace("openapi: api.yaml", "listing: tools.json")
    assert parse_source(text.encode(), "p.yaml").profile.upstreams["api"].features == [feature]
    assert "features.0: write progress, logging" in refusal(text.replace(f"[{feature}]", "[x]"))


def test_a_mistake_beside_an_unenforced_key_is_told_too() -> None:
    text = GOOD.replace("effect: read", "effekt: read")
    told = refusal(text.replace("tools:", "audit: {on_failure: allow}\ntools:", 1))
    assert "effekt" in told
    assert "audit.on_failure: allow: not enforced" in told


def test_a_missing_file_names_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read_source(str(tmp_path / "none.yaml"))
    assert caught.value.next == "mcp-proxy profile new NAME"


def test_the_shipped_editor_schema_is_current() -> None:
    with open(os.path.join(ROOT, "profiles", "profile.schema.json"), encoding="utf-8") as file:
        shipped = json.load(file)
    assert shipped == editor_schema(), (
        "write json.dumps(editor_schema(), indent=2) and a newline into profiles/"
    )


def test_the_editor_schema_fits_what_the_models_accept() -> None:
    schema = compile_schema(editor_schema())
    assert schema.violation(parse_yaml(GOOD.encode(), "p").value) is None
    wrong = parse_yaml(GOOD.replace("effect: read", "limits: {}").encode(), "p").value
    assert schema.violation(wrong) is not None
