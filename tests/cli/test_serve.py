"""How a server starts and ends, in its owner's eyes."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.live import PATIENCE_S, command, running_server


def refused(folder: Path, *flags: str, **settings: dict[str, object]) -> str:
    """The one line with which a server that cannot start ends."""
    arguments, environment = command(folder, settings)
    ended = subprocess.run(
        [*arguments, *flags], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    return lines[0]


def test_it_says_where_it_is_and_ends_well_on_ctrl_c(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE_S) == 0
        assert "Traceback" not in server.log


def test_it_opens_the_browser_unless_told_not_to(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    arguments, environment = command(tmp_path / "server")
    arguments = [argument for argument in arguments if argument != "--no-browser"] + ["--port", "0"]
    environment["BROWSER"] = str(browser)
    with subprocess.Popen(
        arguments, cwd=tmp_path / "server", env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" ")[0].strip()
        opened = tmp_path / "opened"
        deadline = time.monotonic() + PATIENCE_S
        while not (opened.exists() and opened.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert opened.read_text().strip() == address


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"Port {port} of 127.0.0.1 is in use" in refused(tmp_path, "--port", port)


def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    assert "192.0.2.1 port 0 cannot be listened on" in refused(tmp_path, "--host", "192.0.2.1", "--port", "0")


def test_a_second_server_on_the_folder_is_told(tmp_path: Path) -> None:
    with running_server(tmp_path):
        assert "Another server works in output" in refused(tmp_path, "--port", "0")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    line = refused(tmp_path, "--port", "0", "--output-dir", str(tmp_path / "file" / "results"))
    assert "cannot be used" in line
    assert str(tmp_path / "file") in line


def test_a_broken_config_is_told(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonc"
    bad.write_text('{"server": {"port": "many"}}')
    assert "server.port" in refused(tmp_path, "--config", str(bad))
    bad.write_text('{"server": ')
    assert "is not JSON with comments" in refused(tmp_path, "--config", str(bad))
    assert "cannot be read" in refused(tmp_path, "--config", str(tmp_path / "missing.jsonc"))


def test_a_bad_flag_is_told(tmp_path: Path) -> None:
    assert "--log-level" in refused(tmp_path, "--log-level", "loud")


def test_an_unknown_model_is_told(tmp_path: Path) -> None:
    assert "Unknown model 'oracle'" in refused(tmp_path, "--port", "0", "--model", "oracle")


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    path.write_text("not a database, but quite long enough to look like one at first glance, or so I hope")
    assert "file is not a database" in refused(tmp_path, "--port", "0", storage={"db_path": str(path)})
