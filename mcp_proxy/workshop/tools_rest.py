"""A REST tool: the source's block and one operation of the API document in; the tool out."""

from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import RestTemplate, Tool
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.arguments import choose_arguments
from mcp_proxy.workshop.enforced import build_arguments
from mcp_proxy.workshop.list_entry import Shown, list_entry
from mcp_proxy.workshop.operation import Operation
from mcp_proxy.workshop.result_rules import result_rules
from mcp_proxy.workshop.schema_view import reachable
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tool_rules import with_rules

# RFC 9110, 9.2.1 and 9.2.2: what a server must be able to receive twice.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_READING = frozenset({"GET", "HEAD"})


class BuiltTool(NamedTuple):
    """A tool's own line, its entry in the list, and what the publisher should know.

    `answer` describes its JSON answer, None where nothing does.
    """

    tool: Tool
    entry: dict[str, Any]
    warnings: list[str]
    answer: dict[str, Any] | None


def rest_tool(name: str, source: ToolSource, operation: Operation) -> BuiltTool:
    """The tool `name` on `operation`.

    Raises:
        Wrong: anything in the source that does not fit the operation.
    """
    if source.effect == "read" and operation.method not in _READING and not source.effect_reason:
        text = f"read needs an effect_reason: the operation is a {operation.method}"
        raise Wrong(("effect",), text)
    chosen = choose_arguments(operation.slots, source.arguments, operation.defs)
    arguments = build_arguments(chosen, operation.defs, {})
    answer = _response(operation)
    results = result_rules(source.result, answer)
    shown, warnings = _shown(name, source, operation)
    tool = Tool(
        name=name,
        upstream=source.upstream,
        effect=source.effect,
        enforced=arguments.enforced,
        arguments=arguments.rules,
        constants=arguments.constants,
        defaults=arguments.defaults,
        template=RestTemplate(
            operation.method, operation.path, operation.body_type, operation.body_required
        ),
        result=results.rules,
        approval="never",
        retry="safe" if operation.method in _IDEMPOTENT else "never",
    )
    entry = list_entry(shown, source.effect, arguments.enforced, results.output)
    warnings += operation.warnings
    return BuiltTool(with_rules(tool, source, arguments), entry, warnings, answer)


def _response(operation: Operation) -> dict[str, Any] | None:
    if operation.response is None:
        return None
    needed = reachable(operation.response, operation.defs)
    return {**operation.response, "$defs": needed} if needed else operation.response


def _shown(name: str, source: ToolSource, operation: Operation) -> tuple[Shown, list[str]]:
    title = source.title or ""
    if source.description is not None:
        return Shown(name, title, source.description, []), []
    texts = [operation.summary.strip(), operation.description.strip()]
    both = "\n\n".join(dict.fromkeys(filter(None, texts)))
    is_long = len(both.encode()) > LIMITS.description_bytes
    text = texts[0] if is_long and texts[0] else both
    warning = "description: copied from the API document; write it for the model"
    return Shown(name, title, text, []), [warning]
