"""SHARP as a model: photos in, scenes in metres out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wheatstone.arrays import F32, U8
from wheatstone.errors import DeviceMemoryError, ModelFailedError
from wheatstone.models.sharp.about import DRAFT_SIDES_PX, NATIVE_SIDE_PX, SHARP, label, native_side_px
from wheatstone.models.sharp.composer import Splats, srgb_from_linear
from wheatstone.models.sharp.config import SharpConfig
from wheatstone.models.sharp.hardware import Hardware
from wheatstone.models.sharp.network import SharpNetwork
from wheatstone.models.sharp.unproject import unproject
from wheatstone.models.sharp.weights import Progress, load_network
from wheatstone.pictures import Picture
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import SH_C0, Gaussians
from wheatstone.splats.scene import Run, Scene
from wheatstone.stages import Stages

_log = logging.getLogger(__name__)
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class Sharp:
    """Photo to two layers of splats.

    Attributes:
        info: name, label and licence.
        side_px: side of the square that photos are stretched to.
        photos_at_once: how many photos `predict_many` sees together.
    """

    info = SHARP

    def __init__(self, network: SharpNetwork, hardware: Hardware, side_px: int = NATIVE_SIDE_PX) -> None:
        """Take a network that is ready on this hardware; `side_px` becomes the nearest one it can work at."""
        self.side_px = native_side_px(side_px)
        if self.side_px != side_px:
            _log.warning("SHARP cannot work at %d px; it works at %d px.", side_px, self.side_px)
        self._network = network
        self._hardware = hardware
        self._chunk = hardware.chunk
        self.photos_at_once = hardware.photos_at_once(self.side_px)
        hardware.apply()
        if hardware.compiles:
            depth = network.monodepth
            for part in (depth.encoder.patch_encoder, depth.encoder.image_encoder, depth.decoder, depth.head):
                part.compile()
            network.feature_model.compile()

    @classmethod
    def load(
        cls,
        checkpoint: Path,
        hardware: Hardware,
        side_px: int = NATIVE_SIDE_PX,
        *,
        config: SharpConfig | None = None,
        progress: Progress = lambda _fraction: None,
    ) -> Sharp:
        """Make a checkpoint ready.

        Args:
            checkpoint: the file as published.
            hardware: what to run on.
            side_px: side of the square that photos are stretched to.
            config: sizes of the network, if they are not the published ones.
            progress: told how far loading is.

        Raises:
            CheckpointUnavailableError: the file is not the checkpoint.
            DeviceMemoryError: the device has too little memory.
        """
        try:
            network = load_network(
                checkpoint,
                config or SharpConfig(),
                device=hardware.device,
                dtype=hardware.dtype,
                progress=progress,
            )
        except (MemoryError, RuntimeError) as error:
            if not _tells_of_memory(error):
                raise
            raise _memory_error(hardware, native_side_px(side_px)) from error
        return cls(network, hardware, side_px)

    def predict(self, picture: Picture, stages: Stages) -> Scene:
        """Predict the scene; transparency is ignored.

        Raises:
            DeviceMemoryError: the device has too little memory.
            ModelFailedError: the network gave values that are no numbers.
            CancelledError: the run was told to end.
        """
        [scene] = self.predict_many([picture], stages)
        return scene

    def predict_many(self, pictures: Sequence[Picture], stages: Stages) -> list[Scene]:
        """As `predict`, several at once: on a GPU sooner than one by one."""
        scenes: list[Scene] = []
        while len(scenes) < len(pictures):
            part = pictures[len(scenes) : len(scenes) + self.photos_at_once]
            with torch.inference_mode():
                with stages.stage("prepare"):
                    device = self._hardware.device
                    squares = torch.cat([resized(picture.rgb, self.side_px, device) for picture in part])
                with stages.stage("network") as progress:
                    seen = self._see(squares, [picture.f_px / picture.rgb.shape[1] for picture in part], progress)
                with stages.stage("unproject"):
                    scenes += [self._scene(*pair) for pair in zip(part, seen, strict=False)]
        return scenes

    def _see(self, squares: Tensor, disparity_factors: Sequence[float], progress: Progress) -> list[Splats]:
        """Run the network, seeing fewer photos, then fewer crops at once while memory does not suffice.

        Returns:
            The splats of the first photos: of as many as could be seen together.
        """
        while True:
            factors = disparity_factors[: self.photos_at_once]
            try:
                splats: list[Splats] = self._network(squares[: len(factors)], factors, self._chunk, progress)
            except (MemoryError, RuntimeError) as error:
                if not _tells_of_memory(error):
                    raise
            else:
                return splats
            self._hardware.release()  # after the handler, which holds on to what the network was working with
            if len(factors) > 1:
                self.photos_at_once = len(factors) // 2
                _log.warning("SHARP ran out of memory; seeing %d photos at once.", self.photos_at_once)
                continue
            if self._chunk == 1:
                raise _memory_error(self._hardware, self.side_px)
            self._chunk = (self._chunk + 1) // 2
            _log.warning("SHARP ran out of memory; seeing %d parts of the photo at once.", self._chunk)

    def _scene(self, picture: Picture, splats: Splats) -> Scene:
        height_px, width_px = picture.rgb.shape[:2]
        stretch = width_px / (2 * picture.f_px), height_px / (2 * picture.f_px), 1.0
        camera = Camera.of_photo(width_px, height_px, picture.f_px)
        dtype = str(self._hardware.dtype).removeprefix("torch.")
        run = Run(SHARP.name, str(self._hardware.device), dtype, self.side_px)
        return Scene(to_gaussians(unproject(splats, stretch)), camera, label(self.side_px), SHARP.licence, run)


def resized(rgb: U8, side_px: int, device: torch.device) -> Tensor:
    """(1, 3, side, side) float32, 0 to 1, of (H, W, 3) uint8, stretched to a square.

    As in training: bilinear with corners on corners, without averaging where that makes it smaller.
    """
    pixels = torch.tensor(rgb).to(device).permute(2, 0, 1)[None].float() / 255.0
    return functional.interpolate(pixels, (side_px, side_px), mode="bilinear", align_corners=True)


def to_gaussians(splats: Splats) -> Gaussians:
    """Bring metric splats to the host, in one copy; their linear colours become sRGB.

    Raises:
        ModelFailedError: values are no numbers.
    """
    harmonics = (srgb_from_linear(splats.colours) - 0.5) / SH_C0
    parts = (splats.means.T, splats.scales.T, splats.quaternions.T, splats.opacities[:, None], harmonics.T)
    packed: F32 = torch.cat([part.flatten() for part in parts]).cpu().numpy()
    if not np.isfinite(packed.sum(dtype=np.float64)):
        raise ModelFailedError(
            "SHARP gave values that are no numbers: its checkpoint is damaged, or the precision too low (float32, "
            "`--no-amp`, is the safest)."
        )
    ends = np.cumsum([part.numel() for part in parts])[:-1]
    means, scales, quaternions, opacities, sh = np.split(packed, ends)
    return Gaussians(
        means.reshape(-1, 3), scales.reshape(-1, 3), quaternions.reshape(-1, 4), opacities, sh.reshape(-1, 1, 3)
    )


def _memory_error(hardware: Hardware, side_px: int) -> DeviceMemoryError:
    """What is needed, what is free, and what would fit."""
    free_bytes = hardware.free_bytes()
    fitting = [
        f"{smaller_px} px (about {hardware.needed_bytes(smaller_px) / 1e9:.1f} GB)"
        for smaller_px in reversed(DRAFT_SIDES_PX)
        if smaller_px < side_px and hardware.needed_bytes(smaller_px) <= free_bytes
    ]
    advice = f"Would fit: an input size of {' or '.join(fitting)}." if fitting else "No input size would fit."
    elsewhere = " The device cpu uses the machine's own memory." if hardware.device.type != "cpu" else ""
    return DeviceMemoryError(
        f"SHARP at {side_px} px needs about {hardware.needed_bytes(side_px) / 1e9:.1f} GB on {hardware.device}, "
        f"where {free_bytes / 1e9:.1f} GB are free. {advice}{elsewhere}"
    )


def _tells_of_memory(error: Exception) -> bool:
    """Whether an error is PyTorch's way, on any device, to say that memory does not suffice."""
    text = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in text for word in _MEMORY_WORDS)
