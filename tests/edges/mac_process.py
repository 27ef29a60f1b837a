"""One process that logs calls under a recipient's MAC, and then waits until its stdin ends.

Arguments: the home's folder, which must not exist, the recipient's line, how many calls. It prints
its segment's path once they are logged.
"""

import sys

from homes import make_home
from log_desk import call_once, log_in, path_of

from mcp_proxy.core.profile import AuditRules


def main(folder: str, recipient: str, calls: str) -> None:
    log = log_in(make_home(folder), AuditRules((), "deny", recipient))
    for _ in range(int(calls)):
        call_once(log)
    print(path_of(log), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
