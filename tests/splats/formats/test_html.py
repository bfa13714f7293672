from __future__ import annotations

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.splats.formats.scenes import CAMERA, photo_like, to_bytes
from wheatstone.errors import BadSceneError, ViewerUnavailableError
from wheatstone.splats.formats import html, read_scene
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

LABEL = "relief: </script><b>'quoted\" & more"
SCENE = Scene(photo_like(8), CAMERA, LABEL)


@pytest.fixture(scope="module")
def page() -> str:
    return to_bytes("html", SCENE).decode()


def inside(page: str, name: str) -> str:
    found = re.search(rf'<script id="{name}" type="[a-z/-]+">(.*?)</script>', page, re.DOTALL)
    assert found
    return found[1]


def test_the_page_holds_the_scene_as_sog(page: str) -> None:
    assert base64.b64decode(inside(page, "scene"), validate=True) == to_bytes("sog", SCENE)


def test_the_page_holds_the_poster(page: str) -> None:
    found = re.search(r'<img id="poster" width="(\d+)" height="(\d+)" .*?base64,(.*?)"', page)
    assert found
    picture = Image.open(BytesIO(base64.b64decode(found[3])))
    assert picture.size == (int(found[1]), int(found[2])) == (1280, 720)


def test_a_label_cannot_break_out_of_the_page(page: str) -> None:
    assert json.loads(inside(page, "facts"))["label"] == LABEL
    assert "</script><b>" not in page


def test_the_view_at_rest_is_the_photos(page: str) -> None:
    facts = json.loads(inside(page, "facts"))
    assert [facts[name] for name in ("width", "height", "fx", "fy", "cx", "cy")] == [
        640,
        360,
        500.25,
        499.75,
        320.5,
        179.5,
    ]
    assert facts["limits"] == {"yaw": 12, "pitch": 8}


def test_a_scene_around_the_origin_turns_freely() -> None:
    gaussians = Gaussians.from_colors(
        [[0, 0, 1], [0, 0, -1]], [[0.1] * 3] * 2, [[1, 0, 0, 0]] * 2, [1, 1], [[1] * 3] * 2
    )
    assert json.loads(inside(to_bytes("html", Scene(gaussians)).decode(), "facts"))["limits"] is None


def test_the_page_names_nothing_on_the_network_that_it_could_load(page: str) -> None:
    markup = re.sub(r"<script.*?</script>|<style.*?</style>|<!--.*?-->", "", page, flags=re.DOTALL)
    assert "http" not in markup.replace("http-equiv", "")
    assert "default-src 'none'" in markup
    assert "unsafe-inline" not in markup


def test_the_page_carries_the_licences_of_what_it_holds(page: str) -> None:
    assert "three.js authors" in page
    assert "WORLD LABS" in page


def test_the_same_scene_gives_the_same_bytes(page: str) -> None:
    assert to_bytes("html", SCENE).decode() == page


def test_a_page_cannot_be_read_again(tmp_path: Path) -> None:
    with pytest.raises(BadSceneError, match=r"scene\.html: pages cannot be read again"):
        read_scene(SCENE.save(tmp_path / "scene.html"))


def test_an_installation_without_the_viewer_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(html, "TEMPLATE", "absent.html")
    with pytest.raises(ViewerUnavailableError, match="npm"):
        SCENE.save(tmp_path / "scene.html")
    assert not (tmp_path / "scene.html").exists()
