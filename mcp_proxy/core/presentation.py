"""The last step before the model: how an admitted result is told, where its profile has a wish.

Rows for JSON, a word on what was left out, text marked as data. What is told so stands in the text
alone: `structuredContent` would say it again, at the full price and without a mark. It stays where
its schema is published (`validate: strict`), since a client may then insist on it.
"""

from collections.abc import Mapping
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.marking import marked
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.rows import rows_of
from mcp_proxy.core.truncation import words_of

# Metadata that only this process may speak in.
OURS = "mcp-proxy/"
LEFT_OUT = f"{OURS}left_out"

Block = dict[str, Any]


def presented(admitted: Admitted | Rejected, rules: ResultRules) -> Admitted | Rejected:
    """The result as its profile wants it told."""
    if isinstance(admitted, Rejected) or "content" not in admitted.result:
        return admitted
    result = admitted.result
    if rules.text == "rows" or rules.mark:
        result = _in_text_alone(result, rules)
    if rules.text == "rows":
        result = {**result, "content": [_as_rows(block) for block in result["content"]]}
    if rules.mark:
        result = {**result, "content": [_marked(block) for block in result["content"]]}
    if admitted.left_out:
        note = {"type": "text", "text": words_of(admitted.left_out)}
        result = {**result, "content": [*result["content"], note]}
    return admitted._replace(result=result)


def with_own_meta(result: dict[str, Any], left_out: Mapping[str, int]) -> dict[str, Any]:
    """The result with what this process says in its `_meta`, and nobody else in its name."""
    meta = result.get("_meta")
    said = meta if isinstance(meta, dict) else {}
    kept = {key: item for key, item in said.items() if not key.startswith(OURS)}
    if left_out:
        kept[LEFT_OUT] = dict(left_out)
    return result if kept == said else {**result, "_meta": kept}


def _in_text_alone(result: dict[str, Any], rules: ResultRules) -> dict[str, Any]:
    """The result without structured content; its text tells that, if none of it does yet."""
    if "structuredContent" not in result or rules.validate == "strict":
        return result
    kept = {key: item for key, item in result.items() if key != "structuredContent"}
    value = result["structuredContent"]
    texts = [block.get("text") for block in result["content"] if block.get("type") == "text"]
    if not any(_tells(text, value) for text in texts):
        told = {"type": "text", "text": strict_json.dumps(value).decode()}
        kept["content"] = [*result["content"], told]
    return kept


def _tells(text: Any, value: Any) -> bool:
    found, told = _parsed(text)
    return bool(told == value) if found else bool(text == strict_json.dumps(value).decode())


def _as_rows(block: Block) -> Block:
    found, value = _parsed(block.get("text") if block.get("type") == "text" else None)
    return {**block, "text": rows_of(value)} if found else block


def _marked(block: Block) -> Block:
    if block.get("type") == "text" and isinstance(block.get("text"), str):
        return {**block, "text": marked(block["text"])}
    resource = block.get("resource")
    if isinstance(resource, dict) and isinstance(resource.get("text"), str):
        return {**block, "resource": {**resource, "text": marked(resource["text"])}}
    return block


def _parsed(text: Any) -> tuple[bool, Any]:
    """Whether the text is a JSON object or list, and that."""
    if not isinstance(text, str) or text[:1] not in {"{", "["}:
        return False, None
    try:
        return True, parse_answer(text.encode(errors="replace"))
    except strict_json.Refused:
        return False, None
