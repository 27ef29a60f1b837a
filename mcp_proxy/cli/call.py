"""`mcp-proxy call PROFILE TOOL JSON`: one audited call, or the exact request that it would send."""

import argparse
import json
from typing import Any

from mcp_proxy.app.call import DryRun, dry_run, make_call
from mcp_proxy.cli import render
from mcp_proxy.core import strict_json
from mcp_proxy.core.outcome import Result, RpcError
from mcp_proxy.core.policy import Ask, Deny
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import Outgoing, RestRequest
from mcp_proxy.errors import UsageError

_EXIT_CODES = {"P": 3, "H": 3, "C": 4, "A": 5, "U": 6}
_MASK = "********"


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
    arguments = _arguments(options.arguments)
    if options.dry_run:
        return _show_dry_run(dry_run(options.profile, options.tool, arguments), options.json)
    return _show(make_call(options.profile, options.tool, arguments), options)


def _arguments(text: str) -> Any:
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
    shown = None if run.request is None else _exact(run.request, run.spec)
    if as_json:
        text = getattr(decision, "text", None)
        render.json_out({"decision": word, "rule": decision.rule, "text": text, "request": shown})
        return 1 if isinstance(decision, Deny) else 0
    render.say(f"decision: {word} ({decision.rule})", "bold")
    if isinstance(decision, (Ask, Deny)):
        render.say(decision.text)
    if shown is not None:
        render.data(f"{shown['method']} {shown['url']}")
        for name, value in shown["headers"]:
            render.data(f"{name}: {value}")
        if shown["body"] is not None:
            render.data(f"\n{shown['body']}")
    return 1 if isinstance(decision, Deny) else 0


def _exact(request: Outgoing, spec: UpstreamSpec | None) -> dict[str, Any]:
    """The request as it would go out, the credential masked."""
    headers = [] if spec is None or spec.auth is None else [[_header_of(spec), _MASK]]
    if isinstance(request, RestRequest):
        body = None if request.body is None else request.body.decode()
        headers += [list(pair) for pair in request.headers]
        return {"method": request.method, "url": request.url, "headers": headers, "body": body}
    body = json.dumps({"method": "tools/call", "params": request.params}, ensure_ascii=False)
    if spec is not None and spec.kind == "stdio":
        words = " ".join(map(render.quoted, spec.command))
        return {"method": "stdin of", "url": words, "headers": [], "body": body}
    headers += [list(pair) for pair in request.headers]
    url = "" if spec is None else spec.url
    return {"method": "POST", "url": url, "headers": headers, "body": body}


def _header_of(spec: UpstreamSpec) -> str:
    assert spec.auth is not None  # noqa: S101  (the caller has asked)
    return spec.auth.name if spec.auth.kind == "header" else "Authorization"
