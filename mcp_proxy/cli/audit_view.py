"""Audit entries as lines: what each tells, in a few words; printed as they come."""

import json
from collections.abc import Iterable
from typing import Any

from rich.text import Text

from mcp_proxy.cli import render
from mcp_proxy.core.audit_filter import client_name, is_approved
from mcp_proxy.core.audit_words import counted
from mcp_proxy.core.text import clean, hidden_character, one_sentence

_WIDTHS = (
    *(("time", 19), ("profile", 12), ("client", 12)),
    *(("kind", 9), ("tool", 20), ("result", 15)),
)
_CLIENT_CHARS = 16
_DETAIL_CHARS = 2_000
_STYLES = {
    "deny": "bold red",
    "ask": "yellow",
    "error": "red",
    "cancelled": "yellow",
    "crash": "bold red",
    "damaged": "bold red",
}
_LEDGER_KINDS = {"admin", "refused", "prune", "erase", "cut", "key"}


def print_entries(
    entries: Iterable[dict[str, Any]], as_json: bool, none: str = "No entries."
) -> int:
    """The entries on stdout, as lines or as one JSON array; returns the exit code.

    `none` is said where there is none.
    """
    if as_json:
        _print_array(entries)
        return 0
    is_first = True
    for entry in entries:
        if is_first:
            render.styled(head_line())
        is_first = False
        render.styled(line_of(entry))
        if not render.is_read():
            return 0
    if is_first:
        render.say(none)
    return 0


def head_line() -> Text:
    """The names of the columns."""
    words = [name.ljust(width) for name, width in _WIDTHS]
    return Text("  ".join([*words, "detail"]), "bold")


def print_json_line(entry: dict[str, Any]) -> None:
    """One entry as a line of JSON."""
    render.data(_json(entry, None))


def line_of(entry: dict[str, Any]) -> Text:
    """One entry as a line, in colours."""
    result = _result(entry)
    time = str(entry["time"])[:19].replace("T", " ")
    client = one_sentence(client_name(entry), _CLIENT_CHARS)
    cells = (time, _profile(entry), client, entry["kind"], entry.get("tool"), result)
    line = Text()
    for cell, (name, width) in zip(cells, _WIDTHS, strict=True):
        style = _style(entry) if name == "result" else "dim" if name == "time" else ""
        line.append(one_sentence(str(cell or ""), _DETAIL_CHARS).ljust(width), style)
        line.append("  ")
    line.append(one_sentence(_detail(entry), _DETAIL_CHARS))
    line.rstrip()
    return line


def _print_array(entries: Iterable[dict[str, Any]]) -> None:
    """Written entry by entry: a log may be larger than memory."""
    before = "["
    for entry in entries:
        text = _json(entry, 2).replace("\n", "\n  ")
        render.data(f"{before}\n  {text}", end="")
        before = ","
        if not render.is_read():
            return
    render.data("[]" if before == "[" else "\n]")


def _json(entry: dict[str, Any], indent: int | None) -> str:
    text = json.dumps(entry, indent=indent, ensure_ascii=False)
    is_seen = hidden_character(text) is None
    return text if is_seen else json.dumps(entry, indent=indent)


def _profile(entry: dict[str, Any]) -> object:
    """Whose entry it is; of a command, the profile that it was about."""
    return entry.get("profile") or (entry.get("facts") or {}).get("profile")


def _result(entry: dict[str, Any]) -> str:
    names = ("decision", "outcome", "error")
    return " ".join(str(entry[name]) for name in names if entry.get(name) is not None)


def _style(entry: dict[str, Any]) -> str:
    words = (entry.get("decision"), entry.get("outcome"), entry["kind"], entry.get("reason"))
    return next((_STYLES[str(word)] for word in words if str(word) in _STYLES), "green")


def _detail(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "open":
            return f"{entry['segment']} pid {entry['pid']}"
        case "decided":
            values = _pairs(entry.get("values", {}))
            said = ", approved by a person" if is_approved(entry) else ""
            return f"{entry['call']} {entry['rule']}{said}" + (f"; {values}" if values else "")
        case "answered":
            return f"{entry['call']} {entry['bytes']} bytes in {entry['ms']} ms"
        case "cancelled":
            return f"{entry['call']} sent: {entry['sent']}"
        case "note":
            return f"{entry['segment']} {entry['what']} {_facts(entry)}".strip()
        case kind if kind in _LEDGER_KINDS or entry["segment"] == "ledger":
            return _ledger_detail(entry)
        case _:
            return f"{entry['segment']} {entry.get('reason', '')}".strip()


def _ledger_detail(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "admin":
            return f"{entry['what']} {_facts(entry)}".strip()
        case "refused":
            return f"profile refused: {entry['profile'] or 'of no proper name'}"
        case "prune":
            return f"{counted(len(entry['segments']), 'segment')} taken away ({entry['why']})"
        case "erase":
            return f"readable values of {entry['call']} erased"
        case "cut":
            return f"a torn tail of {entry['bytes']} bytes of the ledger cut off"
        case "key":
            return f"notes are by {entry['verifier']} from here on"
        case _:
            return f"{entry['about']} ended by a {entry['reason']}, {entry['torn']} bytes torn"


def _facts(entry: dict[str, Any]) -> str:
    return _pairs(entry.get("facts") or {}) or str(entry.get("count", ""))


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={clean(str(value))}" for key, value in values.items())
