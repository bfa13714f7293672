from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.app import App
from tests.browser.viewer import Viewer

SOFTWARE_GL = [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]

WINDOW_PX = (640, 480)

Open = Callable[..., Viewer]
Visit = Callable[..., App]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a browser to test in."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    message = "Chromium is not installed: sudo apt-get install chromium"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def playwright(chromium: str) -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=SOFTWARE_GL)
    yield browser
    browser.close()


@pytest.fixture
def show(browser: Browser) -> Iterator[Open]:
    """Opens a page in a window of a size, settled; fails if it ever complained or asked for anything outside."""
    viewers: list[Viewer] = []

    def show(page: Path | str, width_px: int = 640, height_px: int = 480, *, calm: bool = True) -> Viewer:
        address = page.as_uri() if isinstance(page, Path) else page
        context = browser.new_context(
            viewport={"width": width_px, "height": height_px},
            reduced_motion="reduce" if calm else "no-preference",
            has_touch=True,
        )
        viewers.append(Viewer(context.new_page(), address))
        if calm:
            viewers[-1].settle()
        return viewers[-1]

    yield show
    for viewer in viewers:
        assert viewer.complaints == []
        assert viewer.asked_outside(viewer.page.url) == []
        viewer.page.context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens the page of a server; fails if it ever complained or asked for anything elsewhere."""
    apps: list[App] = []

    def visit(url: str, size_px: tuple[int, int] = WINDOW_PX, *, calm: bool = True) -> App:
        width, height = size_px
        context = browser.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce" if calm else "no-preference",
            accept_downloads=True,
        )
        apps.append(App(context.new_page(), url))
        return apps[-1]

    yield visit
    for app in apps:
        assert app.complaints == []
        origin = "/".join(app.page.url.split("/")[:3])
        assert app.asked_outside(f"{origin}/") == []
        app.page.context.close()
