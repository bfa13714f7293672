"""Small ICC profiles, built from the specification (ICC.1:2001-04)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""Primaries as XYZ under D50."""

SRGB_CURVE = tuple(
    v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (step / 1023 for step in range(1024))
)


def rgb_profile(primaries: Sequence[Sequence[float]], curve: Sequence[float]) -> bytes:
    """A display with these primaries and one curve (a sampled one, or a single gamma) for all channels."""
    tags = {f"{channel}XYZ": _xyz(xyz) for channel, xyz in zip("rgb", primaries, strict=True)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | {f"{channel}TRC": _curve(curve) for channel in "rgb"})


def grey_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {"kTRC": _curve([gamma])})


def cmyk_profile(ink_lightness: Sequence[int]) -> bytes:
    """A press whose inks give neutral greys: lightness (0 to 255) for 0 to 4 full inks on top of each other."""
    ramp = bytes(range(256))
    nodes = b"".join(bytes([ink_lightness[index.bit_count()], 128, 128]) for index in range(16))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1" + bytes([0, 0, 0, 0, 4, 3, 2, 0]) + identity + ramp * 4 + nodes + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {"A2B0": table, "A2B1": table})


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(samples: Sequence[float]) -> bytes:
    if len(samples) == 1:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(samples[0] * 256)) + b"\0\0"
    levels = struct.pack(f">{len(samples)}H", *(round(sample * 65535) for sample in samples))
    return b"curv\0\0\0\0" + struct.pack(">I", len(samples)) + levels


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[str, bytes]) -> bytes:
    text = b"text\0\0\0\0none\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {"desc": description, "cprt": text, "wtpt": _xyz((0.9642, 1.0, 0.8249))} | tags
    directory, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += name.encode() + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    head = struct.pack(">I", size) + bytes(4) + struct.pack(">I", 0x02400000) + device + space + connection
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + directory + body
