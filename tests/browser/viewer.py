"""A page that shows a scene, open in Chromium."""

from __future__ import annotations

import time
from io import BytesIO

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

from wheatstone.arrays import U8, AnyArray

PATIENCE_S = 60.0


class Viewer:
    """Opens a page and looks at it as a person would; remembers what the page complains of and asks for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)

    @property
    def state(self) -> str:
        """`loading`, `ready` or `failed`."""
        return str(self.page.evaluate("document.documentElement.dataset.state"))

    @property
    def is_still(self) -> bool:
        """Whether the view stands and is drawn to the end."""
        return bool(self.page.evaluate("document.documentElement.dataset.view") == "settled")

    @property
    def reset_button(self) -> Locator:
        """Seen when the view is not as it was at first."""
        return self.page.get_by_role("button", name="Reset the view")

    def settle(self) -> None:
        """Wait until the scene is there and still, and the poster gone."""
        deadline = time.monotonic() + PATIENCE_S
        while self.state == "loading" or not self.is_still or self._poster_opacity() > 0:
            assert time.monotonic() < deadline, f"not settled: {self.state}"
            self.page.wait_for_timeout(50)
        assert self.state == "ready", self.message

    def _poster_opacity(self) -> float:
        return float(self.page.evaluate("getComputedStyle(document.querySelector('#poster')).opacity"))

    @property
    def message(self) -> str:
        """What the page tells its reader."""
        return self.page.locator("#message").inner_text()

    def picture(self) -> U8:
        """(H, W, 3) uint8: what is seen behind the words and buttons."""
        self.page.evaluate("document.querySelector('footer').style.opacity = 0")
        shot = self.page.screenshot()
        self.page.evaluate("document.querySelector('footer').style.opacity = ''")
        return np.asarray(Image.open(BytesIO(shot)).convert("RGB"))

    def drag(self, right_px: int, down_px: int = 0) -> None:
        """Press the left button in the middle of the window, move, let go; wait until all is still."""
        size = self.page.viewport_size
        assert size is not None
        x, y = size["width"] / 2, size["height"] / 3
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right_px, y + down_px, steps=4)
        self.page.mouse.up()
        self.settle()


def psnr_db(a: AnyArray, b: AnyArray) -> float:
    """Likeness of two uint8 pictures in decibels."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
