from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from signal import SIGINT

import pytest

from tests.cli.command import Command
from wheatstone.cli.view import PageServer

PAGE = b"<!doctype html><title>A page</title>"


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer(PAGE, "a scene.html") as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_the_page_is_served_under_its_name(server: PageServer) -> None:
    assert server.address == f"http://127.0.0.1:{server.server_port}/a%20scene.html"
    response, body = ask(server, "/a%20scene.html")
    assert (response.status, body) == (200, PAGE)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_head_sends_no_body(server: PageServer) -> None:
    response, body = ask(server, "/a%20scene.html", method="HEAD")
    assert (response.status, response.headers["Content-Length"], body) == (200, str(len(PAGE)), b"")


def test_the_root_leads_to_the_page(server: PageServer) -> None:
    response, _ = ask(server, "/")
    assert (response.status, response.headers["Location"]) == (302, "/a%20scene.html")


@pytest.mark.parametrize("path", ["/..", "/etc/passwd", "/a%20scene.html/", "/%2e%2e/pyproject.toml"])
def test_nothing_else_is_served(server: PageServer, path: str) -> None:
    assert ask(server, path)[0].status == 404


def test_other_methods_are_refused(server: PageServer) -> None:
    assert ask(server, "/a%20scene.html", method="POST")[0].status == 501


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:80"])
def test_a_site_that_points_its_name_here_gets_nothing(server: PageServer, host: str) -> None:
    response, body = ask(server, "/a%20scene.html", host=host)
    assert response.status == 421
    assert PAGE not in body


def test_localhost_is_this_machine(server: PageServer) -> None:
    assert ask(server, "/a%20scene.html", host=f"localhost:{server.server_port}")[0].status == 200


def test_it_listens_on_this_machine_only(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_browser_that_hangs_up_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    with PageServer(PAGE * 2_000_000, "large.html") as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
            request = f"GET /large.html HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n"
            connection.sendall(request.encode())
            connection.recv(10)
        server.shutdown()
        thread.join()
    assert capfd.readouterr().err == ""


def test_a_taken_port_is_named(command: Command, scene_file: Path, server: PageServer) -> None:
    result = command("view", scene_file, "--no-browser", "--port", server.server_port)
    assert result.code == 2
    assert f"--port {server.server_port}" in result.err


def test_a_missing_scene_is_named(command: Command, tmp_path: Path) -> None:
    result = command("view", tmp_path / "absent.sog", "--no-browser")
    assert result.code == 2
    assert "absent.sog" in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_it_serves_the_scene_until_ctrl_c(scene_file: Path) -> None:
    command = [sys.executable, "-m", "wheatstone", "view", str(scene_file), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        address = process.stdout.readline().split()[0]
        assert address.endswith("/scene.html")
        connection = HTTPConnection("127.0.0.1", int(address.split(":")[2].split("/")[0]), timeout=10)
        connection.request("GET", "/scene.html")
        assert b'id="stage"' in connection.getresponse().read()
        connection.close()
        process.send_signal(SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
