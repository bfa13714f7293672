"""U²-Net salient object detection through ONNX Runtime (Qin et al. 2020)."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from wheatstone.arrays import F32, U8
from wheatstone.errors import CheckpointUnavailableError

if TYPE_CHECKING:
    import onnxruntime

_SIDE_PX = 320
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


@functools.lru_cache(maxsize=1)
def _session(checkpoint: Path) -> onnxruntime.InferenceSession:
    # Looked at by its import: on Linux it would tell its maker, over the network, of every session.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One thread: sums keep their order, so that a picture gives the same bytes on any number of cores.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Without an arena the network's 450 MB go back to the system after each picture.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(checkpoint, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise CheckpointUnavailableError(
            f"{checkpoint} is damaged: `wheatstone models verify` names it; delete it and pull it again."
        ) from error


def saliency(rgb: U8, checkpoint: Path) -> tuple[F32, float]:
    """Probability of each pixel to belong to the salient object.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        checkpoint: `u2net` or `u2netp` as ONNX.

    Returns:
        (H, W) float32 in 0..1, and the network's own highest answer: low when it saw no object.

    Raises:
        CheckpointUnavailableError: the file is damaged.
    """
    small = cv2.resize(rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    normalised = (small / max(float(small.max()), 1.0) - _MEAN) / _DEVIATION
    session = _session(checkpoint)
    batch = np.ascontiguousarray(normalised.transpose(2, 0, 1)[None], np.float32)
    answer = session.run(None, {session.get_inputs()[0].name: batch})[0][0, 0]
    low, high = float(answer.min()), float(answer.max())
    stretched = (answer - low) / max(high - low, 1e-6)
    full = cv2.resize(stretched, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(full, 0, 1).astype(np.float32), high
