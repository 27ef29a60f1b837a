"""A company's network on loopback: its own CA, servers under it, and a proxy on the way out."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mcp_proxy.core.authorization import Certificate
from mcp_proxy.core.secret import Secret

HOST = "api.example.com"


class Authority:
    """A CA of a name, and what it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        made = _builder(self._name, self._name, self._key.public_key())
        basic = x509.BasicConstraints(ca=True, path_length=None)
        signed = made.add_extension(basic, critical=True).sign(self._key, hashes.SHA256())
        self.pem = signed.public_bytes(serialization.Encoding.PEM).decode()
        self.file = str(folder / f"{name.replace(' ', '-')}.pem")
        Path(self.file).write_text(self.pem)

    def issue(self, name: str, passphrase: str = "") -> Certificate:
        """A certificate for that host or person, with its key in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name(name), self._name, key.public_key())
        named: x509.GeneralName = x509.DNSName(name.replace(" ", "-"))
        with suppress(ValueError):
            named = x509.IPAddress(ipaddress.ip_address(name))
        made = made.add_extension(x509.SubjectAlternativeName([named]), critical=False)
        signed = made.sign(self._key, hashes.SHA256())
        sealing: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            sealing = serialization.BestAvailableEncryption(passphrase.encode())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing
        )
        chain = signed.public_bytes(serialization.Encoding.PEM).decode()
        return Certificate(chain, Secret(pem.decode()), Secret(passphrase) if passphrase else None)

    def server_context(self, name: str = HOST, clients: str = "") -> ssl.SSLContext:
        """A server's side for that host; with `clients`, a CA's PEM, it demands theirs."""
        issued = self.issue(name)
        path = self._folder / f"{name}.server.pem"
        path.write_text(issued.chain + issued.key.reveal())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer,
        subject,
        key,
        x509.random_serial_number(),
        now - dt.timedelta(days=1),
        now + dt.timedelta(days=1),
    )


class Proxy(NamedTuple):
    """A running proxy: its URL, the heads of the requests that it got, the certificates shown."""

    url: str
    asked: list[str]
    shown: list[object]


@asynccontextmanager
async def proxy_to(
    port: int,
    *,
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n",
    login: str = "",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Proxy]:
    """An HTTP proxy that takes every host for the local `port`; `login` is what it wants, base64.

    Whatever is no success ends the connection.
    """
    asked: list[str] = []
    shown: list[object] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            asked.append(head)
            shown.append(writer.get_extra_info("peercert"))
            if login and f"Proxy-Authorization: Basic {login}\r\n" not in head:
                wants = b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=x\r\n"
                writer.write(b"HTTP/1.1 407 No\r\n" + wants + b"Content-Length: 0\r\n\r\n")
            else:
                writer.write(answer)
                await writer.drain()
                if answer.startswith(b"HTTP/1.1 2"):
                    await _pass_on(reader, writer, port)
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    try:
        yield Proxy(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked, shown)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    ways = (_copy(reader, far_writer), _copy(far_reader, writer))
    works = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
