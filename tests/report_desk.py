"""A month's report on disk, for the tests of its page and for the README's picture."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from audit_days import Call, LedgerFile, month, write_segment
from homes import install, make_home, tool

from mcp_proxy.app.audit_report import make_report
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.profile import Limit
from mcp_proxy.edges.places import VARIABLE

LIMITS = (Limit("per_day", "amount", "day", 50_000, ""), Limit("calls", "", "hour", 20, "customer"))


@contextmanager
def written(*calls: Call) -> Iterator[str]:
    """The address of the file; `calls` come beside those of the month."""
    before = os.environ.get(VARIABLE)
    with TemporaryDirectory() as folder:
        os.environ[VARIABLE] = os.path.join(folder, "home")
        try:
            home = make_home(os.environ[VARIABLE])
            install(home, tools=[tool("refund", limits=LIMITS)])
            if calls:
                write_segment(home, 1, calls, ledger=LedgerFile(home))
            else:
                month(home)
            path = os.path.join(folder, "report.html")
            with open(path, "wb") as file:
                file.write(make_report(Filter()).html)
            yield f"file://{path}"
        finally:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before
