"""Reads a profile source: a YAML file in; checked keys with their lines, or every problem, out."""

import difflib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.auth_source import AUTH_KINDS
from mcp_proxy.workshop.scalars import NOT_ENFORCED
from mcp_proxy.workshop.source_keys import ProfileSource
from mcp_proxy.workshop.upstream_source import UPSTREAM_KINDS
from mcp_proxy.workshop.yaml_reader import Path, Positioned, Problem, parse_yaml, source_error

# Below these stand JSON values, and null is one.
_MAY_BE_NULL = frozenset({"constant", "default", "const", "enum", "is", "in", "not_in"})

# What pydantic would say in terms of its own classes.
_WORDS = {
    "model_type": "write keys and values here, or {} for none",
    "dict_type": "write keys and values here, or {} for none",
    "list_type": "write a list here",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
}


class Source(NamedTuple):
    """A checked source; `folder` is what its file names are relative to."""

    file: str
    folder: str
    profile: ProfileSource
    text: Positioned

    def refuse(self, path: Path, text: str) -> NoReturn:
        """Raises SourceError MCPX-B01 with the line of `path`."""
        raise source_error(self.file, [Problem(self.text.line(path), text)])


def read_source(path: str) -> Source:
    """The source at `path`.

    Raises:
        SourceError: MCPX-B01 with file, line and fix of every problem; MCPX-B03 where all that is
            wrong is what this version does not enforce.
    """
    return parse_source(_read_bounded(path), path)


def parse_source(data: bytes, path: str) -> Source:
    """The source whose bytes are `data` and whose file is `path`; raises as `read_source`."""
    text = parse_yaml(data, path)
    if not isinstance(text.value, dict):
        raise source_error(path, [Problem(1, "holds no keys; start it with `profile: NAME`")])
    if text.value.get("tools", {}) is None:
        # A draft whose tools all stand in comments still: no choice was begun.
        text = text._replace(value={**text.value, "tools": {}})
    empty = [Problem(text.line(keys), _empty_words(keys)) for keys in _empty_keys(text)]
    if empty:
        raise source_error(path, empty)
    try:
        profile = ProfileSource.model_validate(text.value)
    except ValidationError as error:
        raise _refused(text, error) from None
    return Source(path, os.path.dirname(os.path.abspath(path)), profile, text)


def editor_schema() -> dict[str, Any]:
    """The JSON Schema that editors check a source with; shipped as `profile.schema.json`."""
    schema = ProfileSource.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _empty_keys(text: Positioned) -> Iterator[Path]:
    """Keys without a value: an unfinished line must not read as a choice."""
    for path in text.lines:
        value = text.value
        for step in path:
            value = value[step]
        if value is None and not _MAY_BE_NULL.intersection(path):
            yield path


def _empty_words(path: Path) -> str:
    return f"{'.'.join(map(str, path))}: is empty; write a value, {{}} for none, or take it out"


def _read_bounded(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(LIMITS.small_file_bytes + 1)
    except OSError as error:
        why = f"The source {path} cannot be read: {error.strerror}."
        raise SourceError("MCPX-B01", why, "mcp-proxy profile new NAME") from None
    if len(data) > LIMITS.small_file_bytes:
        raise SourceError("MCPX-B01", f"The source {path} is larger than 1 MiB.")
    return data


def _refused(text: Positioned, error: ValidationError) -> SourceError:
    details = error.errors(include_url=False, include_input=False)
    problems = [_problem(text, detail) for detail in details]
    later = all(detail["type"] == NOT_ENFORCED for detail in details)
    return source_error(text.file, problems, "MCPX-B03" if later else "MCPX-B01")


def _problem(text: Positioned, detail: ErrorDetails) -> Problem:
    path: Path = ()
    for step in detail["loc"]:
        # pydantic's own steps (a union's tag, "[key]") are no part of the file.
        if (*path, step) in text.lines:
            path = (*path, step)
    key = ".".join(map(str, path))
    if detail["type"] == "missing":
        where = f"{key}." if key else ""
        return Problem(text.line(path), f"{where}{detail['loc'][-1]}: is missing; add it")
    if detail["type"] == "extra_forbidden":
        return Problem(text.line(path), f"{key}: unknown key; {_suggestion(str(path[-1]))}")
    words = _WORDS.get(detail["type"], detail["msg"])
    if detail["type"] == "literal_error" and "redact" in path:
        known = detail["ctx"]["expected"].replace(chr(39), "").replace(" or ", ", ")
        words = f"write {known}, {{national_id: [COUNTRY]}} or {{field: PATH}}"
    elif detail["type"] == "literal_error":
        words = f"write {detail['ctx']['expected'].replace(chr(39), '')}"
    if detail["type"] == "union_tag_not_found":
        kinds = AUTH_KINDS if path[-1:] == ("auth",) else UPSTREAM_KINDS
        return Problem(text.line(path), f"{key}: kind: is missing; write {_any_of(kinds)}")
    if detail["type"] == "union_tag_invalid":
        kinds = tuple(detail["ctx"]["expected_tags"].replace("'", "").split(", "))
        return Problem(text.line((*path, "kind")), f"{key}.kind: write {_any_of(kinds)}")
    return Problem(text.line(path), f"{key}: {words}")


def _any_of(kinds: tuple[str, ...]) -> str:
    return f"{', '.join(kinds[:-1])} or {kinds[-1]}"


def _suggestion(key: str) -> str:
    known = _known_keys()
    if key in known:
        return "it belongs in another place"
    close = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.8)
    return f"did you mean {close[0]}?" if close else "take it out"


def _known_keys() -> set[str]:
    schema = editor_schema()
    objects = [schema, *schema["$defs"].values()]
    return {key for item in objects for key in item.get("properties", {})}
