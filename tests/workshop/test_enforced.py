"""The law of the enforced schema: whatever it accepts, the operation accepts."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from workshop.source_samples import API, HEAD, NOW_S, read_text, tool_of, write_files

from mcp_proxy.core.arguments import effective_arguments
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import build_payload

BOUND = st.integers(-3, 12)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "string", "null"]),
        "minimum": BOUND,
        "maximum": BOUND,
        "multipleOf": st.integers(1, 3),
        "enum": st.lists(BOUND, min_size=1, max_size=3, unique=True),
        "default": BOUND,
        "constant": BOUND,
        "required": st.booleans(),
    },
)
VALUE = st.none() | st.integers(-4, 13) | st.text(max_size=2)


def api_of(original: dict[str, Any]) -> dict[str, Any]:
    api = copy.deepcopy(API)
    api["paths"]["/orders"]["get"]["parameters"] = [
        {"name": "limit", "in": "query", "schema": original},
        {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}},
    ]
    return api


ORIGINAL = st.fixed_dictionaries(
    {}, optional={"type": st.just("integer"), "minimum": BOUND, "maximum": BOUND}
)


@settings(max_examples=150, deadline=None)
@given(ORIGINAL, RULES, VALUE)
def test_a_narrowing_never_lets_through_what_the_operation_refuses(
    original: dict[str, Any], rules: dict[str, Any], value: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), api_of(original))
        block = json.dumps({"limit": rules})
        keys = "upstream: shop, operation: listOrders, effect: read, description: d"
        line = f"  a: {{{keys}, arguments: {block}}}"
        try:
            built = build_payload(read_text(Path(folder), f"{HEAD}tools:\n{line}\n"), NOW_S)
        except SourceError:
            return
    tool = tool_of(built, "a")
    enforced, operation = compile_schema(tool.enforced), compile_schema(original)
    for sent in ({"page": 1, "limit": value}, {"page": 1}):
        if enforced.violation(sent) is None:
            effective = effective_arguments(tool, sent)
            assert "limit" not in effective or operation.violation(effective["limit"]) is None
    assert enforced.violation({"limit": 5}) is not None, "the required page is never dropped"
