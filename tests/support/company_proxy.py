"""Company proxy that decrypts traffic: it signs a certificate for every host itself."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.file_server import Behavior, FileServer, Handler, running, send


class ProxyHandler(Handler):
    server: "Proxy"

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        self.server.connected.append(host)
        if host in self.server.blocked:
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()


class Proxy(FileServer):
    """Proxy that answers for every host that is not blocked."""

    def __init__(
        self, content: bytes, tls: ssl.SSLContext, blocked: Sequence[str], behavior: Behavior
    ) -> None:
        super().__init__(content, (behavior,), ProxyHandler)
        self.tls, self.blocked = tls, blocked
        self.connected: list[str] = []


@contextmanager
def company_proxy(
    content: bytes,
    folder: Path,
    hosts: Sequence[str],
    *,
    blocked: Sequence[str] = (),
    behavior: Behavior = send,
    days: str = "9",
) -> Iterator[tuple[Proxy, Path]]:
    """Run a proxy that serves ``content`` for these hosts; yield it and its certificate.

    The certificates that it signs are valid for these days from today.
    """
    authority, certificate, key = certify(folder, hosts, days)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with running(Proxy(content, tls, blocked, behavior)) as proxy:
        yield proxy, authority


def certify(folder: Path, hosts: Sequence[str], days: str) -> tuple[Path, Path, Path]:
    """Create an authority's certificate, and a certificate for these hosts with its key."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make certificates with")
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    certificate, key, request = folder / "proxy.pem", folder / "proxy.key", folder / "proxy.csr"
    names = ",".join(f"DNS:{host}" for host in hosts)
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    self_signed = ["req", *new_key, "-x509", "-days", "9", "-subj", "/CN=A company"]
    signing = ["req", *new_key, "-subj", "/CN=its proxy", "-addext", f"subjectAltName={names}"]
    signed = ["x509", "-req", "-days", days, "-copy_extensions", "copy", "-CAcreateserial"]
    for command in (
        [*self_signed, "-keyout", authority_key, "-out", authority],
        [*signing, "-keyout", key, "-out", request],
        [*signed, "-CA", authority, "-CAkey", authority_key, "-in", request, "-out", certificate],
    ):
        subprocess.run(["openssl", *command], capture_output=True, check=True)
    return authority, certificate, key
