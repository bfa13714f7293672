"""A network that can be cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Passes TCP connections on to a server, until they are cut.

    Attributes:
        url: where to reach the server by way of it.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._target = (address.hostname, address.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._is_cut = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections and take no more."""
        self._is_cut = True
        while self._open:
            _end(self._open.pop())

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    def close(self) -> None:
        """For good."""
        self.cut()
        _end(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                here.close()
                continue
            there = socket.create_connection(self._target)
            self._open += [here, there]
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=_pass_on, args=(a, b), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # cut
        while data := source.recv(65536):
            target.sendall(data)
    _end(target)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it may have ended already
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def proxy(url: str) -> Iterator[Proxy]:
    """A network to the server at `url`."""
    between = Proxy(url)
    try:
        yield between
    finally:
        between.close()
