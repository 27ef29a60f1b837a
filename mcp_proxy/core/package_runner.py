"""Commands that fetch a package and run it: which package, and whether its version is exact (S13).

`npx`, `uvx` and their like run what a registry holds at that moment. An exact version narrows that;
it is no pin of content, which is said where such a command is shown.
"""

import re
from typing import NamedTuple


class Runner(NamedTuple):
    """How one program names its packages. `options` take a package, `flags` nothing at all.

    `reads_on` is whether it takes options behind the package for its own, up to a `--`.
    """

    words: tuple[str, ...]
    options: tuple[str, ...]
    flags: tuple[str, ...]
    package: re.Pattern[str]
    reads_on: bool = False


# Semantic versions as npm has them, three numbers: anything less is a range. What npm cannot read
# as a version (numbers beyond 2^53, empty parts, other digits) it takes for a tag, which moves.
_NUMBER = "(?:0|[1-9][0-9]{0,14})"
_PARTS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_NPM = re.compile(
    r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*"
    rf"@{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PARTS})?(?:\+{_PARTS})?"
)
# PEP 440 behind `==` (or uv's `@`), without a wildcard.
_PYPI = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._,-]+\])?(?:==|@)"
    r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
    r"(?:\+[A-Za-z0-9.]+)?"
)
_PACKAGE_CHARS = 256  # of a version alone; npm takes a longer one for a tag
_YES = ("-y", "--yes", "-q", "--quiet")
_NPX = (("-p", "--package"), _YES, _NPM)
_UVX = (("--from", "--with"), (*_YES[2:], "--isolated", "--offline", "--no-progress"), _PYPI)
# npm knows its commands by their beginnings too, and fetches `create-NAME` for `init NAME`.
_NPM_COMMANDS = ("exec", "exe", "x", "init", "create", "innit")

RUNNERS = (
    Runner(("npx",), *_NPX),
    *(Runner(("npm", command), *_NPX, reads_on=True) for command in _NPM_COMMANDS),
    Runner(("bunx",), ("-p", "--package"), ("--bun", "--silent"), _NPM),
    Runner(("bun", "x"), ("-p", "--package"), ("--bun", "--silent"), _NPM),
    Runner(("pnpx",), ("--package",), ("-s", "--silent"), _NPM),
    Runner(("pnpm", "dlx"), ("--package",), ("-s", "--silent"), _NPM),
    Runner(("yarn", "dlx"), ("-p", "--package"), ("-q", "--quiet"), _NPM),
    Runner(("uvx",), *_UVX),
    Runner(("uv", "tool", "run"), *_UVX),
    Runner(("pipx", "run"), ("--spec",), _YES[2:], _PYPI),
)
_MAIN_PACKAGE = frozenset({"-p", "--package", "--from", "--spec"})
_BETWEEN_WORDS = re.compile(r"[\s;&|()<>`$\"']+")


def find_runner(argv: tuple[str, ...]) -> Runner | None:
    """The package runner that a command starts, if it is one, wherever its words stand.

    Also behind a wrapper (`env`, `cmd /c`, `node .../npx-cli.js`), and within a word that a shell
    would take apart.
    """
    apart = [piece for word in argv[1:] for piece in _BETWEEN_WORDS.split(word)]
    for words in (argv, tuple(apart)):
        for at in range(len(words)):
            runner = _starts(words[at:])
            if runner is not None:
                return runner
    return None


def check_versions(argv: tuple[str, ...]) -> None:
    """Whether every package of a package runner's command has an exact version.

    Raises:
        ValueError: a whole sentence.
    """
    runner = find_runner(argv)
    if runner is None:
        return
    named = " ".join(runner.words)
    if _starts(argv) is not runner:
        raise ValueError(f"Write `{named}` as the command itself, without another before it.")
    rest = argv[1:]
    if rest[: len(runner.words) - 1] != runner.words[1:]:
        raise ValueError(f"Write `{named}` without anything in between.")
    packages = _packages(rest[len(runner.words) - 1 :], runner, named)
    if not packages:
        raise ValueError(f"`{named}` is given no package.")
    for package in packages:
        if len(package) > _PACKAGE_CHARS or not runner.package.fullmatch(package):
            example = "NAME@1.2.3" if runner.package is _NPM else "NAME==1.2.3"
            raise ValueError(
                f"`{named}` needs an exact version of {package[:128]!r}, as {example}: without one "
                "it runs whatever is published next."
            )


def _packages(words: tuple[str, ...], runner: Runner, named: str) -> list[str]:
    """What the options before the package name, and the package itself unless one of them did."""
    found: list[str] = []
    has_main = False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if word == "--":
            return found if has_main else found + rest[:1]
        if option in runner.options:
            if not equals and not rest:
                break
            found.append(value if equals else rest.pop(0))
            has_main = has_main or option in _MAIN_PACKAGE
        elif not word.startswith("-"):
            found += [] if has_main else [word]
            has_main = True
            if not runner.reads_on:
                return found
        elif word not in runner.flags:
            # Runners take abbreviated options, so one that is not known may name a package too.
            raise ValueError(f"`{named}` is given the option {option[:64]!r}, not known here.")
    return found


def _starts(words: tuple[str, ...]) -> Runner | None:
    program = re.split(r"[/\\]", words[0])[-1].lower()
    program = re.sub(r"\.(exe|cmd|bat|js)$", "", program).removesuffix("-cli")
    for runner in RUNNERS:
        if program == runner.words[0] and _follows(words[1:], runner.words[1:]):
            return runner
    return None


def _follows(words: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    size = len(wanted)
    return not size or any(words[at : at + size] == wanted for at in range(len(words)))
