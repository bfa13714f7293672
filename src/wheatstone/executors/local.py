"""Models in child processes of this one: nothing a model does can end the server.

Each model has one child, started at first use and warm from then on; a device runs one prediction at a time, in
the order they came. Which device a model runs on its child tells, before its first turn: this process never loads
what could find out.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheatstone.executors.children import Child, ChildPool
from wheatstone.executors.scene_files import take_scene
from wheatstone.executors.turns import Turns
from wheatstone.models.registry import CPU, Model, mesh_model_named, splat_model_named
from wheatstone.models.roles import Part
from wheatstone.pictures import Photo
from wheatstone.settings import Settings
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages

_LOADING_CALLS = {"predict_splat", "reconstruct_mesh", "warm_up"}


@dataclass(frozen=True, slots=True)
class ModelChild:
    """The child of a model, as health reports tell.

    Attributes:
        model: its name.
        is_loaded: whether the model is ready in it.
        device: where it runs.
        pid: of its process.
        rss_bytes: memory it holds.
    """

    model: str
    is_loaded: bool
    device: str
    pid: int
    rss_bytes: int


class LocalExecutor:
    """Runs models in child processes."""

    def __init__(self, settings: Settings, work_dir: Path) -> None:
        """Results cross in `work_dir`, a folder of this executor alone."""
        self._settings = settings
        self._work_dir = work_dir
        self._lock = threading.Lock()
        self._pools: dict[Model, ChildPool] = {}
        self._devices: dict[Model, str] = {}
        self._turns: dict[str, Turns] = {}
        self._predictions = Turns(settings.performance.max_concurrency)

    def predict_splat(self, model: str, photo: Photo, stages: Stages, *, rank: float = 0.0) -> Scene:
        """As `Executor` says, and in child processes more can happen.

        Raises:
            ChildCrashedError: the child ended in the middle; the next call starts another.
            ModelFailedError: the model raised something nobody expected.
        """
        chosen = splat_model_named(model, self._settings)
        with self._turn(chosen, photo, stages, rank) as (pool, arguments, folder):
            rest = pool.call("predict_splat", arguments, stages)
            return take_scene(rest, folder)

    def reconstruct_mesh(
        self, model: str, photo: Photo, stages: Stages, deliver: Callable[[Part], None], *, rank: float = 0.0
    ) -> None:
        """As `Executor` says; raises as `predict_splat`."""
        chosen = mesh_model_named(model, self._settings)
        with self._turn(chosen, photo, stages, rank) as (pool, arguments, folder):

            def take(name: str) -> None:
                data = (folder / name).read_bytes()
                (folder / name).unlink()
                deliver(Part(name, data))

            pool.call("reconstruct_mesh", arguments, stages, take)

    def warm_up(self, model: str, stages: Stages) -> None:
        """As `Executor` says, in the model's child; raises as `predict_splat`."""
        chosen = splat_model_named(model, self._settings)
        with self._turns_of(chosen, stages).turn(stages.cancellation):
            self._pool(chosen).call("warm_up", {"model": chosen.info.name}, stages)

    def device(self, model: str) -> str:
        """What a model runs on; until its child has told, what the settings ask for, such as `auto`.

        Raises:
            UnknownModelError: there is no such model.
        """
        return self._device(splat_model_named(model, self._settings))

    @property
    def models(self) -> list[ModelChild]:
        """The children that are running."""
        return [
            ModelChild(
                model.info.name, bool(child.done & _LOADING_CALLS), self._device(model), child.pid, child.rss_bytes
            )
            for model, pool in list(self._pools.items())
            for child in pool.children
        ]

    @property
    def pools(self) -> list[ChildPool]:
        """The pools of all models used so far, for `evict`."""
        return list(self._pools.values())

    def stop(self) -> None:
        """End all children, at once."""
        for pool in self.pools:
            pool.stop()

    @contextmanager
    def _turn(
        self, model: Model, photo: Photo, stages: Stages, rank: float
    ) -> Iterator[tuple[ChildPool, dict[str, Any], Path]]:
        """Wait for a model's device; gives its children, the arguments of a call, and the folder in these."""
        turns, pool = self._turns_of(model, stages), self._pool(model)
        with tempfile.TemporaryDirectory(dir=self._work_dir, ignore_cleanup_errors=True) as folder:
            source = photo.source
            if isinstance(source, bytes):
                source = Path(folder, "photo")
                source.write_bytes(photo.source)  # type: ignore[arg-type]
            arguments = {
                "model": model.info.name,
                "photo": str(source),
                "name": photo.name or source.name,
                "f_px": photo.f_px,
                "limits": photo.limits and photo.limits.model_dump(),
                "folder": str(Path(folder, "result")),
            }
            with turns.turn(stages.cancellation, rank), self._predictions.turn(stages.cancellation, rank):
                yield pool, arguments, Path(folder, "result")

    def _turns_of(self, model: Model, stages: Stages) -> Turns:
        """The turns at the model's device; its child is asked once."""
        if model.device_of is not None and model not in self._devices:
            asking = Stages(cancellation=stages.cancellation)  # nobody's work has begun yet
            arguments = {"kind": model.kind, "model": model.info.name}
            self._devices[model] = self._pool(model).call("device_of", arguments, asking)["device"]
        with self._lock:
            return self._turns.setdefault(self._device(model), Turns(1))

    def _device(self, model: Model) -> str:
        if model.device_of is None:
            return CPU
        return self._devices.get(model) or self._settings.mode or self._settings.model.device

    def _pool(self, model: Model) -> ChildPool:
        with self._lock:
            if model not in self._pools:
                self._pools[model] = ChildPool("wheatstone.executors.model_child", 1, self._settings)
            return self._pools[model]


def evict(pools: list[ChildPool], *, idle_timeout_s: float, budget_bytes: int | None) -> None:
    """End children that were idle for too long and, while all together hold too much, the longest idle ones."""
    idle: list[tuple[float, Child, ChildPool]] = sorted(
        ((child.idle_since_s, child, pool) for pool in pools for child in pool.idle_children),
        key=lambda entry: entry[0],
    )
    held_bytes = sum(child.rss_bytes for pool in pools for child in pool.children)
    for idle_since_s, child, pool in idle:
        too_long = time.monotonic() - idle_since_s > idle_timeout_s
        if too_long or (budget_bytes is not None and held_bytes > budget_bytes):
            rss_bytes = child.rss_bytes
            if pool.evict(child):
                held_bytes -= rss_bytes
