"""One file of an API description: opened once, read bounded, JSON or YAML as values."""

import json
import math
import os
import re
import stat
from collections import Counter
from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.spec_yaml import NotYaml, parse_spec_yaml

# Not on every system; 0 where the flag does not exist.
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
# A named pipe must not hold the build.
_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)


def read_bounded(real_path: str, name: str, max_bytes: int) -> bytes:
    """The bytes of a regular file; `real_path` has no links left, `name` is what errors bear.

    Raises:
        SourceError: MCPX-B02 not there, not a regular file, or larger than `max_bytes`.
    """
    try:
        number = os.open(real_path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT | _BINARY)
    except OSError as error:
        raise _wrong(name, f"cannot be opened: {error.strerror}") from None
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise _wrong(name, "is not a regular file")
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _wrong(name, f"is larger than what is left of {max_bytes >> 20} MiB")
    return data


# An escape that may stand for half a character.
_HALF = re.compile(r"\\[uU][0-9a-fA-F]*[dD][89a-fA-F]")
_TOO_DEEP = f"is nested deeper than {LIMITS.json_depth} levels"
# What a sentence about a document may quote of it.
TOLD_CHARS = 400


def parse_spec(data: bytes, name: str) -> Any:
    """JSON or YAML bytes as values, told apart by their first character and the file's ending.

    Raises:
        SourceError: MCPX-B02 with the line, where the text cannot be read.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(name, "is not UTF-8 text") from None
    value = _parse(text, name)
    if _HALF.search(text) and not _is_text(value):
        raise _wrong(name, "holds half a character (a lone surrogate)")
    return value


def _parse(text: str, name: str) -> Any:
    json_only = name.lower().endswith(".json")
    if json_only or text.lstrip()[:1] in {"{", "["}:
        try:
            return _shallow(_DECODER.decode(text))
        except json.JSONDecodeError as error:
            # A flow mapping of YAML begins like JSON.
            if json_only:
                raise _wrong(name, f"line {error.lineno}: not JSON: {error.msg}") from None
        except ValueError as error:
            raise _wrong(name, str(error)) from None
        except RecursionError:
            raise _wrong(name, _TOO_DEEP) from None
    try:
        return parse_spec_yaml(text)
    except NotYaml as error:
        raise _wrong(name, str(error)) from None


def _shallow(value: Any) -> Any:
    """The value itself, as YAML's reader bounds it: what reads it may recurse."""
    level, depth = [value] if isinstance(value, (dict, list)) else [], 0
    while level:
        containers = (item.values() if isinstance(item, dict) else item for item in level)
        level = [child for item in containers for child in item if isinstance(child, (dict, list))]
        depth += 1
        if depth > LIMITS.json_depth:
            raise ValueError(_TOO_DEEP)
    return value


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"an object holds the key {twice!r} twice")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > 40:
        raise ValueError("it holds an integer of more than 40 digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("it holds a number beyond what a double holds")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_float
)


def _wrong(name: str, text: str) -> SourceError:
    why = one_sentence(f"{name}: {text}", TOLD_CHARS)
    return SourceError("MCPX-B02", why, "correct the document, then build again")
