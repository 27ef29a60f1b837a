"""What an import remembers beside the source, STEM.import.json: what each operation was then.

A later import compares with it and says what moved. It is no part of the profile: without it a
source still builds, and an import still finds the tools that lost their operation.
"""

import json
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.import_subject import Candidate, Subject

_FORM = "mcp-proxy import 1"
_TEXTS = ("method", "path", "id", "digest")
_KEYS = {
    *("form", "kind", "upstream", "url", "file", "sha256", "hidden", "operations"),
}


class Then(NamedTuple):
    """One operation as it was.

    `described` is None where no tool of the profile had it; `refused` says why none could be built
    of it, "" where that was not tried or one could.
    """

    method: str
    path: str
    id: str
    digest: str
    described: dict[str, Any] | None
    refused: str = ""


class Record(NamedTuple):
    """An import that has been.

    `file` is the document or the listing, relative to the source, and `sha256` of its bytes; `url`
    where it was downloaded from, "" for none. `hidden` are `line_digest`s.
    """

    kind: str
    upstream: str
    url: str
    file: str
    sha256: str
    hidden: frozenset[str]
    operations: dict[str, Then]


def remember(subject: Subject, candidates: list[Candidate], described: set[str]) -> dict[str, Then]:
    """Every candidate by its selector; those in `described` with what is told of them."""
    rows = {}
    for one in candidates:
        told = subject.described(one) if one.selector in described else None
        rows[one.selector] = Then(one.method, one.path, one.id, subject.digest(one), told)
    return rows


def with_refusals(
    rows: dict[str, Then], refused: dict[str, str], tried: set[str], old: dict[str, Then]
) -> dict[str, Then]:
    """The rows with why no tool can be built of them: as found now, else as it was if unchanged."""

    def refusal(key: str, row: Then) -> str:
        was = old.get(key)
        if key in tried or was is None or was.digest != row.digest:
            return refused.get(key, "")
        return was.refused

    return {key: row._replace(refused=refusal(key, row)) for key, row in rows.items()}


def dump_record(record: Record) -> bytes:
    """The file's bytes: sorted, one operation a line, so that a diff shows what moved."""
    row = {**record._asdict(), "form": _FORM, "hidden": sorted(record.hidden)}
    operations = {key: _plain(then) for key, then in sorted(record.operations.items())}
    lines = [f"    {_text(key)}: {_text(value)}" for key, value in operations.items()]
    row.pop("operations")
    head = [f"  {_text(key)}: {_text(row[key])}" for key in sorted(row)]
    body = ",\n".join(lines)
    return ("{\n" + ",\n".join([*head, f'  "operations": {{\n{body}\n  }}']) + "\n}\n").encode()


def parse_record(data: bytes, path: str) -> Record:
    """The record in a file's bytes; `path` is the name that errors bear.

    Raises:
        SourceError: MCPX-B02, it is none.
    """
    try:
        row = strict_json.loads(data)
    except strict_json.Refused as error:
        raise _malformed(path, f"it is not strict JSON ({error})") from None
    if not isinstance(row, dict) or row.get("form") != _FORM or row.keys() != _KEYS:
        raise _malformed(path, "its keys are others")
    texts = [row[key] for key in ("kind", "upstream", "url", "file", "sha256")]
    is_whole = isinstance(row["hidden"], list) and isinstance(row["operations"], dict)
    if not is_whole or not all(isinstance(text, str) for text in (*texts, *row["hidden"])):
        raise _malformed(path, "a value is of another type")
    operations = {key: _then(key, value, path) for key, value in row["operations"].items()}
    kind, upstream, url, file, sha256 = texts
    return Record(kind, upstream, url, file, sha256, frozenset(row["hidden"]), operations)


def _plain(then: Then) -> dict[str, Any]:
    return {key: value for key, value in then._asdict().items() if value or key in _TEXTS}


def _then(key: str, value: Any, path: str) -> Then:
    value = value if isinstance(value, dict) else {}
    texts = [value.get(name) for name in _TEXTS]
    told, refused = value.get("described"), value.get("refused", "")
    if not all(isinstance(text, str) for text in (*texts, refused)) or not _is_told(told):
        raise _malformed(path, f"the operation {one_sentence(key, 100)} is malformed")
    method, where, own, digest = map(str, texts)
    return Then(method, where, own, digest, told, refused)


def _is_told(told: Any) -> bool:
    if told is None:
        return True
    rows = told.get("arguments") if isinstance(told, dict) else None
    return isinstance(rows, dict) and all(isinstance(row, dict) for row in rows.values())


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _malformed(path: str, reason: str) -> SourceError:
    why = f"{path} is no record of an import: {reason}."
    return SourceError("MCPX-B02", why, f"move {path} away, then import again")
