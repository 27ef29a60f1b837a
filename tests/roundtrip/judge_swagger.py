"""An independent judge of requests to an API of Swagger 2.0: bravado-core, as published.

It runs as a process of its own, since bravado-core looks up every schema that other libraries have
registered in it. Taken out beforehand: `security`, which a tool's template does not make.

usage: judge_swagger.py NAME     [selector, request] pairs on stdin, a list of complaints on stdout
"""

import json
import os
import re
import subprocess
import sys
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import published
from ruamel.yaml import YAML

from mcp_proxy.core.request import RestRequest

if __name__ == "__main__":
    from bravado_core.exception import SwaggerError
    from bravado_core.operation import Operation
    from bravado_core.request import unmarshal_request
    from bravado_core.spec import Spec
    from jsonschema import ValidationError

_CONFIG = {"use_models": False, "validate_swagger_spec": False, "validate_responses": False}
_ORIGIN = "https://api.example.com"


def complaints(name: str, requests: list[tuple[str, RestRequest]]) -> list[str]:
    """What the judge finds wrong with each request to an operation, "" for nothing."""
    rows = [
        [selector, *one._replace(body=None if one.body is None else one.body.decode())]
        for selector, one in requests
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", os.path.abspath(__file__), name],
        input=json.dumps(rows),
        env={**os.environ, "PYTHONPATH": os.path.dirname(published.HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


class Received:
    """A request as bravado-core takes one, to an operation whose path is `template`."""

    def __init__(self, request: RestRequest, template: str) -> None:
        parts = urlsplit(request.url)
        pairs = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        self.path = _slots(template, parts.path)
        self.query = {key: one[0] if len(one) == 1 else one for key, one in pairs.items()}
        self.headers = dict(request.headers)
        self.form: dict[str, Any] = {}
        self.files: dict[str, Any] = {}
        self._body = request.body

    def json(self, **_options: Any) -> Any:
        """The body's value, None where there is no body."""
        return None if self._body is None else json.loads(self._body)


def _complaint(name: str, selector: str, request: RestRequest) -> str:
    method, _, path = selector.partition(" ")
    spec = _spec(name)
    operation = Operation.from_spec(spec, path, method.lower(), _operation(spec, path, method))
    received = Received(request, path)
    try:
        unmarshal_request(received, operation)
    except ValidationError as error:
        return f"{error.json_path}: {error.message}"
    except SwaggerError as error:
        return str(error)
    return ""


def _operation(spec: Any, path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = spec.spec_dict["paths"][path][method.lower()]
    return found


def _slots(template: str, path: str) -> dict[str, str]:
    """The values of a path's slots."""
    names = re.findall(r"\{([^}]*)\}", template)
    pattern = re.sub(r"\\\{.*?\\\}", "([^/]*)", re.escape(template))
    match = re.fullmatch(pattern, path)
    if match is None:
        raise ValueError(f"{path} is none of {template}")
    return dict(zip(names, map(unquote, match.groups()), strict=True))


@cache
def _spec(name: str) -> Any:
    path = published.document(name)
    with open(path, encoding="utf-8-sig") as file:
        document: dict[str, Any] = json.load(file) if path.endswith("json") else _yaml(file)
    document.pop("security", None)
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    return Spec.from_dict(document, origin_url=_ORIGIN, config=_CONFIG)


def _yaml(file: Any) -> Any:
    return YAML(typ="safe").load(file)


if __name__ == "__main__":
    made = [
        _complaint(sys.argv[1], selector, RestRequest(*fields))
        for selector, *fields in json.load(sys.stdin)
    ]
    print(json.dumps(made))
