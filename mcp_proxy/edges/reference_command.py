"""A secret from where a reference says: a variable of ours, or what one command of the user prints.

The command is a password manager's, such as `op read` or `pass show`. It is started without a
shell, in a group of its own, with an environment made for it, and what it says goes into no error.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.executables import check_executable, find_executable
from mcp_proxy.edges.launch import Launch, build_environment
from mcp_proxy.edges.settings_credentials import Source
from mcp_proxy.errors import CredentialError, HomeError

# What leads a password manager to its own store and agent, and names no program or library.
_HANDED_ON = (
    *("USER", "LOGNAME", "LANG", "LC_ALL", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK"),
    *("GNUPGHOME", "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "AWS_PROFILE"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"),
    *("XDG_SESSION_ID", "XDG_SESSION_TYPE", "CREDENTIALS_DIRECTORY"),
    *("OP_ACCOUNT", "OP_BIOMETRIC_UNLOCK_ENABLED", "OP_CONFIG_DIR"),
    *("PASSWORD_STORE_DIR", "PASSWORD_STORE_KEY", "PASSWORD_STORE_GPG_OPTS"),
)
# What opens 1Password's store without a person goes to 1Password's own program alone.
_OWN_TOKENS = {"op": ("OP_SERVICE_ACCOUNT_TOKEN", "OP_CONNECT_HOST", "OP_CONNECT_TOKEN")}
_OWN_PREFIXES = {"op": ("OP_SESSION_",)}

_NEW_GROUP: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _NEW_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


def fix_source(source: Source) -> Source:
    """The same with the whole path of its program, as the PATH finds it now and never again.

    Raises:
        ValueError: a whole sentence, there is no such program.
        HomeError: H02 another user can have changed it, H03 it cannot be started.
    """
    if not source.argv:
        return source
    program = find_executable(source.argv[0], os.environ.get("PATH", ""))
    check_executable(program)
    return source._replace(argv=(program, *source.argv[1:]))


def read_source(source: Source, what: str) -> str:
    """What the variable or the command gives now; `what` begins each sentence; blocks.

    Raises:
        CredentialError: C01 not set, empty, not text, too long, too late, or the command failed.
    """
    if source.argv:
        return _command_output(source, what)
    mend = f"export {source.variable}=SECRET, then start the client again from there"
    value = os.environ.get(source.variable, "")
    if not value:
        why = f"{what} comes from the variable {source.variable}, which is not set here."
        raise CredentialError("MCPX-C01", why, mend)
    return value


def _command_output(source: Source, what: str) -> str:
    program = source.argv[0]
    mend = f"run {os.path.basename(program)} in a terminal to see what it says"
    try:
        check_executable(program)
        data = _run(source.argv)
    except HomeError as error:
        raise CredentialError("MCPX-C01", f"{what}: {error.why}", error.next) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        why = f"{what} comes from {program}, which {reason or 'cannot be started'}."
        raise CredentialError("MCPX-C01", why, mend) from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        why = f"{what} comes from {program}, which printed what is no UTF-8 text."
        raise CredentialError("MCPX-C01", why, mend) from None


def _run(argv: tuple[str, ...]) -> bytes:
    """What it printed, but for one line's end. Raises ValueError with words that tell how not."""
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.path.dirname(argv[0]),
        env=_environment(argv[0]),
        close_fds=True,
        **_NEW_GROUP,
    )
    printed: list[bytes] = []
    # In a thread, which is left behind if need be: what has moved to a session of its own outlives
    # the group's end, and may hold the pipe for as long as it likes.
    reader = threading.Thread(target=_read, args=(child, printed), daemon=True)
    reader.start()
    try:
        code = _ended(child, reader)
    finally:
        _kill(child)
        child.wait()
    return _judge(printed[0], code)


def _ended(child: "subprocess.Popen[bytes]", reader: threading.Thread) -> int:
    """Its exit code, once all is read. Raises ValueError where that takes too long."""
    deadline_s = LIMITS.reference_deadline_ms / 1000
    until_s = time.monotonic() + deadline_s
    reader.join(deadline_s)
    with contextlib.suppress(subprocess.TimeoutExpired):
        if not reader.is_alive():
            return child.wait(max(0.0, until_s - time.monotonic()))
    raise ValueError(f"did not end within {deadline_s:g} s")


def _read(child: "subprocess.Popen[bytes]", printed: list[bytes]) -> None:
    assert child.stdout is not None  # noqa: S101
    with child.stdout:
        data = child.stdout.read(LIMITS.reference_bytes + 1)
    if len(data) > LIMITS.reference_bytes:
        _kill(child)
    printed.append(data)


def _judge(data: bytes, code: int) -> bytes:
    if len(data) > LIMITS.reference_bytes:
        raise ValueError(f"printed more than {LIMITS.reference_bytes >> 10} KiB")
    if code != 0:
        raise ValueError(f"ended with code {code}" if code > 0 else f"ended by signal {-code}")
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise ValueError("printed nothing")
    return data


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """With its whole group: what it started ends with it (on Windows, it alone)."""
    # Not by `poll`: until it is waited for its number is its own, also where it has ended already
    # and something that it left behind holds the pipe.
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            child.kill()
        else:
            os.killpg(child.pid, signal.SIGKILL)


def _environment(program: str) -> dict[str, str]:
    manager = os.path.basename(program).removesuffix(".exe")
    names = (*_HANDED_ON, *_OWN_TOKENS.get(manager, ()))
    prefixes = _OWN_PREFIXES.get(manager, ())
    handed_on = {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(prefixes)
    }
    return {**build_environment(Launch(program, (program,))), **handed_on}
