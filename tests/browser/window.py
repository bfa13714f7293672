"""A page open in Chromium, which remembers what it complains of and asks for."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from wheatstone.arrays import U8, AnyArray

PATIENCE_S = 60.0


class Window:
    """Opens a page and looks at it as a person would."""

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
        """What the page says of itself, `loading` or `ready` for instance."""
        return str(self.page.evaluate("document.documentElement.dataset.state"))

    def picture(self) -> U8:
        """(H, W, 3) uint8: what is seen behind the words and buttons."""
        words = "document.querySelectorAll('header, footer').forEach((bar) => (bar.style.opacity = {}))"
        self.page.evaluate(words.format(0))
        shot = self.page.screenshot()
        self.page.evaluate(words.format("''"))
        return np.asarray(Image.open(BytesIO(shot)).convert("RGB"))

    def asked_outside(self, *own: str) -> list[str]:
        """Requests to anything but addresses that begin like `own`."""
        return [request for request in self.requests if not request.startswith((*own, "data:", "blob:"))]


def psnr_db(a: AnyArray, b: AnyArray) -> float:
    """Likeness of two uint8 pictures in decibels."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
