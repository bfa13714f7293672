"""Results kept for equal requests: here, as files, and in Redis for other servers, too.

A result's key says all that determines it: the photo's content, the focal length, the model with its code and
weights, and the settings that change bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wheatstone.errors import BadOptionError, WheatstoneError, error_of_system, reason
from wheatstone.jobs._local_cache import Kept, LocalCache
from wheatstone.models.registry import SplatModel, fingerprint, model_named
from wheatstone.settings import Settings
from wheatstone.storage import ObjectStore

if TYPE_CHECKING:
    from wheatstone.jobs._redis_cache import RedisCache

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """How well the cache does since the server started.

    Attributes:
        enabled: whether anything is kept.
        size: results kept here.
        max_size: results kept here at most.
        size_bytes: what they hold.
        max_bytes: what they may hold.
        hits: requests answered with a kept result.
        misses: requests that were not.
    """

    enabled: bool
    size: int
    max_size: int
    size_bytes: int
    max_bytes: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> float:
        """Hits in per cent of all requests, to two places; 0 before the first one."""
        requests = self.hits + self.misses
        return round(100 * self.hits / requests, 2) if requests else 0.0


def result_key(kind: str, photo_sha256: str, f_px: float | None, model: str, settings: Settings) -> str:
    """What names the result that this request has with these settings: a SHA-256 in hexadecimal.

    It may take seconds, when it is asked for the first time and weights of gigabytes must be read.

    Args:
        kind: of the task: `splat` or `mesh`.
        photo_sha256: of the photo's bytes.
        f_px: focal length in pixels that the client gave.
        model: name of the model, or `auto`.
        settings: of the server.

    Raises:
        UnknownModelError: there is no such model.
        CheckpointUnavailableError: its weights are here, but cannot be read.
    """
    chosen = model_named(kind, model, settings)
    parts: dict[str, Any] = {
        "kind": kind,
        "photo": photo_sha256,
        "f_px": None if f_px is None else float(f_px),
        "model": chosen.info.name,
        "fingerprint": fingerprint(chosen, settings),
    }
    if kind == SplatModel.kind:
        compression = settings.compression
        external = [compression.command, *compression.args_template] if compression.command else []
        parts["compression"] = {
            "enabled": compression.enabled,
            "external": external if compression.enabled else [],
        }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class ResultCache:
    """Results by key: looked for here, then in Redis; may be called from any thread."""

    def __init__(self, objects: ObjectStore, work_dir: Path, settings: Settings) -> None:
        """Take over what a last run kept in the object store.

        Args:
            objects: where results lie.
            work_dir: for files on their way.
            settings: of the server.

        Raises:
            BadOptionError: Redis is enabled, and its library is not installed or the URL is none of Redis.
        """
        self._settings = settings.cache
        self._objects = objects
        self._work_dir = work_dir
        self._local = LocalCache(objects, max_entries=settings.cache.size, max_bytes=settings.cache.max_bytes)
        self._redis = _redis(settings) if settings.cache.enabled and settings.redis.enabled else None
        self._sharing = ThreadPoolExecutor(1, thread_name_prefix="redis")
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    @property
    def statistics(self) -> CacheStatistics:
        """How well it does."""
        with self._lock:
            return CacheStatistics(
                enabled=self._settings.enabled,
                size=len(self._local),
                max_size=self._settings.size,
                size_bytes=self._local.size_bytes,
                max_bytes=self._settings.max_bytes,
                hits=self._hits,
                misses=self._misses,
            )

    def give(
        self,
        key: str,
        names: Collection[str],
        target: Callable[[str], str],
        *,
        others: bool = False,
        again: bool = False,
    ) -> Kept | None:
        """Copy a result's files to keys of the object store.

        Args:
            key: `result_key` of the request.
            names: of the files that are wanted.
            target: says where the file of a name is to lie.
            others: copy what else belongs to the result, too.
            again: the same request looked before, in vain; counts it once: as a hit if it is one now.

        Returns:
            None, and nothing copied, if no result with all of these files is kept.

        Raises:
            StorageFullError: no space is left.
        """
        if not self._settings.enabled:
            return None
        kept = self._local.give(key, names, target, others=others)
        if kept is None and self._redis is not None:
            kept = self._fetch(self._redis, key, names, target, others=others)
        with self._lock:
            self._hits += kept is not None
            if again:
                self._misses -= kept is not None and self._misses > 0
            else:
                self._misses += kept is None
        return kept

    def put(self, key: str, facts: Mapping[str, Any], sources: Mapping[str, str]) -> None:
        """Keep a result; when that fails, for instance as no space is left, it costs a warning.

        Returns at once, since files are not copied but linked; other servers get it a little later.

        Args:
            key: `result_key` of the request.
            facts: plain JSON, given back as it is.
            sources: name of each file to the key of the object store where it lies.
        """
        if self._settings.enabled and self._keep(key, facts, sources) and self._redis is not None:
            self._sharing.submit(self._share, self._redis, key).add_done_callback(_tell)

    def clear(self) -> None:
        """Forget all results, here and, if Redis answers, in Redis."""
        self._local.clear()
        if self._redis is not None:
            self._sharing.submit(self._redis.clear).result()  # after what is on its way there

    def close(self) -> None:
        """Share no more; what is on its way to Redis is let through."""
        self._sharing.shutdown(cancel_futures=True)
        if self._redis is not None:
            self._redis.close()

    def _keep(self, key: str, facts: Mapping[str, Any], sources: Mapping[str, str]) -> bool:
        try:
            self._local.put(key, facts, sources)
        except (OSError, WheatstoneError) as error:
            _log.warning("A result could not be kept for equal requests: %s", reason(error))
            return False
        return True

    def _fetch(
        self, redis: RedisCache, key: str, names: Collection[str], target: Callable[[str], str], *, others: bool
    ) -> Kept | None:
        """A result from Redis, from now on kept here, too."""
        with tempfile.TemporaryDirectory(dir=self._work_dir) as folder:
            try:
                found = redis.fetch(key, names, Path(folder), others=others)
            except OSError as error:
                raise error_of_system(error) or error from error
            if found is None:
                return None
            facts, paths = found
            targets = {name: target(name) for name in paths}
            try:
                for name, path in paths.items():
                    self._objects.put(targets[name], path)
            except WheatstoneError:
                self._objects.delete(list(targets.values()))
                raise
        self._keep(key, facts, targets)
        return Kept(facts, list(paths))

    def _share(self, redis: RedisCache, key: str) -> None:
        try:
            if found := self._local.look(key):
                redis.put(key, *found)
        except (OSError, ValueError) as error:  # it made room for others meanwhile, or is damaged
            _log.info("a result was not shared through Redis: %s", reason(error))


def _redis(settings: Settings) -> RedisCache:
    try:
        from wheatstone.jobs._redis_cache import RedisCache
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise BadOptionError(
            "redis.enabled needs the Redis library: run `pip install 'wheatstone[redis]'`, or set it to false."
        ) from None
    return RedisCache(settings.redis)


def _tell(done: Future[None]) -> None:
    """What nobody expected is not lost in a thread that nobody waits for."""
    if not done.cancelled() and (error := done.exception()):
        _log.error("a result was not shared through Redis", exc_info=error)
