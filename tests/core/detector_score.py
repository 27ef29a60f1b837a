"""How well the detectors do on the corpora in tests/assets/detectors: found, missed, false alarms.

`scripts/readme` writes the table; what the detectors miss stays in the corpora.
"""

import json
import os
import random
from collections import Counter
from typing import NamedTuple

from core.secret_samples import KNOWN

from mcp_proxy.core.detection import detect
from mcp_proxy.core.detectors import NAMES, NATIONAL_ID

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "assets", "detectors")
GROUPS = ("email", "phone", "card", "iban", NATIONAL_ID, "secret")
ORDINARY = "ordinary.jsonl"
# How long the random numbers are, and how many there are of each length.
LENGTHS, TIMES = (7, 8, 9, 10, 11, 12, 13, 16), 1_000


class Sample(NamedTuple):
    """A text, and what it holds: a detector's name and the text that it should find."""

    file: str
    text: str
    holds: tuple[tuple[str, str], ...]


class Score(NamedTuple):
    """Of one detector: `alarms` in ordinary text, `random` of the numbers that chance made."""

    held: int
    missed: tuple[str, ...]
    alarms: tuple[str, ...]
    random: int


def samples() -> list[Sample]:
    """Every line of the corpora; secrets with a known prefix are put in by their name."""
    read = []
    for file in sorted(os.listdir(FOLDER)):
        with open(os.path.join(FOLDER, file), encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                holds = tuple((name, _filled(text)) for name, text in row["holds"])
                read.append(Sample(file, _filled(row["text"]), holds))
    return read


def scores() -> dict[str, Score]:
    """The score of each group of detectors; an alarm is what nothing in its text stands for."""
    held: Counter[str] = Counter()
    missed: dict[str, list[str]] = {group: [] for group in GROUPS}
    alarms: dict[str, list[str]] = {group: [] for group in GROUPS}
    for sample in samples():
        found = detect(sample.text, frozenset(NAMES))
        covered = [(_group(one.name), sample.text[one.start : one.end]) for one in found]
        for name, text in sample.holds:
            held[_group(name)] += 1
            if not any(group == _group(name) and text in part for group, part in covered):
                missed[_group(name)].append(text)
        for group, part in covered:
            if not any(part in text or text in part for _name, text in sample.holds):
                alarms[group].append(part)
    chance = _of_chance()
    return {
        group: Score(held[group], tuple(missed[group]), tuple(alarms[group]), chance[group])
        for group in GROUPS
    }


def table() -> str:
    """The scores as a Markdown table."""
    rows = [
        f"| {group} | {score.held} | {score.held - len(score.missed)} | {len(score.missed)} "
        f"| {len(score.alarms)} | {score.random} |"
        for group, score in scores().items()
    ]
    head = "| detector | held | found | missed | false alarms | of random numbers |"
    return "\n".join([head, "| --- | ---: | ---: | ---: | ---: | ---: |", *rows])


def _of_chance() -> Counter[str]:
    chance = random.Random(20261102)
    numbers = [
        str(chance.randrange(10 ** (length - 1), 10**length))
        for length in LENGTHS
        for _ in range(TIMES)
    ]
    text = "\x00".join(f"no. {number} is" for number in numbers)
    return Counter(_group(one.name) for one in detect(text, frozenset(NAMES)))


def _group(name: str) -> str:
    return name.partition(".")[0]


def _filled(text: str) -> str:
    for name, secret in KNOWN.items():
        text = text.replace(f"{{{name}}}", secret)
    return text
