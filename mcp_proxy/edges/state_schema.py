"""The tables of state/state.db, version 1. Times are ledger time in seconds since the epoch."""

VERSION = 1

TABLES = (
    # home, id: 32 hex digits each; salt: 32 bytes, with which values are hashed before they count;
    # grants_from_s: in one that stands for a lost one, grants issued before are void
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # one row: core.ledger_time.Record
    """CREATE TABLE clock (
        row INTEGER PRIMARY KEY, latest_s REAL, anchor_s REAL, boot_s REAL, boot_id TEXT
    )""",
    # what is taken of a limit in a window, reserved or sent; kept until forget_s
    """CREATE TABLE counters (
        name BLOB, counted_by BLOB, label TEXT, taken INTEGER NOT NULL, forget_s REAL NOT NULL,
        PRIMARY KEY (name, counted_by, label)
    ) WITHOUT ROWID""",
    "CREATE INDEX counters_forget ON counters (forget_s)",
    # what a call has taken, so that it can be given back; is_sent: its first byte may have left
    """CREATE TABLE holds (
        ticket TEXT, part INTEGER, name BLOB NOT NULL, counted_by BLOB NOT NULL,
        label TEXT NOT NULL, amount INTEGER NOT NULL, per TEXT NOT NULL, at_most INTEGER NOT NULL,
        is_sent INTEGER NOT NULL, lapses_s REAL NOT NULL, PRIMARY KEY (ticket, part)
    ) WITHOUT ROWID""",
    # what a person is asked to approve, and was: edges.approvals.Request, channels joined by commas
    """CREATE TABLE requests (
        id TEXT PRIMARY KEY, code TEXT NOT NULL, digest TEXT NOT NULL, profile TEXT NOT NULL,
        root TEXT NOT NULL, tool TEXT NOT NULL, effect TEXT NOT NULL, channels TEXT NOT NULL,
        view TEXT NOT NULL, summary TEXT NOT NULL, created_s REAL NOT NULL,
        expires_s REAL NOT NULL, state TEXT NOT NULL, uses_left INTEGER NOT NULL,
        until_s REAL NOT NULL, by TEXT NOT NULL, who TEXT NOT NULL, word TEXT NOT NULL,
        decided_s REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX requests_digest ON requests (digest, state)",
    # how many calls a grant, by its id, has let pass
    "CREATE TABLE grants_used (id TEXT PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID",
)
