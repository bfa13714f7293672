"""Every hostile input of the campaign by its number: the same number always gives the same bytes."""

from __future__ import annotations

from random import Random

from bench.hostile import meshes, objects, pictures, ply, sog

_SEED = "wheatstone"
CASES = {
    **dict.fromkeys(pictures.KINDS, 8_000),
    "PLY": 26_000,
    "SOG": 26_000,
    **dict.fromkeys(meshes.KINDS, 8_000),
    "OBJECT": 500,
}
"""Format to how many inputs a full campaign has of it: 124,500 in all. An OBJECT is a photo to make a mesh of."""


def whole_inputs(kind: str) -> tuple[bytes, ...]:
    """The files of a format that hostile ones are made from."""
    if kind == "PLY":
        return ply.whole_plys()
    if kind == "SOG":
        return sog.whole_sogs()
    if kind == "OBJECT":
        return objects.whole_objects()
    if kind in meshes.KINDS:
        return meshes.whole_meshes(kind)
    return pictures.whole_pictures(kind)


def hostile_input(kind: str, number: int) -> bytes:
    """Input `number` of a format."""
    random = Random(f"{_SEED} {kind} {number}")
    if kind == "PLY":
        return ply.hostile_ply(random)
    if kind == "SOG":
        return sog.hostile_sog(random)
    if kind == "OBJECT":
        return objects.hostile_object(random)
    if kind in meshes.KINDS:
        return meshes.hostile_mesh(kind, random)
    return pictures.hostile_picture(kind, random)
