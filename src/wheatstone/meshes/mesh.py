"""A textured triangle mesh as a frozen struct of arrays."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from wheatstone.arrays import F32, F64, I32, I64, U8, AnyArray
from wheatstone.errors import BadMeshError, BadOptionError

MAX_VALUE = 1e18
"""Largest magnitude of a coordinate: products of two stay inside float32."""

_UNIT_TOLERANCE = 1e-3  # of a normal's length

_simplifying = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A textured triangle mesh of at least one face.

    In the frame of glTF: x right, y up, z towards the viewer; right-handed. The unit is a metre or, where no scale
    is known, the longest side of the object's box. Faces are counter-clockwise seen from outside. A point of
    the surface may be several vertices, where the texture has a seam. The arrays become contiguous and read-only.

    Attributes:
        vertices: (V, 3) float32.
        faces: (F, 3) int32, indices of vertices.
        uv: (V, 2) float32, where in the texture; the origin is the picture's lower left corner, 1 its other end.
            None without a texture.
        texture: (H, W, 3) uint8 sRGB; None for a mesh without colour.
        normals: (V, 3) float32 of unit length; None to let `vertex_normals` compute them.

    Raises:
        BadMeshError: shapes do not fit, a face names a vertex that is not there, or values are not finite.
    """

    vertices: F32
    faces: I32
    uv: F32 | None = None
    texture: U8 | None = None
    normals: F32 | None = None

    def __post_init__(self) -> None:
        self._check_faces()
        kinds = {
            "vertices": np.float32,
            "faces": np.int32,
            "uv": np.float32,
            "texture": np.uint8,
            "normals": np.float32,
        }
        for name, kind in kinds.items():
            value = getattr(self, name)
            if value is not None:
                with np.errstate(over="ignore"):  # becomes infinite, which is looked for below
                    array = np.ascontiguousarray(value, dtype=kind).view()
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        self._check_shapes()
        self._check_values()

    def _check_faces(self) -> None:
        """Before they become int32, which would wrap what is too large."""
        faces, count = np.asarray(self.faces), len(self.vertices)
        if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
            raise BadMeshError(
                f"faces is {faces.dtype} of shape {faces.shape}, expected integers of shape (F, 3)."
            )
        if len(faces) == 0:
            raise BadMeshError("The mesh has no faces.")
        if faces.min() < 0 or faces.max() >= count:
            raise BadMeshError(f"Faces name vertices that are not there; there are {count:,}.")

    def _check_shapes(self) -> None:
        n = len(self.vertices)
        for name, shape in {"vertices": (n, 3), "uv": (n, 2), "normals": (n, 3)}.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise BadMeshError(f"{name} has shape {array.shape}, expected {shape}.")
        if self.texture is not None:
            if self.texture.ndim != 3 or self.texture.shape[2] != 3 or self.texture.size == 0:
                raise BadMeshError(f"texture has shape {self.texture.shape}, expected (H, W, 3).")
            if self.uv is None:
                raise BadMeshError("The mesh has a texture, but no uv to say where it goes.")

    def _check_values(self) -> None:
        for name in ("vertices", "uv"):
            array = getattr(self, name)
            if array is not None and not (array.min() >= -MAX_VALUE and array.max() <= MAX_VALUE):  # NaN fails
                raise BadMeshError(f"Values of {name} are not finite, or beyond {MAX_VALUE:g}.")
        if self.normals is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                lengths = np.linalg.norm(self.normals, axis=1)
            if not np.all(np.abs(lengths - 1) <= _UNIT_TOLERANCE):  # NaN fails
                raise BadMeshError("Normals are not of unit length.")

    @property
    def bounds(self) -> F32:
        """(2, 3) lowest and highest coordinates of the vertices."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    @property
    def face_normals(self) -> F64:
        """(F, 3) unit normals of the faces, outwards; zero where a face has no area."""
        crosses = self._crosses()
        lengths = np.linalg.norm(crosses, axis=1, keepdims=True)
        normals: F64 = np.divide(crosses, lengths, out=np.zeros_like(crosses), where=lengths > 0)
        return normals

    @property
    def vertex_normals(self) -> F32:
        """(V, 3) unit normals: those given or else means over the faces around each place, by their angles there.

        Vertices at the same place get the same normal, so that seams of the texture do not show; a vertex without
        any area around it gets +z.
        """
        if self.normals is not None:
            return self.normals
        place, first = self.places()
        corners, normals_of_faces, angles = place[self.faces], self.face_normals, self._angles()
        sums = np.zeros((len(first), 3))
        for axis in range(3):
            weights = angles * normals_of_faces[:, axis, None]
            sums[:, axis] = np.bincount(corners.ravel(), weights=weights.ravel(), minlength=len(first))
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        normals = np.broadcast_to(np.array([0.0, 0, 1]), sums.shape).copy()
        np.divide(sums, lengths, out=normals, where=lengths > 0)
        return normals[place].astype(np.float32)

    @property
    def volume(self) -> float:
        """Volume inside, in cubic units; negative if the faces of a closed mesh look inwards."""
        middle = self.bounds.astype(np.float64).mean(axis=0)
        a, b, c = np.moveaxis(self.vertices[self.faces] - middle, 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    @property
    def is_watertight(self) -> bool:
        """Whether every edge belongs to two faces that run along it in opposite directions.

        Vertices at the same place count as one, and faces without three different ones do not count.
        """
        place, first = self.places()
        faces = place[self.faces]
        faces = faces[_has_three(faces)]
        tails, heads, count = faces.ravel(), np.roll(faces, -1, axis=1).ravel(), len(first)
        there, back = np.sort(tails * count + heads), np.sort(heads * count + tails)
        return len(there) > 0 and bool(np.all(there[1:] != there[:-1])) and np.array_equal(there, back)

    def places(self) -> tuple[I64, I64]:
        """For each vertex the number of its place, which others may share, and for each place its first vertex."""
        order = np.lexsort(self.vertices.T)
        ordered = self.vertices[order]
        is_new = np.concatenate([[True], np.any(ordered[1:] != ordered[:-1], axis=1)])
        found = order[is_new]  # the first vertex of each place: sorting keeps the order of equal ones
        ranks = np.argsort(np.argsort(found))
        place = np.empty(len(order), np.int64)
        place[order] = ranks[np.cumsum(is_new) - 1]
        return place, np.sort(found)

    def welded(self) -> Mesh:
        """The bare surface: one vertex a place, no faces without three different ones; texture and normals go.

        Raises:
            BadMeshError: no face is left.
        """
        place, first = self.places()
        faces = place[self.faces]
        return Mesh(self.vertices[first], faces[_has_three(faces)].astype(np.int32))

    def transformed(self, affine: AnyArray) -> Mesh:
        """The mesh after a transform; normals turn along.

        Args:
            affine: (4, 4) matrix, new = affine @ old, that does not mirror.

        Raises:
            BadOptionError: the matrix mirrors, flattens, projects or is none.
            BadMeshError: the result is absurdly large.
        """
        matrix = np.asarray(affine, np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or np.any(matrix[3] != [0, 0, 0, 1]):
            raise BadOptionError(
                "A transform must be a 4x4 matrix of finite numbers with the last row 0, 0, 0, 1."
            )
        linear = matrix[:3, :3]
        if not np.linalg.det(linear) > 0:
            raise BadOptionError(
                "A transform must keep the handedness of a mesh; this one mirrors or flattens it."
            )
        normals = self.normals
        if normals is not None:
            turned = normals @ np.linalg.inv(linear)
            normals = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
        with np.errstate(over="ignore"):
            vertices = (self.vertices @ linear.T + matrix[:3, 3]).astype(np.float32)
        return replace(self, vertices=vertices, normals=normals)

    def normalized(self, size: float = 1.0) -> Mesh:
        """Moved and scaled evenly: the middle of its box at the origin, the longest side `size` long.

        Raises:
            BadMeshError: all vertices are at one place.
            BadOptionError: `size` is not positive.
        """
        low, high = self.bounds.astype(np.float64)
        longest = float((high - low).max())
        if longest == 0:
            raise BadMeshError("All vertices of the mesh are at one place.")
        affine = np.diag([size / longest] * 3 + [1.0])
        affine[:3, 3] = -(low + high) / 2 * size / longest
        return self.transformed(affine)

    def decimated(self, target_faces: int) -> Mesh:
        """The bare surface with about `target_faces` faces, by quadric edge collapse; as it is if it has no more.

        The texture comes afterwards: a seam would tear the surface open.

        Raises:
            BadOptionError: `target_faces` is less than 4.
            BadMeshError: the mesh has a texture already.
        """
        if target_faces < 4:
            raise BadOptionError(f"A closed surface has at least 4 faces, got a target of {target_faces}.")
        if self.uv is not None:
            raise BadMeshError("A mesh is decimated before it is textured; this one has a texture.")
        surface = self.welded()
        if len(surface.faces) <= target_faces:
            return surface
        import fast_simplification

        # Its thresholds are absolute, so it is shown a box of one size. It keeps the mesh in global variables.
        low, high = surface.bounds.astype(np.float64)
        size = float((high - low).max())
        with _simplifying:
            points, faces = fast_simplification.simplify(
                (surface.vertices - low) / size, np.array(surface.faces), target_count=target_faces
            )
        return Mesh((points * size + low).astype(np.float32), faces).welded()

    def save(self, path: str | PathLike[str], *, overwrite: bool = True) -> Path:
        """Write the mesh in the format that the file's name ends in; returns `path`.

        Args:
            path: ends in `.glb`, `.obj`, `.zip`, `.ply`, `.stl` or `.usdz`.
            overwrite: replace a file that exists.

        Raises:
            UnknownFormatError: no format has this ending.
            OutputExistsError: the file exists and `overwrite` is false.
        """
        from wheatstone.meshes import formats

        return formats.write_mesh(self, Path(path), overwrite=overwrite)

    def _crosses(self) -> F64:
        """(F, 3) normals of the faces, as long as twice their areas."""
        a, b, c = np.moveaxis(self.vertices[self.faces].astype(np.float64), 1, 0)
        crosses: F64 = np.cross(b - a, c - a)
        return crosses

    def _angles(self) -> F64:
        """(F, 3) angle of each face at each of its corners, in radians."""
        corners = self.vertices[self.faces].astype(np.float64)
        ahead, back = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
        across = np.linalg.norm(np.cross(ahead, back), axis=2)
        angles: F64 = np.arctan2(across, np.einsum("fcx,fcx->fc", ahead, back))
        return angles


def _has_three(faces: AnyArray) -> AnyArray:
    """(F,) whether the corners of each face are three."""
    a, b, c = faces.T
    has_three: AnyArray = (a != b) & (b != c) & (c != a)
    return has_three
