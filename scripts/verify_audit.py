"""Verifies an audit log: chains, ledger, notes by given keys, values; no MACs, anchors or kinds."""

import hashlib
import hmac
import json
from argparse import ArgumentParser, Namespace
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ZERO, COMMON, MOST = "0" * 64, ("seq", "time", "kind", "note", "prev", "hash"), 32 << 20
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
faults, counts, pruned, ROW = [], Counter(), set(), ("seq", "key", "clear")
stories = defaultdict(lambda: Namespace(opened=None, end=None, marks={0: ZERO}, erased=set()))


def require(is_so, why):
    if not is_so:
        raise ValueError(why)


def walk(path, look):
    """Hands each entry of a chain to `look`; how many are good, and the bytes after them."""
    prev, count = ZERO, 0
    if not path.is_file() or path.is_symlink():
        faults.append(f"{path}:0: it is no file")
        return count, -1
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(MOST), b""):
            body, mark, rest = line.rpartition(b',"hash":"')
            if not line.endswith(b"\n") and (len(rest) <= 66 if mark else len(line) < MOST):
                return count, len(line)
            digest = hashlib.sha256(body).hexdigest()
            try:
                entry = json.loads(line.decode())
                links = entry["seq"], entry["prev"], len(entry["time"]), rest
                require(links == (count, prev, 27, digest.encode() + b'"}\n'), "no next entry")
                numbers = (type(entry.get(it, 0)) is int for it in ("seq", "entries", "torn"))
                require(all(numbers) and COMPACT.encode(entry).encode() == line[:-1], "its form")
                look(entry)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is broken
                faults.append(f"{path}:{count + 1}: {error or 'its signature is wrong'}")
                return count, -1
            prev, count = digest, count + 1
    return count, 0


def tell(first, keys, entry):  # takes in an entry of the ledger; `first` becomes the first one
    kind, story = entry["kind"], stories[entry["segment"]] if "segment" in entry else None
    is_fit, _ = (kind == "ledger") == (entry["seq"] == 0), first.update({} if first else entry)
    for name, *mark in entry["segments"] if kind == "prune" else ():
        it = stories[name]
        is_fit = is_fit and it.end == (mark if it.opened or len(it.marks) > 1 else it.end)
        pruned.add(name)
    if kind == "erase":
        story.erased.add(int(str(entry["call"]).rpartition(":")[2]))
    elif kind == "open":
        is_fit, story.opened = not story.opened, {"seq": entry["seq"], "hash": entry["hash"]}
    elif kind in ("checkpoint", "close"):
        mark = [entry["entries"], entry["head"]]
        is_new = mark[0] >= max(story.marks) and story.marks.setdefault(*mark) == mark[1]
        is_open = story.end is None or (kind == "close" and story.end == mark)
        is_fit = is_new and is_open and (story.opened or first["follows"])
        if kind == "close" and story.end is None:
            story.end, story.torn = mark, entry["torn"]
    fields = COMPACT.encode({key: entry[key] for key in entry if key not in COMMON}).encode()
    old, own = bytes.fromhex(entry["prev"]), hashlib.sha256(fields).digest()
    old, own = b64encode(old).decode(), b64encode(own).decode()
    text = f"mcp-proxy-audit/{first['home']}\n{entry['seq']}\n{old}\n{entry['time']} {kind} {own}\n"
    require(is_fit and (entry["note"] or text).startswith(text), "it is not as was told before")
    if entry["note"] is not None:
        name, signature = entry["note"].removeprefix(f"{text}\n— ").split(" ")
        data = b64decode(signature[:-1], validate=True)
        if (name, data[:4]) in keys:
            keys[name, data[:4]].verify(data[4:], text.encode())
            counts["ledger entries signed"] = entry["seq"] + 1


def check_segment(path, story, began, forgets):
    beside, entries, before = path.with_suffix(".clear.jsonl"), [], len(faults)
    count, torn = walk(path, entries.append)
    for at, it in enumerate(entries, 1):
        is_next = (it["kind"] == "open") == (at == 1) and (it["kind"] != "close" or at == count)
        is_due = at <= (story.end or [at])[0] and story.marks.get(at, it["hash"]) == it["hash"]
        if not (is_next and is_due and (at > 1 or story.opened in (None, it["ledger"]))):
            faults.append(f"{path}:{at}: out of order, or otherwise than was told")
    due = story.torn if story.end else 0 if entries and entries[-1]["kind"] == "close" else torn
    if torn >= 0 and (max(story.marks) > count or torn != due):
        faults.append(f"{path}:{count + 1}: it ends otherwise than was told")
    *lines, tail = (beside.read_bytes() if beside.is_file() else b"").split(b"\n")
    found = [(at, json.loads(it)) for at, it in enumerate(lines, 1) if it.strip(b" ") or not it]
    rows, numbers = {it["seq"]: (at, it) for at, it in found}, [0, *(it["seq"] for _, it in found)]
    is_whole = {tuple(row) for _, row in found} <= {ROW, (*ROW, "sealed")}
    is_whole &= all(COMPACT.encode(row).encode() == lines[at - 1] for at, row in found)
    require(is_whole and numbers == sorted(numbers) and {*map(type, numbers)} == {int}, "no rows")
    decided = {it["seq"]: it for it in entries if it["kind"] == "decided"}
    lost = (bare := decided.keys() - rows.keys()) - story.erased
    for at, row in (rows[it] for it in decided.keys() & rows.keys()):
        entry, key = decided[row["seq"]], bytes.fromhex(row["key"])
        texts = map(CANONICAL.encode, [row.get("sealed"), *row["clear"].values()])
        own, *made = [hmac.digest(key, it.encode(errors="replace"), "sha256").hex() for it in texts]
        due = entry.get("row", 0 if "sealed" in row else own), row["key"]
        if (own, key.hex(), dict(zip(row["clear"], made, strict=True))) != (*due, entry["clear"]):
            faults.append(f"{beside}:{at}: a value does not fit its digest")
    loose = [at for at, it in found if at != rows[it["seq"]][0] or it["seq"] not in decided]
    if torn >= 0 and (tail[:1] == b" " or (lost and (loose or b"}}" in tail[-3:]))):
        faults.append(f"{beside}:{[*loose, len(lines) + 1][0]}: it is no call's, and calls lack it")
    named, latest = entries and entries[0]["ledger"], max([began, *(it["time"] for it in entries)])
    is_told = story.opened or len(story.marks) > 1 or not entries or len(faults) > before
    if not is_told and (not forgets if named else latest != began):
        faults.append(f"{path}:1: the ledger does not name it, though it was there")
    counts.update(entries=count, erased=len(bare - lost), lost=len(lost), unnamed=named is None)


def verifier(line):
    name, key, data = line.strip().split("+", 2)
    return (name, bytes.fromhex(key)), Ed25519PublicKey.from_public_bytes(b64decode(data)[1:])


def main():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("state", help="the state folder of a home, or a copy of it", type=Path)
    parser.add_argument("--json", dest="indent", action="store_const", const=None, default=1)
    parser.add_argument("--key", action="append", default=[], type=verifier, help="NAME+ID+BASE64")
    keys, first = dict((given := parser.parse_args()).key), {}
    ledger, folder = given.state / "ledger.jsonl", given.state / "audit"
    paths = {path for path in folder.glob("*/*.jsonl") if ".clear." not in path.name}
    if ledger.is_symlink() or ledger.exists() or not paths:
        counts["ledger"], _ = walk(ledger, lambda entry: tell(first, keys, entry))
    since = ("~", True) if faults else (first.get("time", "~"), first.get("follows"))
    if keys and not faults and not counts["ledger entries signed"]:
        faults.append(f"{ledger}:0: no note is by a key that is given")
    aside = (it.read_bytes() for it in given.state.glob("ledger.*.jsonl") if it.is_file())
    if first.get("follows") not in (None, *(hashlib.sha256(it).hexdigest() for it in aside)):
        faults.append(f"{ledger}:1: the damaged ledger that it follows is missing, or was changed")
    due = {folder / f"{it}.jsonl" for it in stories if it not in pruned and max(stories[it].marks)}
    for path in sorted(paths | due):
        try:
            check_segment(path, stories[f"{path.parent.name}/{path.stem}"], *since)
        except Exception as error:  # noqa: BLE001 - the same
            faults.append(f"{path}:0: it, or the file beside it, cannot be read: {error}")
    print(json.dumps({"good": not faults, **counts, "faults": faults}, indent=given.indent))
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
