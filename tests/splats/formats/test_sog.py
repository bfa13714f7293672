from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.splats.formats.scenes import CAMERA, heavy_tailed, photo_like, saved, scenes, to_bytes
from tests.splats.reference import random_gaussians
from wheatstone.arrays import F64, AnyArray
from wheatstone.errors import BadSceneError
from wheatstone.splats.formats import sog
from wheatstone.splats.formats._sog_files import read_image
from wheatstone.splats.formats._sog_layout import choose_layout
from wheatstone.splats.formats._sog_values import quantise_means
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

PHOTO = Scene(photo_like(40), CAMERA, "made by a test")
CONTENT = to_bytes("sog", PHOTO)
Files = dict[str, bytes]


def unzip(content: bytes) -> Files:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_meta(change: Callable[[Any], object]) -> bytes:
    """The scene with an altered meta.json."""
    files = unzip(CONTENT)
    meta = json.loads(files["meta.json"])
    change(meta)
    return zipped(files | {"meta.json": json.dumps(meta).encode()})


def picture(width_px: int, height_px: int, format_: str = "WEBP") -> bytes:
    file = BytesIO()
    Image.new("RGBA", (width_px, height_px)).save(file, format_, lossless=True)
    return file.getvalue()


def logs(values: AnyArray) -> F64:
    signed: F64 = np.copysign(np.log1p(np.abs(values.astype(np.float64))), values)
    return signed


# ---- There and back


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scene=scenes(max_degree=0))
def test_a_scene_comes_back(tmp_path: Path, scene: Scene) -> None:
    back = sog.read(saved(tmp_path / "a.sog", to_bytes("sog", scene)))
    before, after = scene.gaussians, back.gaussians
    order = choose_layout(before.means, quantise_means(before.means)[0]).order
    before = before if order is None else before.take(order)
    step = np.ptp(logs(before.means), axis=0).max() / 65535
    np.testing.assert_allclose(logs(after.means), logs(before.means), rtol=1e-6, atol=step)
    np.testing.assert_allclose(after.scales, before.scales, rtol=1e-5, atol=1e-8 * (before.scales.max() or 1))
    np.testing.assert_array_equal(after.sh, before.sh)
    np.testing.assert_allclose(after.opacities, before.opacities, atol=0.5 / 255 + 1e-6)
    assert np.all(np.abs(np.sum(after.quaternions * before.quaternions, axis=1)) > 0.99998)
    assert back.label == scene.label
    assert (back.camera is None) == (scene.camera is None)


def test_picture_order_label_licence_and_camera_are_kept(tmp_path: Path) -> None:
    camera = CAMERA.orbited(20, 10, 3)
    content = to_bytes("sog", replace(PHOTO, camera=camera, label="Tiefe: ähnlich 深さ", licence="MIT"))
    back = sog.read(saved(tmp_path / "a.sog", content))
    np.testing.assert_allclose(back.gaussians.means, PHOTO.gaussians.means, atol=5e-4)
    assert (back.label, back.licence) == ("Tiefe: ähnlich 深さ", "MIT")
    assert back.camera is not None
    assert np.array_equal(back.camera.world_to_camera, camera.world_to_camera)
    assert np.array_equal(back.camera.intrinsics, camera.intrinsics)
    assert (back.camera.width_px, back.camera.height_px) == (640, 360)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_colour_that_depends_on_the_view_is_kept(tmp_path: Path, degree: int) -> None:
    photo = PHOTO.gaussians
    rest = np.random.default_rng(0).choice([-0.3, 0.1, 0.2], (2, (degree + 1) ** 2 - 1, 3))  # two looks
    sh = np.concatenate([photo.sh, rest[np.arange(len(photo)) % 2]], axis=1).astype(np.float32)
    back = sog.read(saved(tmp_path / "a.sog", to_bytes("sog", Scene(replace(photo, sh=sh)))))
    assert back.gaussians.sh_degree == degree
    np.testing.assert_allclose(back.gaussians.sh[:, 1:], sh[:, 1:], atol=1e-6)


def test_flat_gaussians_stay_flat_and_cost_the_others_nothing(tmp_path: Path) -> None:
    scales = PHOTO.gaussians.scales.copy()
    scales[::7, 2] = 0
    back = sog.read(saved(tmp_path / "a.sog", to_bytes("sog", Scene(replace(PHOTO.gaussians, scales=scales)))))
    assert back.gaussians.scales[::7, 2].max() < 1e-8 * scales[scales > 0].min()
    solid = scales > 0
    assert np.abs(np.log(back.gaussians.scales[solid] / scales[solid])).max() < 0.1


def test_gaussians_that_are_all_flat_in_all_directions_are_written(tmp_path: Path) -> None:
    gaussians = replace(PHOTO.gaussians, scales=np.zeros_like(PHOTO.gaussians.scales))
    back = sog.read(saved(tmp_path / "a.sog", to_bytes("sog", Scene(gaussians))))
    assert back.gaussians.scales.max() < 1e-8


def test_colours_of_clear_gaussians_survive(tmp_path: Path) -> None:
    gaussians = replace(PHOTO.gaussians, opacities=np.zeros(len(PHOTO.gaussians), np.float32))
    back = sog.read(saved(tmp_path / "a.sog", to_bytes("sog", Scene(gaussians))))
    np.testing.assert_allclose(back.gaussians.colors, gaussians.colors, atol=0.01)


@pytest.mark.parametrize("gaussians", [photo_like(64), heavy_tailed(5000), random_gaussians(3000, degree=2)])
def test_the_same_scene_gives_the_same_bytes(gaussians: Gaussians, monkeypatch: pytest.MonkeyPatch) -> None:
    content = to_bytes("sog", Scene(gaussians))
    monkeypatch.setattr("wheatstone.compiled.thread_count", lambda: 1)
    monkeypatch.setattr("wheatstone.splats.formats.sog.thread_count", lambda: 1)
    assert to_bytes("sog", Scene(gaussians)) == content


def test_more_effort_says_the_same_in_fewer_bytes(tmp_path: Path) -> None:
    file = BytesIO()
    sog.write(PHOTO, file, effort=1)
    assert len(file.getvalue()) < len(CONTENT)
    fastest, smaller = (
        sog.read(saved(tmp_path / "a.sog", content)).gaussians for content in (CONTENT, file.getvalue())
    )
    for name in ("means", "scales", "quaternions", "opacities", "sh"):
        assert np.array_equal(getattr(fastest, name), getattr(smaller, name))


def test_the_archive_is_stored_undated_and_flat() -> None:
    with zipfile.ZipFile(BytesIO(CONTENT)) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == [
        "meta.json", "means_l.webp", "means_u.webp", "quats.webp", "scales.webp", "sh0.webp",
    ]  # fmt: skip
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in entries)


def test_codebooks_have_256_entries_as_viewers_expect() -> None:
    meta = json.loads(unzip(to_bytes("sog", Scene(random_gaussians(3, degree=1))))["meta.json"])
    assert [len(meta[name]["codebook"]) for name in ("scales", "sh0", "shN")] == [256, 256, 256]


def test_a_scene_without_gaussians_is_not_written() -> None:
    with pytest.raises(BadSceneError, match="1 to"):
        to_bytes("sog", Scene(random_gaussians(1).take(np.zeros(1, bool))))


def test_bad_gaussians_are_not_written() -> None:
    opacities = np.full(len(PHOTO.gaussians), 2, np.float32)
    with pytest.raises(BadSceneError, match="opacities"):
        to_bytes("sog", Scene(replace(PHOTO.gaussians, opacities=opacities)))


# ---- Files of other programs


def test_a_loose_meta_json_is_read_with_its_images(tmp_path: Path) -> None:
    for name, content in unzip(CONTENT).items():
        saved(tmp_path / name, content)
    loose, bundled = sog.read(tmp_path / "meta.json"), sog.read(saved(tmp_path / "a.sog", CONTENT))
    assert np.array_equal(loose.gaussians.means, bundled.gaussians.means)


def test_a_deflated_archive_is_read(tmp_path: Path) -> None:
    content = zipped(unzip(CONTENT), zipfile.ZIP_DEFLATED)
    assert len(sog.read(saved(tmp_path / "a.sog", content)).gaussians) == len(PHOTO.gaussians)


def test_a_short_codebook_ends_in_its_last_entry(tmp_path: Path) -> None:
    content = with_meta(lambda meta: meta["sh0"].update(codebook=[-0.5, 0.25]))
    values = sog.read(saved(tmp_path / "a.sog", content)).gaussians.sh
    assert set(np.unique(values)) == {-0.5, 0.25}


def test_other_file_names_and_unknown_keys_are_fine(tmp_path: Path) -> None:
    files = unzip(CONTENT)
    meta = json.loads(files["meta.json"])
    meta["quats"]["files"] = ["rotations-1.webp"]
    meta["model"] = "antialiased"
    del meta["wheatstone"], meta["asset"]
    files |= {"meta.json": json.dumps(meta).encode(), "rotations-1.webp": files.pop("quats.webp")}
    back = sog.read(saved(tmp_path / "a.sog", zipped(files)))
    assert (back.label, back.licence, back.camera) == ("", "", None)


def of_random_pixels(mode: str, **options: object) -> bytes:
    """A WebP of 40 by 80 pixels, as Pillow writes it."""
    pixels = np.random.default_rng(0).integers(0, 256, (80, 40, len(mode)), np.uint8)
    if mode == "RGBA":
        pixels[::2, :, 3] = 0
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("options", [{"lossless": True, "exact": True}, {"quality": 90}, {"xmp": b"extended"}])
def test_any_webp_is_read_pixel_by_pixel(mode: str, options: dict[str, object]) -> None:
    content = of_random_pixels(mode, **options)
    rgb, alpha = read_image(lambda _name, _limit: content, "a.webp", 3200)
    expected = np.asarray(Image.open(BytesIO(content)).convert("RGBA")).reshape(-1, 4)
    assert np.array_equal(np.column_stack([rgb, alpha]), expected)


# ---- Files to refuse


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta: meta.pop("version"), "first, experimental version"),
        (lambda meta: meta.update(version=3), "version 3"),
        (lambda meta: meta.update(count=0), "count"),
        (lambda meta: meta.update(count=3201), "does not fit"),
        (lambda meta: meta.update(count=10**9), "count"),
        (lambda meta: meta.update(count=True), "at count: a whole number from 1 to 16777216 is needed"),
        (lambda meta: meta.update(count="3200"), "at count"),
        (lambda meta: meta.update(count=10**400), "at count"),
        (lambda meta: meta.pop("quats"), "quats"),
        (lambda meta: meta.update(quats=[]), "at quats: an object is needed"),
        (lambda meta: meta["scales"].update(codebook=[]), "scales.codebook"),
        (lambda meta: meta["scales"].update(codebook=[0.0] * 257), "scales.codebook"),
        (lambda meta: meta["scales"].update(codebook=[1e3]), "scales are not finite"),
        (lambda meta: meta["sh0"].update(codebook=[1e300]), "sh are not finite"),
        (lambda meta: meta["means"].update(maxs=[1e3, 0, 0]), "means are not finite"),
        (lambda meta: meta["means"].update(mins=[float("nan"), 0, 0]), "malformed"),
        (lambda meta: meta["means"].update(maxs=[10**400, 0, 0]), "at means.maxs.0: a finite number is needed"),
        (lambda meta: meta["means"].update(maxs=[True, 0, 0]), "at means.maxs.0"),
        (lambda meta: meta["means"].update(files=["means_l.webp"]), "at means.files: a list of 2 is needed"),
        (lambda meta: meta["quats"].update(files=[7]), "at quats.files.0: a text is needed"),
        (lambda meta: meta["quats"].update(files=["../quats.webp"]), "quats.files"),
        (lambda meta: meta["quats"].update(files=["/etc/passwd"]), "quats.files"),
        (lambda meta: meta["quats"].update(files=["q" * 256]), "at most 255"),
        (lambda meta: meta["quats"].update(files=["gone.webp"]), r"lacks its file gone\.webp"),
        (lambda meta: meta["quats"].update(files=["meta.json"]), "not a readable WebP"),
        (lambda meta: meta["wheatstone"]["camera"].update(fx_px=0), "impossible camera"),
        (lambda meta: meta["wheatstone"]["camera"].pop("fx_px"), "at wheatstone.camera: fx_px is missing"),
        (lambda meta: meta["wheatstone"].update(label=["a"]), "at wheatstone.label"),
        (lambda meta: meta["wheatstone"].update(licence=7), "at wheatstone.licence"),
    ],
)
def test_a_malformed_meta_json_is_refused(tmp_path: Path, change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(BadSceneError, match=message):
        sog.read(saved(tmp_path / "a.sog", with_meta(change)))


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"meta.json": b""}, "malformed"),
        ({"meta.json": b"[" * 100_000}, "malformed"),
        ({"meta.json": b"[]"}, "malformed at its beginning: an object is needed"),
        ({"meta.json": b'{"version":2,"count":' + b"9" * 5000 + b"}"}, "malformed"),
        ({"meta.json": '{"version":2}'.encode("utf-16")}, "malformed"),
        ({"meta.json": b" " * 2_000_000}, "larger"),
        ({"sh0.webp": b"RIFF"}, "not a readable WebP"),
        ({"sh0.webp": picture(40, 80)[:-40]}, "not a readable WebP"),
        ({"sh0.webp": picture(40, 80, "PNG")}, "not a readable WebP"),
        ({"sh0.webp": picture(40, 79)}, "does not fit"),
        ({"sh0.webp": picture(2000, 2000)}, "does not fit"),
        ({"sh0.webp": picture(16383, 16383)}, "sh0.webp"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, replaced: Files, message: str) -> None:
    with pytest.raises(BadSceneError, match=message):
        sog.read(saved(tmp_path / "a.sog", zipped(unzip(CONTENT) | replaced)))


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    content = zipped(unzip(CONTENT) | {"quats.webp": bytes(200_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadSceneError, match="larger"):
        sog.read(saved(tmp_path / "a.sog", content))


def test_a_small_file_of_too_many_gaussians_is_refused_undecoded(tmp_path: Path) -> None:
    with pytest.raises(BadSceneError, match=r"announces 16777216 Gaussians, too many for its \d+ bytes"):
        sog.read(saved(tmp_path / "a.sog", with_meta(lambda meta: meta.update(count=1 << 24))))


def test_a_loose_meta_json_of_too_many_gaussians_is_refused_undecoded(tmp_path: Path) -> None:
    for name, content in unzip(with_meta(lambda meta: meta.update(count=1 << 24))).items():
        saved(tmp_path / name, content)
    with pytest.raises(BadSceneError, match="too many"):
        sog.read(tmp_path / "meta.json")


def test_an_endless_name_in_the_archive_is_not_repeated(tmp_path: Path) -> None:
    with zipfile.ZipFile(BytesIO(CONTENT)) as archive:
        length = archive.getinfo("sh0.webp").header_offset + 26
    content = CONTENT[:length] + b"\xff\xff" + CONTENT[length + 2 :]
    with pytest.raises(BadSceneError, match=r"sh0\.webp is damaged") as caught:
        sog.read(saved(tmp_path / "a.sog", content))
    assert len(str(caught.value)) < 300


def test_a_compression_sog_does_not_use_is_refused(tmp_path: Path) -> None:
    content = zipped(unzip(CONTENT), zipfile.ZIP_LZMA)
    with pytest.raises(BadSceneError, match="compressed in a way"):
        sog.read(saved(tmp_path / "a.sog", content))


@pytest.mark.parametrize("content", [b"", b"ply\n", bytes(1000), CONTENT[:5000]])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadSceneError, match="not a SOG"):
        sog.read(saved(tmp_path / "a.sog", content))


def test_a_loose_meta_json_without_images_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "meta.json", unzip(CONTENT)["meta.json"])
    with pytest.raises(BadSceneError, match=r"lacks its file means_l\.webp"):
        sog.read(tmp_path / "meta.json")


SMALL = to_bytes("sog", Scene(random_gaussians(20, degree=1), CAMERA, "label"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        scene = sog.read(saved(tmp_path / "a.sog", bytes(content)))
    except BadSceneError:
        return
    scene.gaussians.validate()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_image_is_read_or_refused_but_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    files = unzip(SMALL)
    name = data.draw(st.sampled_from(sorted(set(files) - {"meta.json"})))
    image = bytearray(files[name])
    image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    try:
        scene = sog.read(saved(tmp_path / "a.sog", zipped(files | {name: bytes(image)})))
    except BadSceneError:
        return
    scene.gaussians.validate()
