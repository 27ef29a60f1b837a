"""The filter of the commands that read the log, as options of the command line."""

import argparse

from mcp_proxy.core.audit import FIELDS
from mcp_proxy.core.audit_filter import Filter, parse_call, parse_moment
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges import clock

_LEDGER_KINDS = ("admin", "refused", "prune", "erase", "cut", "key")
KINDS = (*FIELDS, *_LEDGER_KINDS)
_SINCE = "from then on: so long ago (90s, 2h, 3d, 1w), or 2026-11-22, 2026-11-22T14:05:00Z"
_DECISION = (
    "what was decided of a call; ask finds whatever a person was asked about: calls that were then "
    "approved, and what became of each request, too"
)
KEY_HELP = "a key's NAME in the keychain or vault, or env:VAR, a variable with the key in base64"
DECISIONS = ("allow", "ask", "deny")


def add_time_options(parser: argparse.ArgumentParser) -> None:
    """Registers --since and --until."""
    parser.add_argument("--since", type=_moment, metavar="TIME", help=_SINCE)
    parser.add_argument("--until", type=_moment, metavar="TIME", help="up to then, likewise")


def add_span_options(parser: argparse.ArgumentParser) -> None:
    """Registers --since, --until and --profile."""
    add_time_options(parser)
    parser.add_argument("--profile", metavar="NAME", help="of this profile alone")


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Registers these and what else single entries are chosen by."""
    add_span_options(parser)
    parser.add_argument("--kind", choices=KINDS, help="entries of this kind")
    parser.add_argument("--tool", metavar="NAME", help="calls of this tool")
    parser.add_argument("--decision", choices=DECISIONS, help=_DECISION)
    parser.add_argument("--client", metavar="TEXT", help="what the client named itself, or a part")
    parser.add_argument("--call", type=_call, metavar="ULID[:SEQ]", help="a process, or one call")
    parser.add_argument(
        "--text", help="what a tool name, rule, error or readable value holds, in any case"
    )


def filter_of(options: argparse.Namespace) -> Filter:
    """The filter that the options came to."""
    chosen = {name: getattr(options, name, None) for name in Filter._fields}
    return Filter(**chosen)


def none_words(only: Filter) -> str:
    """What is said where no entry is found."""
    if only.profile is not None and only == Filter(profile=only.profile):
        return f"No entry of profile {one_sentence(only.profile, 64)} is there."
    return "No entries."


def _moment(text: str) -> str:
    try:
        return parse_moment(text, clock.now_s())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _call(text: str) -> str:
    try:
        return parse_call(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
