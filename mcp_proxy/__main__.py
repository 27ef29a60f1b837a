"""The command `mcp-proxy`: `--profile NAME` serves at once, everything else is the CLI's."""

import os
import sys


def main() -> int:
    """Entry point; returns the exit code."""
    arguments = sys.argv[1:]
    name = _profile(arguments)
    if name is None:
        from mcp_proxy.app import warmup  # noqa: PLC0415  (serve must not pay for the commands)

        try:
            return int(warmup.load(warmup.COMMANDS).main(arguments))
        except KeyboardInterrupt:
            return 130
    from mcp_proxy.app.serve import serve  # noqa: PLC0415  (nor the commands for serve)

    code = serve(name)
    # Not sys.exit: a warm-up thread in the middle of an import would hold up the end.
    os._exit(code)


def _profile(arguments: list[str]) -> str | None:
    match arguments:
        case ["--profile", name]:
            return name
        case [option] if option.startswith("--profile="):
            return option.removeprefix("--profile=")
    return None


if __name__ == "__main__":
    sys.exit(main())
