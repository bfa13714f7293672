from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import plyfile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.splats.formats.scenes import CAMERA, photo_like, saved, scenes, to_bytes
from tests.splats.reference import random_gaussians
from wheatstone.arrays import AnyArray
from wheatstone.errors import BadSceneError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.formats import ply
from wheatstone.splats.gaussians import SH_C0, Gaussians
from wheatstone.splats.scene import Run, Scene

SHARP = Path(__file__).parents[2] / "data" / "sharp"
NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
NAMES += ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
SCENE = Scene(random_gaussians(50), CAMERA, "made by a test")

# ---- SHARP's own file


def sharp_scene() -> Scene:
    arrays = np.load(SHARP / "unproject.npz")
    width_px, height_px, f_px = arrays["W_H_f"]
    linear = arrays["out.colors"].astype(np.float64)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    gaussians = Gaussians.from_colors(
        arrays["out.mean_vectors"],
        arrays["out.singular_values"],
        arrays["out.quaternions"],
        arrays["out.opacities"],
        srgb,
    )
    return Scene(gaussians, Camera.of_photo(int(width_px), int(height_px), float(f_px)))


def split_body(content: bytes) -> tuple[bytes, AnyArray, bytes]:
    begin = content.index(b"end_header\n") + len(b"end_header\n")
    end = begin + 256 * len(NAMES) * 4
    return content[:begin], np.frombuffer(content[begin:end], "<f4"), content[end:]


def test_writing_reproduces_sharps_own_file() -> None:
    header, vertices, further = split_body(to_bytes("ply", sharp_scene()))
    sharp_header, sharp_vertices, sharp_further = split_body((SHARP / "ply_sample.ply").read_bytes())
    assert header == sharp_header
    assert further == sharp_further
    np.testing.assert_allclose(vertices, sharp_vertices, rtol=0, atol=1e-6)


def test_reading_sharps_own_file_gives_its_gaussians_and_camera() -> None:
    scene, expected = ply.read(SHARP / "ply_sample.ply"), sharp_scene()
    for name in ("means", "scales", "quaternions", "opacities", "sh"):
        actual = getattr(scene.gaussians, name)
        np.testing.assert_allclose(actual, getattr(expected.gaussians, name), rtol=2e-6, atol=2e-6)
    assert scene.camera is not None
    assert (scene.camera.width_px, scene.camera.height_px, scene.camera.fx_px) == (640, 360, 500)
    assert scene.label == ""


# ---- Our own files


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scene=scenes(), plain=st.booleans())
def test_a_scene_comes_back(tmp_path: Path, scene: Scene, plain: bool) -> None:
    content = to_bytes("plain-ply" if plain else "ply", scene)
    back = ply.read(saved(tmp_path / "scene.ply", content))
    before, after = scene.gaussians, back.gaussians
    assert np.array_equal(after.means, before.means)
    assert np.array_equal(after.sh, before.sh)
    np.testing.assert_allclose(after.scales, before.scales, rtol=1e-5, atol=2e-38)
    np.testing.assert_allclose(after.opacities, before.opacities, rtol=0, atol=2e-7)
    np.testing.assert_allclose(after.quaternions, before.quaternions, rtol=0, atol=2e-7)
    assert back.label == scene.label
    if plain or scene.camera is None:
        assert back.camera is None
    else:
        assert back.camera is not None
        assert np.array_equal(back.camera.intrinsics, scene.camera.intrinsics)
        assert np.array_equal(back.camera.world_to_camera, scene.camera.world_to_camera)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_scene_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    scene = Scene(photo_like(200), CAMERA)  # 80,000 Gaussians, several chunks
    content = to_bytes("ply", scene)
    monkeypatch.setattr("wheatstone.compiled.thread_count", lambda: threads)
    assert to_bytes("ply", scene) == content


def test_a_scene_without_gaussians_comes_back(tmp_path: Path) -> None:
    scene = Scene(SCENE.gaussians.take(np.zeros(50, bool)), CAMERA)
    assert len(ply.read(saved(tmp_path / "a.ply", to_bytes("ply", scene))).gaussians) == 0


def test_a_moved_camera_comes_back(tmp_path: Path) -> None:
    camera = CAMERA.orbited(20, 10, 3)
    back = ply.read(saved(tmp_path / "a.ply", to_bytes("ply", replace(SCENE, camera=camera))))
    assert back.camera is not None
    np.testing.assert_allclose(back.camera.world_to_camera, camera.world_to_camera, atol=1e-6)


def test_opaque_and_clear_gaussians_have_finite_logits() -> None:
    gaussians = replace(SCENE.gaussians, opacities=np.repeat([0.0, 1.0], 25).astype(np.float32))
    header = to_bytes("plain-ply", Scene(gaussians))
    values = np.frombuffer(header[header.index(b"end_header\n") + 11 :], "<f4")
    assert np.isfinite(values).all()


def test_a_label_in_any_script_becomes_one_line_of_ascii(tmp_path: Path) -> None:
    content = to_bytes("ply", replace(SCENE, label="Tiefe:\nähnlich\r\nend_header\n深さ"))
    assert content.count(b"\nend_header\n") == 1
    assert ply.read(saved(tmp_path / "a.ply", content)).label == "Tiefe: ?hnlich end_header ??"


def test_a_label_does_not_shift_the_gaussians(tmp_path: Path) -> None:
    back = ply.read(saved(tmp_path / "a.ply", to_bytes("ply", SCENE)))
    assert np.array_equal(back.gaussians.means, SCENE.gaussians.means)


@pytest.mark.parametrize("name", ["ply", "plain-ply"])
def test_the_header_names_label_and_licence(name: str, tmp_path: Path) -> None:
    content = to_bytes(name, replace(SCENE, label="by hand", licence="MIT; for play only"))
    header = content[: content.index(b"end_header")].decode().splitlines()
    assert {"comment wheatstone: by hand", "comment wheatstone licence: MIT; for play only"} <= set(header)
    back = ply.read(saved(tmp_path / "a.ply", content))
    assert (back.label, back.licence) == ("by hand", "MIT; for play only")


def test_signs_that_have_a_plain_form_take_it(tmp_path: Path) -> None:
    back = ply.read(saved(tmp_path / "a.ply", to_bytes("ply", replace(SCENE, licence="U²-Net"))))
    assert back.licence == "U2-Net"


def test_a_licence_alone_is_no_label(tmp_path: Path) -> None:
    back = ply.read(saved(tmp_path / "a.ply", to_bytes("ply", replace(SCENE, label="", licence="MIT"))))
    assert (back.label, back.licence) == ("", "MIT")


def test_how_a_scene_was_made_does_not_change_its_bytes() -> None:
    run = Run("sharp", "cuda:0", "bfloat16", 1536)
    assert to_bytes("ply", replace(SCENE, run=run)) == to_bytes("ply", SCENE)


def test_comments_of_others_are_no_label(tmp_path: Path) -> None:
    content = to_bytes("ply", replace(SCENE, label=""))
    content = content.replace(b"element vertex", b"comment on wheatstone: none\nelement vertex", 1)
    assert ply.read(saved(tmp_path / "a.ply", content)).label == ""


@pytest.mark.parametrize("depths", [[0.0] * 50, [-1.0] * 50, [1e-44] * 50, [1e30] * 50])
def test_odd_depths_give_finite_disparities(depths: list[float], tmp_path: Path) -> None:
    means = SCENE.gaussians.means.copy()
    means[:, 2] = depths
    content = to_bytes("ply", Scene(replace(SCENE.gaussians, means=means)))
    disparity = plyfile.PlyData.read(saved(tmp_path / "a.ply", content))["disparity"]["disparity"]
    assert np.isfinite(disparity).all()


@pytest.mark.parametrize("name", ["ply", "plain-ply"])
def test_bad_gaussians_are_not_written(name: str) -> None:
    means = SCENE.gaussians.means.copy()
    means[3, 1] = np.nan
    with pytest.raises(BadSceneError, match="1 values of means"):
        to_bytes(name, Scene(replace(SCENE.gaussians, means=means)))


def test_another_reader_finds_every_element(tmp_path: Path) -> None:
    data = plyfile.PlyData.read(saved(tmp_path / "a.ply", to_bytes("ply", SCENE)))
    names = [element.name for element in data.elements]
    assert names[0] == "vertex"
    assert names[1:] == ["extrinsic", "intrinsic", "image_size", "frame", "disparity", "color_space", "version"]
    assert [property_.name for property_ in data["vertex"].properties] == NAMES
    assert list(data["image_size"]["image_size"]) == [640, 360]
    assert list(data["frame"]["frame"]) == [1, 50]


def test_harmonics_are_channel_major_as_others_write_them(tmp_path: Path) -> None:
    gaussians = random_gaussians(7, degree=3)
    vertices = plyfile.PlyData.read(saved(tmp_path / "a.ply", to_bytes("plain-ply", Scene(gaussians))))["vertex"]
    assert np.array_equal(vertices["f_rest_0"], gaussians.sh[:, 1, 0])
    assert np.array_equal(vertices["f_rest_14"], gaussians.sh[:, 15, 0])
    assert np.array_equal(vertices["f_rest_15"], gaussians.sh[:, 1, 1])


# ---- Files of other programs


def foreign(names: list[str], types: list[str], count: int = 5, seed: int = 0) -> AnyArray:
    rng = np.random.default_rng(seed)
    table = np.zeros(count, [(name, kind) for name, kind in zip(names, types, strict=True)])
    for name in names:
        table[name] = rng.normal(size=count) * (10 if np.dtype(table[name].dtype).kind != "f" else 1)
    return table


def write_foreign(path: Path, table: AnyArray, *, text: bool = False, order: str = "<") -> Path:
    faces = np.empty(3, [("vertex_indices", "O"), ("flag", "u1")])
    faces["vertex_indices"] = [np.arange(length, dtype=np.int32) for length in (0, 3, 4)]
    elements = [
        plyfile.PlyElement.describe(faces, "face"),
        plyfile.PlyElement.describe(table, "vertex"),
        plyfile.PlyElement.describe(faces, "strip"),
    ]
    plyfile.PlyData(elements, text=text, byte_order=order, comments=["hello"], obj_info=["1 2 3"]).write(str(path))
    return path


@pytest.mark.parametrize(("text", "order"), [(False, "<"), (False, ">"), (True, "=")])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_any_order_type_and_encoding_is_read(tmp_path: Path, text: bool, order: str, degree: int) -> None:
    rest = [f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1))]
    names = ["nx", *rest, *reversed(NAMES), "segment", "nz"]
    types = ["f4", *["f8"] * len(rest), *["f4", "f8"] * 7, "i2", "f4"]
    table = foreign(names, types)
    gaussians = ply.read(write_foreign(tmp_path / "a.ply", table, text=text, order=order)).gaussians
    assert gaussians.sh_degree == degree
    np.testing.assert_allclose(gaussians.means[:, 1], table["y"], rtol=1e-6)
    np.testing.assert_allclose(gaussians.scales[:, 2], np.exp(table["scale_2"]), rtol=1e-6)
    np.testing.assert_allclose(gaussians.opacities, 1 / (1 + np.exp(-table["opacity"])), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(gaussians.quaternions, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(gaussians.sh[:, 0, 0], table["f_dc_0"], rtol=1e-6)
    if rest:
        np.testing.assert_allclose(gaussians.sh[:, 1, 2], table[f"f_rest_{2 * len(rest) // 3}"], rtol=1e-6)


def test_a_header_with_dos_line_ends_is_read(tmp_path: Path) -> None:
    content = to_bytes("plain-ply", SCENE)
    end = content.index(b"end_header\n") + len(b"end_header\n")
    content = content[:end].replace(b"\n", b"\r\n") + content[end:]
    back = ply.read(saved(tmp_path / "a.ply", content))
    assert np.array_equal(back.gaussians.means, SCENE.gaussians.means)
    assert back.label == SCENE.label


def edited(**columns: float) -> AnyArray:
    table = foreign(NAMES, ["f4"] * len(NAMES))
    for name, value in columns.items():
        table[name][0] = value
    return table


def test_a_zero_quaternion_becomes_the_identity(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "a.ply", edited(rot_0=0, rot_1=0, rot_2=0, rot_3=0))
    assert list(ply.read(path).gaussians.quaternions[0]) == [1, 0, 0, 0]


@pytest.mark.parametrize(("logit", "opacity"), [(-np.inf, 0), (np.inf, 1), (-1000, 0), (1000, 1)])
def test_extreme_logits_saturate(tmp_path: Path, logit: float, opacity: float) -> None:
    assert ply.read(write_foreign(tmp_path / "a.ply", edited(opacity=logit))).gaussians.opacities[0] == opacity


def test_a_flat_gaussian_is_read(tmp_path: Path) -> None:
    assert ply.read(write_foreign(tmp_path / "a.ply", edited(scale_1=-np.inf))).gaussians.scales[0, 1] == 0


@pytest.mark.parametrize("column", ["x", "f_dc_1", "rot_2", "scale_0", "opacity"])
def test_values_that_are_no_numbers_are_refused_with_their_count(tmp_path: Path, column: str) -> None:
    with pytest.raises(BadSceneError, match=r"\d+ values of \w+ are not finite"):
        ply.read(write_foreign(tmp_path / "a.ply", edited(**{column: np.nan})))


def test_a_scale_beyond_float32_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSceneError, match="1 values of scales"):
        ply.read(write_foreign(tmp_path / "a.ply", edited(scale_0=1000)))


def test_linear_colours_become_srgb(tmp_path: Path) -> None:
    content = to_bytes("ply", SCENE)
    before = content[:-4]  # color_space, then the three bytes of the version
    linear = ply.read(saved(tmp_path / "a.ply", before + b"\x01" + content[-3:])).gaussians
    value = 0.5 + SH_C0 * SCENE.gaussians.sh[:, 0].astype(np.float64)
    expected = np.where(value <= 0.0031308, 12.92 * value, 1.055 * np.abs(value) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(0.5 + SH_C0 * linear.sh[:, 0], expected, atol=1e-6)


def test_linear_colours_that_depend_on_the_view_are_refused(tmp_path: Path) -> None:
    content = to_bytes("ply", Scene(random_gaussians(3, degree=1)))
    with pytest.raises(BadSceneError, match="linear colours"):
        ply.read(saved(tmp_path / "a.ply", content[:-4] + b"\x01" + content[-3:]))


# ---- Files to refuse


def test_a_point_cloud_is_refused_by_name(tmp_path: Path) -> None:
    table = foreign(["x", "y", "z", "red", "green", "blue"], ["f4"] * 3 + ["u1"] * 3)
    with pytest.raises(BadSceneError, match="point cloud: its vertices lack f_dc_0"):
        ply.read(write_foreign(tmp_path / "a.ply", table))


@pytest.mark.parametrize("gone", [["rot_3"], ["scale_0", "scale_1"], ["opacity"], ["f_dc_2"], ["z"]])
def test_what_is_missing_is_named(tmp_path: Path, gone: list[str]) -> None:
    names = [name for name in NAMES if name not in gone]
    with pytest.raises(BadSceneError, match=f"lack {', '.join(gone)}"):
        ply.read(write_foreign(tmp_path / "a.ply", foreign(names, ["f4"] * len(names))))


def test_a_compressed_ply_is_refused_clearly(tmp_path: Path) -> None:
    table = foreign(["packed_position", "packed_rotation"], ["u4", "u4"])
    with pytest.raises(BadSceneError, match="compressed PLY"):
        ply.read(write_foreign(tmp_path / "a.ply", table))


@pytest.mark.parametrize("rest", [["f_rest_0"], [f"f_rest_{i}" for i in range(1, 10)]])
def test_an_odd_number_of_harmonics_is_refused(tmp_path: Path, rest: list[str]) -> None:
    names = [*NAMES, *rest]
    with pytest.raises(BadSceneError, match="f_rest"):
        ply.read(write_foreign(tmp_path / "a.ply", foreign(names, ["f4"] * len(names))))


HEAD = b"ply\nformat binary_little_endian 1.0\n"
X = b"property float x\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PLY"),
        (b"PK\x03\x04", "not a PLY"),
        (b"plywood\n", "not a PLY"),
        (HEAD, "does not end"),
        (HEAD + b"comment " + b"x" * 200_000 + b"\nend_header\n", "does not end"),
        (b"ply\nend_header\n", "format"),
        (b"ply\nformat binary_middle_endian 1.0\nend_header\n", "makes no sense"),
        (HEAD + b"end_header\n", "no element 'vertex'"),
        (HEAD + b"property float x\nend_header\n", "makes no sense"),
        (HEAD + b"element vertex -1\n" + X + b"end_header\n", "makes no sense"),
        (HEAD + b"element vertex many\n" + X + b"end_header\n", "makes no sense"),
        (HEAD + b"element vertex 1\n" + X + X + b"end_header\n", "makes no sense"),
        (HEAD + b"element vertex 1\n" + X + b"element vertex 1\n" + X + b"end_header\n", "makes no sense"),
        (HEAD + b"element vertex 1\nproperty quad x\nend_header\n", "makes no sense"),
        (HEAD + b"element vertex 1\nproperty list float int x\nend_header\n", "makes no sense"),
        (HEAD + b"element vertex 1\nproperty list uchar float x\nend_header\n\x00", "no element 'vertex'"),
        (HEAD + b"element vertex 0\nend_header\n", "lack x"),
        (HEAD + b"element vertex 999999999999999\n" + X + b"end_header\n", "too short"),
        (HEAD + b"element vertex 999999999999999999999\n" + X + b"end_header\n", "makes no sense"),
        (b"ply\nformat ascii 1.0\nelement vertex 999999999\n" + X + b"end_header\n1\n", "too short"),
        (b"ply\nformat ascii 1.0\nelement vertex 2\n" + X + b"end_header\n1.5\n", "too short"),
        (b"ply\nformat ascii 1.0\nelement vertex 2\n" + X + b"end_header\n1\ntwo\n", "bad row"),
        (b"ply\nformat ascii 1.0\nelement vertex 2\n" + X + b"end_header\n1 2\n3\n", "bad row"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\n" + X + b"end_header\n" + b"\n" * 100, "too short"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BadSceneError, match=message):
        ply.read(saved(tmp_path / "a.ply", content))


@pytest.mark.parametrize("rows", [b"\xff" * 4, b"\x7f\xff\xff\xff", b""])
def test_a_list_longer_than_the_file_is_refused(tmp_path: Path, rows: bytes) -> None:
    lists = b"element face 3\nproperty list uint double i\n"
    content = HEAD + lists + b"element vertex 0\n" + X + b"end_header\n" + rows
    with pytest.raises(BadSceneError, match="too short for the 3 rows of 'face'"):
        ply.read(saved(tmp_path / "a.ply", content))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_file_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = to_bytes("ply", SCENE)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(BadSceneError):
        ply.read(saved(tmp_path / "a.ply", content[:cut]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(to_bytes("ply", Scene(random_gaussians(2), CAMERA, "label")))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = saved(tmp_path / "a.ply", bytes(content))
    try:
        scene = ply.read(path)
    except BadSceneError:
        return
    scene.gaussians.validate()


@pytest.mark.parametrize(
    ("name", "values"), [("intrinsic", [np.nan] * 9), ("intrinsic", [0.0] * 9), ("image_size", [0, 0])]
)
def test_an_impossible_camera_is_refused(tmp_path: Path, name: str, values: list[float]) -> None:
    data = plyfile.PlyData.read(saved(tmp_path / "a.ply", to_bytes("ply", SCENE)), mmap=False)
    data[name].data[name] = values
    data.write(str(tmp_path / "b.ply"))
    with pytest.raises(BadSceneError, match="camera"):
        ply.read(tmp_path / "b.ply")


@pytest.mark.parametrize("width_px", [np.nan, np.inf, 1e300])
def test_a_camera_of_no_width_is_refused(tmp_path: Path, width_px: float) -> None:
    data = plyfile.PlyData.read(saved(tmp_path / "a.ply", to_bytes("ply", SCENE)), mmap=False)
    size = plyfile.PlyElement.describe(np.array([(width_px,), (360,)], [("image_size", "f8")]), "image_size")
    others = [element for element in data.elements if element.name != "image_size"]
    plyfile.PlyData([*others, size]).write(str(tmp_path / "b.ply"))
    with pytest.raises(BadSceneError, match="camera"):
        ply.read(tmp_path / "b.ply")


def test_a_camera_in_another_form_is_none(tmp_path: Path) -> None:
    content = to_bytes("ply", SCENE).replace(b"property float intrinsic\n", b"property float of_another\n")
    assert ply.read(saved(tmp_path / "a.ply", content)).camera is None


def test_a_large_scene_is_read_chunk_by_chunk_without_a_seam(tmp_path: Path) -> None:
    gaussians = photo_like(200)  # 80,000 Gaussians
    back = ply.read(saved(tmp_path / "a.ply", to_bytes("ply", Scene(gaussians)))).gaussians
    assert np.array_equal(back.means, gaussians.means)
    np.testing.assert_allclose(back.quaternions, gaussians.quaternions, atol=2e-7)
