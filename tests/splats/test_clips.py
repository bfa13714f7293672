from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.splats.reference import random_gaussians
from wheatstone import clips as files
from wheatstone.arrays import U8
from wheatstone.clips import MULTIPLE_PX, SUFFIXES, frame_count
from wheatstone.errors import BadOptionError, OutputExistsError, UnknownFormatError
from wheatstone.splats import clips
from wheatstone.splats.cameras import Camera
from wheatstone.splats.clips import write_clip, write_turntable
from wheatstone.splats.paths import orbit, swing
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import Shot
from wheatstone.splats.views import View

SCENE = Scene(random_gaussians(60, sigma_m=0.4), Camera.of_photo(96, 64, 80.0))
SHOT = Shot.of(SCENE, 96, multiple_px=MULTIPLE_PX)
VIDEOS = (".mp4", ".webm")


def decoded(path: Path) -> list[U8]:
    if path.suffix == ".webp":
        with Image.open(path) as image:
            frames = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                frames.append(np.asarray(image.convert("RGB")))
            return frames
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_clip_has_a_frame_a_view_and_shows_them(suffix: str, tmp_path: Path) -> None:
    views = orbit(12, reach=30)
    frames = decoded(write_clip(SHOT, views, tmp_path / f"clip{suffix}"))
    assert len(frames) == 12
    for view, frame in zip(views, frames, strict=True):
        assert frame.shape == (64, 96, 3)
        assert np.abs(frame.astype(int) - SHOT.picture(view)).mean() < 6


@pytest.mark.parametrize("suffix", VIDEOS)
def test_a_video_says_how_fast_it_runs_and_how_its_colours_are_meant(suffix: str, tmp_path: Path) -> None:
    path = write_clip(SHOT, swing(12), tmp_path / f"clip{suffix}", fps=24)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = next(container.decode(stream))
        codec = stream.codec_context
        assert stream.average_rate == 24
        assert codec.pix_fmt == "yuv420p"
        assert container.duration == 500_000  # microseconds
        assert (codec.color_primaries, codec.color_trc, codec.colorspace) == (1, 13, 1)  # BT.709, sRGB, BT.709
        assert first.color_range == 1  # 16 to 235


@pytest.mark.parametrize("suffix", VIDEOS)
def test_colours_survive_a_video(suffix: str, tmp_path: Path) -> None:
    nothing = replace(SHOT, gaussians=random_gaussians(0))
    frame = decoded(write_clip(nothing, [View()] * 3, tmp_path / f"clip{suffix}"))[0]
    assert np.abs(frame.astype(int) - nothing.picture()).max() <= 3


def test_a_webp_loops_at_its_speed(tmp_path: Path) -> None:
    path = write_clip(SHOT, swing(5), tmp_path / "clip.webp", fps=25)
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        durations = []
        for number in range(5):
            image.seek(number)
            image.load()
            durations.append(image.info["duration"])
    assert durations == [40] * 5


def test_an_mp4_begins_with_its_index(tmp_path: Path) -> None:
    content = write_clip(SHOT, swing(5), tmp_path / "clip.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_clip_has_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    first = write_clip(SHOT, swing(8), tmp_path / f"1{suffix}").read_bytes()
    assert write_clip(SHOT, swing(8), tmp_path / f"2{suffix}").read_bytes() == first


def test_the_seam_of_a_loop_does_not_show(tmp_path: Path) -> None:
    frames = np.array(decoded(write_clip(SHOT, swing(40), tmp_path / "clip.mp4")), np.float64)
    steps = np.abs(np.roll(frames, -1, axis=0) - frames).mean(axis=(1, 2, 3))
    assert steps[-1] <= 2 * steps[:-1].max()  # a key frame begins it, whose noise is its own


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    def peak_bytes(frames: int) -> int:
        tracemalloc.start()
        write_clip(SHOT, swing(frames), tmp_path / "clip.mp4")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(2)
    further_frames = (60 - 6) * 96 * 64 * 3
    # A quarter, since the views themselves and what measures coverage take some room as well.
    assert peak_bytes(60) < peak_bytes(6) + further_frames / 4


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    shares: list[float] = []
    write_clip(SHOT, swing(4), tmp_path / "clip.mp4", progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_a_turntable_is_the_usual_clip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clips, "SECONDS", 0.2)
    monkeypatch.setattr(clips, "SIZE_PX", 48)
    frames = decoded(write_turntable(SCENE, tmp_path / "scene.mp4"))
    assert len(frames) == 6
    assert frames[0].shape == (32, 48, 3)


@pytest.mark.parametrize("folder", ["a:b", "http:", "100%d", "été #1"])
def test_a_folder_may_have_any_name(folder: str, tmp_path: Path) -> None:
    path = write_clip(SHOT, swing(2), tmp_path / folder / "clip:1.mp4")
    assert [entry.name for entry in path.parent.iterdir()] == ["clip:1.mp4"]


def test_a_clip_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_clip(SHOT, swing(4), tmp_path / "clip.mp4", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_exists_is_kept_unless_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        write_clip(SHOT, swing(2), path, overwrite=False)
    assert path.read_bytes() == b"mine"


def test_an_ending_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError, match=r"\.mp4, \.webm, \.webp"):
        write_clip(SHOT, swing(2), tmp_path / "clip.avi")


def test_a_missing_encoder_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kind = replace(files._KINDS[".mp4"], encoder="libx264000")
    monkeypatch.setitem(files._KINDS, ".mp4", kind)
    with pytest.raises(BadOptionError, match=r"libx264000.*\.webm.*pip install"):
        write_clip(SHOT, swing(2), tmp_path / "clip.mp4")


def test_odd_sides_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOptionError, match="even"):
        write_clip(Shot.of(SCENE, 95), swing(2), tmp_path / "clip.mp4")


def test_a_clip_larger_than_players_take_is_refused(tmp_path: Path) -> None:
    for camera in (Camera.of_photo(6000, 100, 99.0), Camera.of_photo(4000, 4000, 99.0)):
        with pytest.raises(BadOptionError, match="4096"):
            write_clip(replace(SHOT, camera=camera), swing(2), tmp_path / "clip.mp4")


def test_frames_follow_from_length_and_rate() -> None:
    assert frame_count(2.5, 24) == 60


@pytest.mark.parametrize(("seconds", "fps"), [(0, 30), (-1, 30), (1e9, 30), (1, 0), (1, 121), (float("nan"), 30)])
def test_a_clip_of_no_or_endless_length_is_refused(seconds: float, fps: int) -> None:
    with pytest.raises(BadOptionError, match="frames"):
        frame_count(seconds, fps)


def test_a_clip_without_views_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOptionError, match="frames"):
        write_clip(SHOT, [], tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
