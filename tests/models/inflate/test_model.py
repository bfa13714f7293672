from __future__ import annotations

import contextlib
import io
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.models.inflate.objects import ball, canvas, cut_out, figure, mug
from tests.models.photos import photo, picture, textured
from tests.test_wheatstone import MANY_THREADS, ON_ONE_CORE, ONE_THREAD, run_python
from wheatstone.arrays import F32, U8
from wheatstone.errors import BadOptionError, BadPictureError, CancelledError
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.formats import glb, obj
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.render import render
from wheatstone.models.inflate import INFLATE, Detail, Inflate
from wheatstone.pictures import Picture
from wheatstone.stages import Stages

SMALL = Detail(faces=4000, texture_px=256)
NAMES = ["matte.png", "pixel_images.png", "xyz_images.png", "preview.glb", "output3d.zip", "model.glb"]
OBJECTS = {"ball": ball(), "mug": mug(), "figure": figure()}


def built(source: Picture, detail: Detail = SMALL) -> Mesh:
    return Inflate(None, detail).build(source, Stages())


def parts(source: Picture) -> dict[str, bytes]:
    return {part.name: part.data for part in Inflate(None, SMALL).reconstruct(source, Stages())}


@pytest.fixture(scope="module")
def meshes() -> dict[str, Mesh]:
    return {name: built(cut_out(mask)) for name, mask in OBJECTS.items()}


def front_view(mesh: Mesh, mask: U8) -> tuple[U8, F32]:
    """The mesh as large as in its picture, and where it covers that."""
    rows, columns = np.nonzero(mask > 127)
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    side = len(mask)
    centre_x, centre_y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    centre = ((side / 2 - centre_x) / longer, (centre_y - side / 2) / longer, 0)
    view = render(mesh, Camera.orthographic(0, 0, side, half_side=side / 2 / longer, centre=centre), shading=0)
    return view.rgb, view.alpha


@pytest.mark.parametrize("name", OBJECTS)
def test_from_the_front_an_object_looks_like_its_photo(name: str, meshes: dict[str, Mesh]) -> None:
    mask = OBJECTS[name]
    view, alpha = front_view(meshes[name], mask)
    overlap = ((alpha > 0.5) & (mask > 127)).sum() / ((alpha > 0.5) | (mask > 127)).sum()
    assert overlap > 0.93
    inner = (cv2.erode(mask, np.ones((5, 5), np.uint8)) > 127) & (alpha == 1)
    error = (view.astype(float) - cut_out(mask).rgb)[inner]
    assert 10 * np.log10(255**2 / (error**2).mean()) > 22


@pytest.mark.parametrize("name", OBJECTS)
def test_a_mesh_is_closed_faces_outwards_and_fits_its_box(name: str, meshes: dict[str, Mesh]) -> None:
    mesh = meshes[name]
    assert mesh.is_watertight
    assert mesh.volume > 0
    assert np.ptp(mesh.bounds, axis=0).max() == pytest.approx(1)
    assert mesh.bounds.sum(axis=0) == pytest.approx(0, abs=1e-5)
    assert len(mesh.faces) <= SMALL.faces


@pytest.mark.parametrize("name", OBJECTS)
def test_from_the_side_the_texture_is_as_fine_as_from_the_front(name: str, meshes: dict[str, Mesh]) -> None:
    """Texture smeared along the depth has little contrast along it."""

    def contrast(view: U8, alpha: F32) -> float:
        whole = cv2.erode((alpha == 1).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        across = np.abs(np.diff(view.astype(float).mean(axis=2), axis=1))
        return float(across[whole[:, 1:]].mean())

    front = render(meshes[name], Camera.orthographic(0, 0, 200, half_side=0.6), shading=0)
    for azimuth in (-90, 90):
        side = render(meshes[name], Camera.orthographic(azimuth, 0, 200, half_side=0.6), shading=0)
        assert contrast(side.rgb, side.alpha) > 0.4 * contrast(front.rgb, front.alpha)


def test_no_face_looks_out_of_the_back() -> None:
    rgb = textured(240, 240, (200, 160, 120), 6)
    for x in (95, 145):
        rgb = np.asarray(cv2.circle(rgb, (x, 100), 9, (10, 10, 10), -1), np.uint8)
    mesh = built(cut_out(ball(), rgb))
    back = render(mesh, Camera.orthographic(180, 0, 200, half_side=0.6), background=(0.7, 0.6, 0.5), shading=0)
    assert back.rgb.mean(axis=2).min() > 110
    front = render(mesh, Camera.orthographic(0, 0, 200, half_side=0.6), background=(0.7, 0.6, 0.5), shading=0)
    assert front.rgb.mean(axis=2).min() < 40


def view_of(mesh: Mesh, azimuth: float, background: tuple[float, float, float] = (0.5, 0.5, 0.5)) -> U8:
    return render(mesh, Camera.orthographic(azimuth, 0, 200, half_side=0.55), background=background, shading=0).rgb


@pytest.mark.parametrize("azimuth", [60, 90, 135, 180, -90])
def test_a_striped_ball_is_striped_all_around(azimuth: int) -> None:
    stripes = np.indices((240, 240))[0] // 20 % 2 == 0
    rgb = np.where(stripes[..., None], (40, 110, 90), (240, 225, 190)).astype(np.uint8)
    rows, columns = (np.mgrid[:240, :240] - 120) / 80
    light = 0.7 - 0.3 * rows + 0.0 * columns
    mesh = built(cut_out(ball(), np.clip(rgb * light[..., None], 0, 255).astype(np.uint8)))
    front, side = (view_of(mesh, angle).astype(float)[40:160, 80:120] for angle in (0, azimuth))
    assert side.std(axis=(0, 1)) == pytest.approx(front.std(axis=(0, 1)), rel=0.25)
    assert side.mean(axis=(0, 1)) == pytest.approx(front.mean(axis=(0, 1)), abs=20)


def with_face(rgb: U8) -> U8:
    drawn = rgb.copy()
    for x in (104, 136):
        cv2.circle(drawn, (x, 100), 8, (250, 250, 250), -1)
        cv2.circle(drawn, (x, 100), 4, (10, 20, 120), -1)
    cv2.ellipse(drawn, (120, 128), (18, 9), 0, 0, 180, (150, 10, 30), -1)
    return np.asarray(drawn, np.uint8)


@pytest.mark.parametrize("outline", ["ball", "egg"])
def test_a_face_is_on_the_front_only(outline: str) -> None:
    mask = (
        ball()
        if outline == "ball"
        else np.asarray(cv2.ellipse(canvas(), (120, 120), (62, 85), 0, 0, 360, 255, -1))
    )
    mesh = built(cut_out(mask, with_face(textured(240, 240, (190, 150, 110), 8))))
    front = view_of(mesh, 0)
    # Where the face is in the view: the picture's 160 or 170 pixels are 1 long.
    template = front[60:125, 60:140]

    def likeness(azimuth: float) -> float:
        view = view_of(mesh, azimuth)
        found = [cv2.matchTemplate(view, np.ascontiguousarray(face), cv2.TM_CCOEFF_NORMED).max()
                 for face in (template, template[:, ::-1], template[:, :40], template[:, 40:])]  # fmt: skip
        return float(max(found))

    assert likeness(0) > 0.99
    for azimuth in (135, 180, 225):
        assert likeness(azimuth) < 0.6


def test_background_does_not_bleed_onto_the_sides() -> None:
    mask = ball()
    rgb = np.where(mask[..., None] > 0, np.array([200, 40, 40]), np.array([0, 255, 0])).astype(np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.0), np.uint8)
    mesh = built(cut_out(mask, rgb))
    for azimuth in (0, 60, 90, 120, 180):
        view = render(
            mesh, Camera.orthographic(azimuth, 0, 160, half_side=0.6), background=(0.8, 0.16, 0.16), shading=0
        )
        assert view.rgb[..., 1].max() < 90


def test_the_parts_come_in_their_order_and_are_what_they_say() -> None:
    made = parts(cut_out(mug()))
    assert list(made) == NAMES
    for name in ("pixel_images.png", "xyz_images.png"):
        assert Image.open(io.BytesIO(made[name])).size == (1536, 256)
    assert Image.open(io.BytesIO(made["matte.png"])).mode == "RGBA"
    assert len(zipfile.ZipFile(io.BytesIO(made["output3d.zip"])).namelist()) == 3
    preview, model = glb.decode(made["preview.glb"]), glb.decode(made["model.glb"])
    assert len(preview.faces) < len(model.faces)
    for mesh in (preview, model, obj.decode_zip(made["output3d.zip"])):
        assert mesh.is_watertight
        assert mesh.texture is not None


def test_a_cancelled_reconstruction_ends_before_its_next_part() -> None:
    stages = Stages()
    coming = Inflate(None, SMALL).reconstruct(cut_out(ball()), stages)
    assert next(coming).name == "matte.png"
    stages.cancellation.cancel()
    with pytest.raises(CancelledError):
        next(coming)


def test_the_same_picture_gives_the_same_parts_twice() -> None:
    assert parts(cut_out(figure())) == parts(cut_out(figure()))


RECONSTRUCT = """
import hashlib, sys
from pathlib import Path
from wheatstone.models.inflate import Detail, Inflate
from wheatstone.pictures import read_picture
from wheatstone.stages import Stages
for part in Inflate(None, Detail(4000, 256)).reconstruct(read_picture(Path(sys.argv[1])), Stages()):
    print(part.name, hashlib.sha256(part.data).hexdigest())
"""


def test_one_thread_gives_the_same_parts_as_many(tmp_path: object) -> None:
    path = f"{tmp_path}/cup.png"
    Image.fromarray(photo("coffee.png", 240)).save(path)
    alone = run_python(ON_ONE_CORE + RECONSTRUCT, path, **ONE_THREAD)
    assert run_python(RECONSTRUCT, path, **MANY_THREADS) == alone
    assert len(alone.splitlines()) == len(NAMES)


def test_what_a_cut_out_hides_does_not_show() -> None:
    mask = mug()
    rgb = cut_out(mask).rgb
    hidden = np.where(mask[..., None] > 0, rgb, np.array([0, 255, 0])).astype(np.uint8)
    first, second = built(cut_out(mask, rgb)), built(cut_out(mask, hidden))
    assert first.texture is not None
    assert second.texture is not None
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.texture, second.texture)


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "astronaut.png"])
def test_photos_become_closed_meshes(name: str) -> None:
    mesh = built(picture(photo(name)))
    assert mesh.is_watertight
    assert mesh.volume > 0


def test_a_picture_without_object_is_refused_by_name() -> None:
    with pytest.raises(BadPictureError, match=r"drawn\.png shows no object"):
        built(picture(np.full((80, 100, 3), 90, np.uint8)))


def test_a_transparent_picture_is_refused_by_name() -> None:
    with pytest.raises(BadPictureError, match=r"drawn\.png shows no object"):
        built(cut_out(np.zeros((80, 100), np.uint8)))


def test_a_speck_is_refused() -> None:
    speck = np.zeros((80, 100), np.uint8)
    speck[40:43, 50:52] = 255
    with pytest.raises(BadPictureError, match=r"^drawn\.png shows an object of only 3 pixels: crop the photo"):
        built(cut_out(speck))


@pytest.mark.parametrize("size", [(12, 9), (9, 700), (700, 9)])
def test_tiny_and_thin_objects_become_closed_meshes(size: tuple[int, int]) -> None:
    mask = np.zeros((size[1] + 4, size[0] + 4), np.uint8)
    mask[2:-2, 2:-2] = 255
    mesh = built(cut_out(mask))
    assert mesh.is_watertight
    assert mesh.volume > 0


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1)])
def test_an_object_that_fills_a_photo_of_one_row_becomes_a_closed_mesh(shape: tuple[int, int]) -> None:
    mesh = built(cut_out(np.full(shape, 255, np.uint8)))
    assert mesh.is_watertight
    assert mesh.volume > 0


@pytest.mark.parametrize("detail", [(50, 256), (2_000_000, 256), (4000, 10), (4000, 10_000)])
def test_details_out_of_range_are_refused(detail: tuple[int, int]) -> None:
    with pytest.raises(BadOptionError, match="can"):
        Detail(*detail)


def test_the_label_says_what_is_invented() -> None:
    assert INFLATE.label == "inflated silhouette; sides and back are invented"


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 3), (8, 8), (1, 300), (300, 1), (60, 80)])
def test_noise_of_any_size_becomes_a_closed_mesh_or_is_refused(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    rgb, alpha = random.integers(0, 256, (*shape, 3), np.uint8), random.integers(0, 256, shape, np.uint8)
    for source in (picture(rgb), cut_out(alpha, rgb)):
        with contextlib.suppress(BadPictureError):
            mesh = built(source)
            assert mesh.is_watertight
            assert mesh.volume > 0


def test_a_mesh_may_be_as_fine_as_the_surface_is() -> None:
    mesh = built(cut_out(ball()), Detail(faces=1_000_000, texture_px=64))
    assert len(mesh.vertices) > 2**15
    assert mesh.is_watertight
