"""Results shared with other servers through Redis, content and all.

An entry is a hash, `<prefix>:result:<key>`: its field `header` is JSON, the files lie in pieces in fields of their
own, so that nobody holds a whole file in memory. It is written beside its name and then renamed, so it is whole or
absent.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, Field
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from wheatstone.errors import BadOptionError, reason
from wheatstone.settings import RedisSettings

_log = logging.getLogger(__name__)

MAX_ENTRY_BYTES = 256_000_000
"""Larger results are not shared."""
_PIECE_BYTES = 4_000_000
_CALL_TIMEOUT_S = 2.0
_ENTRY_TIMEOUT_S = 20.0
"""Who takes longer for a whole entry is of no help: computing takes little more."""
_PAUSE_S = 30.0
_PARTIAL_TTL_S = 60
_HEADER = "header"
_BATCH = 500

Kind = Literal["reading", "writing"]


class _File(BaseModel, frozen=True):
    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=64)
    size_bytes: int
    sha256: str


class _Header(BaseModel, frozen=True):
    facts: dict[str, Any]
    files: list[_File]


class RedisCache:
    """Reads and writes entries; whatever Redis does, it costs a warning and some seconds at most."""

    def __init__(self, settings: RedisSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Connect at first use.

        Args:
            settings: where Redis is, and how keys begin.
            clock: seconds that only grow.

        Raises:
            BadOptionError: the URL is none of Redis.
        """
        try:
            self._redis = Redis.from_url(
                settings.url,
                protocol=2,  # all that is needed, and every server of this protocol speaks it
                socket_connect_timeout=_CALL_TIMEOUT_S,
                socket_timeout=_CALL_TIMEOUT_S,
                retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),  # a connection that went stale is no trouble
            )
        except ValueError:
            raise BadOptionError(
                "redis.url is no address of Redis: redis://, rediss:// (TLS) or unix:// is needed."
            ) from None  # what the library says may hold the password
        self._prefix = settings.prefix
        self._ttl_s = settings.ttl_s
        self._clock = clock
        password = self._redis.connection_pool.connection_kwargs.get("password")
        self._trouble = _Trouble(str(password or ""), clock)

    def fetch(
        self, key: str, names: Collection[str], folder: Path, *, others: bool = False
    ) -> tuple[dict[str, Any], dict[str, Path]] | None:
        """Facts of an entry, and those of its files that are wanted, by name, written into `folder`.

        Args:
            key: of the entry.
            names: of the files that are wanted.
            folder: for them.
            others: what else the entry has is wanted, too.

        Returns:
            None if there is no such entry with all of these files, it is damaged (it is gone then), or Redis does
            not answer in time.

        Raises:
            OSError: the folder cannot be written to.
        """
        if not self._trouble.may("reading"):
            return None
        try:
            found = self._fetch(self._name(key), names, folder, others=others)
        except RedisError as error:
            self._trouble.met("reading", error)
            return None
        self._trouble.is_over("reading")
        return found

    def _fetch(
        self, name: str, names: Collection[str], folder: Path, *, others: bool
    ) -> tuple[dict[str, Any], dict[str, Path]] | None:
        deadline_s = self._clock() + _ENTRY_TIMEOUT_S
        try:
            raw = self._get(name, _HEADER)
            if raw is None:
                return None
            header = _Header.model_validate_json(raw)
            files = {file.name: file for file in header.files}
            if not set(names) <= files.keys():
                return None
            wanted_names = [file.name for file in header.files if others or file.name in names]
            paths = {wanted: folder / str(number) for number, wanted in enumerate(wanted_names)}
            for wanted, path in paths.items():
                self._fetch_file(name, files[wanted], path, deadline_s)
        except ValueError as error:
            _log.warning("a result in Redis is damaged and is deleted: %s", reason(error))
            self._redis.unlink(name)
            return None
        return header.facts, paths

    def _fetch_file(self, name: str, file: _File, path: Path, deadline_s: float) -> None:
        """Write a file.

        Raises:
            ValueError: it is damaged.
        """
        sha256 = hashlib.sha256()
        with path.open("wb") as output:
            for number in range(_pieces(file.size_bytes)):
                self._check(deadline_s)
                piece = self._get(name, _field(file.name, number))
                if piece is None:
                    raise ValueError(f"{file.name} lacks a piece")
                sha256.update(piece)
                output.write(piece)
        if sha256.hexdigest() != file.sha256:
            raise ValueError(f"{file.name} has another SHA-256 than it should")

    def put(self, key: str, facts: Mapping[str, Any], paths: Mapping[str, Path]) -> None:
        """Share a result.

        Raises:
            OSError: a file cannot be read.
        """
        if not self._trouble.may("writing"):
            return
        size_bytes = sum(path.stat().st_size for path in paths.values())
        if size_bytes > MAX_ENTRY_BYTES:
            _log.info("A result of %s bytes is too large to be shared through Redis.", f"{size_bytes:,}")
            return
        partial = f"{self._prefix}:partial:{secrets.token_hex(16)}"
        try:
            try:
                self._put(self._name(key), partial, facts, paths)
            except OSError:
                self._redis.unlink(partial)
                raise
        except RedisError as error:
            self._trouble.met("writing", error)
        else:
            self._trouble.is_over("writing")

    def _put(self, name: str, partial: str, facts: Mapping[str, Any], paths: Mapping[str, Path]) -> None:
        deadline_s = self._clock() + _ENTRY_TIMEOUT_S
        files = []
        for file_name, path in paths.items():
            sha256, size_bytes = hashlib.sha256(), 0
            with path.open("rb") as file:
                for number, piece in enumerate(_read_pieces(file)):
                    self._check(deadline_s)
                    sha256.update(piece)
                    size_bytes += len(piece)
                    with self._redis.pipeline() as pipeline:
                        pipeline.hset(partial, _field(file_name, number), piece)
                        pipeline.expire(partial, _PARTIAL_TTL_S)
                        pipeline.execute()
            files.append(_File(name=file_name, size_bytes=size_bytes, sha256=sha256.hexdigest()))
        header = _Header(facts=dict(facts), files=files)
        with self._redis.pipeline() as pipeline:
            pipeline.hset(partial, _HEADER, header.model_dump_json())
            pipeline.rename(partial, name)
            pipeline.expire(name, self._ttl_s)
            pipeline.execute()

    def clear(self) -> None:
        """Delete all results under our prefix, and nothing else; tried even if Redis did not answer just now."""
        pattern = re.sub(r"([*?\[\]\\^])", r"\\\1", self._prefix) + ":result:*"
        try:
            batch: list[bytes] = []
            for name in self._redis.scan_iter(pattern, count=_BATCH):
                batch.append(name)
                if len(batch) == _BATCH:
                    self._redis.unlink(*batch)
                    batch.clear()
            if batch:
                self._redis.unlink(*batch)
        except RedisError as error:
            self._trouble.met("writing", error)
        else:
            self._trouble.is_over("writing")

    def close(self) -> None:
        """End all connections."""
        self._redis.close()

    def _get(self, name: str, field: str) -> bytes | None:
        """A field of a hash.

        Raises:
            ValueError: what has this name is none.
        """
        try:
            found: bytes | None = self._redis.hget(name, field)  # type: ignore[assignment]
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                raise ValueError("it is not a hash") from error
            raise
        return found

    def _name(self, key: str) -> str:
        return f"{self._prefix}:result:{key}"

    def _check(self, deadline_s: float) -> None:
        if self._clock() > deadline_s:
            raise RedisTimeoutError(f"a result took longer than {_ENTRY_TIMEOUT_S:g} s")


class _Trouble:
    """What Redis cannot do just now: told once, when it begins and when it is over, and left alone meanwhile."""

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s: dict[Kind, float] = {}

    def may(self, kind: Kind) -> bool:
        """Whether to try."""
        return self._clock() >= self._until_s.get(kind, 0)

    def met(self, kind: Kind, error: RedisError) -> None:
        """It failed: an answer (no memory is left, no permission) stops that kind only, silence both."""
        kinds: tuple[Kind, ...] = (kind,) if isinstance(error, ResponseError) else ("reading", "writing")
        with self._lock:
            is_news = kind not in self._until_s
            self._until_s.update(dict.fromkeys(kinds, self._clock() + _PAUSE_S))
        if is_news:
            said = reason(error)
            _log.warning(
                "Results are not shared through Redis (%s): %s. It is tried again every %g s.",
                kind,
                said.replace(self._secret, "***") if self._secret else said,
                _PAUSE_S,
            )

    def is_over(self, kind: Kind) -> None:
        """It worked."""
        with self._lock:
            was_there = self._until_s.pop(kind, None) is not None
        if was_there:
            _log.info("Results are shared through Redis again (%s).", kind)


def _field(name: str, number: int) -> str:
    return f"{name}/{number}"


def _pieces(size_bytes: int) -> int:
    return -(-size_bytes // _PIECE_BYTES)


def _read_pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
