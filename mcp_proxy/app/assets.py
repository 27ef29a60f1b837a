"""The files that travel with the program: the demo's profile, its API document, its listing.

A wheel holds them in `mcp_proxy/profiles`; a checkout holds them in `profiles` beside the package.
"""

import os

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FOLDERS = (os.path.join(_PACKAGE, "profiles"), os.path.join(os.path.dirname(_PACKAGE), "profiles"))


def asset_path(name: str) -> str:
    """Absolute path of the asset `name`. Raises FileNotFoundError where it is not installed."""
    for folder in _FOLDERS:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f"this installation of mcp-proxy lacks its own file {name}")


def read_asset(name: str) -> bytes:
    """The asset's bytes. Raises FileNotFoundError."""
    with open(asset_path(name), "rb") as file:
        return file.read()
