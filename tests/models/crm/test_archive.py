from __future__ import annotations

import io
import zipfile

import pytest

from wheatstone.errors import ModelFailedError
from wheatstone.models.crm.archive import tidied


def archive(stem: str, year: int = 2020, **more: bytes) -> bytes:
    file = io.BytesIO()
    files = {
        f"{stem}.obj": f"mtllib {stem}.mtl\nv 0 0 0\n".encode(),
        f"{stem}.png": b"pixels",
        f"{stem}.mtl": f"newmtl m\nmap_Kd {stem}.png\n".encode(),
        **{name.replace("_", "."): data for name, data in more.items()},
    }
    with zipfile.ZipFile(file, "w") as target:
        for name, data in files.items():
            target.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data)
    return file.getvalue()


def test_equal_meshes_give_equal_bytes_whatever_they_were_called() -> None:
    assert tidied(archive("tmpab12", 2020)) == tidied(archive("tmpxy_9", 2024))


def test_the_files_name_each_other() -> None:
    with zipfile.ZipFile(io.BytesIO(tidied(archive("tmpab12")))) as tidy:
        assert tidy.read("output3d.obj") == b"mtllib output3d.mtl\nv 0 0 0\n"
        assert tidy.read("output3d.mtl") == b"newmtl m\nmap_Kd output3d.png\n"
        assert tidy.read("output3d.png") == b"pixels"


@pytest.mark.parametrize("bad", [b"", b"no archive", archive("a", more_obj=b""), archive("a", more_txt=b"")])
def test_anything_else_is_refused(bad: bytes) -> None:
    with pytest.raises(ModelFailedError, match="CRM gave an archive"):
        tidied(bad)
