"""A file that the user named, written line by line, in its place only when it is whole."""

import contextlib
import os
from collections.abc import Iterator

from mcp_proxy.edges.files import check_given, unwritten


def write_lines(path: str, lines: Iterator[str]) -> int:
    """Replaces the file by these lines, mode 0600; returns how many there were.

    Raises:
        UsageError: W01 not writable, or no regular file; then, as where `lines` raises, it is as
            it was.
    """
    check_given(path)
    temporary = f"{os.path.abspath(path)}.{os.urandom(8).hex()}.part"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
                count = 0
                for line in lines:
                    file.write(line + "\n")
                    count += 1
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise unwritten(path, error) from None
    return count
