"""The prompts of a source: its blocks and the listings in; the payload's prompts out.

What a block is silent about comes from the listing: title, description, arguments, icons.
"""

import difflib
from functools import partial
from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Prompt
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.blocks import Block, unfold_blocks
from mcp_proxy.workshop.list_entry import check_length
from mcp_proxy.workshop.listed_part import is_name, named, shown_texts, with_icons
from mcp_proxy.workshop.listing import Entries
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.source_keys import AllListed, ProfileSource, PromptSource
from mcp_proxy.workshop.upstreams import Files, find_server

_NEAR = 3


def build_prompts(profile: ProfileSource, files: Files, problems: Problems) -> list[Prompt]:
    """Every prompt of the profile, in the source's order."""
    unfold = partial(_unfold, profile, files)
    blocks = unfold_blocks("prompts", profile.prompts, unfold, problems)
    made = [
        problems.attempt(block.path, partial(_build, block, profile, files)) for block in blocks
    ]
    if len(blocks) > LIMITS.tools:
        problems.add(("prompts",), f"hold {len(blocks)}; at most {LIMITS.tools} fit")
    return [one for one in made if one is not None]


def make_prompt(block: Block[PromptSource], listed: Entries) -> Prompt:
    """The prompt of one block. Raises Wrong for anything that does not fit the listing."""
    source = block.source
    raw = _find(source.prompt, listed)
    if not is_visible_line(source.prompt):
        raise Wrong(("prompt",), "must be one visible line; take out what hides")
    entry = {"name": block.name, **shown_texts(source, raw)}
    arguments = _arguments(raw.get("arguments"))
    if arguments:
        entry["arguments"] = arguments
    shown = with_icons(entry, raw)
    return Prompt(block.name, source.upstream, source.prompt, shown, source.max_bytes)


def _unfold(
    profile: ProfileSource, files: Files, name: str, entry: AllListed
) -> list[tuple[str, PromptSource]]:
    """A name and a block for each listed prompt that no other block has."""
    if name != "*":
        raise Wrong((), "lacks prompt; add it")
    listed = files.listing(find_server(entry.upstream, profile)).prompts
    bound = {
        block.prompt
        for block in profile.prompts.values()
        if isinstance(block, PromptSource) and block.upstream == entry.upstream
    }
    for prompt in listed:
        if prompt not in bound and not is_name(prompt):
            fix = "name it in the source: NAME: {upstream: ..., prompt: ...}"
            raise Wrong((), f"the listed {prompt[:200]!r} cannot be a prompt's name here; {fix}")
    names = [prompt for prompt in listed if prompt not in bound]
    rows = [{"upstream": entry.upstream, "prompt": prompt} for prompt in names]
    return [(row["prompt"], PromptSource.model_validate(row)) for row in rows]


def _build(block: Block[PromptSource], profile: ProfileSource, files: Files) -> Prompt:
    return make_prompt(block, files.listing(find_server(block.source.upstream, profile)).prompts)


def _find(prompt: str, listed: Entries) -> dict[str, Any]:
    if prompt in listed:
        return listed[prompt]
    near = difflib.get_close_matches(prompt, list(listed), n=_NEAR) or list(listed)[:_NEAR]
    it_has = f"it has {named(near)}" if near else "it has none"
    raise Wrong(("prompt",), f"the listing has no prompt {prompt}; {it_has}")


def _arguments(raw: Any) -> list[dict[str, Any]]:
    """The listed arguments, with what the protocol says of one and nothing else."""
    items = raw if isinstance(raw, list) else []
    arguments = [_argument(item) for item in items]
    names = [item["name"] for item in arguments]
    if len(set(names)) != len(names):
        raise Wrong(("prompt",), "the listing gives it two arguments of one name")
    return arguments


def _argument(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or not is_name(item.get("name")):
        raise Wrong(("prompt",), "the listing gives it an argument without a usable name")
    row: dict[str, Any] = {"name": item["name"]}
    for key in ("title", "description"):
        if isinstance(item.get(key), str):
            check_length(item[key], LIMITS.description_bytes, key)
            row[key] = item[key]
    if isinstance(item.get("required"), bool):
        row["required"] = item["required"]
    return row
