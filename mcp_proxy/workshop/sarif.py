"""Findings of lint as SARIF 2.1.0 (OASIS), the form that code review takes.

Rules with help and levels; results with regions; fingerprints that hold when lines move.
"""

from collections import Counter
from typing import Any

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.workshop.lint import Finding
from mcp_proxy.workshop.lint_rules import RULES, Rule

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_INDEX = {name: index for index, name in enumerate(RULES)}


def sarif_log(findings: tuple[Finding, ...], uri: str, version: str) -> dict[str, Any]:
    """One run over the artifact `uri` (a relative or absolute URI) by `version` of the program."""
    seen: Counter[tuple[str, str]] = Counter()
    driver = {
        "name": "mcp-proxy",
        "version": version,
        "rules": [_rule(name, rule) for name, rule in RULES.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, uri, seen) for one in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    return {
        "id": name,
        "name": "".join(part.title() for part in rule.name.split("-")),
        "shortDescription": {"text": _sentence(rule.what)},
        "help": {"text": _sentence(rule.fix)},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(finding: Finding, uri: str, seen: Counter[tuple[str, str]]) -> dict[str, Any]:
    where = ".".join(map(str, finding.place))
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if finding.line:
        physical["region"] = {"startLine": finding.line, "startColumn": finding.column}
    location: dict[str, Any] = {"physicalLocation": physical}
    if where:
        location["logicalLocations"] = [{"fullyQualifiedName": where}]
    seen[finding.rule, where] += 1
    key = f"{finding.rule}\n{where}\n{seen[finding.rule, where]}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": finding.level,
        "message": {"text": f"{_sentence(finding.text)} Fix: {_sentence(finding.fix)}"},
        "locations": [location],
        "partialFingerprints": {"rulePlace/v1": sha256_hex(key.encode())},
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
