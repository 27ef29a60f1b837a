"""What `doctor --fix` does for the ledger: puts a damaged one aside, and begins the next one.

One that is whole and lacks a head that is kept elsewhere, as after a backup was put back, is
accepted as it is, and the kept heads are put aside; the ledger tells of them from then on.

Only a person at the controlling terminal may say so, as for state.db: the damaged one may be
evidence. The next one begins with the damaged one's digest, so that it cannot be exchanged later.
"""

from collections.abc import Callable, Iterator

from mcp_proxy.app import admin_log
from mcp_proxy.app.audit_anchors import forget_anchors
from mcp_proxy.app.audit_key_check import lost_heads
from mcp_proxy.app.audit_keys import tell_again
from mcp_proxy.core.audit_anchor import anchor_text
from mcp_proxy.edges.audit_repair import damage_of, replace_ledger
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import McpProxyError


def mend_ledger(home: Home, ask: Callable[[str], str]) -> Iterator[str]:
    """A sentence for each thing done, if the person says so; none where nothing needs mending.

    `ask` shows a question to the person and returns what was typed.

    Raises:
        UsageError: W01 nobody is there to be asked.
        AuditError: A01 it cannot be read or written.
        HomeError: H02, H03 a file is not safe, or cannot be used.
    """
    why = damage_of(home)
    if why is None:
        yield from _accept(home, ask)
        return
    question = (
        f"{why} A new ledger begins with the SHA-256 of this one, which is put aside; audit verify "
        "goes on telling that it was damaged. Keep a copy of it elsewhere if you do not know why. "
        "Begin a new one? [y/N]"
    )
    if ask(question).lower() not in ("y", "yes"):
        yield "Nothing was changed. What has to be logged stays refused."
        return
    aside = replace_ledger(home)
    if aside is None:
        yield "The ledger was mended meanwhile."
        return
    admin_log.record(home, "doctor --fix", did="ledger replaced")
    yield f"A new ledger is in place. The damaged one is kept: {aside}"
    yield from _renew_anchors(home)


def _accept(home: Home, ask: Callable[[str], str]) -> Iterator[str]:
    """For a whole ledger that was cut or put back: nothing where no kept head is amiss."""
    try:
        lost = list(lost_heads(home))
    except (McpProxyError, OSError):
        return  # the checks that follow say why
    if not lost:
        return
    named = "; ".join(f"{place}: {anchor_text(head)}" for place, head in lost)
    question = (
        f"The ledger lacks entries that were in it ({named}). That is so after a backup was put "
        "back, and after somebody cut or rewrote it: if you put none back, say no and keep a copy "
        f"of {home.state}. Accept the ledger as it is? [y/N]"
    )
    if ask(question).lower() not in ("y", "yes"):
        yield "Nothing was changed. audit verify goes on telling that entries are missing."
        return
    heads = "; ".join(anchor_text(head) for _, head in lost)
    admin_log.record(home, "doctor --fix", did="ledger accepted", lacks=heads)
    try:
        aside = forget_anchors(home)
    except McpProxyError as error:
        yield f"The heads that are kept elsewhere stay there. {error.why}"
        return
    yield "The ledger is accepted, and names the heads that it lacks."
    if aside is not None:
        yield f"The head in the folder is kept too: {aside}"


def _renew_anchors(home: Home) -> Iterator[str]:
    """The new ledger names the key anew, and its head is kept where the damaged one's was."""
    try:
        tell_again(home)
        kept = forget_anchors(home)
    except McpProxyError as error:
        yield f"Heads of the damaged one that are kept elsewhere stay there. {error.why}"
        return
    if kept is not None:
        yield f"The damaged one's last signed head is kept too: {kept}"
