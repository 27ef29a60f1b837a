"""The blocks of a source with `"*"` unfolded: one kind's blocks in, one for each entry out."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from mcp_proxy.workshop.listed_part import free_name
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.source_keys import AllListed, PromptSource, ResourceSource, ToolSource
from mcp_proxy.workshop.yaml_reader import Path

Entry = TypeVar("Entry", ToolSource, ResourceSource, PromptSource)


class Block(NamedTuple, Generic[Entry]):
    """One entry's block; `path` is where it stands, below `"*"` what that stands for."""

    name: str
    path: Path
    source: Entry


def unfold_blocks(
    kind: str,
    entries: Mapping[str, Entry | AllListed],
    unfold: Callable[[str, AllListed], Iterable[tuple[str, Entry]]],
    problems: Problems,
) -> list[Block[Entry]]:
    """Every block of `entries` in order, under a name of its own.

    `unfold` gives what `"*"` stands for; it raises Wrong, also where the key is none.
    """
    taken = set(entries) - {"*"}
    blocks: list[Block[Entry]] = []
    for name, entry in entries.items():
        path: Path = (kind, name)
        if isinstance(entry, AllListed):
            found = problems.attempt(path, partial(unfold, name, entry))
            blocks += [Block(free_name(own, taken), (*path, own), one) for own, one in found or ()]
        elif name == "*":
            problems.add(path, 'stands for all of a server; write "*": {upstream: NAME}')
        else:
            blocks.append(Block(name, path, entry))
    return blocks
