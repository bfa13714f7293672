"""Real HTTP servers on the loopback address, for tests of what goes out."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from wheatstone.settings import EgressSettings

LOOPBACK = EgressSettings.model_validate({"allow_private": ["127.0.0.0/8", "::1/128"]})
CERTIFICATE = Path(__file__).parent / "data" / "tls" / "pinned.test.pem"
"""Self-signed, for the name pinned.test, with its key; valid for a hundred years and of no use elsewhere."""

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
        headers: header fields of each request so far.
    """

    port: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(answer: Answer, *, tls: bool = False) -> Iterator[Server]:
    """Run a server that answers every GET and POST with `answer`."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer(self)

        do_POST = do_GET  # noqa: N815  (the name that http.server looks for)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output clean."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Keep the test's output clean: a client that hangs up is what some tests want."""

    listener = Listener(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        # The handshake happens in the handler's thread: one that fails must not end the server.
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def sends(body: bytes, status: int = 200, **headers: str) -> Answer:
    """An answer with this body; underscores in header names become hyphens."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def redirects(location: str, status: int = 302) -> Answer:
    """An answer that sends the client elsewhere."""
    return sends(b"", status, Location=location)
