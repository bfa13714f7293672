"""A page that shows a scene, open in Chromium."""

from __future__ import annotations

import time

from playwright.sync_api import Locator

from tests.browser.window import PATIENCE_S, Window


class Viewer(Window):
    """Its state is `loading`, `ready` or `failed`."""

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
