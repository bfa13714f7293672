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
        assert "Another server works in" in refused(tmp_path, "--port", "0")


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
    bad = tmp_path / "bad.yaml"
    bad.write_text("server: [")
    assert "is not YAML" in refused(tmp_path, "-c", str(bad))


def test_a_bad_flag_is_told(tmp_path: Path) -> None:
    assert "--log-level" in refused(tmp_path, "--log-level", "loud")
    assert "--cache-size" in refused(tmp_path, "--cache-size", "0")


def test_an_unknown_model_is_told(tmp_path: Path) -> None:
    assert "Unknown model 'oracle'" in refused(tmp_path, "--port", "0", "--model", "oracle")


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    path.write_text("not a database, but quite long enough to look like one at first glance, or so I hope")
    assert "file is not a database" in refused(tmp_path, "--port", "0", storage={"db_path": str(path)})


def test_a_folder_with_files_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "home" / "work" / "thesis.tex"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of it")
    line = refused(tmp_path, "--port", "0", "--output-dir", str(tmp_path / "home"))
    assert "holds 'work', which is not Wheatstone's" in line
    assert thesis.read_text() == "years of it"


def test_a_folder_of_another_database_is_left_alone(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "instant"}) as server:
        task_id = server.submit()
        server.wait(task_id)
    storage: dict[str, object] = {"db_path": "elsewhere/tasks.db"}
    assert "belongs to another database" in refused(tmp_path, "--port", "0", storage=storage)
    with running_server(tmp_path, model={"name": "instant"}) as server:
        assert server.http.get(f"/result/{task_id}").status_code == 200


def test_one_folder_for_all_may_be_named_in_two_ways(tmp_path: Path) -> None:
    storage = {"output_dir": "out", "db_path": str(tmp_path / "out" / "tasks.db")}
    with running_server(tmp_path, storage=storage) as server:
        assert server.http.get("/health").json()["status"] == "healthy"


def test_what_a_kill_left_half_written_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    with running_server(tmp_path):
        pass
    partial = tmp_path / "output" / "results" / "photos" / "abc#1"
    partial.parent.mkdir()
    partial.write_bytes(b"half")
    with running_server(tmp_path):
        assert not partial.exists()


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    assert "'a..b' is no name of a host" in refused(tmp_path, "--host", "a..b")


def test_a_bad_template_for_the_compressor_is_told(tmp_path: Path) -> None:
    line = refused(tmp_path, compression={"args_template": ["{input}"]})
    assert "compression.args_template" in line
    assert "{input_file}" in line
