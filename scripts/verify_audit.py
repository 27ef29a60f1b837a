"""Verifies an audit log by its formats: ledger, notes by given keys, segments, values; no MACs."""

import argparse
import glob
import hashlib
import hmac
import json
import os
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from types import SimpleNamespace as Story

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ZERO, COMMON, MOST = "0" * 64, ("seq", "time", "kind", "note", "prev", "hash"), 32 << 20
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
faults, counts, pruned = [], Counter(), set()
stories = defaultdict(lambda: Story(opened=None, end=None, torn=0, marks={0: ZERO}, erased=set()))


def require(is_so, why):
    if not is_so:
        raise ValueError(why)


def walk(path, look):
    """Hands each entry of a chain to `look`; how many are good, and the bytes after them."""
    prev, count = ZERO, 0
    if not os.path.isfile(path) or os.path.islink(path):
        faults.append(f"{path}:0: it is no file")
        return count, -1
    with open(path, "rb") as file:
        for line in iter(lambda: file.readline(MOST), b""):
            body, mark, rest = line.rpartition(b',"hash":"')
            if not line.endswith(b"\n") and (len(rest) <= 66 if mark else len(line) < MOST):
                return count, len(line)
            digest = hashlib.sha256(body).hexdigest()
            try:
                require(rest == digest.encode() + b'"}\n', "no entry, or not as it was written")
                entry = json.loads(line.decode())
                require((entry["seq"], entry["prev"]) == (count, prev), "it follows another entry")
                require(COMPACT.encode(entry).encode() == line[:-1], "not written as entries are")
                look(entry)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is broken
                faults.append(f"{path}:{count + 1}: {error or 'its signature is wrong'}")
                return count, -1
            prev, count = digest, count + 1
    return count, 0


def tell(first, keys, entry):
    """Takes in an entry of the ledger, and checks its note; `first` is filled with its first."""
    kind, story = entry["kind"], stories[entry["segment"]] if "segment" in entry else None
    require((kind == "ledger") == (entry["seq"] == 0), "a ledger has one first entry")
    first.update({} if first else entry)
    for name, *mark in entry["segments"] if kind == "prune" else ():
        require(stories[name].end in (None, mark), "it prunes other entries than were told")
        pruned.add(name)
    if kind == "erase":
        story.erased.add(int(str(entry["call"]).rpartition(":")[2]))
    elif kind == "open":
        require(story.opened is None, "it opens a segment that was opened before")
        story.opened = {"seq": entry["seq"], "hash": entry["hash"]}
    elif kind in ("checkpoint", "close"):
        mark = [entry["entries"], entry["head"]]
        is_new = mark[0] >= max(story.marks) and story.marks.setdefault(*mark) == mark[1]
        is_open = story.end is None or (kind == "close" and story.end == mark)
        require(is_new and is_open, "it does not fit what was told of the segment before")
        if kind == "close" and story.end is None:
            story.end, story.torn = mark, entry["torn"]
    fields = COMPACT.encode({key: entry[key] for key in entry if key not in COMMON})
    own = hashlib.sha256(fields.encode(errors="replace")).digest()
    old, own = (b64encode(it).decode() for it in (bytes.fromhex(entry["prev"]), own))
    text = f"mcp-proxy-audit/{first['home']}\n{entry['seq']}\n{old}\n{entry['time']} {kind} {own}\n"
    if entry["note"] is None:
        return
    require(entry["note"].startswith(text + "\n— "), "its note is of another entry")
    _, name, signature = entry["note"].removeprefix(text + "\n").split(" ")
    data = b64decode(signature.removesuffix("\n"), validate=True)
    if (name, data[:4]) in keys:
        keys[name, data[:4]].verify(data[4:], text.encode())
        counts["ledger entries signed"] = entry["seq"] + 1


def fits(row, entry):
    key, values = bytes.fromhex(row["key"]), [row.get("sealed"), *row["clear"].values()]
    texts = [CANONICAL.encode(value).encode(errors="replace") for value in values]
    own, *made = [hmac.digest(key, text, "sha256").hex() for text in texts]
    due = entry.get("row", 0 if "sealed" in row else own), row["key"]
    return (own, key.hex()) == due and dict(zip(row["clear"], made, strict=True)) == entry["clear"]


def check_segment(path, story, began, forgets):
    beside, kinds = path.removesuffix(".jsonl") + ".clear.jsonl", []
    with open(beside if os.path.exists(beside) else os.devnull, "rb") as file:
        lines = [(at, it) for at, it in enumerate(file, 1) if it[-1:] == b"\n" != it.lstrip(b" ")]
    rows = {row["seq"]: (at, row) for at, row in ((at, json.loads(it)) for at, it in lines)}
    require(all(COMPACT.encode(json.loads(it)).encode() + b"\n" == it for _, it in lines), "form")

    def look(entry):
        kind, count, told = entry["kind"], len(kinds) + 1, story.marks.get(entry["seq"] + 1)
        require((kind == "open") == (count == 1) and "close" not in kinds[-1:], "out of order")
        is_old = entry["time"] <= began and (forgets or entry.get("ledger") is None)
        is_known = story.opened == entry.get("ledger") if story.opened else is_old
        is_due = count <= (story.end or [count])[0] and told in (None, entry["hash"])
        require(is_due and (count > 1 or is_known), "the ledger does not know it, or otherwise")
        if kind == "decided" and entry["seq"] not in rows:
            counts["erased" if entry["seq"] in story.erased else "without values"] += 1
        elif kind == "decided" and not fits(rows[entry["seq"]][1], entry):
            faults.append(f"{beside}:{rows[entry['seq']][0]}: a value does not fit its digest")
        kinds.append(kind)

    count, torn = walk(path, look)
    due = story.torn if story.end else 0 if "close" in kinds else torn
    if torn >= 0 and (max(story.marks) > count or torn != due):
        faults.append(f"{path}:{count + 1}: it ends otherwise than was told")
    counts["entries"] += count


def verifier(line):
    name, key, data = line.strip().split("+", 2)
    return (name, bytes.fromhex(key)), Ed25519PublicKey.from_public_bytes(b64decode(data)[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", help="the state folder of a home, or a copy of it")
    parser.add_argument("--json", dest="indent", action="store_const", const=None, default=1)
    parser.add_argument("--key", action="append", default=[], type=verifier, help="NAME+ID+BASE64")
    keys, first = dict((given := parser.parse_args()).key), {}
    ledger, folder = (os.path.join(given.state, name) for name in ("ledger.jsonl", "audit"))
    paths = {path for path in glob.glob(f"{folder}/*/*.jsonl") if ".clear." not in path}
    if os.path.lexists(ledger) or not paths:
        counts["ledger"], _ = walk(ledger, lambda entry: tell(first, keys, entry))
    since = ("~", True) if faults else (first.get("time", "~"), first.get("follows"))
    if keys and not faults and not counts["ledger entries signed"]:
        faults.append(f"{ledger}:0: no note is by a key that is given")
    due = {it for it in stories if it not in pruned and max(stories[it].marks)}
    for path in sorted(paths | {f"{folder}/{it}.jsonl" for it in due}):
        try:
            check_segment(path, stories[path[len(folder) + 1 : -len(".jsonl")]], *since)
        except Exception as error:  # noqa: BLE001 - the same
            faults.append(f"{path}:0: it, or the file beside it, cannot be read: {error}")
    print(json.dumps({"good": not faults, **counts, "faults": faults}, indent=given.indent))
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
