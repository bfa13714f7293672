"""Stored files as responses: whole, in part, or not at all when the client has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import quote as quoted
from http import HTTPStatus
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from wheatstone.errors import UnknownTaskError
from wheatstone.storage import Artifact, ObjectStore

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def download(objects: ObjectStore, artifact: Artifact, file_name: str, headers: Mapping[str, str]) -> Response:
    """A file, or the part of it that the request's headers ask for (RFC 9110).

    Serves one range; a request for several gets the whole, as the standard allows.

    Raises:
        UnknownTaskError: the file is gone.
    """
    found = objects.find(artifact.key)
    if found is None:
        raise UnknownTaskError(f"{artifact.name} is not here any more.")
    size, etag = found.size_bytes, found.etag
    answer_headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": _disposition(file_name),
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
            answer_headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=answer_headers)
        if first or last:
            status = HTTPStatus.PARTIAL_CONTENT
            answer_headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    answer_headers["Content-Length"] = str(stop - start)
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
