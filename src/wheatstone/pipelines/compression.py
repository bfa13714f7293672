"""From a scene's PLY to what people take and look at: a SOG and a poster."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from wheatstone.errors import CompressionFailedError, reason
from wheatstone.splats.formats import read_scene, write_scene
from wheatstone.splats.posters import write_poster
from wheatstone.splats.shots import Shot
from wheatstone.splats.viewer_facts import viewer_facts
from wheatstone.stages import Stages

_POSTER_LONG_SIDE_PX = 768
_CANNOT_START = 127
"""What shells, env and npx answer when there is no such program."""


class CompressorMissingError(Exception):
    """The external compressor cannot be started."""


def compress(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
    """Write the files that go with a PLY; returns what a viewer must know about the scene.

    Args:
        arguments: `ply`, the path of the scene; `sog`, where to compress it, or None; `poster`, where to draw it.
        stages: `sog` and `poster`.
    """
    scene = read_scene(Path(arguments["ply"]))
    if arguments["sog"]:
        with stages.stage("sog"):
            write_scene(scene, Path(arguments["sog"]))
    with stages.stage("poster"):
        shot = Shot.of(scene, _POSTER_LONG_SIDE_PX)
        write_poster(shot.picture(), Path(arguments["poster"]))
    return {"view": viewer_facts(scene, shot.pivot_m)}


@dataclass(frozen=True, slots=True)
class ExternalCompressor:
    """A program that turns a PLY into a SOG.

    Attributes:
        command: its name or path.
        args_template: its arguments, with `{input_file}` and `{output_file}`.
        timeout_s: how long it may take.
    """

    command: str
    args_template: Sequence[str]
    timeout_s: float

    def run(self, ply: Path, sog: Path, stages: Stages) -> None:
        """Run it on `ply`; it is killed, with what it started, when it takes too long or the run is cancelled.

        Raises:
            CompressorMissingError: it cannot be started.
            CompressionFailedError: it failed, took too long, or left no file.
            CancelledError: `stages.cancellation` asked for the end.
        """
        files = {"input_file": str(ply), "output_file": str(sog)}
        with stages.stage("external compressor"):
            try:
                arguments = [part.format(**files) for part in self.args_template]
            except (LookupError, ValueError) as error:
                message = "compression.args_template may name {input_file} and {output_file} only"
                raise CompressionFailedError(f"{message} ({reason(error)}).") from error
            try:
                process = subprocess.Popen(  # noqa: S603 - what the server's owner configured
                    [self.command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise CompressorMissingError(f"{self.command}: {error.strerror}") from error
            with process:
                self._wait(process, stages)
            if not sog.is_file() or sog.stat().st_size == 0:
                raise CompressionFailedError(f"{self.command} ended well, but left no file.")

    def _wait(self, process: subprocess.Popen[bytes], stages: Stages) -> None:
        with stages.cancellation.telling(lambda: _kill(process)):
            try:
                output, _ = process.communicate(timeout=self.timeout_s)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise CompressionFailedError(
                    f"Compression failed: {self.command} took longer than {self.timeout_s:g} s."
                ) from None
        stages.cancellation.check()
        if process.returncode == _CANNOT_START:
            raise CompressorMissingError(f"{self.command}: not found")
        if process.returncode:
            lines = output.decode(errors="replace").strip().splitlines()
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
