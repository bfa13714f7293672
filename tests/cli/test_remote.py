"""`wheatstone splat --server` and `wheatstone mesh --server` against a real server."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import wheatstone
from tests.cli.command import Command
from tests.client.scripted import Answer, batch, head, job, says, scripted, status, streams
from tests.live import PATIENCE_S, LiveServer, running_server
from wheatstone.meshes.formats import read_mesh


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    models = {"name": "instant", "mesh": "instant-mesh"}
    with running_server(tmp_path_factory.mktemp("server"), model=models) as server:
        yield server


def test_photos_become_splats_elsewhere(command: Command, server: LiveServer, photo: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "holiday", tmp_path / "out"
    (folder / "a").mkdir(parents=True)
    odd = 'odd "name"\n.png'
    for name in ("b.png", odd, "a/b.png"):
        shutil.copy(photo, folder / name)
    result = command("splat", folder, folder / "a", "-o", out, "-f", "sog,ply", "--poster", "--server", server.url)
    assert result.code == 0, result.err
    stems = ("b", "b-2", odd.removesuffix(".png"))
    assert {path.name for path in out.iterdir()} == {s + e for s in stems for e in (".sog", ".ply", ".webp")}
    assert all(len(wheatstone.load(path).gaussians) == 256 for path in out.glob("*.sog"))
    for told in ("instant: made for tests", "256", "work", "MIT"):
        assert told in result.out


def test_a_file_may_be_named(command: Command, server: LiveServer, photo: Path, tmp_path: Path) -> None:
    assert command("splat", photo, "-o", tmp_path / "scene.ply", "-f", "ply", "--server", server.url).code == 0
    assert len(wheatstone.load(tmp_path / "scene.ply").gaussians) == 256


def test_bad_photos_are_named_and_the_rest_done(
    command: Command, server: LiveServer, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "there.png").write_bytes(photo.read_bytes())
    (tmp_path / "there.sog").write_text("precious")
    names = ("notes.txt", "missing.png", "there.png", "photo.png")
    result = command("splat", *(tmp_path / name for name in names), "-o", tmp_path, "--server", server.url)
    assert result.code == 2
    assert [name for name in ("notes.txt", "missing.png", "there.sog") if name in result.err] == [
        "notes.txt",
        "missing.png",
        "there.sog",
    ]
    assert result.err.count("error:") == 3
    assert (tmp_path / "photo.sog").exists()
    assert (tmp_path / "there.sog").read_text() == "precious"


def test_failures_are_told(command: Command, server: LiveServer, photo: Path, tmp_path: Path) -> None:
    result = command("splat", photo, "-o", tmp_path, "--model", "failing", "--server", server.url)
    assert result.code == 2
    assert "divided by zero" in result.err
    assert list(tmp_path.glob("*.sog")) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("-f", "html"), "sog and ply"),
        (("--turntable",), "--turntable"),
        (("--effort", "1"), "--effort"),
        (("--model", "nothing"), "nothing"),
        (("--focal-length", "-1"), "--focal-length"),
    ],
)
def test_what_a_server_cannot_do_is_told(
    command: Command, server: LiveServer, photo: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    result = command("splat", photo, "-o", tmp_path / "out", "--server", server.url, *options)
    assert (result.code, result.err.count("error:")) == (2, 1)
    assert told in result.err


def test_no_server_is_told(command: Command, photo: Path) -> None:
    result = command("splat", photo, "--server", "localhost:8000")
    assert result.code == 2
    assert "write http://127.0.0.1:8000" in result.err


def test_ctrl_c_ends_the_work_on_the_server(server: LiveServer, photo: Path, tmp_path: Path) -> None:
    arguments = ["splat", str(photo), "-o", str(tmp_path), "--model", "deaf", "--server", server.url]
    with subprocess.Popen([sys.executable, "-m", "wheatstone", *arguments], stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not (jobs := server.http.get("/v1/jobs", params={"model": "deaf"}).json()["jobs"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    assert server.wait(jobs[0]["id"])["status"] == "cancelled"


def test_what_is_done_is_kept_when_the_server_goes_away(command: Command, photo: Path, tmp_path: Path) -> None:
    known = job("queued", source_name="photo.png")
    content = b"a splat"
    with scripted(
        says(batch(known), 202),
        streams(status(1, "completed"), ends=False),
        says(job(source_name="photo.png")),
        Answer(head(200, Content_Length=len(content)) + content),
    ) as server:
        result = command("splat", photo, tmp_path / "other.png", "-o", tmp_path, "--server", server.url)
    assert result.code == 2
    assert "other.png cannot be read" in result.err
    assert (tmp_path / "photo.sog").read_bytes() == content
    assert "made by a script" in result.out


def test_objects_become_meshes_elsewhere(
    command: Command, server: LiveServer, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("-f", "glb,stl", "--poster", "--parts", "--server", server.url)
    result = command("mesh", photo, "-o", out, *options)
    assert result.code == 0, result.err
    assert {path.name for path in out.iterdir()} == {"photo.glb", "photo.stl", "photo.webp", "photo.parts"}
    parts = ["model.glb", "output3d.zip", "pixel_images.png", "xyz_images.png"]
    assert sorted(path.name for path in (out / "photo.parts").iterdir()) == parts
    assert len(read_mesh(out / "photo.parts" / "output3d.zip").faces) == 1
    for told in ("instant-mesh: made for tests", "work", "MIT"):
        assert told in result.out


def test_what_a_server_cannot_make_of_an_object_is_told(
    command: Command, server: LiveServer, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    result = command("mesh", tmp_path / "notes.txt", photo, "-o", tmp_path / "out", "--server", server.url)
    assert result.code == 2
    assert "notes.txt is not a JPEG" in result.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.glb"]
    failed = command("mesh", photo, "--model", "failing-mesh", "-o", tmp_path / "out2", "--server", server.url)
    assert failed.code == 2
    assert "photo.png: ZeroDivisionError" in failed.err
    assert "--faces" in command("mesh", photo, "--faces", "9", "--server", server.url).err


def test_a_server_gives_no_names_that_lead_elsewhere(command: Command, photo: Path, tmp_path: Path) -> None:
    evil = {**job()["artifacts"][0], "name": "../evil"}
    made = job(artifacts=[evil], kind="mesh")
    with scripted(says(job("queued"), 202), streams(status(1, "completed")), says(made)) as s:
        result = command("mesh", photo, "-o", tmp_path / "out", "--server", s.url)
    assert result.code == 2
    assert "'../evil'" in result.err
    assert not (tmp_path / "out").exists()
