"""The server's page in a real browser, with a real server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FileChooser, Playwright
from skimage.metrics import structural_similarity

import wheatstone
from tests.browser.app import App
from tests.browser.conftest import WINDOW_PX, Visit
from tests.browser.proxy import Proxy, proxy
from tests.browser.window import psnr_db
from tests.live import PHOTO, LiveServer, running_server
from wheatstone.arrays import U8
from wheatstone.splats.render import render
from wheatstone.splats.shots import BACKGROUND, Shot
from wheatstone.splats.views import View, photo_camera

pytestmark = pytest.mark.xdist_group("browser")

ALIKE_DB = 34.0
LIMIT_DEG = 12.0
SIZE_PX = (160, 120)
ZOOM = 4
assert (SIZE_PX[0] * ZOOM, SIZE_PX[1] * ZOOM) == WINDOW_PX


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small: without a graphics processor each Gaussian takes its time."""
    path = tmp_path_factory.mktemp("photos") / "cup & saucer.jpg"
    with Image.open(PHOTO) as coffee:
        coffee.resize(SIZE_PX).save(path, quality=95)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server as it is by default."""
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose model works for two seconds, and tells how far it is."""
    with running_server(tmp_path_factory.mktemp("slow"), model={"name": "slow"}) as server:
        yield server


@pytest.fixture
def cuttable(slow: LiveServer) -> Iterator[Proxy]:
    """A network to the slow server."""
    with proxy(slow.url) as between:
        yield between


def drawn(server: LiveServer, app: App, tmp_path: Path, view: View | None = None) -> U8:
    """The task's scene by our own renderer, magnified as the window does it."""
    task_id = app.page.url.split("=")[1]
    answer = server.http.get(f"/result/{task_id}").raise_for_status()
    path = tmp_path / Path(answer.headers["content-disposition"].split("'")[-1].strip('"')).with_stem("scene").name
    path.write_bytes(answer.content)
    scene = wheatstone.load(path)
    camera = photo_camera(scene)
    assert camera is not None
    shot = Shot.of(scene, camera.width_px)
    seen = (view or View()).of(camera, shot.pivot_m)
    larger = replace(
        seen,
        width_px=WINDOW_PX[0],
        height_px=WINDOW_PX[1],
        fx_px=seen.fx_px * ZOOM,
        fy_px=seen.fy_px * ZOOM,
        cx_px=seen.cx_px * ZOOM,
        cy_px=seen.cy_px * ZOOM,
    )
    return render(scene.gaussians, larger, background=BACKGROUND, low_pass_px2=0.3 * ZOOM**2).rgb


def test_a_photo_becomes_a_scene_to_turn_and_to_keep(
    visit: Visit, server: LiveServer, photo: Path, tmp_path: Path
) -> None:
    app = visit(server.url)
    app.choose(photo)
    app.settle()
    expected = ["idle", "uploading", "queued", "converting", "compressing", "finished"]
    assert [state for state in expected if state in app.states] == app.states
    assert {"idle", "uploading", "converting", "finished"} <= set(app.states)

    straight = drawn(server, app, tmp_path)
    assert structural_similarity(app.picture(), straight, channel_axis=2) > 0.9
    assert psnr_db(app.picture(), straight) > ALIKE_DB
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        app.page.keyboard.press(key)
    app.settle()
    assert psnr_db(app.picture(), drawn(server, app, tmp_path, View(LIMIT_DEG))) > ALIKE_DB

    text = app.page.locator("footer").inner_text()
    assert "no learned depth" in text
    assert "MIT" in text
    with app.page.expect_download() as kept:
        app.page.get_by_role("link", name="Download").first.click()
    assert kept.value.suggested_filename == "cup & saucer.sog"
    assert len(wheatstone.load(kept.value.path().rename(tmp_path / "kept.sog")).gaussians) > 1000


def test_a_reload_and_a_link_show_the_same_task(visit: Visit, slow: LiveServer, photo: Path) -> None:
    app = visit(slow.url)
    app.choose(photo)
    app.wait("converting")
    app.page.reload()
    app.settle()
    picture = app.picture()
    app.page.reload()
    app.settle()
    assert psnr_db(app.picture(), picture) > ALIKE_DB
    link = visit(app.page.url)
    link.settle()
    assert psnr_db(link.picture(), picture) > ALIKE_DB
    app.page.get_by_role("link", name="Wheatstone").click()
    assert app.state == "idle"
    app.page.go_back()
    app.settle()


def test_without_compression_the_scene_shows_all_the_same(visit: Visit, photo: Path, tmp_path: Path) -> None:
    with running_server(tmp_path / "plain", compression={"enabled": False}) as server:
        app = visit(server.url)
        app.choose(photo)
        app.settle()
        assert psnr_db(app.picture(), drawn(server, app, tmp_path)) > ALIKE_DB
        assert app.page.get_by_role("link", name="Download").get_attribute("download") == "cup & saucer.ply"


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_photos_can_be_dropped_and_pasted(visit: Visit, slow: LiveServer, photo: Path, way: str) -> None:
    app = visit(slow.url)
    given = """([way, content]) => {
      const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0))
      const data = new DataTransfer()
      data.items.add(new File([bytes], 'given.jpg', { type: 'image/jpeg' }))
      const event = way === 'drop'
        ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
      document.body.dispatchEvent(event)
    }"""
    app.page.evaluate(given, [way, base64.b64encode(photo.read_bytes()).decode()])
    app.wait("finished")
    assert app.heading == "given"


def test_a_cut_stream_is_taken_up_again_without_a_stage_lost_or_told_twice(
    visit: Visit, cuttable: Proxy, photo: Path
) -> None:
    app = visit(cuttable.url)
    app.choose(photo)
    app.wait("converting")
    app.page.get_by_role("list").get_by_text("Work").wait_for()
    cuttable.cut()
    app.page.get_by_text("Reconnecting").first.wait_for()
    assert app.state == "converting"
    cuttable.mend()
    stages: list[str] = []
    while app.state not in ("finished", "failed"):
        stages = app.stages or stages
        app.page.wait_for_timeout(20)
    assert "Work" in stages
    assert len(stages) == len(set(stages))
    order = ["idle", "uploading", "queued", "converting", "compressing", "finished"]
    assert app.states == [state for state in order if state in app.states]
    app.settle()
    app.complaints.clear()  # the browser's, of the cut


def test_without_a_stream_the_task_is_asked_for(visit: Visit, slow: LiveServer, photo: Path) -> None:
    app = visit(slow.url)
    app.page.route("**/events?*", lambda route: route.fulfill(status=404))
    app.choose(photo)
    app.wait("finished")
    app.settle()
    app.complaints.clear()  # the browser's, of the answers 404


def test_a_server_that_cannot_be_reached_is_tried_again(visit: Visit, cuttable: Proxy, photo: Path) -> None:
    app = visit(cuttable.url)
    cuttable.cut()
    app.choose(photo)
    app.wait("failed")
    assert "cannot be reached" in app.heading
    cuttable.mend()
    app.button("Try again").click()
    app.wait("finished")
    app.settle()
    app.complaints.clear()


def test_what_is_no_photo_is_refused_in_the_servers_words(
    visit: Visit, server: LiveServer, tmp_path: Path
) -> None:
    song = tmp_path / "song.jpg"
    song.write_bytes(b"la la la")
    told = server.http.post("/v1/jobs", files={"file": ("song.jpg", song.read_bytes())}).json()
    app = visit(server.url)
    app.choose(song)
    app.wait("failed")
    assert app.heading == told["title"]
    assert told["detail"] in app.page.locator("main").inner_text()
    assert app.button("Choose another photo").is_visible()
    app.complaints.clear()  # the browser's, of the answer 4xx


def test_a_model_that_fails_says_so(visit: Visit, photo: Path, tmp_path: Path) -> None:
    with running_server(tmp_path / "failing", model={"name": "failing"}) as server:
        app = visit(server.url)
        app.choose(photo)
        app.wait("failed")
        job = server.job(app.page.url.split("=")[1])
        assert app.heading == job["error"]["title"]
        assert job["error"]["detail"] in app.page.locator("main").inner_text()


def test_cancelling_ends_the_task(visit: Visit, slow: LiveServer, photo: Path) -> None:
    app = visit(slow.url)
    app.choose(photo)
    app.wait("converting")
    app.button("Cancel").click()
    app.wait("failed")
    assert app.heading == "Cancelled"
    assert slow.wait(app.page.url.split("=")[1])["status"] == "cancelled"


def test_a_task_that_is_not_there_is_said_to_be_gone(visit: Visit, server: LiveServer) -> None:
    app = visit(f"{server.url}/?task=nothing")
    app.wait("failed")
    assert app.heading == "There is no such task here"
    app.complaints.clear()


def test_it_fits_a_small_phone(visit: Visit, slow: LiveServer, photo: Path) -> None:
    app = visit(slow.url, (360, 640))
    for state in ("idle", "converting", "finished"):
        app.wait(state)
        assert app.page.evaluate("document.documentElement.scrollWidth") == 360
        if state == "idle":
            app.choose(photo)
    app.settle()


def test_everything_can_be_reached_by_keys(visit: Visit, slow: LiveServer, photo: Path) -> None:
    app = visit(slow.url)
    choosers: list[FileChooser] = []
    app.page.on(
        "filechooser", lambda chooser: choosers.append(chooser)
    )  # long before it is needed: Chromium takes a moment to heed it
    for _ in ("Wheatstone", "3D photo", "Choose a photo"):
        app.page.keyboard.press("Tab")
    assert app.button("Choose a photo").evaluate("(button) => button === document.activeElement")
    app.page.wait_for_timeout(500)
    app.page.keyboard.press("Enter")
    app.until(lambda: len(choosers) > 0)
    choosers[0].set_files(photo)
    app.settle()
    assert app.page.get_by_role("status").first.inner_text() == "The scene is ready"


def test_without_webgl_it_says_so_and_shows_the_poster(
    playwright: Playwright, chromium: str, server: LiveServer, photo: Path, tmp_path: Path
) -> None:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-3d-apis"])
    size = {"width": WINDOW_PX[0], "height": WINDOW_PX[1]}
    app = App(browser.new_page(viewport=size), server.url)  # type: ignore[arg-type]
    app.choose(photo)
    app.wait("finished")
    app.page.get_by_text("WebGL 2").wait_for()
    app.page.locator(".poster").evaluate("(poster) => poster.decode()")
    assert np.abs(app.picture().astype(int) - drawn(server, app, tmp_path)).mean() < 8  # a small and lossy poster
    browser.close()


def test_a_scene_that_hangs_is_said_to_take_long(visit: Visit, slow: LiveServer, photo: Path) -> None:
    app = visit(slow.url)
    app.choose(photo)
    app.wait("finished")
    app.page.clock.install()
    app.page.add_init_script("WebAssembly.compile = () => new Promise(() => {})")
    app.page.reload()
    app.wait("finished")
    app.page.clock.fast_forward(60_000)
    app.page.get_by_text("takes long").wait_for()


@pytest.mark.parametrize("page", ["docs", "redoc"])
def test_the_api_is_described_without_any_other_site(visit: Visit, server: LiveServer, page: str) -> None:
    app = visit(f"{server.url}/{page}")
    app.page.get_by_text("/predict").first.wait_for()
    app.page.wait_for_load_state("networkidle")
