"""A receiver of callbacks as somebody would write it who has only docs/reconstruction.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.servers import sends, serving

PAGE = Path(__file__).parents[2] / "docs" / "reconstruction.md"


@dataclass
class Backend:
    """A running receiver; it does what a request says once, however often that comes.

    Attributes:
        url: where it wants to be called back.
        told: what it was told, in order: name and content of results, then the status.
        seen: ids of all genuine requests, repetitions too.
        forged: how many requests were not genuine.
        refusals: statuses that it answers first, without a look at the request.
    """

    url: str = ""
    told: list[tuple[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    forged: int = 0
    refusals: list[int] = field(default_factory=list)


@contextmanager
def backend(task_id: str, secret: str, refusals: Sequence[int] = ()) -> Iterator[Backend]:
    """A receiver for one task."""
    is_genuine, running = _of_the_page(), Backend(refusals=list(refusals))

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        if running.refusals:
            sends(b"", running.refusals.pop(0))(request)
            return
        if not is_genuine(body, headers, secret):
            running.forged += 1
            sends(b"", 401)(request)
            return
        if headers["webhook-id"] not in running.seen:
            if request.path == f"/callback/result/{quote(task_id, safe='')}":
                running.told.append(_result(body, headers["content-type"]))
            elif request.path == "/callback/status":
                said = json.loads(body)
                assert said.pop("taskId") == task_id
                running.told.append(("status", said))
            else:
                sends(b"", 404)(request)
                return
        running.seen.append(headers["webhook-id"])
        sends(b"")(request)

    with serving(answer) as server:
        running.url = f"{server.url}/callback"
        yield running


def _result(body: bytes, content_type: str) -> tuple[str, bytes]:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    assert list(parts) == ["name", "file"]
    name = str(parts["name"].get_content()).strip()
    assert parts["file"].get_filename() == name
    types = {".png": "image/png", ".zip": "application/zip"}
    assert parts["file"].get_content_type() == types[Path(name).suffix]
    content = parts["file"].get_payload(decode=True)
    assert isinstance(content, bytes)
    return name, content


def _of_the_page() -> Callable[[bytes, dict[str, str], str], bool]:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), names)  # noqa: S102 - our own documentation
    is_genuine: Callable[[bytes, dict[str, str], str], bool] = names["is_genuine"]
    return is_genuine
