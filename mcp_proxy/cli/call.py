"""`mcp-proxy call PROFILE TOOL JSON`: one audited call, or the exact request that it would send."""

import argparse
import json
from typing import Any

from mcp_proxy.app.call import DryRun, dry_run, make_call
from mcp_proxy.cli import render
from mcp_proxy.cli.request_view import plain_request, request_lines
from mcp_proxy.core import strict_json
from mcp_proxy.core.outcome import Result, RpcError
from mcp_proxy.core.policy import Ask, Deny
from mcp_proxy.errors import UsageError

_CONSTRAINT = "MCPX-D14"
_EXIT_CODES = {"P": 3, "H": 3, "C": 4, "A": 5, "U": 6}


def add_commands(subparsers: Any) -> None:
    """Register `call`."""
    parser = subparsers.add_parser("call", help="make one call as a client would, audited")
    parser.add_argument("profile", metavar="PROFILE")
    parser.add_argument("tool", metavar="TOOL")
    parser.add_argument(
        "arguments", metavar="JSON", nargs="?", default="{}", help="an object; without it, {}"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="decide, show the request, send none"
    )
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    arguments = read_arguments(options.arguments)
    if options.dry_run:
        return _show_dry_run(dry_run(options.profile, options.tool, arguments), options.json)
    answer = make_call(options.profile, options.tool, arguments, render.say)
    code = _show(answer, options)
    if answer.error == _CONSTRAINT and dry_run(options.profile, options.tool, arguments).if_shown:
        render.say("This command begins anew each time and has shown nothing, so that such a call")
        render.say("never passes here: a client makes it, in the process that has shown the value.")
    return code


def read_arguments(text: str) -> Any:
    """A call's arguments as given on the command line. Raises UsageError W01."""
    try:
        return strict_json.loads(text.encode())
    except (strict_json.Refused, UnicodeEncodeError) as error:
        raise UsageError(
            "MCPX-W01", f"The arguments are not acceptable JSON: {error}.", "quote them: '{}'"
        ) from None


def _show(answer: Result | RpcError, options: argparse.Namespace) -> int:
    if isinstance(answer, RpcError):
        render.say(f"error: {answer.text}", "bold red")
        render.say(f"next:  mcp-proxy profile show {options.profile}")
        return 1
    if options.json:
        render.json_out(answer.value)
    else:
        for block in answer.value.get("content", []):
            text = block.get("text") if block.get("type") == "text" else None
            render.data(text if isinstance(text, str) else json.dumps(block))
    if answer.error is not None:
        return _EXIT_CODES.get(answer.error[5], 1)
    return 1 if answer.value.get("isError") else 0


def _show_dry_run(run: DryRun, as_json: bool) -> int:
    decision = run.decision
    word = type(decision).__name__.lower()
    if as_json:
        shown = plain_request(run.request, run.spec)
        text = getattr(decision, "text", None)
        render.json_out(
            {
                "decision": word,
                "rule": decision.rule,
                "text": text,
                "request": shown,
                "if_shown": list(run.if_shown),
            }
        )
        return 1 if isinstance(decision, Deny) else 0
    render.say(f"decision: {word} ({decision.rule})", "bold")
    if isinstance(decision, Deny):
        render.say(decision.text)
    if isinstance(decision, Ask):
        render.say("The call would wait for a person's approval: mcp-proxy approve")
        render.say("A grant may let it pass unasked: mcp-proxy profile explain says whether.")
    for words in run.if_shown:
        render.say(f"This holds only if {words}.")
    for line in request_lines(run.request, run.spec):
        render.data(line)
    return 1 if isinstance(decision, Deny) else 0
