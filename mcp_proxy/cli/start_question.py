"""The question before a program is started to list what it has."""

from mcp_proxy.app.capture import MayStart, Start
from mcp_proxy.cli import render
from mcp_proxy.cli.profile_view import command_lines
from mcp_proxy.errors import UsageError


def start_question(yes: bool) -> MayStart:
    """Shows the command and asks at the terminal; `yes` answers."""

    def may_start(start: Start) -> bool:
        for line in _start_lines(start):
            render.say(line)
        try:
            return render.confirm("Start it?", yes)
        except UsageError as error:
            mend = error.next.replace(
                "with --yes", "with --yes (before --stdio, if it stands there)"
            )
            raise UsageError(error.id, error.why, mend) from None

    return may_start


def _start_lines(start: Start) -> list[str]:
    lines = ["To capture its listing, this program is started as you, with all your rights:"]
    lines += [*command_lines(start.spec), f"  program  {start.executable}"]
    if start.variable and start.is_set:
        lines.append(f"  gets     {start.variable}, from this environment")
    elif start.variable:
        lines.append(f"  lacks    {start.variable}; set it here if it cannot list without")
    return lines
