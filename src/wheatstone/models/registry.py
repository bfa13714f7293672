"""The table of models: which play which role, and how each is made."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from wheatstone.errors import CheckpointUnavailableError, UnknownModelError
from wheatstone.models import checkpoints
from wheatstone.models.relief import RELIEF, Relief
from wheatstone.models.roles import ModelInfo, SplatPredictor
from wheatstone.settings import Settings

_log = logging.getLogger(__name__)

Progress = Callable[[float], None]
"""Told how far loading is, 0 to 1."""


@dataclass(frozen=True, slots=True)
class SplatModel:
    """A model that turns a photo into a splat.

    Attributes:
        info: what to know about it.
        load: makes it ready, fetching what it needs.
    """

    info: ModelInfo
    load: Callable[[Settings, Progress], SplatPredictor]


def _load_relief(settings: Settings, progress: Progress) -> SplatPredictor:
    return Relief(_matte_checkpoint(settings, progress))


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


SPLAT_MODELS = (SplatModel(RELIEF, _load_relief),)
"""The photo-to-splat models that come along, the one that `auto` prefers first."""

PLUGINS = "wheatstone.splat_models"
"""Entry points of this group are `SplatModel`s of other packages."""


@functools.cache
def splat_models() -> tuple[SplatModel, ...]:
    """All photo-to-splat models: those that come along, then those of plug-ins."""
    return (*SPLAT_MODELS, *(point.load() for point in entry_points(group=PLUGINS)))


def splat_model_named(name: str) -> SplatModel:
    """The model of that name; `auto` is the best one that can run here.

    Raises:
        UnknownModelError: there is none.
    """
    if name == "auto":
        return SPLAT_MODELS[0]
    for models in (lambda: SPLAT_MODELS, splat_models):  # looking for plug-ins takes a moment
        for model in models():
            if model.info.name == name:
                return model
    known = ", ".join(["auto", *(model.info.name for model in splat_models())])
    raise UnknownModelError(f"Unknown model {name!r}; known are {known}.")
