"""The server's page, open in Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.browser.window import PATIENCE_S, Window

_REMEMBER_STATES = """
window.states = []
new MutationObserver(() => states.push(document.documentElement.dataset.state)).observe(document, {
  subtree: true,
  attributeFilter: ['data-state'],
})
"""


class App(Window):
    """Its state is `idle`, `opening`, `uploading`, a running task's status, `finished` or `failed`."""

    def __init__(self, page: Page, address: str) -> None:
        page.add_init_script(_REMEMBER_STATES)
        super().__init__(page, address)

    @property
    def states(self) -> list[str]:
        """All states since the page was loaded, each time it changed."""
        told: list[str] = self.page.evaluate("states")
        return [state for index, state in enumerate(told) if index == 0 or told[index - 1] != state]

    @property
    def heading(self) -> str:
        """What the page says above all."""
        return self.page.locator("h1").inner_text()

    @property
    def stages(self) -> list[str]:
        """Names of the stages that are listed."""
        return self.page.get_by_role("list", name="Stages").locator("li span").all_inner_texts()

    @property
    def pictures(self) -> list[str]:
        """Titles of a mesh's pictures, in their order."""
        return self.page.get_by_role("list", name="Parts", exact=True).locator("span").all_inner_texts()

    @property
    def mesh(self) -> str | None:
        """Name of the mesh that can be turned now."""
        return self.page.evaluate("document.querySelector('[data-mesh]')?.dataset.mesh ?? null")  # type: ignore[no-any-return]

    def want(self, kind: str) -> None:
        """Choose what to make of photos, `3D photo` or `3D object`."""
        self.page.get_by_role("radio", name=kind).check()

    def choose(self, photo: Path) -> None:
        """Choose a photo."""
        self.page.set_input_files("input[type=file]", photo)

    def button(self, name: str) -> Locator:
        """A button by its words."""
        return self.page.get_by_role("button", name=name)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, self.states
            self.page.wait_for_timeout(20)

    def wait(self, *states: str) -> None:
        """Until the page is in one of these states."""
        deadline = time.monotonic() + PATIENCE_S
        while self.state not in states:
            assert time.monotonic() < deadline, f"{self.states}: {self.page.locator('main').inner_text()}"
            self.page.wait_for_timeout(20)

    def settle(self) -> None:
        """Until the scene is there and still, and the poster gone."""
        self.wait("finished")
        self.page.locator("[data-view=settled]").wait_for(timeout=PATIENCE_S * 1000)
        self.page.wait_for_timeout(100)  # the view says so in the frame before it shows
