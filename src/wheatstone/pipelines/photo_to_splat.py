"""Photo to splat: decode, predict, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wheatstone.executors import Executor
from wheatstone.files import atomic_write, to_json
from wheatstone.pictures import Photo
from wheatstone.settings import PictureLimits
from wheatstone.splats.clips import write_turntable
from wheatstone.splats.facts import scene_facts
from wheatstone.splats.formats import Format, write_scene
from wheatstone.splats.posters import poster
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages
from wheatstone.stills import write_still


@dataclass(frozen=True, slots=True)
class Output:
    """Which files to write for a scene.

    Attributes:
        base: folder and name of the files, without ending.
        formats: one file each.
        poster: also write a picture of the scene, `.webp`.
        turntable: also write a clip of the scene, `.mp4`.
        metadata: also write what is known of the scene and of its making, `.json`.
        effort: for the formats that have it, how hard to try for a small file.
    """

    base: Path
    formats: Sequence[Format]
    poster: bool = False
    turntable: bool = False
    metadata: bool = False
    effort: int = 0

    @property
    def paths(self) -> list[Path]:
        """All files that will be written, scenes first."""
        further = {".webp": self.poster, ".mp4": self.turntable, ".json": self.metadata}
        suffixes = [chosen.suffix for chosen in self.formats] + [suffix for suffix, on in further.items() if on]
        return [self.path(suffix) for suffix in suffixes]

    def path(self, suffix: str) -> Path:
        """The file with this ending."""
        return self.base.with_name(self.base.name + suffix)


def photo_to_splat(
    source: Path | bytes,
    executor: Executor,
    *,
    model: str = "auto",
    f_px: float | None = None,
    limits: PictureLimits | None = None,
    stages: Stages | None = None,
) -> Scene:
    """Turn a photo into a splat scene.

    Args:
        source: path or content of the photo.
        executor: where the model runs.
        model: name of the model, or `auto`.
        f_px: focal length in pixels of the upright photo; by default from its EXIF, else a 30 mm equivalent.
        limits: of the picture; by default those of the settings.
        stages: times the stages and reports their progress.

    Raises:
        BadPictureError: not a picture that can be read.
        PictureTooLargeError: over the limits.
        BadOptionError: `f_px` is not between 1 and a million.
        UnknownModelError: there is no such model.
    """
    photo = Photo(source, f_px=f_px, limits=limits)
    return executor.predict_splat(model, photo, stages or Stages())


def write_outputs(scene: Scene, output: Output, stages: Stages, *, overwrite: bool) -> list[Path]:
    """Write a scene's files, each whole or not at all; returns their paths.

    Args:
        scene: what to write.
        output: which files.
        stages: times the stages; the metadata tell what it has counted so far.
        overwrite: replace files that exist.

    Raises:
        OutputExistsError: a file exists and `overwrite` is false.
    """
    for chosen in output.formats:
        with stages.stage(chosen.name):
            path = output.path(chosen.suffix)
            write_scene(scene, path, overwrite=overwrite, effort=min(output.effort, chosen.max_effort))
    if output.poster:
        with stages.stage("poster"):
            write_still(poster(scene), output.path(".webp"), overwrite=overwrite)
    if output.turntable:
        with stages.stage("turntable") as progress:
            write_turntable(scene, output.path(".mp4"), progress=progress, overwrite=overwrite)
    if output.metadata:
        with atomic_write(output.path(".json"), overwrite=overwrite) as file:
            file.write(to_json({**scene_facts(scene), "seconds": stages.seconds}))
    return output.paths
