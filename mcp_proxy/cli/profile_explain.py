"""`mcp-proxy profile explain PROFILE TOOL JSON`: what serve would do with a call, and why."""

import argparse
import json
from typing import Any

from mcp_proxy.app.explain import Explained, explain_call
from mcp_proxy.cli import render
from mcp_proxy.cli.call import read_arguments
from mcp_proxy.cli.request_view import plain_request, request_lines
from mcp_proxy.core.explanation import Effective, Explanation
from mcp_proxy.core.text import clean


def add_explain_command(subparsers: Any) -> None:
    """Registers `explain` in the `profile` group."""
    parser = subparsers.add_parser("explain", help="why a call would be made, asked or denied")
    parser.add_argument("profile", metavar="NAME|FILE", help="installed; or a source, or built")
    parser.add_argument("tool", metavar="TOOL")
    parser.add_argument(
        "arguments", metavar="JSON", nargs="?", default="{}", help="an object; without it, {}"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_explain)


def run_explain(options: argparse.Namespace) -> int:
    """`profile explain`: 0 whatever the decision; nothing is sent, reserved or logged."""
    explained = explain_call(options.profile, options.tool, read_arguments(options.arguments))
    if not explained.is_trusted:
        render.say(f"{options.profile} is read as it is: no signature and no trust is looked at.")
    if options.json:
        render.json_out(_plain(explained))
        return 0
    for line in _lines(explained):
        # A profile that nobody signed must not write lines of its own between these.
        render.data(clean(line).replace("\n", "␤"))
    return 0


def _lines(explained: Explained) -> list[str]:
    run, words = explained.run, explained.words
    header = run.profile.header
    return [
        f"decision   {words.decision}{_by(words)}",
        *(f"           if {rule}" for rule in run.if_shown),
        *([f"state      {words.state}"] if words.state else []),
        f"rule       {words.rule}: {words.meaning}",
        *([] if words.text is None else [f"told       {words.text}"]),
        f"profile    {header.profile} version {header.version}",
        f"           {words.freshness}",
        *_tool_lines(explained),
        *_section("arguments", [_argument(item) for item in words.arguments]),
        *_section("constraints", words.constraints),
        *_section("limits", words.limits),
        *_section("approval", words.approval),
        *_section("request", request_lines(run.request, run.spec)),
        *_section("sending", words.sending),
        *_section("answer", [f"{step.name:<10}{step.words}" for step in words.results]),
        *_section("log", _logged(words, header.audit.recipient)),
    ]


def _by(words: Explanation) -> str:
    if words.grant:
        return f", by {words.grant}"
    return "" if words.id is None else f", answered as {words.id}"


def _tool_lines(explained: Explained) -> list[str]:
    ready = explained.run.ready
    if ready is None:
        return []
    return [f"tool       {ready.tool.name}: {ready.tool.effect}, {ready.tool.upstream}"]


def _section(title: str, lines: list[str] | tuple[str, ...]) -> list[str]:
    return ["", title, *(f"  {line}" if line else "" for line in lines)] if lines else []


def _argument(item: Effective) -> str:
    value = json.dumps(item.value, ensure_ascii=False)
    return f"{item.name} = {value} ({item.origin}, goes to {item.place})"


def _logged(words: Explanation, recipient: str) -> list[str]:
    readable = f"readable: {', '.join(words.clear)}; " if words.clear else ""
    lines = [f"{readable}every argument as a keyed digest"]
    if words.sealed:
        lines.append(f"all arguments too, sealed to the key of {words.sealed}")
    if recipient:
        lines.append(f"with a MAC that only the holder of {recipient} verifies")
    return lines


def _plain(explained: Explained) -> dict[str, Any]:
    run, words = explained.run, explained.words
    header, tool = run.profile.header, None if run.ready is None else run.ready.tool
    return {
        "profile": header.profile,
        "version": header.version,
        "digest": run.profile.digest,
        "trusted": explained.is_trusted,
        "tool": None if tool is None else tool.name,
        "effect": None if tool is None else tool.effect,
        "upstream": None if tool is None else tool.upstream,
        **words._asdict(),
        "arguments": [item._asdict() for item in words.arguments],
        "request": plain_request(run.request, run.spec),
        "results": [step._asdict() for step in words.results],
    }
