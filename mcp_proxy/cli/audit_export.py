"""`mcp-proxy audit export`: the log for other systems, in a file or to an OTLP collector."""

import argparse
import os
import stat
import sys
import threading
from typing import Any

from mcp_proxy.app import otlp_extra
from mcp_proxy.app.audit_export import Export
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import add_span_options, filter_of, none_words
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.audit_words import counted
from mcp_proxy.edges.given_file import write_lines
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.errors import UsageError

_NICE = 10


def add_export_command(commands: Any) -> None:
    """Registers `audit export`."""
    export = commands.add_parser(
        "export",
        help="the log for other systems",
        description="Writes the log in a form that other systems read, or sends it to an OTLP "
        "collector.",
    )
    export.add_argument(
        "--format",
        choices=("jsonl", "ocsf", "cef", "otlp"),
        required=True,
        help="otlp sends what the collector of [audit] otlp has not taken yet",
    )
    add_span_options(export)
    export.add_argument("-o", dest="file", metavar="FILE", help="write there, not to stdout")
    export.add_argument(
        "--follow", action="store_true", help="otlp: go on with what is added, until Ctrl-C"
    )
    export.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> int:
    """`audit export`."""
    home, only = find_home(), filter_of(options)
    if options.format == "otlp":
        if only != Filter() or options.file:
            why = "OTLP goes on where it stopped: it takes no --since, --until, --profile and -o."
            raise UsageError("MCPX-W01", why, "mcp-proxy audit export --format otlp")
        return _follow(home) if options.follow else _send(home)
    if options.follow:
        raise UsageError("MCPX-W01", "Only --format otlp follows the log.", "mcp-proxy audit tail")
    return _write(Export(home, options.format, only), only, options.file)


def _write(export: Export, only: Filter, file: str | None) -> int:
    if file is None:
        _print(export, only)
    else:
        count = write_lines(file, export.lines())
        render.say(f"{counted(count, 'line')} {'is' if count == 1 else 'are'} in {file}.")
    for damage in export.damaged:
        render.say(f"{damage.path}:{damage.line} {damage.what}; nothing after it was exported.")
    return 1 if export.damaged else 0


def _print(export: Export, only: Filter) -> None:
    is_any = False
    for line in export.lines():
        is_any = True
        render.data(line)
        if not render.is_read():
            break
    if not is_any:
        render.say(none_words(only))


def _send(home: Home) -> int:
    return _tell(otlp_extra.exporter().export_once(home))


def _follow(home: Home) -> int:
    """Until Ctrl-C, or the end of a pipe on stdin: the process that started this one has ended."""
    if hasattr(os, "nice"):
        os.nice(_NICE)  # calls come first
    ended = threading.Event()
    if _is_pipe():
        threading.Thread(target=_wait, args=(ended,), name="stdin", daemon=True).start()
    try:
        return _tell(otlp_extra.exporter().follow(home, ended, render.say))
    except KeyboardInterrupt:
        return 0


def _is_pipe() -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return False


def _wait(ended: threading.Event) -> None:
    while sys.stdin is not None and os.read(0, 1 << 10):
        pass
    ended.set()


def _tell(sent: otlp_extra.Sent | None) -> int:
    if sent is None:
        render.say("Another process sends this home's log; it will send everything.")
        return 0
    entries = counted(sent.records, "entry", "entries")
    render.say(f"Sent: {entries} and {counted(sent.spans, 'call')}.")
    if sent.refused:
        render.say(f"The collector has refused {counted(sent.refused, 'item')} for good.")
    return 0
