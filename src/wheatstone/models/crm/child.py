"""CRM's adapter, run by the interpreter of CRM's environment: what to call in an unmodified checkout, and when.

See `wheatstone.models.foreign.child` for the rules; only the standard library and what CRM needs is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import os
import random
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_SIDE_PX = 256
_VIEWS = 6
_DEVICE = "cuda"
"""CRM names it in several places; which GPU that is, CUDA_VISIBLE_DEVICES says."""
_SHAPE = "configs/specs_objaverse_total.json"
_STAGES = ("configs/nf7_v3_SNR_rd_size_stroke.yaml", "configs/stage2-v2-snr.yaml")
_CHECKPOINTS = 3
_PROMPT = "3D assets"


class UnavailableError(Exception):
    """Something that CRM needs is not here."""

    wheatstone_code = "model-unavailable"


class BadCheckpointError(Exception):
    """A file is not the checkpoint that it should be."""

    wheatstone_code = "checkpoint-unavailable"


def load(options: dict[str, Any], run: Any) -> Callable[[dict[str, Any], bytes, Any], None]:
    """Make CRM ready.

    Args:
        options: `home`, the checkout; `crm`, `pixel` and `ccm`, paths of the checkpoints; `trust_checkpoints`,
            whether they may hold more than tensors.
        run: told how far it is.
    """
    run.progress("load", 0)
    os.chdir(options["home"])  # CRM opens its settings relatively
    sys.path.insert(0, options["home"])
    sys.modules["rembg"] = _no_rembg()
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        raise UnavailableError(
            f"CRM needs an NVIDIA GPU, and PyTorch {torch.__version__} in its environment finds no CUDA device"
        )
    omegaconf = importlib.import_module("omegaconf")
    network, pipelines, inference = (importlib.import_module(name) for name in ("model", "pipelines", "inference"))
    with _watched_loading(torch, options["trust_checkpoints"], run):
        model = network.CRM(json.loads(Path(_SHAPE).read_text(encoding="utf-8"))).to(_DEVICE)
        model.load_state_dict(torch.load(options["crm"], map_location="cpu"), strict=False)
        first, second = (omegaconf.OmegaConf.load(path).config for path in _STAGES)
        first.models.resume, second.models.resume = options["pixel"], options["ccm"]
        pipeline = pipelines.TwoStagePipeline(
            first.models, second.models, first.sampler, second.sampler, device=_DEVICE, dtype=torch.float16
        )

    def reconstruct(arguments: dict[str, Any], data: bytes, run: Any) -> None:
        try:
            _reconstruct(torch, model, pipeline, inference, arguments, data, run)
        finally:
            torch.cuda.empty_cache()  # other models share the GPU

    return reconstruct


def _reconstruct(
    torch: Any, model: Any, pipeline: Any, inference: Any, arguments: dict[str, Any], data: bytes, run: Any
) -> None:
    """Send the parts of an object, `data` being its picture on grey: a PNG.

    `arguments` are `scale`, `step` and `seed`.
    """
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(data)).convert("RGB")
    scale, steps, seed = arguments["scale"], arguments["step"], arguments["seed"]

    def sow() -> None:
        # CRM's own `set_seed` only notes the number: what it draws comes from the global generators.
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the generator that CRM draws from
        torch.manual_seed(seed)

    def strip(name: str, views: list[Any]) -> Any:
        pixels = np.concatenate([np.asarray(view.convert("RGB")) for view in views], axis=1)
        if pixels.shape != (_SIDE_PX, _VIEWS * _SIDE_PX, 3):
            raise ValueError(f"views of another size than six times {_SIDE_PX} pixels: {pixels.shape}")
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        run.part(name, file.getvalue())
        return pixels

    pipeline.set_seed(seed)
    sow()
    with run.stage("views") as progress, _counted(pipeline.stage1_sampler.sampler, steps, progress):
        views = pipeline.stage1_sample(picture, prompt=_PROMPT, scale=scale, step=steps)
    pixels = strip("pixel_images.png", views)
    sow()
    with run.stage("coordinates") as progress, _counted(pipeline.stage2_sampler.sampler, steps, progress):
        maps = pipeline.stage2_sample(picture, views, scale=scale, step=steps)
    coordinates = strip("xyz_images.png", maps)
    sow()
    with run.stage("mesh"), _own_temporary_files():
        glb, archive = inference.generate3d(model, pixels, coordinates, _DEVICE)
        run.part("output3d.zip", Path(archive).read_bytes())
        run.part("model.glb", Path(glb).read_bytes())


@contextlib.contextmanager
def _counted(sampler: Any, steps: int, progress: Callable[[float], None]) -> Iterator[None]:
    """Hear of each diffusion step: the sampler takes a callback, which CRM leaves out."""
    plain = sampler.sample

    def sample(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, callback=lambda index: progress(min(1.0, (index + 1) / steps)), **kwargs)

    sampler.sample = sample
    try:
        yield
    finally:
        sampler.sample = plain


@contextlib.contextmanager
def _watched_loading(torch: Any, trust: bool, run: Any) -> Iterator[None]:
    """Let `torch.load`, which CRM itself calls, take tensors only, tell of progress and name what fails."""
    plain = torch.load
    if not trust and "weights_only" not in inspect.signature(plain).parameters:
        raise UnavailableError(
            f"PyTorch {torch.__version__} cannot load weights without running what a file says: install 1.13 or "
            "newer into CRM's environment, or set crm.trust_checkpoints"
        )
    loaded = 0

    def watched(file: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal loaded
        run.progress("load", min(0.9, 0.1 + loaded / (_CHECKPOINTS + 1)))
        loaded += 1
        if not trust:
            kwargs["weights_only"] = True
        try:
            return plain(file, *args, **kwargs)
        except Exception as error:
            if "out of memory" in str(error).lower():
                raise
            hint = "" if trust else "; if it holds more than tensors and you trust it, set crm.trust_checkpoints"
            raise BadCheckpointError(
                f"{file} cannot be loaded: {str(error) or type(error).__name__}{hint}"
            ) from error

    torch.load = watched
    try:
        yield
    finally:
        torch.load = plain


@contextlib.contextmanager
def _own_temporary_files() -> Iterator[None]:
    """CRM leaves its files behind: they get a folder that goes."""
    with tempfile.TemporaryDirectory() as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _no_rembg() -> types.ModuleType:
    """In place of rembg, which `pipelines` imports to fetch a model: objects come cut out."""
    module = types.ModuleType("rembg")
    module.new_session = lambda *_args, **_kwargs: None  # type: ignore[attr-defined]
    return module
