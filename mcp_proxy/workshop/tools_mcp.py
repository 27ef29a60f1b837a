"""An MCP server's tool: the source's block and the listed tool in; the tool out.

What the source is silent about comes from the listing: title, description, schemas, icons, and with
the feature apps `_meta.ui`. Never its instructions, annotations or another `_meta`.
"""

from mcp_proxy.core.fingerprint import fingerprint
from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.profile import McpTemplate, Tool
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.arguments import Chosen, choose_arguments
from mcp_proxy.workshop.enforced import build_arguments
from mcp_proxy.workshop.list_entry import Shown, list_entry
from mcp_proxy.workshop.listed_part import named
from mcp_proxy.workshop.listed_tool import ListedTool, read_tool
from mcp_proxy.workshop.listing import Entries
from mcp_proxy.workshop.listing_schema import Unreadable
from mcp_proxy.workshop.result_rules import result_rules
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tool_rules import with_rules
from mcp_proxy.workshop.tools_rest import BuiltTool

_UNDESCRIBED = "has no description; a model has to guess what it does"


class Unusable(Wrong):
    """The listed tool is none that a client may use; the source is not to blame."""


def mcp_tool(
    name: str,
    source: ToolSource,
    listing: Entries,
    *,
    apps: bool = False,
    as_listed: bool = False,
) -> BuiltTool:
    """The tool `name` on the listed tool that `source.operation` names; `apps` publishes its app.

    `as_listed`: nobody has looked at it (`"*"`), so it may lack a description, with a warning.

    Raises:
        Unusable: its inputSchema refers to elsewhere, or its x-mcp-header is none.
        Wrong: anything in the source that does not fit the listed tool.
    """
    raw = listing.get(source.operation)
    if raw is None:
        text = f"the listing has no tool {source.operation}; it has {named(sorted(listing))}"
        raise Wrong(("operation",), text)
    try:
        listed = read_tool(raw)
    except Unreadable as error:
        raise Unusable(("operation",), f"the listed inputSchema {error}") from None
    _check_effect(source, listed)
    chosen = choose_arguments(listed.slots, source.arguments, listed.defs)
    _check_whole(listed, chosen)
    arguments = build_arguments(chosen, listed.defs, listed.whole)
    if source.result.validate_ != "off" and listed.output is None:
        raise Wrong(("result", "validate"), f"{listed.output_fault}; write validate: off")
    results = result_rules(source.result, listed.output)
    tool = Tool(
        name=name,
        upstream=source.upstream,
        effect=source.effect,
        enforced=arguments.enforced,
        arguments=arguments.rules,
        constants=arguments.constants,
        defaults=arguments.defaults,
        template=McpTemplate(listed.name, fingerprint(raw), listed.headers),
        result=results.rules,
        approval="never",
        retry="never",
    )
    shown = _shown(name, source, listed, apps=apps, as_listed=as_listed)
    warnings = [] if shown.description is not None else [_UNDESCRIBED]
    entry = list_entry(shown, source.effect, arguments.enforced, results.output)
    return BuiltTool(with_rules(tool, source, arguments), entry, warnings, listed.output)


def _shown(
    name: str, source: ToolSource, listed: ListedTool, *, apps: bool, as_listed: bool
) -> Shown:
    title, text = source.title or listed.title, source.description or listed.description
    description = None if as_listed and not text.strip() else text
    return Shown(name, title, description, listed.icons, listed.ui if apps else None)


def all_tools(upstream: str, listing: Entries, bound: set[str]) -> dict[str, ToolSource]:
    """`"*"`: a block for each listed tool but the `bound` ones; the effect is what it declares."""
    found = {}
    for name, raw in listing.items():
        if name not in bound:
            row = {"upstream": upstream, "operation": name, "effect": _declared_effect(raw)}
            found[name] = ToolSource.model_validate(row)
    return found


def _declared_effect(raw: dict[str, object]) -> str:
    hints = raw.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    if hints.get("readOnlyHint") is True:
        return "read"
    # MCP: destructiveHint is true unless said otherwise.
    return "write" if hints.get("destructiveHint") is False else "destructive"


def _check_effect(source: ToolSource, listed: ListedTool) -> None:
    if source.effect == "read" and not listed.reads and not source.effect_reason:
        text = "read needs an effect_reason: the server lists no readOnlyHint"
        raise Wrong(("effect",), text)


def _check_whole(listed: ListedTool, chosen: list[Chosen]) -> None:
    """A rule on all arguments together speaks of their own names, and of all of them."""
    if not listed.whole:
        return
    for one in chosen:
        is_same = parse_pointer(one.slot.rule.target) == (one.slot.name,)
        if one.has_constant or not is_same:
            rules = ", ".join(sorted(listed.whole))
            text = f"cannot be renamed or fixed: the tool binds its arguments together by {rules}"
            raise Wrong(("arguments", one.slot.name), text)
