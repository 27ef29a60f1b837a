"""A gateway's tools/call result, block by block: kinds, order and unknown fields are kept.

Under `pick`, `strip` and `redact` by field the text blocks beside `structuredContent` are rewritten
from it: they repeat it (MCP, "Structured Content") and would otherwise say what the profile leaves
out. Where fields are named, metadata and unknown fields, of the result and of its blocks, are left
out with the rest. Images and sound are not looked into by detectors.
"""

import re
from collections import Counter
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.http_results import Sized, clean_json
from mcp_proxy.core.mask import Mask
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.readable_blocks import readable
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.shape import Unfit, has_fields, picked, shaped, wants_json
from mcp_proxy.core.text import hidden_character
from mcp_proxy.core.truncation import Cut, cut

Block = dict[str, Any]

# Of other kinds it is not known where they hold what a profile leaves out.
_BESIDE_A_PICK = frozenset({"text", "image", "audio", "resource_link"})
_KEPT_BY_A_PICK = frozenset({"resultType", "content", "structuredContent", "isError"})
_BASE64 = re.compile(r"[A-Za-z0-9+/_\r\n-]*+={0,2}\s*")
_FIELDS = re.compile(r"[{\[<]")
_KEPT_OF_A_BLOCK = frozenset(
    ("type", "text", "data", "mimeType", "annotations", "uri", "name", "title", "description")
)


def result_of_mcp(
    result: dict[str, Any], rules: ResultRules, schema: Schema | None, mask: Mask | None = None
) -> Sized:
    """The result of an MCP upstream, sized as compact JSON. Raises Unfit."""
    if result.get("resultType", "complete") != "complete":
        raise Unfit("MCPX-U05", "asks for more than the profile lets an upstream ask")
    made = {**result, "content": _blocks(result)}
    _check_names(made)
    if made.pop("isError", False) is True:
        made["isError"] = True
        _pick_of_error(made, rules)
    elif wants_json(rules, schema):
        _shape(made, rules, schema)
    clean, data = clean_json(_bare(made) if has_fields(rules) else made)
    value, (blocks, error) = clean, readable(clean["content"], rules)
    if any(new is not old for new, old in zip(blocks, clean["content"], strict=True)):
        value = {**clean, "content": blocks}
    if mask is not None:
        value = _masked(value, mask)
    # Cut when masked: what was left out is told by the keys of its place.
    value, left_out = (value, {}) if "isError" in value else _cut(value, rules.max_items)
    if value is not clean:
        data = strict_json.dumps(value)
    return Sized(value, len(data), data, left_out, error)


def _cut(made: dict[str, Any], max_items: int) -> Cut:
    """The result with its lists cut: in its structured content, and in texts that are JSON."""
    if not max_items:
        return Cut(made, {})
    content = []
    told: Counter[str] = Counter()
    for block in made["content"]:
        text, left_out = _cut_text(block.get("text"), max_items)
        content.append({**block, "text": text} if left_out else block)
        told.update(left_out)
    if "structuredContent" not in made:
        return Cut({**made, "content": content}, told)
    value, left_out = cut(made["structuredContent"], max_items)
    return Cut({**made, "content": content, "structuredContent": value}, left_out or told)


def _cut_text(text: Any, max_items: int) -> Cut:
    if not isinstance(text, str) or text.lstrip()[:1] not in {"{", "["}:
        return Cut(text, {})
    try:
        value, left_out = cut(parse_answer(text.encode(errors="replace")), max_items)
    except strict_json.Refused:
        return Cut(text, {})
    return Cut(strict_json.dumps(value).decode() if left_out else text, left_out)


def _masked(made: dict[str, Any], mask: Mask) -> dict[str, Any]:
    """The result masked; bytes in base64 are no text, and stay."""
    kept = ("content", "structuredContent")
    value: dict[str, Any] = mask.found({key: made[key] for key in made if key not in kept})
    value = {**value, "content": [_masked_block(block, mask) for block in made["content"]]}
    if "structuredContent" in made:
        value["structuredContent"] = mask.value(made["structuredContent"])
    return value


def _masked_block(block: Block, mask: Mask) -> Block:
    if block["type"] in {"image", "audio"}:
        return _masked_beside("data", block, mask)
    resource = block.get("resource")
    if block["type"] == "resource" and isinstance(resource, dict):
        kept = {key: item for key, item in block.items() if key != "resource"}
        return {**mask.found(kept), "resource": _masked_beside("blob", resource, mask)}
    return _masked_beside(None, block, mask)


def _masked_beside(place: str | None, part: Block, mask: Mask) -> Block:
    """A block or resource masked, its text as what it is; base64 at a place stays."""
    own: Block = {}
    if isinstance(part.get("text"), str):
        own["text"] = _masked_text(part["text"], mask)
    if place and _is_base64(part.get(place)):
        own[place] = part[place]
    return {**mask.found({**part, **dict.fromkeys(own, "")}), **own}


def _is_base64(data: Any) -> bool:
    return isinstance(data, str) and _BASE64.fullmatch(data) is not None


def _masked_text(text: str, mask: Mask) -> str:
    """JSON is masked as JSON, so that it stays JSON, and its fields are found."""
    if text.lstrip()[:1] not in {"{", "["}:
        return mask.text(text)
    try:
        value = parse_answer(text.encode(errors="replace"))
    except strict_json.Refused:
        return mask.text(text)
    masked = mask.value(value)
    return text if masked is value else strict_json.dumps(masked).decode()


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
    if has_fields(rules) and any(block["type"] not in _BESIDE_A_PICK for block in made["content"]):
        raise Unfit("MCPX-R02", "holds a resource or a block of which no field can be picked")
    if "structuredContent" in made:
        before = made["structuredContent"]
        after = made["structuredContent"] = shaped(before, rules, schema)
        if has_fields(rules) or after != before:
            made["content"] = _retold(made["content"], after)
    elif rules.validate == "strict" and schema is not None:
        raise Unfit("MCPX-R02", "has no structured content, where the profile's schema wants it")
    else:
        made["content"] = [_shaped_block(block, rules, schema) for block in made["content"]]


def _pick_of_error(made: dict[str, Any], rules: ResultRules) -> None:
    """An error fits no schema, but says no more of the fields that the profile leaves out."""
    if "structuredContent" in made:
        made["structuredContent"] = picked(made["structuredContent"], rules)
    if has_fields(rules):
        made["content"] = [_words_of(block, rules) for block in made["content"]]


def _words_of(block: Block, rules: ResultRules) -> Block:
    """Of a text that is no JSON, what stands before anything that may have fields."""
    text = block.get("text")
    if block["type"] != "text" or not isinstance(text, str):
        return block
    try:
        value = parse_answer(text.encode(errors="replace"))
    except strict_json.Refused:
        words = _FIELDS.split(text, 1)
        return block if len(words) == 1 else {**block, "text": f"{words[0]}…"}
    return {**block, "text": strict_json.dumps(picked(value, rules)).decode()}


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
