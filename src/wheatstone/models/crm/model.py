"""CRM as a mesh model: the object is cut out here, the rest happens in CRM's environment."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.arrays import F32, U8
from wheatstone.errors import BadPictureError
from wheatstone.models.crm.about import CRM, check, checkpoints_of, gpu_index, python_of
from wheatstone.models.crm.archive import tidied
from wheatstone.models.foreign import Environment, ForeignModel
from wheatstone.models.matting import estimate_matte
from wheatstone.models.roles import OBJECT, Part
from wheatstone.pictures import Picture
from wheatstone.settings import Settings
from wheatstone.stages import Stages

_LONG_SIDE_PX = 1024
"""Pictures are cut out at this size at most; CRM sees 256 pixels."""
_SEEN_PX = 512
_FILL = 0.9
"""Share of the side that the object's longer side takes."""
_GREY = 127
_ADAPTER = Path(__file__).with_name("child.py")
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class Crm:
    """A photo of an object to a textured mesh.

    Attributes:
        info: name, label and licence.
    """

    info = CRM

    def __init__(self, settings: Settings, matte_checkpoint: Path | None) -> None:
        """Start nothing yet; take `matte_checkpoint`, a U²-Net as ONNX, for the matte; None means classical cues.

        Raises:
            ModelUnavailableError: CRM is not set up.
            CheckpointUnavailableError: one of its checkpoints is not there.
        """
        check(settings)
        crm = settings.crm
        self._matte_checkpoint = matte_checkpoint
        self._arguments = {"scale": crm.scale, "step": crm.step, "seed": crm.seed}
        home = (crm.home or Path()).expanduser().absolute()
        paths = {name: str(path) for name, path in checkpoints_of(crm).items()}
        self._model = ForeignModel(
            CRM.name,
            Environment(python_of(crm), _ADAPTER, {_VISIBLE: _visible_gpu(gpu_index(settings))}),
            {"home": str(home), "trust_checkpoints": crm.trust_checkpoints, **paths},
            load_timeout_s=crm.load_timeout_s,
            silence_timeout_s=crm.silence_timeout_s,
        )

    def load(self, progress: Callable[[float], None]) -> None:
        """Start CRM's process and let it read its weights; raises as `ForeignModel.load`."""
        self._model.load(progress)

    def close(self) -> None:
        """End CRM's process."""
        self._model.close()

    def reconstruct(self, picture: Picture, stages: Stages) -> Iterator[Part]:
        """`matte.png`, `pixel_images.png`, `xyz_images.png`, `output3d.zip` and `model.glb`, as they come to be.

        Stages: `matte`, then CRM's: `views`, `coordinates` and `mesh`; `load` where it had to be started anew.

        Raises:
            BadPictureError: no object can be told from its background.
            CancelledError: `stages.cancellation` asked for the end.
            WheatstoneError: as `ForeignModel.run`.
        """
        with stages.stage("matte"):
            small = picture.resized(_LONG_SIDE_PX)
            alpha = estimate_matte(small.rgb, small.alpha, self._matte_checkpoint).alpha
            seen = _on_grey(small.rgb, alpha, picture.name)
        yield Part("matte.png", _png(_cut_out(small.rgb, alpha)))
        for part in self._model.run(self._arguments, _png(seen), stages):
            yield Part(part.name, tidied(part.data)) if part.name == OBJECT else part


def _cut_out(rgb: U8, alpha: F32) -> U8:
    """The picture with all but its object transparent, (H, W, 4)."""
    rgba = np.dstack([rgb, np.rint(alpha * 255).astype(np.uint8)])
    rgba[rgba[..., 3] == 0] = 0
    return rgba


def _on_grey(rgb: U8, alpha: F32, name: str) -> U8:
    """The object on grey, (S, S, 3), its box in the middle.

    Args:
        rgb: (H, W, 3) sRGB.
        alpha: (H, W), 0 to 1.
        name: the picture's, for messages.
    """
    rows, columns = (np.flatnonzero((alpha > 0.5).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise BadPictureError(
            f"{name} shows no object that can be told from its background; cut it out and try again."
        )
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side_px = round(max(bottom - top, right - left) / _FILL)
    share = alpha[..., None]
    flat = np.rint(rgb * share + _GREY * (1 - share)).astype(np.uint8)
    square = Image.new("RGB", (side_px, side_px), (_GREY, _GREY, _GREY))
    corner = round((side_px - left - right) / 2), round((side_px - top - bottom) / 2)
    square.paste(Image.fromarray(flat), corner)
    if side_px > _SEEN_PX:
        square = square.resize((_SEEN_PX, _SEEN_PX), Image.Resampling.LANCZOS)
    return np.asarray(square)


def _visible_gpu(index: int) -> str:
    """The one GPU that CRM, which always takes the first, is to see; none if there are fewer."""
    visible = os.environ.get(_VISIBLE)
    if visible is None:
        return str(index)
    names = visible.split(",")
    return names[index].strip() if index < len(names) else ""


def _png(pixels: U8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
