"""Lint rules L701 to L704: secrets and internal hosts in what everybody reads."""

import json
import re
from collections.abc import Iterator
from typing import Any

from mcp_proxy.workshop.lint_subject import (
    Hit,
    Subject,
    argument_place,
    bits_per_character,
    texts,
)
from mcp_proxy.workshop.yaml_reader import Path

# Prefixes that their issuers chose so that they can be found; the tail has the length they issue.
_KNOWN = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a Stripe key": r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{20,}\b",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}",
    "an API key of an AI service": r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,}",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a SendGrid key": r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b",
    "a JSON Web Token": r"(?<![\w-])eyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>{}*]+:[^\s/:@\"'<>{}*]{6,}@",
}
_SECRET = {what: re.compile(pattern) for what, pattern in _KNOWN.items()}
_EXAMPLE = re.compile(
    r"(?i)example|sample|dummy|your[_-]|placeholder|password@|x{4,}|\.{3}|1234567|abcdef"
)
_HOST = re.compile(
    r"(?i)(?<![\w.@/-])(?:https?://)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:internal|corp|intranet|localdomain|lan)(?![\w-]|\.\w|\()"
    r"|\bhttps?://(?:[a-z0-9-]+\.)+local(?![\w-]|\.\w)"
    r"|\bhttps?://(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?![\w-])"
    r"|\bhttps?://(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b"
)
_OPAQUE = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORDED = re.compile(r"[a-z]{4,}|[A-Z]{4,}|[0-9]{6,}")
_RANDOM_BITS = 3.6


def find(subject: Subject) -> Iterator[Hit]:
    """Secrets and internal hosts; what they are is told, never their text."""
    yield from _addresses(subject)
    told = set()
    for place, text, is_fixed in _all(subject):
        for rule, words in _judge(text, is_fixed=is_fixed):
            # A program on this machine may well talk to this machine.
            is_local = rule == "L703" and place[0] == "upstreams"
            if (rule, place) not in told and not is_local:
                told.add((rule, place))
                yield Hit(rule, place, f"{'.'.join(map(str, place))}: {words}")


def _addresses(subject: Subject) -> Iterator[Hit]:
    for name, spec in subject.contents.header.upstreams.items():
        if spec.auth is not None and spec.auth.kind == "query":
            text = f"{name}: the credential goes into the address, as {spec.auth.name}"
            yield Hit("L704", ("upstreams", name, "auth"), text)


def _all(subject: Subject) -> Iterator[tuple[Path, str, bool]]:
    """Texts of the list, then what is sent unseen; the last value says whether it is the latter."""
    for item in texts(subject.contents):
        yield item.place, item.text, False
    for name, tool in subject.contents.tools.items():
        for argument, value in {**tool.constants, **tool.defaults}.items():
            yield argument_place(name, argument), _as_text(value), argument in tool.constants
    for name, spec in subject.contents.header.upstreams.items():
        for word in spec.command:
            yield ("upstreams", name, "command"), word, True
        for variable, value in spec.environment:
            yield ("upstreams", name, "environment", variable), value, True


def _judge(text: str, *, is_fixed: bool) -> Iterator[tuple[str, str]]:
    for what, pattern in _SECRET.items():
        if any(not _EXAMPLE.search(found[0]) for found in pattern.finditer(text)):
            yield "L701", f"holds {what}"
            return
    if is_fixed and _is_random(text):
        yield "L702", "is as random as a secret"
    found = _HOST.search(text)
    if found:
        yield "L703", f"names {found[0]}"


def _is_random(text: str) -> bool:
    """Letters and digits without a word or a meaning that shows."""
    if not _OPAQUE.fullmatch(text) or _UUID.fullmatch(text) or _EXAMPLE.search(text):
        return False
    worded = sum(map(len, _WORDED.findall(text)))
    kinds = (str.islower, str.isupper, str.isdigit)
    has_kinds = sum(any(map(kind, text)) for kind in kinds)
    is_mixed = has_kinds >= 2 and worded < len(text) / 2
    return is_mixed and bits_per_character(text) > _RANDOM_BITS


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
