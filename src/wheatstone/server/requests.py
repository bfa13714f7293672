"""What clients ask of `/v1/jobs` and `/v1/batches`: photos, or where they are, and what to make of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from wheatstone.jobs import Known, Link, Source, Upload, Wish
from wheatstone.wire import JobOptions, JobRequest

_Model = TypeVar("_Model", bound=BaseModel)
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})")
_MAX_WAIT_S = 60
_FILE = "file"


@asynccontextmanager
async def asked(request: Request) -> AsyncIterator[tuple[Sequence[Source], Wish]]:
    """As `sent`, or as JSON that tells where the photo is."""
    if _content_type(request) == "application/json":
        wanted = _checked(JobRequest, await request.body())
        source = Link(wanted.image_url) if wanted.image_url is not None else Known(wanted.picture_id or "")
        yield [source], _wish(wanted)
        return
    async with sent(request) as (uploads, wish):
        yield uploads, wish


@asynccontextmanager
async def sent(request: Request) -> AsyncIterator[tuple[Sequence[Upload], Wish]]:
    """The photos that come with a request and what to make of them; they can be read while the block runs.

    Raises:
        RequestValidationError: the request is not as the description has it.
    """
    if _content_type(request) != "multipart/form-data":  # other bodies would be held in memory, whole
        raise _refusal(("body", _FILE), "a photo must be sent as a file", "missing")
    async with request.form() as form:
        files = form.getlist(_FILE)
        uploads = [Upload(file.filename or "", file.file) for file in files if isinstance(file, UploadFile)]
        if not uploads or len(uploads) < len(files):
            raise _refusal(("body", _FILE), "a photo must be sent as a file", "missing")
        options = {name: value for name, value in form.multi_items() if name != _FILE and value != ""}
        yield uploads, _wish(_checked(JobOptions, options))


def wanted_wait_s(prefer: str) -> int | None:
    """How long a client prefers to wait for the answer (RFC 7240), at most a minute; None if it does not."""
    match = _WAIT.search(prefer)
    return min(int(match[1]), _MAX_WAIT_S) if match else None


def described(*, many: bool, json: bool) -> dict[str, Any]:
    """The request's body for OpenAPI, which takes either kind."""
    file: dict[str, Any] = {
        "type": "string",
        "format": "binary",
        "description": "JPEG, PNG, WebP, HEIC, AVIF, TIFF.",
    }
    options = JobOptions.model_json_schema()
    form = {
        "type": "object",
        "required": [_FILE],
        "properties": {_FILE: {"type": "array", "items": file} if many else file, **options["properties"]},
    }
    content = {"multipart/form-data": {"schema": form}}
    if json:
        content["application/json"] = {"schema": JobRequest.model_json_schema()}
    return {"requestBody": {"required": True, "content": content}}


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _wish(options: JobOptions) -> Wish:
    return Wish(
        kind=options.kind,
        model=options.model,
        f_px=options.focal_length,
        keep_ply=options.keep_ply,
        priority=options.priority,
        time_limit_s=options.time_limit_s,
    )


def _checked(model: type[_Model], content: bytes | dict[str, Any]) -> _Model:
    try:
        return model.model_validate_json(content) if isinstance(content, bytes) else model.model_validate(content)
    except ValidationError as error:
        errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(errors) from error


def _refusal(place: tuple[str, ...], message: str, kind: str) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": place, "msg": message, "input": None}])
