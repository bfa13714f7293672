"""Results of several tasks as one ZIP archive, made while it is sent; nothing of it is held longer."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from pathlib import PurePath

from wheatstone.server.downloads import saved_name
from wheatstone.storage import Artifact, ObjectStore, Task

_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*/\\]')
_LARGE_BYTES = 1 << 31


class _Sink(io.RawIOBase):
    """Takes what the archive writes, until it is taken away; cannot go back, as a socket cannot."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._parts.append(bytes(data))  # type: ignore[call-overload]
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


async def zipped(objects: ObjectStore, tasks: Sequence[Task], names: Collection[str]) -> AsyncIterator[bytes]:
    """The files of these names that the tasks made, named like the photos; they are compressed already."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, artifact in _entries(tasks, names):
            if objects.find(artifact.key) is None:  # deleted meanwhile
                continue
            with archive.open(name, "w", force_zip64=artifact.size_bytes >= _LARGE_BYTES) as entry:
                async for chunk in objects.stream(artifact.key, 0, artifact.size_bytes):
                    entry.write(chunk)
                    yield sink.take()
    yield sink.take()


def _entries(tasks: Sequence[Task], names: Collection[str]) -> Iterator[tuple[str, Artifact]]:
    """Each file and its name in the archive; those of photos of one name get a number."""
    used: set[str] = set()
    for task in tasks:
        stem = _UNSAFE.sub("_", PurePath(task.source_name.replace("\\", "/")).stem).strip(". ") or task.id
        for artifact in task.artifacts:
            if artifact.name in names:
                name, number = saved_name(stem, artifact.name), 2
                while name.casefold() in used:  # on many systems one file
                    name, number = saved_name(f"{stem}-{number}", artifact.name), number + 1
                used.add(name.casefold())
                yield name, artifact
