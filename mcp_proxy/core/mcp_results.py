"""A gateway's tools/call result, block by block: kinds, order and unknown fields are kept.

Under `pick` and `strip` the text blocks beside `structuredContent` are rewritten from it: they
repeat it (MCP, "Structured Content") and would otherwise say what the profile leaves out. Under
`pick` metadata and unknown fields, of the result and of its blocks, are left out with the rest.
"""

from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.http_results import Sized, clean_json
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.shape import Unfit, picked, shaped, wants_json
from mcp_proxy.core.text import hidden_character

Block = dict[str, Any]

# Of other kinds it is not known where they hold what a profile leaves out.
_BESIDE_A_PICK = frozenset({"text", "image", "audio", "resource_link"})
_KEPT_BY_A_PICK = frozenset({"resultType", "content", "structuredContent", "isError"})
_KEPT_OF_A_BLOCK = frozenset(
    ("type", "text", "data", "mimeType", "annotations", "uri", "name", "title", "description")
)


def result_of_mcp(result: dict[str, Any], rules: ResultRules, schema: Schema | None) -> Sized:
    """The result and its size in bytes as compact JSON. Raises Unfit."""
    if result.get("resultType", "complete") != "complete":
        raise Unfit("MCPX-U05", "asks for more than the profile lets an upstream ask")
    made = {**result, "content": _blocks(result)}
    _check_names(made)
    if made.pop("isError", False) is True:
        made["isError"] = True
        if "structuredContent" in made:
            made["structuredContent"] = picked(made["structuredContent"], rules)
    elif wants_json(rules, schema):
        _shape(made, rules, schema)
    value, data = clean_json(_bare(made) if rules.pick else made)
    return value, len(data)


def _bare(made: dict[str, Any]) -> dict[str, Any]:
    kept = {key: item for key, item in made.items() if key in _KEPT_BY_A_PICK}
    kept["content"] = [
        {key: item for key, item in block.items() if key in _KEPT_OF_A_BLOCK}
        for block in made["content"]
    ]
    return kept


def _blocks(result: dict[str, Any]) -> list[Block]:
    blocks = result.get("content", [])
    is_list = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
    if not is_list or not all(isinstance(block.get("type"), str) for block in blocks):
        raise Unfit("MCPX-U05", "holds content that is no list of blocks")
    return list(blocks)


def _check_names(made: dict[str, Any]) -> None:
    """What is cleaned at the end must not be called otherwise before: rules go by these names."""
    names = [*made, *(block["type"] for block in made["content"])]
    if any(hidden_character(name) for name in names):
        raise Unfit("MCPX-U05", "has a part whose name holds an invisible character")


def _shape(made: dict[str, Any], rules: ResultRules, schema: Schema | None) -> None:
    if rules.pick and any(block["type"] not in _BESIDE_A_PICK for block in made["content"]):
        raise Unfit("MCPX-R02", "holds a resource or a block of which no field can be picked")
    if "structuredContent" in made:
        before = made["structuredContent"]
        after = made["structuredContent"] = shaped(before, rules, schema)
        if rules.pick or after != before:
            made["content"] = _retold(made["content"], after)
    elif rules.validate == "strict" and schema is not None:
        raise Unfit("MCPX-R02", "has no structured content, where the profile's schema wants it")
    else:
        made["content"] = [_shaped_block(block, rules, schema) for block in made["content"]]


def _retold(blocks: list[Block], value: Any) -> list[Block]:
    """The blocks with the first text block telling the value, and no other text block."""
    kept: list[Block] = []
    is_told = False
    for block in blocks:
        if block["type"] != "text":
            kept.append(block)
        elif not is_told:
            kept.append({**block, "text": strict_json.dumps(value).decode()})
            is_told = True
    return kept


def _shaped_block(block: Block, rules: ResultRules, schema: Schema | None) -> Block:
    if block["type"] != "text":
        return block
    try:
        value = parse_answer(str(block.get("text", "")).encode(errors="replace"))
    except strict_json.Refused:
        raise Unfit("MCPX-R02", "is text, where the profile's rules want JSON") from None
    return {**block, "text": strict_json.dumps(shaped(value, rules, schema)).decode()}
