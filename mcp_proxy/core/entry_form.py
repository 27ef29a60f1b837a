"""Decided and answered entries as the proxy writes them, known by their bytes alone. Pure.

A line of this form is JSON that holds every field of its kind once; one that is not may still be an
entry, which parsing it shows: other characters than ASCII, say, or an earlier program's fields.
"""

import json
import re
from typing import Any

_TEXT = r'"[ !#-\[\]-~]*"'
_MAYBE = rf"(?:{_TEXT}|null)"
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_HEX = r'"([0-9a-f]{64})"'
_CLEAR = rf"(\{{(?:{_TEXT}:{_TEXT}(?:,{_TEXT}:{_TEXT})*)?\}})"
_DECIDED = (
    rf'decided","tool":{_MAYBE},"upstream":{_MAYBE},"effect":{_MAYBE},"decision":{_TEXT},'
    rf'"rule":{_TEXT},"error":{_MAYBE},"approval":{_MAYBE},"trace":{_MAYBE},"parent":{_MAYBE},'
    rf'"args":{_TEXT},"clear":{_CLEAR}(?:,"row":{_HEX})?'
)
_ANSWERED = (
    rf'answered","call":{_NUMBER},"outcome":{_TEXT},"sent":{_TEXT},"error":{_MAYBE},'
    rf'"status":(?:{_NUMBER}|null),"bytes":{_NUMBER},"ms":{_NUMBER}'
)
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z"
_ANY_TIME = re.compile(_TIME)
_HEAD = rf'\{{"seq":([0-9]+),"time":"({_TIME})","kind":"'
_FORM = re.compile(rf'{_HEAD}(?:{_DECIDED}|{_ANSWERED})(,"mac":"[0-9a-f]{{64}}")?'.encode())
_ROW = re.compile(
    rf'\{{"seq":({_NUMBER}),"key":"([0-9a-f]*)",'
    rf'"clear":(\{{(?:"[^"\\]*":"[^"\\]*",?)*\}})\}}'.encode()
)
_DECODER = json.JSONDecoder()


def is_time(value: object) -> bool:
    """Whether it is a time as entries have it."""
    return isinstance(value, str) and _ANY_TIME.fullmatch(value) is not None


def usual_entry(line: bytes, end: int, seq: int, is_marked: bool) -> dict[str, Any] | None:
    """Seq, time and kind of entry `seq`, which bears a MAC or none; a decision's clear and row.

    `end` is where `,"prev":` begins. None where it is not of this form.
    """
    found = _FORM.fullmatch(line, 0, end)
    if found is None:
        return None
    number, at, clear, row, mac = found.groups()
    if number != b"%d" % seq or (mac is not None) != is_marked:
        return None
    if clear is None:
        return {"seq": seq, "time": at.decode(), "kind": "answered"}
    values = _DECODER.raw_decode(clear.decode())[0]
    if clear.count(b'":"') != len(values):  # a name stands there twice
        return None
    entry = {"seq": seq, "time": at.decode(), "kind": "decided", "clear": values}
    if row is not None:
        entry["row"] = row.decode()
    return entry


def usual_row(text: bytes) -> dict[str, Any] | None:
    """A row of a clear file whose values are text without escapes; None where it is not such."""
    found = _ROW.fullmatch(text)
    if found is None:
        return None
    seq, key, clear = found.groups()
    try:
        value = clear.decode()
        values, end = _DECODER.raw_decode(value)
    except ValueError:
        return None
    # As many names as values: none is there twice.
    is_whole = end == len(value) and clear.count(b'":') == len(values)
    return {"seq": int(seq), "key": key.decode(), "clear": values} if is_whole else None
