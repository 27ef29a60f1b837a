"""A company's network on loopback: its CA, an API that echoes what it is sent, and its proxy."""

import base64
import datetime as dt
import ipaddress
import json
import os
import select
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_KEY_FORM = serialization.PrivateFormat.PKCS8


class Authority:
    """A CA whose certificate stands in `pem`; it certifies servers and clients into `folder`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        os.makedirs(folder, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "company")])
        made = self._certificate(self._name, self._key.public_key(), (), is_ca=True)
        self.pem = self._write("ca.pem", made.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, passphrase: str = "") -> tuple[str, str]:
        """Paths of a certificate and its private key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = tuple(_host(host) for host in hosts)
        made = self._certificate(subject, key.public_key(), names, is_ca=False)
        sealed: Any = serialization.NoEncryption()
        if passphrase:
            sealed = serialization.BestAvailableEncryption(passphrase.encode())
        private = key.private_bytes(serialization.Encoding.PEM, _KEY_FORM, sealed)
        public = made.public_bytes(serialization.Encoding.PEM)
        return self._write(f"{name}.pem", public), self._write(f"{name}.key", private)

    def server_context(self, *hosts: str, asks_client: bool = False) -> ssl.SSLContext:
        """For a server of those names; `asks_client` wants a certificate of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server-" + "-".join(hosts), *hosts))
        if asks_client:
            context.load_verify_locations(self.pem)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _certificate(self, subject: x509.Name, key: Any, names: Any, *, is_ca: bool) -> Any:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, data: bytes) -> str:
        path = os.path.join(self._folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent; /fail as an error, /away as a redirect to itself."""

    protocol_version = "HTTP/1.1"
    owner: ClassVar["EchoApi"]

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        peer = getattr(self.connection, "getpeercert", dict)() or {}
        self.owner.seen.append((self.path, headers, peer))
        body = json.dumps({"path": self.path, "headers": headers}).encode()
        path = self.path.partition("?")[0]
        self.send_response({"/fail": 500, "/away": 302}.get(path, 200))
        if path == "/away":
            self.send_header("Location", f"/other?{self.path.partition('?')[2]}")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Silence."""


class EchoApi:
    """`seen` has (path with query, headers, client's certificate) of each request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        handler = type("Echo", (_Echo,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """CONNECT to any host ends at `port` of loopback, for who has the right Basic login."""

    def __init__(self, port: int, login: str) -> None:
        self.asked: list[str] = []  # the first lines of requests
        self.refused = 0
        self._port = port
        self._wanted = b"basic " + base64.b64encode(login.encode()).lower()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            self.asked.append(head.partition(b"\r\n")[0].decode())
            if self._wanted not in head.lower():
                self.refused += 1
                client.sendall(
                    b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
                )
                return
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                _pump(client, server)


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Bytes both ways until either ends."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            try:
                data = ready.recv(65536)
            except OSError:
                return
            if not data:
                return
            (other if ready is one else one).sendall(data)
