"""What runs the network tells its maker nothing."""

from __future__ import annotations

from pathlib import Path

from tests.test_wheatstone import run_python


def test_onnx_runtime_collects_nothing_about_its_use(tmp_path: Path) -> None:
    """With telemetry on, it leaves a session's number and a database of what it will send."""
    home, temporary, damaged = tmp_path / "home", tmp_path / "temporary", tmp_path / "it.onnx"
    home.mkdir()
    temporary.mkdir()
    damaged.write_bytes(b"\x08" * 1000)
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from wheatstone.errors import CheckpointUnavailableError\n"
        "from wheatstone.models.matting.u2net import saliency\n"
        "try: saliency(np.zeros((8, 8, 3), np.uint8), Path(sys.argv[1]))\n"
        "except CheckpointUnavailableError: print('onnxruntime' in sys.modules)\n"
    )
    folders = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(temporary)}
    assert run_python(code, damaged, **folders, CI="", ORT_DISABLE_TELEMETRY="0") == "True\n"
    assert [path for folder in (home, temporary) for path in folder.rglob("*") if path.is_file()] == []
