"""The page that `--format html` writes, in a real browser, against the renderer that draws the posters."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Playwright

from tests.browser.conftest import Open
from tests.browser.viewer import Viewer
from tests.browser.window import PATIENCE_S, psnr_db
from tests.splats.formats.scenes import photo_like
from wheatstone.arrays import U8
from wheatstone.cli.view import PageServer
from wheatstone.splats.cameras import Camera
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import BACKGROUND, Shot
from wheatstone.splats.transforms import transform
from wheatstone.splats.views import View

pytestmark = pytest.mark.xdist_group("browser")

LABEL = "relief: procedural estimate, no learned depth"
CAMERA = Camera.of_photo(640, 480, 256.0)
SCENE = Scene(photo_like(60), CAMERA, LABEL)  # 7,200 Gaussians
ALIKE_DB = 38.0
"""The two renderers differ by their rounding only: 45 and more here; 12 degrees away it is 20."""
LIMIT_DEG = 12.0


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SCENE.save(tmp_path_factory.mktemp("pages") / "beach & sea.html")


def drawn(view: View | None = None, scene: Scene = SCENE, long_side_px: int = 640) -> U8:
    return Shot.of(scene, long_side_px).picture(view or View())


def magnified(camera: Camera) -> U8:
    """The scene twice as large as in the photo, the low-pass filter with it."""
    return render(SCENE.gaussians, camera, background=BACKGROUND, low_pass_px2=4 * 0.3).rgb


def test_it_opens_from_disk_as_its_poster(show: Open, page: Path) -> None:
    assert psnr_db(show(page).picture(), drawn()) > ALIKE_DB


def test_its_title_is_the_files_name_and_the_label_is_seen(show: Open, page: Path) -> None:
    viewer = show(page)
    assert viewer.page.title() == "beach & sea"
    assert viewer.page.locator("h1").inner_text() == "beach & sea"
    assert viewer.page.get_by_text(LABEL).is_visible()


def test_dragging_turns_it_to_the_limit_and_no_farther(show: Open, page: Path) -> None:
    viewer = show(page)
    viewer.drag(-80)
    assert psnr_db(viewer.picture(), drawn(View(LIMIT_DEG / 2))) > ALIKE_DB
    viewer.drag(-300)
    assert psnr_db(viewer.picture(), drawn(View(LIMIT_DEG))) > ALIKE_DB
    viewer.drag(300)
    viewer.drag(300)
    assert psnr_db(viewer.picture(), drawn(View(-LIMIT_DEG))) > ALIKE_DB


def test_keys_turn_it_and_reset_it(show: Open, page: Path) -> None:
    viewer = show(page)
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        viewer.page.keyboard.press(key)
    viewer.settle()
    assert psnr_db(viewer.picture(), drawn(View(LIMIT_DEG / 2, LIMIT_DEG / 4))) > ALIKE_DB
    viewer.page.keyboard.press("r")
    viewer.settle()
    assert psnr_db(viewer.picture(), drawn()) > ALIKE_DB


def test_the_reset_button_is_there_when_it_is_needed(show: Open, page: Path) -> None:
    viewer = show(page)
    assert not viewer.reset_button.is_visible()
    viewer.drag(-100)
    viewer.reset_button.click()
    viewer.settle()
    assert psnr_db(viewer.picture(), drawn()) > ALIKE_DB


def test_zooming_magnifies_the_photos_view_and_shifting_stops_at_its_frame(show: Open, page: Path) -> None:
    viewer = show(page)
    viewer.page.mouse.move(320, 240)
    viewer.page.mouse.wheel(0, -1000 / 1.5 * np.log(2))
    viewer.reset_button.wait_for()
    viewer.settle()
    closer = replace(CAMERA, fx_px=512.0, fy_px=512.0)
    assert psnr_db(viewer.picture(), magnified(closer)) > ALIKE_DB
    viewer.page.keyboard.down("Shift")
    viewer.drag(600, 400)
    assert psnr_db(viewer.picture(), magnified(replace(closer, cx_px=640.0, cy_px=480.0))) > ALIKE_DB


def test_a_window_of_nearly_the_photos_shape_is_filled(show: Open, page: Path) -> None:
    assert psnr_db(show(page, 640, 360).picture(), drawn()[60:420]) > ALIKE_DB


def test_in_a_window_of_quite_another_shape_the_whole_photo_shows(show: Open, page: Path) -> None:
    picture = show(page, 320, 600).picture()
    background = np.rint(np.array(BACKGROUND) * 255)
    assert np.abs(picture[:178] - background).max() <= 1
    assert np.abs(picture[-178:] - background).max() <= 1
    assert psnr_db(picture[180:420], drawn(long_side_px=320)) > ALIKE_DB


def test_two_fingers_zoom(show: Open, page: Path) -> None:
    viewer = show(page)
    touch = viewer.page.context.new_cdp_session(viewer.page)
    for kind, apart in (("touchStart", 60), ("touchMove", 90), ("touchMove", 120)):
        points = [{"x": 320 - apart, "y": 240, "id": 0}, {"x": 320 + apart, "y": 240, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    viewer.reset_button.wait_for()
    viewer.settle()
    closer = replace(CAMERA, fx_px=512.0, fy_px=512.0)
    assert psnr_db(viewer.picture(), magnified(closer)) > ALIKE_DB


def test_a_scene_without_a_photo_turns_all_the_way(show: Open, tmp_path: Path) -> None:
    around_origin = np.eye(4)
    around_origin[2, 3] = -3
    scene = Scene(transform(SCENE.gaussians, around_origin))
    viewer = show(scene.save(tmp_path / "free.html"), 480, 480)
    assert psnr_db(viewer.picture(), drawn(View(), scene, 480)) > ALIKE_DB - 8  # sorted by distance, not depth
    viewer.drag(-216)
    viewer.drag(-216)
    assert psnr_db(viewer.picture(), drawn(View(180), scene, 480)) > ALIKE_DB - 8


def test_it_swings_until_it_is_touched(show: Open, tmp_path: Path) -> None:
    scene = Scene(photo_like(10), CAMERA, LABEL)  # small, as the page does not swing where frames take long
    viewer = show(scene.save(tmp_path / "small.html"), calm=False)
    deadline = time.monotonic() + PATIENCE_S
    while viewer.state == "loading" or psnr_db(viewer.picture(), drawn(scene=scene)) > 30:
        assert time.monotonic() < deadline
    viewer.page.mouse.click(320, 100)
    viewer.settle()


def test_it_shows_over_http_too(show: Open, page: Path) -> None:
    with PageServer(page.read_bytes(), page.name) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert psnr_db(show(server.address).picture(), drawn()) > ALIKE_DB
        finally:
            server.shutdown()
            thread.join()


def test_its_policy_forbids_any_request(show: Open, page: Path) -> None:
    viewer = show(page)
    refused = "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)"
    assert viewer.page.evaluate(refused) == "TypeError"
    assert any("Content Security Policy" in complaint for complaint in viewer.complaints)
    viewer.complaints.clear()


def test_without_webgl_it_says_so_and_shows_the_poster(playwright: Playwright, chromium: str, page: Path) -> None:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-3d-apis"])
    viewer = Viewer(browser.new_page(viewport={"width": 640, "height": 480}), page.as_uri())
    assert viewer.state == "failed"
    assert "WebGL 2" in viewer.message
    assert psnr_db(viewer.picture(), drawn()) > 30  # a lossy poster
    assert viewer.page.get_by_text(LABEL).is_visible()
    browser.close()


def test_a_page_that_hangs_says_so(show: Open, page: Path, tmp_path: Path) -> None:
    viewer = show(page, calm=False)
    viewer.page.clock.install()
    viewer.page.add_init_script("WebAssembly.compile = () => new Promise(() => {})")
    viewer.page.reload()
    assert viewer.page.locator("#message").is_hidden()
    viewer.page.clock.fast_forward(60_000)
    assert "takes long" in viewer.message


def test_a_damaged_page_says_so_and_shows_the_poster(show: Open, page: Path, tmp_path: Path) -> None:
    head, _, _ = page.read_text(encoding="utf-8").partition('type="application/octet-stream">')
    damaged = tmp_path / "damaged.html"
    damaged.write_text(f'{head}type="application/octet-stream">AAAA</script></body></html>', encoding="utf-8")
    viewer = show(damaged, calm=False)
    viewer.page.locator("#message").wait_for()
    assert viewer.state == "failed"
    assert "cannot be shown" in viewer.message
    viewer.complaints.clear()
