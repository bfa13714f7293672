"""From a scene's PLY to what people take and look at: a SOG and a poster."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from wheatstone.errors import CompressionFailedError
from wheatstone.splats.formats import read_scene, write_scene
from wheatstone.splats.shots import Shot
from wheatstone.splats.viewer_facts import viewer_facts
from wheatstone.stages import Stages
from wheatstone.stills import write_still

_log = logging.getLogger(__name__)

_POSTER_LONG_SIDE_PX = 768
_CANNOT_START = (126, 127)
"""What shells and env answer when there is no such program."""
_NPX_LACKS_IT = ("could not determine executable", "E404")
"""What npx says when there is no such package."""


class CompressorMissingError(Exception):
    """The external compressor cannot be started."""


def compress(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
    """Write the files that go with a PLY; returns what a viewer must know about the scene.

    Args:
        arguments: `ply`, the path of the scene; `sog`, where to compress it, or None; `poster`, where to draw it;
            `external`, an `ExternalCompressor` as a table, or None for the built-in one.
        stages: `sog` or `external compressor`, and `poster`.

    Raises:
        BadSceneError: the PLY cannot be read.
        CompressionFailedError: the external compressor failed.
        CancelledError: `stages.cancellation` asked for the end.
    """
    ply, sog = Path(arguments["ply"]), arguments["sog"] and Path(arguments["sog"])
    is_compressed = sog is None
    if sog and arguments["external"]:
        try:
            ExternalCompressor(**arguments["external"]).run(ply, sog, stages)
            is_compressed = True
        except CompressorMissingError as error:
            _log.warning(
                "The external compressor cannot be started (%s); the built-in one is used instead.", error
            )
    scene = read_scene(ply)
    if sog and not is_compressed:
        with stages.stage("sog"):
            write_scene(scene, sog)
    with stages.stage("poster"):
        shot = Shot.of(scene, _POSTER_LONG_SIDE_PX)
        write_still(shot.picture(), Path(arguments["poster"]))
    return {"view": viewer_facts(scene, shot.pivot_m)}


@dataclass(frozen=True, slots=True)
class ExternalCompressor:
    """A program that turns a PLY into a SOG.

    Attributes:
        command: its name or path.
        args_template: its arguments, with `{input_file}` and `{output_file}`.
    """

    command: str
    args_template: Sequence[str]

    def run(self, ply: Path, sog: Path, stages: Stages) -> None:
        """Run it on `ply`; it is killed, with what it started, when the run is cancelled.

        Raises:
            CompressorMissingError: it cannot be started.
            CompressionFailedError: it failed, or left no file.
            CancelledError: `stages.cancellation` asked for the end.
        """
        files = {"input_file": str(ply), "output_file": str(sog)}
        arguments = [part.format(**files) for part in self.args_template]
        with stages.stage("external compressor"):
            try:
                process = subprocess.Popen(  # noqa: S603 - what the server's owner configured
                    [self.command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise CompressorMissingError(f"{self.command}: {error.strerror}") from error
            with process:
                self._wait(process, stages)
            if not sog.is_file() or sog.stat().st_size == 0:
                raise CompressionFailedError(f"{self.command} ended well, but left no file.")

    def _wait(self, process: subprocess.Popen[bytes], stages: Stages) -> None:
        with stages.cancellation.telling(lambda: _kill(process)):
            output, _ = process.communicate()
        stages.cancellation.check()
        text = output.decode(errors="replace")
        is_lacking = process.returncode and any(sign in text for sign in _NPX_LACKS_IT)
        if process.returncode in _CANNOT_START or is_lacking:
            raise CompressorMissingError(f"{self.command} does not find it")
        if process.returncode:
            lines = text.strip().splitlines()
            last = f": {lines[-1].strip()}" if lines else ""
            raise CompressionFailedError(
                f"Compression failed: {self.command} ended with {process.returncode}{last}"
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
    except psutil.NoSuchProcess:
        return
    process.kill()
