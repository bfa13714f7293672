"""Stored files as responses: whole, in part, or not at all when the client has them."""

from __future__ import annotations

import re
from email.utils import quote as quoted
from http import HTTPStatus
from pathlib import PurePath
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from wheatstone.errors import UnknownTaskError
from wheatstone.storage import Artifact, ObjectStore, Task

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_RESULTS = {"output", "output3d", "model", "poster", "metadata"}
"""Stems of artifacts of which a task has one per ending."""


def saved_name(stem: str, artifact: str) -> str:
    """What an artifact is called beside its photo, `stem`: `mug.glb`, but `mug.preview.glb`."""
    name = PurePath(artifact)
    return stem + name.suffix if name.stem in _RESULTS else f"{stem}.{artifact}"


def download(objects: ObjectStore, task: Task, artifact: Artifact, request: Request) -> Response:
    """A task's file, or the part of it that the request's headers ask for (RFC 9110), named like the photo.

    Serves one range; a request for several gets the whole, as the standard allows.

    Raises:
        UnknownTaskError: the file is gone.
        HTTPException: 416, the part lies beyond the end.
    """
    found = objects.find(artifact.key)
    if found is None:
        raise UnknownTaskError(f"{artifact.name} is not here any more.")
    headers, size, etag = request.headers, found.size_bytes, found.etag
    answer_headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": _disposition(saved_name(PurePath(task.source_name).stem or task.id, artifact.name)),
        "X-Content-Type-Options": "nosniff",
    }
    if _has(headers.get("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=answer_headers)
    start, stop, status = 0, size, HTTPStatus.OK
    if headers.get("if-range", etag) == etag and (match := _RANGE.fullmatch(headers.get("range", "").strip())):
        first, last = match.groups()
        if first:
            start, stop = int(first), min(int(last) + 1 if last else size, size)
        elif last:
            start = max(0, size - int(last))
        if start >= stop and (first or last):
            refused = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            raise HTTPException(refused, f"The file has {size} bytes.", {"Content-Range": f"bytes */{size}"})
        if first or last:
            status = HTTPStatus.PARTIAL_CONTENT
            answer_headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    answer_headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":  # else all of the file would be read, for nobody
        return Response(None, status, answer_headers, artifact.media_type)
    body = objects.stream(artifact.key, start, stop)
    return StreamingResponse(body, status, answer_headers, artifact.media_type)


def _has(tags: str | None, etag: str) -> bool:
    """Whether a list of tags holds this one; weak ones count."""
    listed = [tag.strip().removeprefix("W/") for tag in (tags or "").split(",")]
    return "*" in listed or etag in listed


def _disposition(file_name: str) -> str:
    """To be saved under this name, also where it is not ASCII (RFC 6266)."""
    plain = file_name.encode("ascii", "replace").decode().replace("%", "_").replace("/", "_")
    return f"attachment; filename=\"{quoted(plain)}\"; filename*=UTF-8''{quote(file_name, safe='')}"
