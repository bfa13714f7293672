"""What is wrong with a request is said in JSON, and nothing of it is kept."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.live import PHOTO, LiveServer, running_server
from tests.pictures.files import encoded, gradient


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Takes pictures of at most a million bytes and pixels."""
    limits = {"max_bytes": 1_000_000, "max_pixels": 1_000_000}
    with running_server(tmp_path_factory.mktemp("strict"), model={"name": "instant"}, pictures=limits) as server:
        yield server


OWN = (".lock", ".wheatstone")


def kept(server: LiveServer) -> list[Path]:
    results = server.folder / "output" / "results"
    return [path for path in results.rglob("*") if path.is_file() and path.name not in OWN]


LARGE = encoded(Image.new("1", (1100, 1000)), "PNG")
BOMB = encoded(Image.new("1", (20_000, 20_000)), "PNG")
TOO_LARGE = np.random.default_rng(0).bytes(1_200_000)


@pytest.mark.parametrize(
    ("parts", "status", "told"),
    [
        ({"files": {"file": ("a.txt", b"a sonnet")}}, 415, "a.txt is not a JPEG"),
        ({"files": {"file": ("a.jpg", b"")}}, 415, "is empty"),
        ({"files": {"file": ("a.png", PHOTO.read_bytes()[:30])}}, 415, "JPEG"),
        ({"files": {"file": ("a.png", BOMB)}}, 413, "far more pixels"),
        ({"files": {"file": ("a.png", LARGE)}}, 413, "1100x1000"),
        ({"files": {"file": ("a.jpg", TOO_LARGE)}}, 413, "1.2 MB"),
        ({"files": {"file": ("a.jpg", TOO_LARGE * 3)}}, 413, "MB allowed"),
        ({"files": {"photo": ("a.jpg", PHOTO.read_bytes())}}, 422, "file: Field required"),
        ({"data": {"file": "just text"}}, 422, "file: "),
        ({"json": {"file": "x"}}, 422, "file: Field required"),
        ({"content": b"--x--", "headers": {"content-type": "multipart/form-data"}}, 400, "boundary"),
    ],
)
def test_a_bad_upload_is_refused(strict: LiveServer, parts: dict[str, Any], status: int, told: str) -> None:
    answer = strict.http.post("/predict", **parts)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status), problem
    assert told in problem["detail"]
    assert problem["type"].startswith("urn:wheatstone:")
    assert kept(strict) == []


@pytest.mark.parametrize("f_px", ["-1", "0", "nan", "inf", "1e9", "long"])
def test_a_bad_focal_length_is_refused(strict: LiveServer, f_px: str) -> None:
    files = {"file": ("photo.jpg", encoded(gradient(), "JPEG"))}
    answer = strict.http.post("/predict", files=files, data={"focal_length": f_px})
    assert answer.status_code == 422
    assert "focal" in answer.json()["detail"]
    assert kept(strict) == []


def test_a_body_without_end_is_cut_off(strict: LiveServer) -> None:
    host, port = strict.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        sent = 0
        try:
            connection.sendall(b"%x\r\n%b\r\n" % (len(start), start))
            while sent < 100_000_000:
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass  # it hung up, as it should
        assert sent < 50_000_000
    assert kept(strict) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/nothing", 404), ("PUT", "/predict", 405), ("GET", "/predict", 405)],
)
def test_unknown_paths_and_methods_are_told_in_json(
    strict: LiveServer, method: str, path: str, status: int
) -> None:
    answer = strict.http.request(method, path, headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_pages_of_other_sites_may_not_send_photos(strict: LiveServer) -> None:
    files = {"file": ("photo.jpg", encoded(gradient(), "JPEG"))}
    for origin, status in (("https://evil.example", 403), ("null", 403), ("http://[::1", 403), (strict.url, 202)):
        assert strict.http.post("/predict", files=files, headers={"Origin": origin}).status_code == status


def test_a_site_that_points_its_name_here_is_refused(strict: LiveServer) -> None:
    for host, status in (("evil.example", 421), ("localhost:1", 200), ("[::1]:8000", 200), ("", 200), ("[", 421)):
        assert strict.http.get("/health/live", headers={"Host": host}).status_code == status


def test_allowed_hosts_can_be_named(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", server={"allowed_hosts": ["Splats.example"]}) as server:
        assert server.http.get("/health/live", headers={"Host": "splats.example:80"}).status_code == 200
        assert server.http.get("/health/live").status_code == 421


def test_numbers_without_end_are_no_numbers(server: LiveServer, done: str) -> None:
    digits = "9" * 5000
    for path, headers in (
        (f"/stream/{done}", {"Last-Event-ID": digits}),
        (f"/result/{done}", {"Range": f"bytes=0-{digits}"}),
        (f"/result/{done}", {"Range": f"bytes={digits}-"}),
    ):
        assert server.http.get(path, headers=headers).status_code == 200
