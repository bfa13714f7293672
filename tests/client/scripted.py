"""A server on real sockets that follows a script, faults and all."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, BinaryIO

NOW = "2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Attributes:
        sent: bytes, head included.
        hangs_up: close the connection afterwards, whatever the head promised.
        resets: do so as a crash would.
        reads_body: before it answers.
        silent_s: how long it waits afterwards.
        drips: sent then, each after such a wait.
    """

    sent: bytes
    hangs_up: bool = False
    resets: bool = False
    reads_body: bool = True
    silent_s: float = 0.0
    drips: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Request:
    """A request that came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """A running server.

    Attributes:
        url: its address.
        script: answers that are left.
        requests: what came so far.
    """

    url: str
    script: list[Answer]
    requests: list[Request] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """Method and target of each request so far."""
        return [f"{request.method} {request.target}" for request in self.requests]


@contextmanager
def scripted(*script: Answer) -> Iterator[Scripted]:
    """Run a server that gives these answers, in this order; then it hangs up on every request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Scripted(f"http://127.0.0.1:{listener.getsockname()[1]}", list(script))
        over = threading.Event()

        def accept() -> None:
            while True:
                connection, _address = listener.accept()
                if over.is_set():
                    connection.close()
                    return
                threading.Thread(target=_serve, args=(server, connection, over), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server
        finally:
            over.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()


def _serve(server: Scripted, connection: socket.socket, over: threading.Event) -> None:
    with connection, connection.makefile("rb") as stream:
        try:
            while (line := stream.readline()) and server.script:
                method, target, _version = line.decode().split()
                headers = {}
                while (header := stream.readline().decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                answer = server.script.pop(0)
                body = _body(stream, headers) if answer.reads_body else b""
                server.requests.append(Request(method, target, headers, body))
                connection.sendall(answer.sent)
                over.wait(answer.silent_s)
                for drip in answer.drips:
                    connection.sendall(drip)
                    over.wait(answer.silent_s)
                if answer.resets:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if answer.resets or answer.hangs_up:
                    return
        except OSError:
            return  # the client hung up, as some tests want


def _body(stream: BinaryIO, headers: Mapping[str, str]) -> bytes:
    return stream.read(int(headers.get("content-length", 0)))


def head(status: int, **headers: object) -> bytes:
    """The head of an answer; underscores in names become hyphens."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def says(content: Any, status: int = 200, **headers: object) -> Answer:
    """JSON."""
    body = json.dumps(content).encode()
    return Answer(head(status, Content_Type="application/json", Content_Length=len(body), **headers) + body)


def refuses(status: int, code: str, detail: str = "Told by the script.", **headers: object) -> Answer:
    """A problem."""
    content = {"type": f"urn:wheatstone:{code}", "title": "A title", "status": status, "detail": detail}
    body = json.dumps(content).encode()
    fields = {"Content_Type": "application/problem+json", "Content_Length": len(body), **headers}
    return Answer(head(status, **fields) + body)


def streams(*events: bytes, ends: bool = True, **faults: Any) -> Answer:
    """Server-sent events, each a piece of its own; without an end the connection just closes."""
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    start = head(200, Content_Type="text/event-stream; charset=utf-8", Transfer_Encoding="chunked")
    return Answer(start + pieces + (b"0\r\n\r\n" if ends else b""), hangs_up=True, **faults)


def status(sequence: int, name: str, job_id: str = "j") -> bytes:
    """An event of the stream of a job."""
    data = json.dumps({"job_id": job_id, "status": name, "message": None})
    return f"event: status\nid: {sequence}\ndata: {data}\n\n".encode()


def progress(fraction: float, job_id: str = "j") -> bytes:
    """Another."""
    data = json.dumps({"job_id": job_id, "stage": "work", "fraction": fraction})
    return f"event: progress\ndata: {data}\n\n".encode()


def job(name: str = "completed", job_id: str = "j", **changes: Any) -> dict[str, Any]:
    """A job as the server tells it."""
    done = name in ("completed", "failed", "cancelled")
    artifacts = [
        {"name": made, "type": "application/octet-stream", "bytes": 5, "url": f"http://elsewhere/{made}"}
        for made in ("output.sog", "poster.webp")
    ]
    error = {"code": name, "title": "Ended", "detail": f"It was {name}."}
    known = {
        "id": job_id,
        "kind": "splat",
        "batch_id": None,
        "done": done,
        "status": name,
        "stage": None if done else "work",
        "progress": None if done else 0.5,
        "queue_position": None,
        "priority": 0,
        "error": error if name in ("failed", "cancelled") else None,
        "source_name": "photo.jpg",
        "picture_id": "p",
        "model": "instant",
        "label": "made by a script",
        "licence": "MIT",
        "cache_hit": False,
        "gaussians": 256 if name == "completed" else None,
        "seconds": {"work": 1.5},
        "artifacts": artifacts if name == "completed" else [],
        "view": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW if done else None,
    }
    return known | changes


def batch(*jobs: dict[str, Any], rejected: tuple[str, ...] = ()) -> dict[str, Any]:
    """A batch as the server tells it."""
    return {
        "id": "b",
        "done": all(known["done"] for known in jobs),
        "counts": {},
        "jobs": list(jobs),
        "rejected": [
            {"name": name, "error": {"code": "bad-picture", "title": "No", "detail": f"{name} is no photo."}}
            for name in rejected
        ],
        "created_at": NOW,
    }
