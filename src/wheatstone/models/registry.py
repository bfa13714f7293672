"""The table of models: which play which role, and how each is made."""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from wheatstone.errors import CheckpointUnavailableError, ModelUnavailableError, UnknownModelError
from wheatstone.models import checkpoints
from wheatstone.models.crm import CRM
from wheatstone.models.crm import about as about_crm
from wheatstone.models.hashes import weights_sha256
from wheatstone.models.inflate.about import INFLATE, detail_of
from wheatstone.models.relief import RELIEF, Relief
from wheatstone.models.roles import MeshReconstructor, ModelInfo, SplatPredictor
from wheatstone.models.sharp import SHARP
from wheatstone.models.sharp.about import input_side_px
from wheatstone.settings import Settings, load_settings
from wheatstone.version import VERSION

_log = logging.getLogger(__name__)

Progress = Callable[[float], None]
"""Told how far loading is, 0 to 1."""


CPU = "cpu"
"""The device that every model can run on."""


@dataclass(frozen=True, slots=True)
class SplatModel:
    """A model that turns a photo into a splat.

    Attributes:
        kind: what it makes, as tasks call it.
        info: what to know about it.
        load: makes it ready, fetching what it needs.
        is_ready: tells, quickly, whether all that it needs is here; `auto` takes none that is not.
        traits: what, besides its code, the photo and the focal length, determines its results: plain JSON with the
            settings it heeds and the SHA-256 of its weights. May take seconds the first time.
        device_of: tells what it runs on by these settings, always the same name for the same device; may take
            seconds, and raise what `load` does. None for a model that runs on the CPU only.
    """

    kind: ClassVar[str] = "splat"
    info: ModelInfo
    load: Callable[[Settings, Progress], SplatPredictor]
    is_ready: Callable[[Settings], bool] = lambda _settings: True
    traits: Callable[[Settings], Mapping[str, Any]] = lambda _settings: {}
    device_of: Callable[[Settings], str] | None = None


@dataclass(frozen=True, slots=True)
class MeshModel:
    """A model that turns a photo of an object into a mesh; with the attributes of `SplatModel`."""

    kind: ClassVar[str] = "mesh"
    info: ModelInfo
    load: Callable[[Settings, Progress], MeshReconstructor]
    is_ready: Callable[[Settings], bool] = lambda _settings: True
    traits: Callable[[Settings], Mapping[str, Any]] = lambda _settings: {}
    device_of: Callable[[Settings], str] | None = None


Model = SplatModel | MeshModel


def _load_sharp(settings: Settings, progress: Progress) -> SplatPredictor:
    """SHARP on the device that the settings name.

    Raises:
        ModelUnavailableError: PyTorch is not installed.
        CheckpointUnavailableError: the weights cannot be had, or are others.
        BadOptionError: there is no such device here.
    """
    _check_torch()
    path = _own_sharp(settings) or checkpoints.ensure(
        SHARP.checkpoints[0], settings, lambda done, total: progress(done / total)
    )
    from wheatstone.models.sharp.hardware import choose_hardware
    from wheatstone.models.sharp.predictor import Sharp

    side_px = input_side_px(*settings.inference.input_size)
    return Sharp.load(path, choose_hardware(settings), side_px, progress=progress)


def _sharp_device(settings: Settings) -> str:
    _check_torch()
    from wheatstone.models.sharp.hardware import choose_hardware

    return str(choose_hardware(settings).device)


def _sharp_is_ready(settings: Settings) -> bool:
    path = _own_sharp(settings) or checkpoints.find(SHARP.checkpoints[0], settings)
    may_fetch = SHARP.checkpoints[0] in settings.checkpoints.accepted_licences and not settings.checkpoints.offline
    return _torch_is_installed() and (path is not None or may_fetch)


def _sharp_traits(settings: Settings) -> Mapping[str, Any]:
    path = _own_sharp(settings) or checkpoints.find(SHARP.checkpoints[0], settings)
    return {
        "weights": path and weights_sha256(path, settings.cache_dir),
        "input_size": settings.inference.input_size,
        "mode": settings.mode,
        "device": settings.model.device,
        "enable_amp": settings.gpu.enable_amp,
        "enable_tf32": settings.gpu.enable_tf32,
        "compile": settings.gpu.compile,
    }


def _own_sharp(settings: Settings) -> Path | None:
    """The checkpoint that the settings name for the model, if it is there; else it is to be fetched."""
    path = settings.model.checkpoint_path
    return path if path is not None and path.is_file() else None


def _check_torch() -> None:
    if not _torch_is_installed():
        raise ModelUnavailableError(
            "The model sharp needs PyTorch, which is not installed: run `pip install 'wheatstone[torch]'`."
        )


def _torch_is_installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def _load_relief(settings: Settings, progress: Progress) -> SplatPredictor:
    return Relief(_matte_checkpoint(settings, progress))


def _load_crm(settings: Settings, progress: Progress) -> MeshReconstructor:
    """CRM, ready in its own process.

    Raises:
        ModelUnavailableError: CRM is not set up, or its environment lacks something.
        CheckpointUnavailableError: its weights are missing or damaged.
    """
    from wheatstone.models.crm.model import Crm

    about_crm.check(settings)  # before anything is fetched
    crm = Crm(settings, _matte_checkpoint(settings, lambda _fraction: None))
    crm.load(progress)
    return crm


def _crm_traits(settings: Settings) -> Mapping[str, Any]:
    return {**about_crm.traits(settings), **_relief_traits(settings)}


def _load_inflate(settings: Settings, progress: Progress) -> MeshReconstructor:
    from wheatstone.models.inflate import Inflate

    return Inflate(_matte_checkpoint(settings, progress), detail_of(settings))


def _inflate_traits(settings: Settings) -> Mapping[str, Any]:
    return {**_relief_traits(settings), **settings.mesh.model_dump()}


def _matte_checkpoint(settings: Settings, progress: Progress) -> Path | None:
    """The best U²-Net at hand, else the small one fetched; None, with a warning, when it cannot be had.

    Raises:
        CheckpointUnavailableError: a file that the settings name is not the checkpoint.
    """
    for name in RELIEF.checkpoints:
        if name in settings.checkpoints.local or checkpoints.find(name, settings):
            return checkpoints.ensure(name, settings)
    smallest = RELIEF.checkpoints[-1]
    try:
        return checkpoints.ensure(smallest, settings, lambda done, total: progress(done / total))
    except CheckpointUnavailableError as error:
        _log.warning(
            "Outlines come from classical cues, which is less exact: %s\n"
            "For better outlines run `wheatstone models pull %s` once while online.",
            str(error).splitlines()[0],
            smallest,
        )
        return None


def _relief_traits(settings: Settings) -> Mapping[str, Any]:
    """The checkpoint that `_matte_checkpoint` would take, known by its SHA-256; None before one is here."""
    for name in RELIEF.checkpoints:
        if name in settings.checkpoints.local or checkpoints.find(name, settings):
            return {"matte": checkpoints.checkpoint_named(name).sha256}
    return {"matte": None}


SPLAT_MODELS = (
    SplatModel(SHARP, _load_sharp, _sharp_is_ready, _sharp_traits, _sharp_device),
    SplatModel(RELIEF, _load_relief, traits=_relief_traits),
)
"""The photo-to-splat models that come along, the one that `auto` prefers first."""

MESH_MODELS: tuple[MeshModel, ...] = (
    MeshModel(CRM, _load_crm, about_crm.is_ready, _crm_traits, about_crm.device_of),
    MeshModel(INFLATE, _load_inflate, traits=_inflate_traits),
)
"""The photo-to-mesh models that come along, the one that `auto` prefers first."""

SPLAT_PLUGINS, MESH_PLUGINS = "wheatstone.splat_models", "wheatstone.mesh_models"
"""Entry points of these groups are `SplatModel`s and `MeshModel`s of other packages."""


@functools.cache
def splat_models() -> tuple[SplatModel, ...]:
    """All photo-to-splat models: those that come along, then those of plug-ins."""
    return (*SPLAT_MODELS, *(model for model, _ in _plugins(SPLAT_PLUGINS)))


@functools.cache
def mesh_models() -> tuple[MeshModel, ...]:
    """All photo-to-mesh models: those that come along, then those of plug-ins."""
    return (*MESH_MODELS, *(model for model, _ in _plugins(MESH_PLUGINS)))


@functools.cache
def _plugins(group: str) -> tuple[tuple[Any, str], ...]:
    """The models of plug-ins, each with the version of the package that brings it."""
    return tuple((point.load(), point.dist.version if point.dist else "") for point in entry_points(group=group))


def fingerprint(model: Model, settings: Settings) -> str:
    """All that determines a model's results besides the photo and the focal length, as canonical JSON.

    Two that are equal mean equal results. It changes when weights that were not here are fetched.

    Raises:
        CheckpointUnavailableError: weights that are here cannot be read.
    """
    known = (*_plugins(SPLAT_PLUGINS), *_plugins(MESH_PLUGINS))
    ours = (*SPLAT_MODELS, *MESH_MODELS)
    package = "" if model in ours else next((version for plugged, version in known if plugged is model), "")
    parts = {
        "wheatstone": VERSION,
        "name": model.info.name,
        "version": model.info.version,
        "package": package,
        "traits": dict(model.traits(settings)),
    }
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


def splat_model_named(name: str, settings: Settings | None = None) -> SplatModel:
    """The model of that name; `auto` is the best one that can run here, by these settings or else this process's.

    Raises:
        UnknownModelError: there is none.
    """
    return _named(name, SPLAT_MODELS, splat_models, settings)


def mesh_model_named(name: str, settings: Settings | None = None) -> MeshModel:
    """As `splat_model_named`, for meshes.

    Raises:
        UnknownModelError: there is none.
        ModelUnavailableError: none of those that come along can run here.
    """
    return _named(name, MESH_MODELS, mesh_models, settings)


def model_named(kind: str, name: str, settings: Settings | None = None) -> Model:
    """The model of that name that makes what tasks of this kind want; raises as `mesh_model_named`."""
    return mesh_model_named(name, settings) if kind == MeshModel.kind else splat_model_named(name, settings)


_M = TypeVar("_M", SplatModel, MeshModel)


def _named(
    name: str, ours: tuple[_M, ...], all_models: Callable[[], tuple[_M, ...]], settings: Settings | None
) -> _M:
    if name == "auto":
        for model in ours:
            if model.is_ready(settings or load_settings()):
                return model
        raise ModelUnavailableError("No model that comes along can do this here; name one of a plug-in.")
    by_name = {model.info.name: model for model in ours}
    if name not in by_name:  # looking for plug-ins takes a moment
        by_name = {model.info.name: model for model in reversed(all_models())}
    if name in by_name:
        return by_name[name]
    known = ", ".join(["auto", *(model.info.name for model in all_models())])
    raise UnknownModelError(f"Unknown model {name!r}; known are {known}.")
