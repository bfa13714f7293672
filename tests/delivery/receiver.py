"""A receiver of deliveries that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.servers import Answer, sends, serving


@dataclass(frozen=True)
class Call:
    """A request: its header fields, names in lower case, its body and its path."""

    headers: dict[str, str]
    body: bytes
    path: str


@dataclass
class Receiver:
    """A running receiver.

    Attributes:
        url: its address.
        calls: every request so far.
    """

    url: str
    calls: list[Call] = field(default_factory=list)


@contextmanager
def receiving(*answers: Answer) -> Iterator[Receiver]:
    """A receiver that gives these answers, one after the other, and then only the last; 200 if there are none."""
    receiver, left, lock = Receiver(""), list(answers or (sends(b""),)), threading.Lock()

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with lock:
            headers = {name.lower(): value for name, value in request.headers.items()}
            receiver.calls.append(Call(headers, body, request.path))
            now = left.pop(0) if len(left) > 1 else left[0]
        now(request)

    with serving(answer) as server:
        receiver.url = f"{server.url}/hook"
        yield receiver
