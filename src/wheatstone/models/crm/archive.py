"""CRM's `output3d.zip`, with names that do not change from run to run."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath

from wheatstone.errors import ModelFailedError

STEM = "output3d"
_SUFFIXES = (".obj", ".mtl", ".png")
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def tidied(archive: bytes) -> bytes:
    """The same mesh in an archive of `output3d.obj`, `.mtl` and `.png`; equal meshes give equal bytes.

    CRM names the files after a temporary one, and the files name each other.

    Raises:
        ModelFailedError: it is no archive of these three.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            names = {PurePosixPath(name).suffix: name for name in source.namelist()}
            if set(names) != set(_SUFFIXES) or len(source.namelist()) != len(_SUFFIXES):
                raise ModelFailedError("CRM gave an archive that is not one mesh with its material and texture.")
            files = {suffix: source.read(names[suffix]) for suffix in _SUFFIXES}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise ModelFailedError("CRM gave an archive that cannot be read.") from error
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as tidy:
        for suffix, content in files.items():
            if suffix != ".png":
                old = PurePosixPath(names[".obj"]).stem
                content = content.replace(f" {old}.".encode(), f" {STEM}.".encode())
            entry = zipfile.ZipInfo(f"{STEM}{suffix}", _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            tidy.writestr(entry, content)
    return target.getvalue()
