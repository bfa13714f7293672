"""A scene before a camera, ready to be pictured from any view, for one eye or two."""

from __future__ import annotations

from dataclasses import dataclass

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.stereo import Layout, Stereo
from wheatstone.splats.views import Depths, View, depths, frame, photo_camera
from wheatstone.stills import MAX_SIDE_PX

BACKGROUND = (0.12, 0.12, 0.13)
"""A dark neutral grey, sRGB."""

_NEAR_SHARE = 0.02  # near plane as a share of the pivot's depth, so that a scene's unit does not matter
_FRONT = View()


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """What does not change from one picture of a scene to the next.

    Attributes:
        gaussians: what is seen.
        camera: the view from which all others are reckoned, in the size of one eye's picture.
        depths: how far ahead of that camera the scene lies.
        pivot_m: how far ahead of it lies the point that views turn around; in stereo, the plane of the screen.
        stereo: how to show it to two eyes; None for one.
    """

    gaussians: Gaussians
    camera: Camera
    depths: Depths
    pivot_m: float
    stereo: Stereo | None = None

    @classmethod
    def of(cls, scene: Scene, long_side_px: int, *, multiple_px: int = 1, stereo: Stereo | None = None) -> Shot:
        """The scene from its own camera or, without one, from where `frame` looks.

        Views turn around the middle of what lies ahead: for photos between near and far, else the median.

        Args:
            scene: what to show.
            long_side_px: longer side of one eye's picture.
            multiple_px: sides are rounded to multiples of this.
            stereo: how to show it to two eyes; None for one.

        Raises:
            BadOptionError: `long_side_px` is not between 1 and 16383.
        """
        if not 1 <= long_side_px <= MAX_SIDE_PX:
            raise BadOptionError(f"A picture's longer side must be 1 to {MAX_SIDE_PX} pixels, got {long_side_px}.")
        camera = frame(scene).resized(long_side_px, multiple_px=multiple_px)
        ahead = depths(scene.gaussians, camera)
        pivot_m = ahead.balanced_m if photo_camera(scene) else ahead.median_m
        return cls(scene.gaussians, camera, ahead, pivot_m, stereo)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        beside = self.stereo is not None and self.stereo.layout is not Layout.ANAGLYPH
        return self.camera.width_px * (2 if beside else 1), self.camera.height_px

    def picture(self, view: View = _FRONT) -> U8:
        """(H, W, 3) uint8 sRGB."""
        camera = view.of(self.camera, self.pivot_m)
        if self.stereo is None:
            return self._seen_by(camera)
        left, right = self.stereo.eyes(camera, self.depths, self.pivot_m * (1 - view.dolly))
        return self.stereo.combined(self._seen_by(left), self._seen_by(right))

    def _seen_by(self, camera: Camera) -> U8:
        near_m = _NEAR_SHARE * self.pivot_m
        return render(self.gaussians, camera, background=BACKGROUND, near_m=near_m).rgb
