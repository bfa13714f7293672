"""One HTML file to send: the scene as SOG, a viewer and a poster, all inside.

The page opens from disk without any network; its content-security-policy forbids one. It is made of a template
that is built from `web/viewer` when Wheatstone is installed or packed. The same scene gives the same bytes.
"""

from __future__ import annotations

import base64
import html
import json
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NoReturn

from PIL import Image

from wheatstone.errors import BadSceneError, ViewerUnavailableError
from wheatstone.splats.formats import sog
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import Shot
from wheatstone.splats.viewer_facts import viewer_facts
from wheatstone.splats.views import photo_camera

TEMPLATE = "_viewer.html"
_POSTER_LONG_SIDE_PX = 1280
_POSTER_QUALITY = 80


def read(_path: Path) -> NoReturn:
    """Refuse: a page is for looking.

    Raises:
        BadSceneError: always.
    """
    raise BadSceneError("pages cannot be read again; open it in a browser, and keep the scene as .sog or .ply.")


def write(scene: Scene, file: BinaryIO, effort: int = 0) -> None:
    """Write the page; `effort` is that of the SOG inside.

    A scene made from a photo opens as that photo and turns by up to 12 degrees; any other is framed and turns
    freely.

    Raises:
        BadSceneError: the scene does not fit into a SOG.
        ViewerUnavailableError: Wheatstone was installed without its viewer.
    """
    template = _template()
    packed = BytesIO()
    sog.write(scene, packed, effort)
    shot = Shot.of(scene, _POSTER_LONG_SIDE_PX)
    slots = {
        "{{poster}}": _poster(scene, shot),
        "{{facts}}": _facts(scene, shot.pivot_m),
        "{{scene}}": _base64(packed.getvalue()),
    }
    for slot, content in slots.items():
        before, _, template = template.partition(slot)
        file.write(before.encode())
        file.write(content.encode())
    file.write(template.encode())


def is_available() -> bool:
    """Whether Wheatstone was installed with its viewer."""
    return resources.files(__package__).joinpath(TEMPLATE).is_file()


def check_viewer() -> None:
    """Stop early, before any work, when there is no viewer to put into a page.

    Raises:
        ViewerUnavailableError: Wheatstone was installed without it.
    """
    if not is_available():
        raise ViewerUnavailableError(
            "This Wheatstone was installed without its viewer, because npm's packages could not be had then. "
            "Install it again with a connection: `make pages` in a clone, else `pip install --force-reinstall`."
        )


def _template() -> str:
    check_viewer()
    return resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")


def _poster(scene: Scene, shot: Shot) -> str:
    """The picture that shows at once, as an element."""
    picture = shot.picture()
    height, width = picture.shape[:2]
    encoded = BytesIO()
    Image.fromarray(picture).save(encoded, "WEBP", quality=_POSTER_QUALITY, method=4)
    crop = "yes" if photo_camera(scene) else "no"
    return (
        f'<img id="poster" width="{width}" height="{height}" data-crop="{crop}" alt="{html.escape(scene.label)}"'
        f' src="data:image/webp;base64,{_base64(encoded.getvalue())}" />'
    )


def _facts(scene: Scene, pivot_m: float) -> str:
    """What the viewer must know, as JSON that no HTML parser stumbles over."""
    return json.dumps(viewer_facts(scene, pivot_m), ensure_ascii=True).replace("<", "\\u003c")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
