"""Clips: frames go to the encoder as they are rendered, so that memory does not grow with length.

The same frames and library versions give the same bytes, whatever the number of cores: encoders run with a
fixed number of threads, and write neither timestamps nor random ids.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from av.video.stream import VideoStream

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError, UnknownFormatError
from wheatstone.files import atomic_write

SIZE_PX, SECONDS, FPS = 768, 6.0, 30
"""What is usual: longer side, length, frames a second."""

MULTIPLE_PX = 2
"""Sides of a clip are multiples of this: colour is stored at half the resolution."""

_MAX_SIDE_PX = 4096
_MAX_PIXELS = 36864 * 256
"""Of H.264 level 5.1, the highest that players are sure to have."""

_MAX_FPS = 120
_MAX_FRAMES = 20_000
"""Eleven minutes at 30 a second."""

_THREADS = 2  # of the encoder; part of what decides the bytes, so it does not follow the machine

_EXACT = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INP | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True, slots=True)
class _Kind:
    """A clip format.

    Attributes:
        container: FFmpeg's name of the file format.
        encoder: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format it is given.
        quality: options of the encoder.
        options: options of the file format.
    """

    container: str
    encoder: str
    pixels: str
    quality: Mapping[str, str]
    options: Mapping[str, str] = field(default_factory=dict)


_KINDS = {
    ".mp4": _Kind(
        "mp4",
        "libx264",
        "yuv420p",
        # A short look-ahead bounds the frames that wait in the encoder.
        {"crf": "18", "preset": "medium", "x264-params": "cpu-independent=1:rc-lookahead=10"},
        {"movflags": "+faststart"},
    ),
    ".webm": _Kind(
        "webm",
        "libvpx-vp9",
        "yuv420p",
        {"crf": "28", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "lag-in-frames": "10"},
    ),
    ".webp": _Kind("webp", "libwebp_anim", "bgra", {"quality": "75", "compression_level": "2"}, {"loop": "0"}),
}
"""Formats by the ending of the file's name. The values are visually lossless but for WebP's, which are small."""

SUFFIXES = tuple(_KINDS)
"""Endings of the names of clips; the first is the default."""


Progress = Callable[[float], None]
"""Called with the share of the frames done, 0 to 1."""


def unwatched(_share: float) -> None:
    """Progress for callers that do not watch."""


def frame_count(seconds: float, fps: int) -> int:
    """Frames of a clip of that length.

    Raises:
        BadOptionError: nothing, too long, or not 1 to 120 frames a second.
    """
    if not 1 <= fps <= _MAX_FPS:
        raise BadOptionError(f"A clip has 1 to {_MAX_FPS} frames a second, got {fps}.")
    if not 1 <= seconds * fps <= _MAX_FRAMES:
        raise BadOptionError(
            f"A clip has 1 to {_MAX_FRAMES:,} frames; {seconds:g} seconds at {fps} a second are not that."
        )
    return round(seconds * fps)


def write_frames(
    frames: Iterable[U8],
    count: int,
    size_px: tuple[int, int],
    path: Path,
    *,
    fps: int = FPS,
    progress: Progress = unwatched,
    overwrite: bool = True,
) -> Path:
    """Write frames as a clip, MP4 (H.264), WebM (VP9) or WebP, whole or not at all.

    MP4 and WebM say what they hold, sRGB in the YCbCr of BT.709. An MP4 plays while it loads; a WebP loops.

    Args:
        frames: (H, W, 3) uint8 sRGB each; asked for one by one, when nothing stands against the clip any more.
        count: how many they are.
        size_px: their width and height, both even.
        path: file to write; its ending names the format.
        fps: frames per second, 1 to 120.
        progress: called after each frame.
        overwrite: replace the file if it exists.

    Returns:
        `path`.

    Raises:
        UnknownFormatError: the name has none of the endings.
        BadOptionError: too many frames, too large ones or none; or this build of PyAV lacks the encoder.
        OutputExistsError: the file exists and `overwrite` is false.
    """
    kind = _kind(path)
    frame_count(count / fps if fps > 0 else 0, fps)
    _check_size(size_px)
    with atomic_write(path, overwrite=overwrite) as file:
        # By name, not by handle: to let an MP4 begin with its index, FFmpeg opens it a second time. "file:" keeps
        # it from taking a colon in the path for the end of a protocol's name.
        name = "file:" + os.fspath(file.name)
        options = {"fflags": "+bitexact", **kind.options}
        with av.open(name, "w", format=kind.container, options=options) as container:
            stream = cast("VideoStream", container.add_stream(kind.encoder, rate=fps, options=dict(kind.quality)))
            stream.width, stream.height = size_px
            stream.pix_fmt = kind.pixels
            _set_up(stream.codec_context, kind)
            for number, frame in enumerate(frames):
                container.mux(stream.encode(_frame(frame, kind, number)))
                progress((number + 1) / count)
            container.mux(stream.encode(None))
    return path


def _kind(path: Path) -> _Kind:
    """The format that the file's name ends in, its encoder at hand."""
    suffix = path.suffix.lower()
    if suffix not in _KINDS:
        raise UnknownFormatError(f"{path}: no clip format has this ending; known are {', '.join(SUFFIXES)}.")
    kind = _KINDS[suffix]
    try:
        av.Codec(kind.encoder, "w")
    except UnknownCodecError as error:
        raise BadOptionError(
            f"{path}: this build of PyAV has no {kind.encoder}. Choose another ending ({', '.join(SUFFIXES)}), or "
            "take PyAV's own build: pip install --force-reinstall --only-binary av av"
        ) from error
    return kind


def _check_size(size_px: tuple[int, int]) -> None:
    width_px, height_px = size_px
    if width_px % MULTIPLE_PX or height_px % MULTIPLE_PX:
        raise BadOptionError(f"A clip's sides must be even, got {width_px}x{height_px} pixels.")
    if max(size_px) > _MAX_SIDE_PX or width_px * height_px > _MAX_PIXELS:
        raise BadOptionError(
            f"A clip may have {_MAX_SIDE_PX} pixels a side and {_MAX_PIXELS:,} in all; this one would have "
            f"{width_px}x{height_px}."
        )


def _set_up(encoder: VideoCodecContext, kind: _Kind) -> None:
    """Fix the threads and say how colours are coded."""
    encoder.thread_count = _THREADS
    if kind.pixels == "yuv420p":
        encoder.color_primaries = ColorPrimaries.BT709
        encoder.color_trc = ColorTrc.IEC61966_2_1
        encoder.colorspace = Colorspace.ITU709
        encoder.color_range = ColorRange.MPEG


def _frame(picture: U8, kind: _Kind, number: int) -> VideoFrame:
    """An (H, W, 3) picture as the encoder wants it."""
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    if kind.pixels == "yuv420p":
        frame = frame.reformat(
            format=kind.pixels,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_color_trc=ColorTrc.IEC61966_2_1,
            dst_color_primaries=ColorPrimaries.BT709,
            interpolation=_EXACT,
        )
    else:
        frame = frame.reformat(format=kind.pixels)
    frame.pts = number
    return frame
