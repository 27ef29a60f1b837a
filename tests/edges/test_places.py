"""S10: where a home lies, and why one made elsewhere is refused."""

import os
import shutil
import stat
from collections.abc import Callable

import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest

from mcp_proxy.app.doctor import examine
from mcp_proxy.edges.places import (
    VARIABLE,
    Home,
    default_folders,
    ensure_home,
    find_home,
    init_home,
)
from mcp_proxy.errors import HomeError

XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


@pytest.fixture
def user(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's home folder, and an environment that names nothing else."""
    for name in (VARIABLE, *XDG):
        monkeypatch.delenv(name, raising=False)
    home = os.path.join(os.fspath(tmp_path), "user")
    os.mkdir(home, 0o700)
    monkeypatch.setenv("HOME", home)
    return home


def refusal(action: Callable[[], Home]) -> HomeError:
    with pytest.raises(HomeError) as caught:
        action()
    assert caught.value.id == "MCPX-H01"
    return caught.value


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/home/a"},
        {"HOME": "/home/a/"},
        {"HOME": "/"},
        {"HOME": "/home/a", "XDG_CONFIG_HOME": "/c"},
        {"HOME": "/home/a", "XDG_DATA_HOME": "/d/", "XDG_STATE_HOME": "/s"},
        {"HOME": "/home/a", "XDG_CONFIG_HOME": "relative", "XDG_DATA_HOME": ""},
    ],
)
@pytest.mark.parametrize(
    ("platform", "oracle"),
    [("linux", platformdirs.unix.Unix), ("darwin", platformdirs.macos.MacOS)],
)
def test_default_folders_equal_platformdirs(
    platform: str,
    oracle: type[platformdirs.PlatformDirs],
    environment: dict[str, str],
    user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = oracle("mcp-proxy", appauthor=False)
    home = default_folders(platform, os.environ)
    assert home.config == expected.user_config_dir
    assert home.data == expected.user_data_dir
    assert home.state == expected.user_state_dir


def test_default_folders_equal_platformdirs_of_this_system(user: str) -> None:
    home = find_home()
    assert home == (
        "",
        platformdirs.user_config_dir("mcp-proxy", appauthor=False),
        platformdirs.user_data_dir("mcp-proxy", appauthor=False),
        platformdirs.user_state_dir("mcp-proxy", appauthor=False),
    )


@pytest.mark.parametrize("base", ["/Users/a/AppData/Local", "/Users/a/x/../AppData/Local/"])
def test_default_folders_equal_platformdirs_on_windows(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALAPPDATA", base)
    by_variable = platformdirs.windows.get_win_folder_from_env_vars
    monkeypatch.setattr(platformdirs.windows, "_RESOLVE_WIN_FOLDER", by_variable)
    expected = platformdirs.windows.Windows("mcp-proxy", appauthor=False)
    home = default_folders("win32", os.environ)
    assert home.config == expected.user_config_dir
    assert home.data == expected.user_data_dir
    assert home.state == expected.user_state_dir


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_user_without_a_folder_is_an_error(platform: str) -> None:
    with pytest.raises(HomeError):
        default_folders(platform, {"HOME": "relative"})


def test_finding_a_home_writes_nothing(user: str) -> None:
    assert find_home().id == ""
    assert os.listdir(user) == []


def test_first_writing_command_gives_the_default_home_its_id(user: str) -> None:
    home = ensure_home()
    assert len(home.id) == 32
    assert find_home() == ensure_home() == home
    for folder in home[1:]:
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


def test_state_written_before_does_not_keep_the_home_from_being_made(user: str) -> None:
    os.makedirs(os.path.join(user, ".local/state/mcp-proxy/audit"), 0o700)
    assert ensure_home().id


@pytest.mark.parametrize(
    "name",
    [
        ".config/mcp-proxy/trust.json",
        ".config/mcp-proxy/settings.toml",
        ".local/share/mcp-proxy/seen.json",
        ".local/share/mcp-proxy/profiles",
    ],
)
def test_s10_files_of_trust_that_no_home_made_are_not_adopted(user: str, name: str) -> None:
    path = os.path.join(user, name)
    os.makedirs(os.path.dirname(path), 0o700)
    with open(path, "w", encoding="utf-8"):
        pass
    refused = refusal(ensure_home)
    assert name in refused.why
    assert f"move {path} away, repeat the command" in refused.next
    assert (f"write your lines into {path} anew" in refused.next) == name.endswith(".toml")
    assert [(check.ok, check.found) for check in examine()] == [(False, str(refused))]


def test_s10_named_home_must_have_been_made_there(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    refusal(find_home)
    made = init_home(folder)
    assert find_home() == made
    assert made.config == os.path.join(folder, "config")
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


@pytest.mark.parametrize("value", ["", "relative", "/a/../b", "/a/", "~/x"])
def test_s10_named_home_must_be_absolute(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    refusal(find_home)


def test_s10_copied_home_is_refused(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, copy = (os.path.join(os.fspath(tmp_path), name) for name in ("home", "copy"))
    init_home(folder)
    shutil.copytree(folder, copy)
    monkeypatch.setenv(VARIABLE, copy)
    refusal(find_home)
    refusal(lambda: init_home(copy))
    # Even moved to the very place that its marker names: the folder is another one.
    os.rename(folder, os.path.join(os.fspath(tmp_path), "kept"))
    os.rename(copy, folder)
    monkeypatch.setenv(VARIABLE, folder)
    refusal(find_home)


@pytest.mark.parametrize("variable", XDG)
def test_s10_variable_cannot_bring_in_a_part_of_another_home(
    user: str, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    home = ensure_home()
    elsewhere = os.path.join(os.fspath(tmp_path), "checkout")
    parts = dict(zip(XDG, home[1:], strict=True))
    shutil.copytree(parts[variable], os.path.join(elsewhere, "mcp-proxy"))
    monkeypatch.setenv(variable, elsewhere)
    refusal(find_home)
    refusal(ensure_home)


@pytest.mark.parametrize("marker", [b"", b"[]", b"{", b"{}", b'{"id":"x"}'])
def test_s10_damaged_marker_is_refused(user: str, marker: bytes) -> None:
    home = ensure_home()
    with open(os.path.join(home.config, "home.json"), "wb") as file:
        file.write(marker)
    refusal(find_home)


def test_home_is_not_made_over_foreign_files(tmp_path: os.PathLike[str]) -> None:
    with open(os.path.join(os.fspath(tmp_path), "thesis.txt"), "w", encoding="utf-8"):
        pass
    refusal(lambda: init_home(os.fspath(tmp_path)))


def test_making_a_home_twice_keeps_its_id(tmp_path: os.PathLike[str]) -> None:
    folder = os.path.join(os.fspath(tmp_path), "home")
    assert init_home(folder) == init_home(folder)


def test_two_homes_have_different_ids(tmp_path: os.PathLike[str]) -> None:
    one, two = (init_home(os.path.join(os.fspath(tmp_path), name)) for name in ("a", "b"))
    assert one.id != two.id
