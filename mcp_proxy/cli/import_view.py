"""What `profile import` tells: what was written, what was left out, and what moved."""

from collections.abc import Iterator

from mcp_proxy.app.importing import Imported
from mcp_proxy.core.change import named
from mcp_proxy.core.text import one_sentence
from mcp_proxy.workshop.import_moves import Move
from mcp_proxy.workshop.selection import FORM

_NAMES = 12
_REFUSED = 10
_REASON_CHARS = 600
_KINDS = ("gone", "renamed", "changed", "new")


def imported_lines(done: Imported) -> list[str]:
    """The talk of a whole import, in the order in which it matters."""
    return [*_move_lines(done), *_written_lines(done), *done.notes, *_next_lines(done)]


def login_first_lines(path: str, name: str) -> list[str]:
    """What to do where a gateway lists nothing before a login by the source at `path`."""
    again = f"mcp-proxy profile import {name}"
    if path != f"{name}.yaml":
        again += f" -o {path}"
    return [
        f"The gateway wants a login before it lists anything, so {path} has no tools yet.",
        f"First: mcp-proxy login {path}",
        f"Then:  {again} --select '*'",
        "or --pick in place of --select '*', to choose in the terminal",
    ]


def _written_lines(done: Imported) -> Iterator[str]:
    tokens = f" (about {done.tokens:,} tokens of the model's list)" if done.tools else ""
    yield f"Tools written out: {len(done.tools)}{tokens}; hidden: {done.hidden:,}."
    if done.left_out:
        counts = ", ".join(f"{count} {mark}" for mark, count in done.left_out.items())
        yield f"Selected, but left out: {counts}. Ask with --include MARK, or name one exactly."
    if FORM in done.left_out:
        yield (
            "form: its body is a form and would be left out, for only JSON bodies are sent, so the"
            " tool could do little; one that is named exactly is written all the same."
        )
    for name, reason in list(done.refused.items())[:_REFUSED]:
        yield f"No tool can be built of {named(name)}: {one_sentence(reason, _REASON_CHARS)}"
    if len(done.refused) > _REFUSED:
        yield f"... nor of {len(done.refused) - _REFUSED} more; they say why in {done.path}."


def _next_lines(done: Imported) -> Iterator[str]:
    if done.tools:
        yield f"Read what says REVIEW in it, then: mcp-proxy profile lint {done.path}"
    elif done.is_blank:
        yield (
            f"Choose with --select, as --select '*' for all, or --pick; or take a # away in"
            f" {done.path}."
        )


def _move_lines(done: Imported) -> Iterator[str]:
    if done.moves is None:
        return
    own = [move for move in done.moves if move.tools]
    for move in own:
        yield from _own_lines(move)
    quiet = [name for move in own if _is_quiet(move) for name in move.tools]
    if quiet:
        yield f"changed in texts or details alone: {', '.join(quiet)}"
    if not own:
        yield "Nothing moved that a tool of this profile uses."
    for kind in _KINDS:
        names = [_name(move) for move in done.moves if move.kind == kind and not move.tools]
        if names:
            more = f", and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            yield f"{kind.capitalize()} beside the profile's: {', '.join(names[:_NAMES])}{more}"


def _own_lines(move: Move) -> Iterator[str]:
    tools = f"{', '.join(move.tools)} ({named(move.operation)})"
    if move.kind == "gone":
        near = f" Near to it: {', '.join(map(named, move.near))}." if move.near else ""
        yield f"LOST     {tools}: there is no such operation any more.{near}"
    elif move.kind == "renamed":
        yield f"RENAMED  {tools}: it is called {named(move.now)} now; write that as its operation."
    elif not _is_quiet(move):
        yield f"CHANGED  {tools}:"
        yield from (f"  {words}" for words in move.words)


def _is_quiet(move: Move) -> bool:
    """Neither its arguments nor the shape of its answer: descriptions, examples, error answers."""
    return move.kind == "changed" and not move.words


def _name(move: Move) -> str:
    name = named(move.operation)
    return f"{name} (now {named(move.now)})" if move.now else name
