"""How a repository's files come over the network: python-tuf's fetcher over our own HTTP (S9).

TLS by this system's certificates, nothing from the environment, at most three redirects, all within
the origin. A file has a deadline as a whole, and so has everything that one refresh fetches, so a
host that trickles holds nobody up. How long a file may be python-tuf says; no more is read.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient import FetcherInterface

from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.download import download
from mcp_proxy.edges.network import DIRECT, Network
from mcp_proxy.errors import UpstreamError, UsageError


class NetworkFetcher(FetcherInterface):
    """One refresh's requests. `last` names the file asked for last, `data` is what came."""

    def __init__(
        self,
        url: str,
        *,
        localhost: bool,
        file_s: float,
        total_s: float,
        network: Network = DIRECT,
    ) -> None:
        """`url` is the repository's, for messages; deadlines in seconds; `localhost` admits
        http://localhost, as the settings may.
        """
        self._url = url
        self.last = ""
        self.data = b""
        self._localhost = localhost
        self._network = network
        self._file_s = file_s
        self._ends_s = time.monotonic() + total_s
        self._most = 0

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the inherited one, but nothing beyond `max_length` is read."""
        self._most = max_length
        with super().download_file(url, max_length) as file:
            yield file

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.last = urlsplit(url).path.rsplit("/", 1)[-1]
        self.data = b""
        deadline_s = min(self._file_s, self._ends_s - time.monotonic())
        if deadline_s <= 0:
            raise self._broken("MCPX-U02", "took too long in all")
        try:
            self.data = asyncio.run(self._download(url, deadline_s))
        except UsageError:
            # A role's name is a part of the address: such a one is no profile's.
            raise DownloadError(self.last) from None
        except Broken as broken:
            raise self._failure(broken) from None
        yield self.data

    async def _download(self, url: str, deadline_s: float) -> bytes:
        return await download(
            url,
            deadline_s,
            localhost=self._localhost,
            max_bytes=self._most,
            network=self._network,
        )

    def _failure(self, broken: Broken) -> Exception:
        if broken.id == "MCPX-R01":
            return DownloadLengthMismatchError(self.last)
        if broken.status in (403, 404):
            return DownloadHTTPError(self.last, broken.status)
        if broken.id == "MCPX-U02":
            return self._broken("MCPX-U02", "did not answer in time")
        said = broken.why.replace("The upstream", "it", 1)
        return self._broken("MCPX-U01", f"did not give its files: {said.rstrip('.')}")

    def _broken(self, found: str, what: str) -> UpstreamError:
        return UpstreamError(
            found, f"The repository {self._url} {what}.", "check the network, then try again"
        )
