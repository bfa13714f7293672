"""Meshes on the server's page: their parts as they come, the object, and what is left of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Playwright, Route

from tests.browser.app import App
from tests.browser.conftest import Visit
from tests.browser.proxy import Proxy, proxy
from tests.live import LiveServer, running_server
from wheatstone.arrays import U8, Mask
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.formats import read_mesh
from wheatstone.meshes.render import render
from wheatstone.meshes.turntables import BACKGROUND

pytestmark = pytest.mark.xdist_group("browser")

WINDOW_PX = (900, 820)
OBJECT = "3D object"
PICTURES = ["Cut-out", "Six views", "Coordinates"]
KEY_DEG = 8.0
"""How far an arrow key turns what has no limit."""
GROUND = np.rint(np.array(BACKGROUND) * 255)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mug, blue above and pale below, before a plain wall."""
    path = tmp_path_factory.mktemp("photos") / "my mug.jpg"
    rgb = np.full((240, 240, 3), 235, np.uint8)
    cv2.ellipse(rgb, (165, 120), (38, 44), 0, 0, 360, (150, 60, 40), 14, cv2.LINE_AA)
    cv2.rectangle(rgb, (60, 50), (155, 120), (40, 80, 190), -1)
    cv2.rectangle(rgb, (60, 120), (155, 195), (200, 160, 60), -1)
    Image.fromarray(rgb).save(path, quality=95)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose mesh model gives time to look at each part."""
    models = {"name": "instant", "mesh": "pausing-mesh"}
    with running_server(tmp_path_factory.mktemp("meshes"), model=models) as server:
        yield server


@pytest.fixture
def cuttable(server: LiveServer) -> Iterator[Proxy]:
    """A network to the server."""
    with proxy(server.url) as between:
        yield between


def making(visit: Visit, url: str, photo: Path, size_px: tuple[int, int] = WINDOW_PX, *, calm: bool = True) -> App:
    """The page that has begun to make a mesh."""
    app = visit(url, size_px, calm=calm)
    app.want(OBJECT)
    app.choose(photo)
    return app


@pytest.fixture(scope="module")
def made(server: LiveServer, photo: Path) -> str:
    """The id of a finished mesh."""
    files = {"file": (photo.name, photo.read_bytes())}
    answer = server.http.post("/v1/jobs", files=files, data={"kind": "mesh"}, headers={"Prefer": "wait=60"})
    job_id: str = answer.raise_for_status().json()["id"]
    return job_id


def box(picture: U8) -> tuple[int, int, int, int]:
    """Rows and columns of the window that the object takes: from, and to before."""
    away = np.abs(picture.astype(int) - GROUND).max(axis=2) > 14
    rows, columns = (np.flatnonzero(away.any(axis=axis)) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def shape(picture: U8) -> tuple[Mask, U8]:
    """Where the object is, and its picture, both cropped to it."""
    top, bottom, left, right = box(picture)
    cropped = picture[top:bottom, left:right]
    return np.abs(cropped.astype(int) - GROUND).max(axis=2) > 14, cropped


def assert_alike(seen: U8, server: LiveServer, job_id: str, azimuth_deg: float, tmp_path: Path) -> None:
    """The object in the window is that of `model.glb`, as our own renderer draws it from there."""
    path = tmp_path / "model.glb"
    path.write_bytes(server.http.get(f"/v1/jobs/{job_id}/artifacts/model.glb").raise_for_status().content)
    mesh = read_mesh(path)
    drawn = render(mesh, Camera.around(mesh, azimuth_deg, 0, 800, 800), background=BACKGROUND).rgb
    (mask, colours), (drawn_mask, drawn_colours) = shape(seen), shape(drawn)
    size = mask.shape[1], mask.shape[0]
    assert abs(mask.shape[0] / mask.shape[1] - drawn_mask.shape[0] / drawn_mask.shape[1]) < 0.02
    drawn_mask = cv2.resize(drawn_mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    drawn_colours = cv2.resize(drawn_colours, size, interpolation=cv2.INTER_AREA)
    both = mask & drawn_mask
    assert both.sum() / (mask | drawn_mask).sum() > 0.97
    assert np.abs(colours[both].astype(int) - drawn_colours[both]).mean() < 8


def test_parts_are_shown_one_by_one_as_they_come(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = making(visit, server.url, photo)
    seen: list[tuple[list[str], str | None]] = []
    while app.state not in ("finished", "failed"):
        now = app.pictures, app.mesh
        if not seen or seen[-1] != now:
            seen.append(now)
        app.page.wait_for_timeout(20)
    app.settle()
    steps = [([], None), *((PICTURES[:count], None) for count in (1, 2, 3)), (PICTURES, "preview.glb")]
    assert seen[: len(steps)] == steps
    assert (app.pictures, app.mesh) == (PICTURES, "model.glb")
    for picture in app.page.locator(".strip img").all():
        assert picture.evaluate("(img) => img.complete && img.naturalWidth > 0")


def test_the_object_looks_as_our_own_renderer_draws_it(
    visit: Visit, server: LiveServer, made: str, tmp_path: Path
) -> None:
    app = visit(f"{server.url}/?task={made}", WINDOW_PX)
    app.settle()
    assert_alike(app.picture(), server, made, 0, tmp_path)
    for _ in range(5):
        app.page.keyboard.press("ArrowRight")
    app.settle()
    assert_alike(app.picture(), server, made, 5 * KEY_DEG, tmp_path)


def test_the_finer_mesh_takes_the_place_of_the_preview_without_moving_it(
    visit: Visit, server: LiveServer, photo: Path, tmp_path: Path
) -> None:
    app = making(visit, server.url, photo)
    app.until(lambda: len(app.pictures) > 0)
    held: list[Route] = []
    asked = re.compile(r"/v1/jobs/[^/]+$")
    app.page.route(asked, lambda route: held.append(route))  # so that the page does not hear of its end meanwhile
    boxes: list[tuple[int, int, int, int]] = []
    for mesh in ("preview.glb", "model.glb"):
        app.page.locator(f"[data-mesh='{mesh}']").wait_for()
        for _ in range(0 if boxes else 5):
            app.page.keyboard.press("ArrowLeft")
        app.page.locator(f"[data-view=settled][data-mesh='{mesh}']").wait_for()
        app.page.wait_for_timeout(100)  # the view says so in the frame before it shows
        boxes.append(box(app.picture()))
    assert np.abs(np.subtract(boxes[0], boxes[1])).max() <= 4
    for route in held:
        route.continue_()
    app.page.unroute_all()
    app.settle()
    assert_alike(app.picture(), server, app.page.url.split("=")[1], -5 * KEY_DEG, tmp_path)


def test_its_label_and_licence_stand_with_it(visit: Visit, server: LiveServer, made: str) -> None:
    app = visit(f"{server.url}/?task={made}", WINDOW_PX)
    app.settle()
    assert app.heading == "my mug"
    text = app.page.locator("footer").inner_text()
    assert "pausing-mesh: made for tests" in text
    assert "Licence: MIT" in text
    assert app.page.get_by_role("img", name="my mug").get_attribute("aria-describedby") == "label"


def test_every_part_can_be_kept_under_a_name_of_its_own(visit: Visit, server: LiveServer, made: str) -> None:
    app = visit(f"{server.url}/?task={made}", WINDOW_PX)
    app.settle()
    kept: dict[str, int] = {}

    def keep(*links: Locator) -> None:
        for link in links:
            with app.page.expect_download() as download:
                link.click()
            kept[download.value.suggested_filename] = download.value.path().stat().st_size

    keep(*(app.page.get_by_role("link", name=f"Download my mug.{ending}") for ending in ("glb", "zip")))
    app.page.get_by_text("All parts").click()
    keep(*app.page.get_by_role("list", name="All parts").get_by_role("link").all())
    sizes = {part["name"]: part["bytes"] for part in server.job(made)["artifacts"]}
    assert kept["my mug.glb"] == sizes["model.glb"]
    assert kept["my mug.zip"] == sizes["output3d.zip"]
    assert kept["my mug.preview.glb"] == sizes["preview.glb"]
    assert kept["my mug.pixel_images.png"] == sizes["pixel_images.png"]
    assert len(kept) == len(sizes)


def test_a_picture_can_be_enlarged_and_closed_again(visit: Visit, server: LiveServer, made: str) -> None:
    app = visit(f"{server.url}/?task={made}", WINDOW_PX)
    app.settle()
    for title in PICTURES:
        app.button(f"Enlarge: {title}").click()
        dialog = app.page.get_by_role("dialog", name=title)
        assert dialog.get_by_role("img").is_visible()
        app.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")


def test_a_reload_midway_goes_on(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = making(visit, server.url, photo)
    app.until(lambda: len(app.pictures) == 2)
    app.page.reload()
    app.until(lambda: len(app.pictures) >= 2)
    assert app.state == "converting"
    app.settle()
    assert (app.pictures, app.mesh) == (PICTURES, "model.glb")


def test_a_cut_stream_is_taken_up_again_and_no_part_is_lost_or_shown_twice(
    visit: Visit, cuttable: Proxy, photo: Path
) -> None:
    app = making(visit, cuttable.url, photo)
    app.until(lambda: len(app.pictures) == 1)
    cuttable.cut()
    app.page.get_by_text("Reconnecting").first.wait_for()
    cuttable.mend()
    app.settle()
    assert (app.pictures, app.mesh) == (PICTURES, "model.glb")
    app.complaints.clear()  # the browser's, of the cut


def test_a_mesh_whose_download_breaks_off_is_fetched_again(visit: Visit, server: LiveServer, made: str) -> None:
    app = visit(server.url, WINDOW_PX)
    app.page.route("**/model.glb", lambda route: route.abort(), times=1)
    app.page.goto(f"{server.url}/?task={made}")
    app.settle()
    assert app.mesh == "model.glb"
    app.complaints.clear()  # the browser's, of what broke off


def test_cancelling_ends_it(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = making(visit, server.url, photo)
    app.until(lambda: len(app.pictures) > 0)
    app.button("Cancel").click()
    app.wait("failed")
    assert app.heading == "Cancelled"
    assert "mesh" in app.page.locator("main").inner_text()
    assert server.wait(app.page.url.split("=")[1])["status"] == "cancelled"
    app.complaints.clear()  # the browser's, of parts that are gone


def test_a_photo_without_an_object_is_told_of_in_the_jobs_words(
    visit: Visit, server: LiveServer, tmp_path: Path
) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (120, 90), (120, 120, 120)).save(wall)
    app = making(visit, server.url, wall)
    app.wait("failed")
    error = server.job(app.page.url.split("=")[1])["error"]
    assert app.heading == error["title"]
    assert "wall.png shows no object" in error["detail"]
    assert error["detail"] in app.page.locator("main").inner_text()
    app.complaints.clear()  # the browser's, of parts that are gone


def test_a_dropped_photo_becomes_what_was_chosen(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = visit(server.url, WINDOW_PX)
    app.want(OBJECT)
    drop = """(content) => {
      const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0))
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([bytes], 'given.jpg', { type: 'image/jpeg' }))
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    }"""
    app.page.evaluate(drop, base64.b64encode(photo.read_bytes()).decode())
    app.until(lambda: len(app.pictures) > 0)
    assert server.job(app.page.url.split("=")[1])["kind"] == "mesh"
    app.settle()


def test_a_model_that_makes_no_mesh_to_show_shows_what_it_makes(visit: Visit, photo: Path, tmp_path: Path) -> None:
    models = {"name": "instant", "mesh": "pictures-mesh"}
    with running_server(tmp_path / "server", model=models) as server:
        app = making(visit, server.url, photo)
        app.wait("finished")
        assert app.pictures == ["Six views", "Coordinates"]
        app.page.get_by_text("can be downloaded, but not turned").wait_for()
        assert app.page.get_by_role("link", name="Download my mug.zip").is_visible()


def test_it_can_be_brought_closer_and_back(visit: Visit, server: LiveServer, made: str, tmp_path: Path) -> None:
    app = visit(f"{server.url}/?task={made}", WINDOW_PX)
    app.settle()
    whole = shape(app.picture())[0].shape[0]
    app.page.mouse.dblclick(WINDOW_PX[0] / 2, 250)
    app.settle()
    assert shape(app.picture())[0].shape[0] > 1.3 * whole
    app.button("Reset the view").click()
    app.settle()
    assert_alike(app.picture(), server, made, 0, tmp_path)


def test_it_turns_slowly_until_it_is_touched(visit: Visit, server: LiveServer, made: str) -> None:
    app = visit(f"{server.url}/?task={made}", (360, 640), calm=False)
    app.page.locator("[data-view=moving]").wait_for()
    app.page.wait_for_timeout(300)
    before = app.picture()
    app.until(lambda: bool((app.picture() != before).any()))
    app.page.mouse.click(180, 150)
    app.settle()
    still = app.picture()
    app.page.wait_for_timeout(300)
    assert (app.picture() == still).all()


def test_a_lost_graphics_processor_is_told_of_and_a_still_picture_shown(
    visit: Visit, server: LiveServer, made: str
) -> None:
    app = visit(f"{server.url}/?task={made}", WINDOW_PX)
    app.settle()
    lose = "document.querySelector('canvas').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    app.page.evaluate(lose)
    app.page.get_by_text("The graphics processor gave up").wait_for()
    still = app.page.locator(".still")
    app.until(lambda: still.evaluate("(still) => getComputedStyle(still).opacity") == "1")
    assert still.get_attribute("alt") == "my mug"


def test_without_webgl_it_says_so_and_shows_a_still_picture(
    playwright: Playwright, chromium: str, server: LiveServer, made: str
) -> None:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-3d-apis"])
    app = App(browser.new_page(), f"{server.url}/?task={made}")
    app.wait("finished")
    app.page.get_by_text("WebGL 2").wait_for()
    assert app.page.locator(".still").evaluate("async (still) => (await still.decode(), still.naturalWidth)") > 0
    assert app.page.get_by_role("link", name="Download my mug.glb").is_visible()
    browser.close()


def test_what_was_made_can_be_found_again(visit: Visit, server: LiveServer, made: str) -> None:
    splat = server.submit()
    server.wait(splat)
    app = visit(server.url, WINDOW_PX)
    tiles = app.page.get_by_role("region", name="Made here").get_by_role("link")
    tiles.first.wait_for()
    assert tiles.filter(has_text="photo").first.inner_text().split() == ["photo", "splat"]
    mesh = app.page.locator(f"a[href='/?task={made}']")
    mesh.scroll_into_view_if_needed()
    app.until(lambda: bool(mesh.locator("img").evaluate("(img) => img.complete && img.naturalWidth > 0")))
    assert mesh.inner_text().split() == ["my", "mug", "mesh"]
    mesh.click()
    app.settle()
    assert app.mesh == "model.glb"
    app.page.go_back()
    app.wait("idle")


def test_it_fits_a_small_phone(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = visit(server.url, (360, 640))
    app.want(OBJECT)
    app.choose(photo)
    for state in ("converting", "finished"):
        app.wait(state)
        app.until(lambda: len(app.pictures) > 0)
        assert app.page.evaluate("document.documentElement.scrollWidth") == 360
    app.settle()
    assert shape(app.picture()[60:])[0].shape[0] > 100


def test_a_low_window_shows_the_object_beside_its_words(visit: Visit, server: LiveServer, made: str) -> None:
    app = visit(f"{server.url}/?task={made}", (740, 360))
    app.settle()
    assert app.page.evaluate("document.documentElement.scrollWidth") == 740
    words = app.page.locator("footer").bounding_box()
    assert words is not None
    top, bottom, left, right = box(app.picture())
    assert left > words["width"]
    assert bottom - top > 150
    assert right < 740


NAMELESS = """() => [...document.querySelectorAll('button, a, input, summary, img, canvas, progress, dialog')]
  .filter((element) => element.checkVisibility() && element.getAttribute('aria-hidden') !== 'true')
  .filter((element) => !(element.getAttribute('aria-label') ?? element.innerText.trim()))
  .filter((element) => !element.labels?.length)
  .filter((element) => !element.hasAttribute('alt'))
  .map((element) => element.outerHTML)"""


def test_everything_has_a_name(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = visit(server.url, WINDOW_PX)
    app.page.get_by_text("More").click()
    assert app.page.evaluate(NAMELESS) == []
    app.want(OBJECT)
    assert app.page.evaluate(NAMELESS) == []
    app.choose(photo)
    app.until(lambda: app.mesh == "preview.glb")
    assert app.page.evaluate(NAMELESS) == []
    app.settle()
    app.page.get_by_text("All parts").click()
    assert app.page.evaluate(NAMELESS) == []
    assert app.page.get_by_role("status").last.inner_text() == "The mesh is ready"


def test_a_focal_length_can_be_given_for_a_splat(visit: Visit, server: LiveServer, photo: Path) -> None:
    app = visit(server.url, WINDOW_PX)
    app.page.get_by_text("More").click()
    app.page.get_by_label("Focal length in pixels").fill("321.5")
    app.choose(photo)
    app.settle()
    job_id = app.page.url.split("=")[1]
    assert server.http.get(f"/metadata/{job_id}").json()["intrinsic_matrix"][0] == 321.5
