"""The machine under a URI template: steps over symbols, run on all paths at once.

A symbol is a character or one escape (`%2F`). Every path is followed side by side, so the time is
at most the number of symbols times the number of steps, whatever the text (no backtracking).
"""

from collections.abc import Sequence
from typing import NamedTuple


class Take(NamedTuple):
    """One symbol of the set; then the next step."""

    symbols: frozenset[str]


class Fork(NamedTuple):
    """Goes on at each of these distances from here."""

    to: tuple[int, ...]


Step = Take | Fork
Program = tuple[Step, ...]


def literal(text: Sequence[str]) -> Program:
    """Exactly these symbols."""
    return tuple(Take(frozenset((symbol,))) for symbol in text)


def optional(part: Program) -> Program:
    """The part, or nothing."""
    return (Fork((1, len(part) + 1)), *part)


def many(part: Program) -> Program:
    """The part once or more often."""
    return (*part, Fork((-len(part), 1)))


def runs(program: Program, symbols: Sequence[str]) -> bool:
    """Whether the program takes all the symbols and ends with them."""
    places = _reached(program, {0})
    for symbol in symbols:
        steps = {
            place + 1
            for place in places
            if place < len(program)
            and isinstance(step := program[place], Take)
            and symbol in step.symbols
        }
        if not steps:
            return False
        places = _reached(program, steps)
    return len(program) in places


def _reached(program: Program, start: set[int]) -> set[int]:
    """The places, and all that forks lead to from there."""
    seen, open_places = set(start), list(start)
    while open_places:
        place = open_places.pop()
        step = program[place] if place < len(program) else None
        if isinstance(step, Fork):
            for distance in step.to:
                if place + distance not in seen:
                    seen.add(place + distance)
                    open_places.append(place + distance)
    return seen


def either(parts: Sequence[Program]) -> Program:
    """One of the parts."""
    body: list[Step] = []
    starts = []
    length = sum(len(part) + 1 for part in parts)
    for part in parts:
        starts.append(len(body) + 1)
        body += part
        body.append(Fork((length - len(body),)))
    return (Fork(tuple(starts)), *body)
