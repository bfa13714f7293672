from __future__ import annotations

import io
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.models.crm.stand_in import CHECKPOINTS, settings_for, switch, write_checkout
from tests.models.photos import disc, picture
from wheatstone.arrays import U8
from wheatstone.cancellation import Cancellation
from wheatstone.errors import (
    BadPictureError,
    CancelledError,
    CheckpointUnavailableError,
    ChildCrashedError,
    DeviceMemoryError,
    ModelFailedError,
    ModelUnavailableError,
    TimeLimitError,
    WheatstoneError,
)
from wheatstone.models.crm import child as crm_child
from wheatstone.models.crm.model import Crm
from wheatstone.models.foreign import child as foreign_child
from wheatstone.models.registry import mesh_model_named
from wheatstone.pictures import Picture
from wheatstone.settings import changed
from wheatstone.stages import Stages

PARTS = ["matte.png", "pixel_images.png", "xyz_images.png", "output3d.zip", "model.glb"]


def ball() -> Picture:
    """An orange ball, cut out, at the left of a wide picture."""
    alpha = (disc(120, 200, 40, column=0.25) * 255).astype(np.uint8)
    rgb = np.zeros((120, 200, 3), np.uint8)
    rgb[...] = (230, 130, 30)
    return picture(rgb, alpha)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return write_checkout(tmp_path / "CRM")


@pytest.fixture
def crms() -> Iterator[list[Crm]]:
    """Those that a test has made, closed after it."""
    made: list[Crm] = []
    yield made
    for crm in made:
        crm.close()


@pytest.fixture
def crm(home: Path, crms: list[Crm]) -> Crm:
    crms.append(Crm(settings_for(home), None))
    return crms[0]


def no_progress(_fraction: float) -> None:
    pass


def parts_of(crm: Crm, stages: Stages | None = None) -> dict[str, bytes]:
    return {part.name: part.data for part in crm.reconstruct(ball(), stages or Stages())}


def image(data: bytes) -> U8:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_photo_becomes_all_parts_in_their_order(crm: Crm) -> None:
    parts = parts_of(crm)
    assert list(parts) == PARTS
    assert image(parts["matte.png"]).shape == (120, 200, 4)
    assert image(parts["pixel_images.png"]).shape == (256, 1536, 3)
    assert image(parts["xyz_images.png"]).shape == (256, 1536, 3)
    assert parts["model.glb"].startswith(b"glTF")


def test_the_archive_holds_a_mesh_whose_files_name_each_other(crm: Crm) -> None:
    with zipfile.ZipFile(io.BytesIO(parts_of(crm)["output3d.zip"])) as archive:
        assert archive.namelist() == ["output3d.obj", "output3d.mtl", "output3d.png"]
        assert archive.read("output3d.obj").startswith(b"mtllib output3d.mtl\n")
        assert b"map_Kd output3d.png\n" in archive.read("output3d.mtl")


def test_the_object_stands_in_the_middle_on_grey_and_fills_most_of_it(crm: Crm) -> None:
    view = image(parts_of(crm)["pixel_images.png"])[:, :256].astype(int)  # not turned
    assert np.abs(view[128, 128] - (230, 130, 30)).max() < 15
    assert np.abs(view[5, 5] - 127).max() < 15
    is_ball = view[128, :, 2] < 80
    assert is_ball.mean() == pytest.approx(0.9, abs=0.03)


def test_each_part_goes_out_before_the_next_is_begun(home: Path, crm: Crm) -> None:
    switch(home, coordinates="hang")
    parts = crm.reconstruct(ball(), Stages())
    assert [next(parts).name, next(parts).name] == ["matte.png", "pixel_images.png"]
    parts.close()  # type: ignore[attr-defined]


def test_the_same_seed_gives_the_same_bytes_in_another_process(home: Path, crms: list[Crm]) -> None:
    crms.extend(Crm(settings_for(home, seed=7), None) for _ in range(2))
    first, second = (parts_of(crm) for crm in crms)
    assert first == second == parts_of(crms[0])


@pytest.mark.parametrize("option", [{"seed": 8}, {"scale": 1.0}, {"step": 1}])
def test_seed_scale_and_steps_reach_the_model(option: dict[str, Any], home: Path, crms: list[Crm]) -> None:
    crms.extend([Crm(settings_for(home), None), Crm(settings_for(home, **option), None)])
    usual, other = (parts_of(crm)["pixel_images.png"] for crm in crms)
    assert usual != other


def test_every_stage_is_told_and_timed(home: Path, crm: Crm) -> None:
    switch(home, views="slow", coordinates="slow")
    heard: dict[str, list[float]] = {}
    stages = Stages(lambda stage, fraction: heard.setdefault(stage, []).append(fraction))
    parts_of(crm, stages)
    assert list(heard) == ["matte", "load", "views", "coordinates", "mesh"]
    for stage in ("views", "coordinates"):
        assert heard[stage] == sorted(heard[stage])
        assert len(heard[stage]) > 2  # diffusion steps between beginning and end
    assert {"matte", "load", "views", "coordinates", "mesh"} <= set(stages.seconds)


def test_the_model_stays_loaded(crm: Crm) -> None:
    crm.load(no_progress)
    stages = Stages()
    parts_of(crm, stages)
    assert "load" not in stages.seconds


def test_prints_and_noise_on_its_output_break_nothing(
    home: Path, crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    switch(home, load="noise", mesh="noise")
    assert list(parts_of(crm)) == PARTS
    assert "alpha channel not empty" in caplog.text
    assert "from a process" in caplog.text


def test_nothing_is_left_behind_not_even_after_a_kill(home: Path, crm: Crm) -> None:
    parts_of(crm)
    switch(home, mesh="crash")
    with pytest.raises(ChildCrashedError):
        parts_of(crm)
    assert list((home.parent / "scratch").iterdir()) == []


@pytest.mark.parametrize("where", ["views", "coordinates"])
def test_a_cancelled_run_ends_within_a_stage_and_leaves_the_model_loaded(where: str, home: Path, crm: Crm) -> None:
    switch(home, views="slow", coordinates="slow")
    cancellation = Cancellation()

    def report(stage: str, fraction: float) -> None:
        if stage == where and fraction > 0:
            cancellation.cancel()

    with pytest.raises(CancelledError):
        parts_of(crm, Stages(report, cancellation))
    stages = Stages()
    assert list(parts_of(crm, stages)) == PARTS
    assert "load" not in stages.seconds


def test_a_run_that_does_not_listen_is_killed_when_cancelled(home: Path, crm: Crm) -> None:
    switch(home, mesh="hang")
    cancellation = Cancellation()
    parts = crm.reconstruct(
        ball(), Stages(lambda stage, _fraction: cancellation.cancel() if stage == "mesh" else None, cancellation)
    )
    with pytest.raises(CancelledError):
        list(parts)
    switch(home)
    stages = Stages()
    assert list(parts_of(crm, stages)) == PARTS
    assert "load" in stages.seconds


def test_a_run_that_is_given_up_holds_nobody_back(home: Path, crm: Crm) -> None:
    switch(home, mesh="hang")
    parts = crm.reconstruct(ball(), Stages())
    next(part for part in parts if part.name == "xyz_images.png")
    parts.close()  # type: ignore[attr-defined]
    switch(home)
    assert list(parts_of(crm)) == PARTS


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("memory", DeviceMemoryError, "ran out of its device's memory"),
        ("old memory", DeviceMemoryError, "ran out of its device's memory"),
        ("crash", ChildCrashedError, "killed by SIGSEGV"),
        ("bug", ModelFailedError, "ZeroDivisionError: division by zero"),
        ("exit", ModelFailedError, "this script gives up"),
        ("module", ModelUnavailableError, "needs the Python module nvdiffrast, which its environment"),
        ("library", ModelUnavailableError, "libcudart.so.11.0: cannot open shared object file"),
    ],
)
@pytest.mark.parametrize("where", ["load", "coordinates"])
def test_failures_are_told_and_the_next_run_works(
    where: str, what: str, error: type[WheatstoneError], said: str, home: Path, crm: Crm
) -> None:
    switch(home, **{where: what})
    with pytest.raises(error, match=said):
        parts_of(crm)
    switch(home)
    assert list(parts_of(crm)) == PARTS


def test_a_model_that_hangs_is_ended_and_started_anew(home: Path, crms: list[Crm]) -> None:
    crms.append(Crm(settings_for(home, silence_timeout_s=3), None))
    switch(home, coordinates="hang")
    with pytest.raises(TimeLimitError, match="The model crm was silent for 3 s and was ended"):
        parts_of(crms[0])
    switch(home)
    assert list(parts_of(crms[0])) == PARTS


def test_loading_that_hangs_is_ended(home: Path, crms: list[Crm]) -> None:
    crms.append(Crm(settings_for(home, load_timeout_s=1), None))
    switch(home, load="hang")
    with pytest.raises(TimeLimitError, match="The model crm was silent for 1 s and was ended"):
        crms[0].load(no_progress)


def test_without_a_gpu_loading_says_so(home: Path, crm: Crm) -> None:
    switch(home, no_gpu=True)
    with pytest.raises(ModelUnavailableError, match=r"needs an NVIDIA GPU, and PyTorch 1\.13\.1"):
        crm.load(no_progress)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints_that_hold_more_than_tensors_are_refused_by_name_unless_trusted(
    name: str, home: Path, crms: list[Crm]
) -> None:
    (home / name).write_bytes(b"more than tensors\x01")
    crms.extend([Crm(settings_for(home), None), Crm(settings_for(home, trust_checkpoints=True), None)])
    with pytest.raises(CheckpointUnavailableError, match=rf"{name} cannot be loaded.*crm\.trust_checkpoints"):
        crms[0].load(no_progress)
    crms[1].load(no_progress)


@pytest.mark.parametrize(
    ("device", "visible", "seen"),
    [("auto", None, "0"), ("cuda:1", None, "1"), ("cuda:1", "4,5", "5"), ("cuda:2", "4,5", ""), ("auto", "", "")],
)
def test_it_sees_the_gpu_that_the_settings_name_among_those_we_see(
    device: str, visible: str | None, seen: str, home: Path, crms: list[Crm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    crms.append(Crm(changed(settings_for(home), "model", device=device), None))
    assert crms[0]._model._environment.variables["CUDA_VISIBLE_DEVICES"] == seen


def test_a_picture_without_an_object_is_refused(crm: Crm) -> None:
    with pytest.raises(BadPictureError, match="shows no object"):
        list(crm.reconstruct(picture(np.zeros((64, 64, 3), np.uint8)), Stages()))


def test_two_callers_take_turns(crm: Crm) -> None:
    crm.load(no_progress)
    first = crm.reconstruct(ball(), Stages())
    assert [next(first).name, next(first).name] == PARTS[:2]
    cancellation = Cancellation()
    second = crm.reconstruct(ball(), Stages(cancellation=cancellation))
    next(second)
    cancellation.cancel()
    with pytest.raises(CancelledError):  # while it waits
        next(second)
    assert [part.name for part in first] == PARTS[2:]


def test_through_the_registry_it_is_loaded_and_runs(home: Path, crms: list[Crm]) -> None:
    settings = settings_for(home)
    settings = settings.model_copy(
        update={"checkpoints": settings.checkpoints.model_copy(update={"offline": True})}
    )
    told: list[float] = []
    crm = mesh_model_named("crm", settings).load(settings, told.append)
    assert isinstance(crm, Crm)
    crms.append(crm)
    assert told == sorted(told)
    assert [part.name for part in crm.reconstruct(ball(), Stages())] == PARTS


def test_the_process_ends_with_its_parent(home: Path) -> None:
    code = f"""
import os, sys
from tests.models.crm.stand_in import settings_for
from pathlib import Path
from typing import Any
from wheatstone.models.crm.model import Crm
crm = Crm(settings_for(Path({str(home)!r})), None)
crm.load(lambda fraction: None)
print(crm._model._process._process.pid, flush=True)
os._exit(1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    import psutil

    pid = int(done.stdout)
    try:
        psutil.Process(pid).wait(timeout=30)
    except psutil.NoSuchProcess:
        return


def test_what_runs_in_its_environment_needs_no_newer_python_than_3_9() -> None:
    files = [foreign_child.__file__, crm_child.__file__]
    done = subprocess.run(
        [Path(sys.executable).with_name("vermin"), "-t=3.9-", "--no-tips", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
