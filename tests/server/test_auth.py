"""Where a key is wanted, nobody comes in without one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.cli.command import Command
from tests.live import PATIENCE_S, PHOTO, LiveServer, command, running_server
from wheatstone.client import Client, Generate3DClient
from wheatstone.errors import BadAnswerError, WheatstoneError

KEY = "correct-horse-battery-staple"
SHOWN = {"X-API-Key": KEY}
WANTED = {"require_api_key": True, "api_keys": ["another", KEY]}
MODELS = {"name": "instant", "mesh": "instant-mesh"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running_server(tmp_path_factory.mktemp("auth"), model=MODELS, auth=WANTED) as server:
        yield server


@pytest.fixture(scope="module")
def job(server: LiveServer) -> dict[str, Any]:
    """A job that is done."""
    files = {"file": ("photo.jpg", PHOTO.read_bytes())}
    sent = httpx2.post(f"{server.url}/v1/jobs", files=files, headers={**SHOWN, "Prefer": "wait=60"})
    made: dict[str, Any] = sent.raise_for_status().json()
    return made


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs"),
        ("GET", "/v1/jobs/x/events"),
        ("POST", "/v1/jobs"),
        ("POST", "/v1/batches"),
        ("POST", "/predict"),
        ("GET", "/result/x"),
        ("POST", "/generate3d"),
        ("GET", "/v1/deliveries"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
        ("GET", "/health/../v1/jobs"),
        ("GET", "/assets"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": KEY[:-1]}, {"Authorization": KEY}])
def test_without_a_key_that_is_known_a_request_is_a_401(
    server: LiveServer, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = httpx2.request(method, server.url + path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:wheatstone:unauthorized"
    assert "X-API-Key" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("ApiKey")


def test_surface_b_tells_it_in_its_own_shape(server: LiveServer) -> None:
    told = httpx2.post(f"{server.url}/v1/predict").json()
    assert (told["error"], told["status_code"], told["path"]) == ("UnauthorizedError", 401, "/v1/predict")


def test_a_stranger_is_refused_before_the_body_is_read(server: LiveServer) -> None:
    address = urlsplit(server.url)
    with create_connection((address.hostname, address.port), PATIENCE_S) as stranger:
        stranger.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "path", ["/", "/health", "/health/live", "/v1/health", "/docs", "/redoc", "/openapi.json"]
)
def test_health_and_pages_are_for_anybody(server: LiveServer, path: str) -> None:
    assert httpx2.get(server.url + path).status_code == 200


def test_each_key_lets_in(server: LiveServer) -> None:
    for key in ("another", KEY):
        assert httpx2.get(f"{server.url}/v1/jobs", headers={"X-API-Key": key}).status_code == 200


def test_streams_and_downloads_take_the_key_in_the_query(server: LiveServer, job: dict[str, Any]) -> None:
    sog = next(made["url"] for made in job["artifacts"] if made["name"] == "output.sog")
    urls = [f"/v1/jobs/{job['id']}/events", f"/stream/{job['id']}", f"/result/{job['id']}", urlsplit(sog).path]
    for url in urls:
        assert httpx2.get(server.url + url, params={"token": KEY}).status_code == 200, url
        assert httpx2.get(server.url + url, params={"token": "wrong"}).status_code == 401, url


def test_all_else_does_not(server: LiveServer, job: dict[str, Any]) -> None:
    token = {"token": KEY}
    assert httpx2.get(f"{server.url}/v1/jobs", params=token).status_code == 401
    assert httpx2.post(f"{server.url}/v1/jobs/{job['id']}/artifacts/output.sog", params=token).status_code == 401
    assert httpx2.delete(f"{server.url}/v1/jobs/{job['id']}", params=token).status_code == 401


def test_a_signed_link_needs_no_key(server: LiveServer, job: dict[str, Any]) -> None:
    url = f"{server.url}/v1/jobs/{job['id']}/artifacts/output.sog"
    link = httpx2.post(f"{url}/link", headers=SHOWN).raise_for_status().json()["url"]
    assert httpx2.get(link).status_code == 200
    assert httpx2.get(link[:-1]).status_code == 403
    assert httpx2.get(url, params={"expires": "9999999999", "signature": ""}).status_code == 403
    assert (
        httpx2.get(f"{server.url}/v1/jobs", params={"signature": "x", "expires": "9999999999"}).status_code == 401
    )


@pytest.mark.parametrize(("query", "headers"), [(f"?token={KEY}", {}), ("", SHOWN), ("?queue=true", SHOWN)])
def test_a_socket_takes_the_key_in_header_or_query(
    server: LiveServer, query: str, headers: dict[str, str]
) -> None:
    url = server.url.replace("http", "ws") + f"/generate3d{query}"
    with connect(url, additional_headers=headers, proxy=None) as socket:
        socket.send(b"no photo")
        assert [json.loads(socket.recv())["status"] for _ in range(2)] == ["processing", "failed"]


@pytest.mark.parametrize(("query", "headers"), [("", {}), ("?token=wrong", {}), ("", {"X-API-Key": "wrong"})])
def test_a_socket_without_is_refused_as_it_opens(server: LiveServer, query: str, headers: dict[str, str]) -> None:
    url = server.url.replace("http", "ws") + f"/generate3d{query}"
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers, proxy=None):
        pass
    assert refused.value.response.status_code == 401
    assert b"X-API-Key" in (refused.value.response.body or b"")


def test_our_clients_show_it(server: LiveServer) -> None:
    with Client(server.url, api_key=KEY) as client:
        assert client.wait(client.submit(PHOTO)).status == "completed"
    with Generate3DClient(server.url, api_key=KEY) as client:
        assert "output3d.zip" in client.generate(PHOTO)
    with Client(server.url) as client, pytest.raises(WheatstoneError, match="X-API-Key"):
        client.submit(PHOTO)
    with Generate3DClient(server.url) as client, pytest.raises(BadAnswerError, match=r"401.*X-API-Key"):
        client.generate(PHOTO)


def test_the_command_shows_the_one_in_its_environment(
    server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Command(monkeypatch, capsys)
    result = run("splat", PHOTO, "-o", tmp_path / "a.sog", "--server", server.url)
    assert result.code == 2
    assert "X-API-Key" in result.err
    monkeypatch.setenv("WHEATSTONE_API_KEY", KEY)
    assert run("splat", PHOTO, "-o", tmp_path / "a.sog", "--server", server.url).code == 0


def test_the_log_holds_no_key(server: LiveServer, job: dict[str, Any]) -> None:
    httpx2.get(f"{server.url}/v1/jobs/{job['id']}/events", params={"token": KEY})
    assert KEY not in server.log


def test_only_this_machine_needs_no_key(tmp_path: Path) -> None:
    with running_server(tmp_path, model=MODELS, auth={"api_keys": [KEY]}) as server:
        assert server.http.get("/v1/jobs").status_code == 200


def test_a_server_that_others_can_reach_wants_one(tmp_path: Path) -> None:
    everywhere = {"host": "0.0.0.0"}  # noqa: S104
    with running_server(tmp_path / "a", model=MODELS, server=everywhere, auth={"api_keys": [KEY]}) as server:
        assert server.http.get("/v1/jobs").status_code == 401
        assert server.http.get("/v1/jobs", headers=SHOWN).status_code == 200
    with running_server(
        tmp_path / "b", model=MODELS, server=everywhere, auth={"require_api_key": False}
    ) as server:
        assert server.http.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"server": {"host": "0.0.0.0"}}, "others can reach server.host 0.0.0.0"),  # noqa: S104
        ({"auth": {"require_api_key": True}}, "auth.api_keys holds none: set API_KEYS"),
        ({"auth": {"api_keys": ["top secret"]}}, "without spaces"),
    ],
)
def test_a_server_without_the_key_it_wants_does_not_start(
    tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    arguments, environment = command(tmp_path, settings)
    ended = subprocess.run(
        [*arguments, "--port", "0"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert told in " ".join(ended.stderr.split())
    assert "secret" not in ended.stderr


def test_the_document_names_of_its_variables_work(tmp_path: Path) -> None:
    variables = {"REQUIRE_API_KEY": "true", "API_KEYS": f"one, {KEY}"}
    with running_server(tmp_path, environment=variables, model=MODELS) as server:
        assert server.http.get("/v1/jobs").status_code == 401
        assert server.http.get("/v1/jobs", headers=SHOWN).status_code == 200
        assert "REQUIRE_API_KEY" not in os.environ
