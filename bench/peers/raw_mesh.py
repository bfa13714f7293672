"""The stages of a mesh as they were first tried out, before `inflate`: run as they are, in a process of their own.

`python -m bench.peers.raw_mesh FOLDER PHOTO OUTPUT TIMES BEGAN NETWORK` imports `obj` and `relief` from FOLDER,
which is no part of this project, and makes six views, an OBJ in a zip and a GLB of a photo so many times. The
matte is U²-Net's, from the file NETWORK, or without one (`-`) from colour and contrast. BEGAN is when the process
was started. A part is there when its file is; the figures are printed as `bench.makers` prints its own.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.timing import own_peak_mb

_FILES = {
    "pixel_images.png": "it_pixel_images.png",
    "xyz_images.png": "it_xyz_images.png",
    "output3d.zip": "it_output3d.zip",
    "model.glb": "it.glb",
}


def main(folder: str, photo: str, output: str, times: int, began: float, network: str) -> dict[str, Any]:
    """Figures of each time, and the most memory that was held."""
    sys.path.insert(0, folder)
    stages, mattes = importlib.import_module("obj"), importlib.import_module("relief")
    runs = []
    for number in range(times):
        if number:
            began = time.time()
        cpu_before_s = time.process_time() if number else 0.0
        with Image.open(photo) as image:
            rgb = np.asarray(image.convert("RGB"))
        seen, _ = mattes.classic_mask(rgb) if network == "-" else mattes.u2net(rgb, network)
        stages.export(stages.build(rgb, mattes.refine_mask(rgb, seen)), output, "it")
        cpu_s = time.process_time() - cpu_before_s
        part_s = {name: (Path(output) / file).stat().st_mtime - began for name, file in _FILES.items()}
        runs.append({"part_s": part_s, "cpu_s": cpu_s})
    return {"runs": runs, "peak_mb": own_peak_mb()}


if __name__ == "__main__":
    _, folder, photo, output, times, began, network = sys.argv
    print(json.dumps(main(folder, photo, output, int(times), float(began), network)))
