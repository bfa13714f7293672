"""A photo that is not decoded yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wheatstone.pictures.picture import Picture, check_picture, read_picture
from wheatstone.settings import PictureLimits


@dataclass(frozen=True, slots=True)
class Photo:
    """Where a photo is and what is known about it; whoever runs the model decodes it.

    Attributes:
        source: path of the file, or its content.
        name: what to call it in messages; by default the file's name.
        f_px: focal length in pixels of the upright photo, if known better than its EXIF does.
        limits: largest file and picture; by default those of the settings.
    """

    source: Path | bytes
    name: str = ""
    f_px: float | None = None
    limits: PictureLimits | None = None

    def read(self) -> Picture:
        """Decode it; see `read_picture` for what that may raise."""
        return read_picture(self.source, name=self.name, f_px=self.f_px, limits=self.limits)

    def check(self) -> None:
        """Refuse at once what `read` would refuse by the photo's header; see `check_picture`."""
        check_picture(self.source, name=self.name, f_px=self.f_px, limits=self.limits)
