from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.models.photos import photo
from tests.pictures.files import encoded
from wheatstone.errors import (
    BadOptionError,
    BadPictureError,
    OutputExistsError,
    PictureTooLargeError,
    UnknownModelError,
)
from wheatstone.executors import InlineExecutor
from wheatstone.pipelines import Output, photo_to_splat, write_outputs
from wheatstone.settings import CheckpointSettings, PictureLimits, Settings
from wheatstone.splats.formats import format_named, read_scene
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages

CUP = encoded(photo("coffee.png", 120), "PNG")
SOG_AND_PLY = (format_named("sog"), format_named("ply"))


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> InlineExecutor:
    settings = Settings(cache_dir=tmp_path_factory.mktemp("cache"), checkpoints=CheckpointSettings(offline=True))
    return InlineExecutor(settings)


@pytest.fixture(scope="module")
def scene(executor: InlineExecutor) -> Scene:
    return photo_to_splat(CUP, executor)


def test_a_photo_is_the_same_as_a_file_and_as_bytes(
    scene: Scene, executor: InlineExecutor, tmp_path: Path
) -> None:
    path = tmp_path / "cup.png"
    path.write_bytes(CUP)
    assert (photo_to_splat(path, executor).gaussians.means == scene.gaussians.means).all()


def test_the_stages_are_recorded_in_the_order_they_ran(scene: Scene, tmp_path: Path) -> None:
    stages = Stages()
    fresh = InlineExecutor(Settings(cache_dir=tmp_path, checkpoints=CheckpointSettings(offline=True)))
    photo_to_splat(CUP, fresh, stages=stages)
    write_outputs(scene, Output(tmp_path / "cup", SOG_AND_PLY, poster=True), stages, overwrite=False)
    predicting = ["decode", "load", "matte", "depth", "layers", "lift"]
    assert list(stages.seconds) == [*predicting, "sog", "ply", "poster"]
    assert all(seconds >= 0 for seconds in stages.seconds.values())


def test_progress_is_reported_stage_by_stage(executor: InlineExecutor) -> None:
    told: list[tuple[str, float]] = []
    photo_to_splat(CUP, executor, stages=Stages(lambda stage, fraction: told.append((stage, fraction))))
    assert told[0] == ("decode", 0.0)
    assert told[-1] == ("lift", 1.0)
    assert all(0 <= fraction <= 1 for _, fraction in told)


def test_the_focal_length_given_is_the_cameras(executor: InlineExecutor) -> None:
    camera = photo_to_splat(CUP, executor, f_px=300.0).camera
    assert camera is not None
    assert camera.fx_px == camera.fy_px == 300


def test_a_focal_length_that_is_none_is_refused(executor: InlineExecutor) -> None:
    with pytest.raises(BadOptionError):
        photo_to_splat(CUP, executor, f_px=-1.0)


def test_what_is_no_picture_is_refused(executor: InlineExecutor) -> None:
    with pytest.raises(BadPictureError):
        photo_to_splat(b"not a picture", executor)


def test_a_picture_over_the_limits_is_refused(executor: InlineExecutor) -> None:
    with pytest.raises(PictureTooLargeError):
        photo_to_splat(CUP, executor, limits=PictureLimits(max_pixels=100))


def test_an_unknown_model_is_refused(executor: InlineExecutor) -> None:
    with pytest.raises(UnknownModelError):
        photo_to_splat(CUP, executor, model="gibberish")


def test_outputs_are_named_after_their_base_scenes_first() -> None:
    output = Output(Path("out") / "cup", SOG_AND_PLY, poster=True)
    assert output.paths == [Path("out/cup.sog"), Path("out/cup.ply"), Path("out/cup.webp")]


def test_a_base_with_a_dot_keeps_its_name() -> None:
    assert Output(Path("trip.day.2"), SOG_AND_PLY[:1], poster=False).paths == [Path("trip.day.2.sog")]


def test_every_output_is_written_and_can_be_read(scene: Scene, tmp_path: Path) -> None:
    output = Output(tmp_path / "new" / "cup", SOG_AND_PLY, poster=True)
    paths = write_outputs(scene, output, Stages(), overwrite=False)
    assert paths == output.paths
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths)
    for path in paths[:-1]:
        assert len(read_scene(path).gaussians) == len(scene.gaussians)
    with Image.open(paths[-1]) as poster:
        poster.load()
        assert poster.format == "WEBP"


def test_without_a_poster_only_scenes_are_written(scene: Scene, tmp_path: Path) -> None:
    write_outputs(scene, Output(tmp_path / "cup", SOG_AND_PLY[1:], poster=False), Stages(), overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["cup.ply"]


def test_files_that_exist_stay_unless_overwriting_is_asked_for(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "cup.ply").write_bytes(b"mine")
    output = Output(tmp_path / "cup", SOG_AND_PLY[1:], poster=False)
    with pytest.raises(OutputExistsError, match=r"cup\.ply"):
        write_outputs(scene, output, Stages(), overwrite=False)
    assert (tmp_path / "cup.ply").read_bytes() == b"mine"
    write_outputs(scene, output, Stages(), overwrite=True)
    assert len(read_scene(tmp_path / "cup.ply").gaussians) == len(scene.gaussians)
