"""The command line itself: wrong usage exits with 2 and names the next command."""

import pytest

from mcp_proxy.cli.main import main


@pytest.mark.parametrize(
    ("words", "told", "command"),
    [
        (("nonsense",), "invalid choice: 'nonsense'", "mcp-proxy --help"),
        (("trust", "add", "KEY-LINE"), "required: --profiles", "mcp-proxy trust add --help"),
        (("call", "billing"), "required: TOOL", "mcp-proxy call --help"),
        (("--profile",), "expected one argument", "mcp-proxy --help"),
        (("--profile", "billing", "trust", "list"), "stands alone", "mcp-proxy --help"),
        (("--profile=billing", "call", "billing", "find"), "stands alone", "mcp-proxy --help"),
    ],
)
def test_wrong_usage_exits_2_and_names_the_next_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str, command: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert told in err
    assert err.endswith(f"\nnext:  {command}\n")


def test_without_a_command_the_help_stands_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: mcp-proxy")
