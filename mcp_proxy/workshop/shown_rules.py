"""What tools remember of their answers for other tools' rules: `shown` held against its tool."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from mcp_proxy.core.pick import Mask, below, mask_of, parse_pick, parse_picks
from mcp_proxy.core.profile import Tool
from mcp_proxy.core.projection import project_schema
from mcp_proxy.workshop.apps import Placed
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.places import SCALARS, find_place
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.tools_rest import BuiltTool

Rule = dict[str, Any]


def link_shown(tools: list[Placed], told: Problems) -> list[Placed]:
    """The tools, each with the fields (`shows`) that rules of any tool want remembered of it."""
    known = {one.built.tool.name: one.built for one in tools}
    wanted: dict[str, dict[str, None]] = {}
    for path, built in tools:
        for index, rule in enumerate(built.tool.constraints):
            place = (*path, "constraints", index)
            if "shown" not in rule or told.attempt(place, partial(_check, rule, known)) is None:
                continue
            wanted.setdefault(rule["by"], {})[rule["field"]] = None
    return [
        one._replace(built=_showing(one.built, wanted.get(one.built.tool.name, ())))
        for one in tools
    ]


def _showing(built: BuiltTool, fields: Iterable[str]) -> BuiltTool:
    return built._replace(tool=built.tool._replace(shows=tuple(fields)))


def _check(rule: Rule, known: dict[str, BuiltTool]) -> bool:
    """True; raises Wrong where that tool could never have shown such a value."""
    built = known.get(rule["by"])
    if built is None:
        raise Wrong(("by",), f"{rule['by']} is no tool of this profile")
    if built.tool.effect != "read":
        raise Wrong(("by",), f"{rule['by']} is no read tool; only what is read is shown")
    _check_field(rule["field"], built)
    for mine, its in rule["same"].items():
        _check_same(its, built.tool, ("same", mine))
    return True


def _check_field(field: str, built: BuiltTool) -> None:
    keys, rules = parse_pick(field), built.tool.result
    if rules.pick and not _reaches(mask_of(parse_picks(rules.pick)), keys):
        text = f"{built.tool.name} picks {', '.join(rules.pick)}, which leaves {field} out"
        raise Wrong(("field",), text)
    if _reaches(mask_of(parse_picks(rules.redact_fields)), keys, is_whole=False):
        raise Wrong(("field",), f"{built.tool.name} masks {field}, so its value is never shown")
    if built.answer is None:
        return
    try:
        project_schema(built.answer, (keys,))
    except ValueError as error:
        raise Wrong(("field",), f"{built.tool.name}: {error}") from None


def _reaches(mask: Mask, keys: tuple[str, ...], *, is_whole: bool = True) -> bool:
    """Whether the mask takes what stands at the keys; an empty one takes all if `is_whole`."""
    if not mask:
        return is_whole
    for key in keys:
        deeper = below(mask, key)
        if deeper is None:
            return False
        if not deeper:
            return True
        mask = deeper
    return False


def _check_same(its: str, tool: Tool, path: tuple[str, ...]) -> None:
    arguments = Arguments(tool.enforced, tool.arguments, tool.constants, tool.defaults)
    try:
        place = find_place(its, arguments, path)
    except Wrong as wrong:
        raise Wrong(wrong.path, f"of {tool.name}: {wrong}") from None
    if not place.types & SCALARS:
        raise Wrong(path, f"{its} of {tool.name} is no single value; name a part")
