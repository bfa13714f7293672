"""`wheatstone view`: a scene in the browser, from a server that knows one page and serves nobody else."""

from __future__ import annotations

import sys
import threading
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter
from rich.console import Console

from wheatstone.errors import BadOptionError
from wheatstone.splats.formats import format_named, format_of, read_scene

_HOST = "127.0.0.1"
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def view(
    scene: Path,
    /,
    *,
    port: int = 0,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
) -> int:
    """Show a splat file in the browser, until Ctrl-C.

    The page is served on this machine only, and needs no network. To keep or send it:
    `wheatstone convert scene.sog scene.html`.

    Args:
        scene: Splat file (`.sog`, `.ply`).
        port: Port to serve on; by default a free one.
        browser: Open the default browser; `--no-browser` only prints the address.
    """
    page = BytesIO()
    format_named("html").write(read_scene(scene), page, 0)
    name = scene.name[: -len(format_of(scene).suffix)]
    with PageServer(page.getvalue(), f"{name}.html", port) as server:
        Console().print(f"{server.address}  (Ctrl-C ends)", markup=False, highlight=False, soft_wrap=True)
        if browser:  # in a thread, as a browser in the terminal stays until it is left
            threading.Thread(target=webbrowser.open, args=[server.address], daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


class PageServer(ThreadingHTTPServer):
    """Serves one page on this machine.

    Attributes:
        page: the page's bytes.
        path: where it is found.
        hosts: names that browsers may know the server by; others come from a site that points its name here.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, page: bytes, name: str, port: int = 0) -> None:
        """Listen on `port` of this machine, 0 for a free one.

        Raises:
            BadOptionError: the port is no port, taken, or not for us.
        """
        try:
            super().__init__((_HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise BadOptionError(f"--port {port}: {error}.") from error
        self.page = page
        self.path = f"/{quote(name)}"
        self.hosts = {f"{host}:{self.server_port}" for host in (_HOST, "localhost")}

    def server_bind(self) -> None:
        """Bind without the look-up of this machine's name, which may take seconds."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that hang up; let anything else be seen."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """The page's URL."""
        return f"http://{_HOST}:{self.server_port}{self.path}"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: PageServer
    timeout = 30
    server_version, sys_version = "wheatstone", ""

    def do_GET(self) -> None:
        """Send the page."""
        if self._send_head():
            self.wfile.write(self.server.page)

    def do_HEAD(self) -> None:
        """Send what goes before the page."""
        self._send_head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Stay quiet: the terminal shows the address."""

    def _send_head(self) -> bool:
        """Answer up to the body; whether the page follows."""
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return False
        if self.path == "/":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", self.server.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        if self.path.partition("?")[0] != self.server.path:
            self.send_error(HTTPStatus.NOT_FOUND)
            return False
        self.send_response(HTTPStatus.OK)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.page)))
        self.end_headers()
        return True
