"""The page of a server that wants a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.app import App
from tests.browser.conftest import Visit
from tests.live import PHOTO, LiveServer, running_server

pytestmark = pytest.mark.xdist_group("browser")

KEY = "open-sesame-43"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    auth = {"require_api_key": True, "api_keys": [KEY]}
    with running_server(tmp_path_factory.mktemp("keys"), model={"name": "instant"}, auth=auth) as server:
        yield server


def give(app: App, key: str) -> None:
    with app.page.expect_navigation():
        app.page.get_by_label("Key").fill(key)
        app.button("Come in").click()


def test_a_key_is_asked_for_and_kept(visit: Visit, server: LiveServer) -> None:
    app = visit(server.url)
    app.until(lambda: app.heading == "This server wants a key")
    give(app, "a guess")
    app.page.get_by_role("alert").wait_for()
    assert "does not know" in app.page.get_by_role("alert").inner_text()
    give(app, f" {KEY} ")
    app.choose(PHOTO)
    app.until(lambda: app.state == "finished")
    with app.page.expect_download() as download:
        app.page.get_by_role("link", name="SOG").click()
    assert download.value.failure() is None
    app.complaints.clear()  # the browser's, of the answers 401
    app.page.reload()
    app.until(lambda: app.state == "finished")
    app.page.goto(server.url)
    poster = app.page.locator("li img")
    poster.wait_for()
    app.until(lambda: poster.evaluate("image => image.naturalWidth > 0"))


def test_a_job_is_not_shown_without(visit: Visit, server: LiveServer) -> None:
    app = visit(f"{server.url}/?task=0")
    app.until(lambda: app.heading == "This server wants a key")
    app.complaints.clear()
