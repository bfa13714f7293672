"""Errors on the wire: RFC 9457 problems, and on surface B the shape that its document gives them."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from wheatstone.errors import QueueFullError, WheatstoneError, error_of_system
from wheatstone.storage import database_error

_log = logging.getLogger(__name__)

_RETRY_S = 10
"""When to come again if the queue is full."""
_BAD_REQUEST = "bad-request"


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(
        description="Stable identifier of this kind of problem.", examples=["urn:wheatstone:bad-picture"]
    )
    title: str = Field(description="This kind of problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong here, and what to do.")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request cannot be served."}
}
"""For the OpenAPI description of routes."""


class MLSharpError(BaseModel):
    """What went wrong, as surface B tells it."""

    error: str = Field(description="The kind of error.", examples=["ValidationError"])
    message: str
    status_code: int
    path: str
    timestamp: datetime


_MLSHARP = re.compile(r"/(v1/(predict|health|stats|cache|webhooks)|files)(/|$)")
"""The paths of surface B."""
_MALFORMED = "请求参数验证失败"
"""How it begins to tell of a malformed request."""


def problem(path: str, code: str, title: str, status: int, detail: str) -> JSONResponse:
    """An error as a response to a request for `path`."""
    if _MLSHARP.match(path):
        kind = "Validation" if code == _BAD_REQUEST else "".join(word.capitalize() for word in code.split("-"))
        content = MLSharpError(
            error=f"{kind}Error",
            message=f"{_MALFORMED}: {detail}" if code == _BAD_REQUEST else detail,
            status_code=status,
            path=path,
            timestamp=datetime.now(UTC),
        )
        return JSONResponse(content.model_dump(mode="json"), status)
    content_type = "application/problem+json"
    told = Problem(type=f"urn:wheatstone:{code}", title=title, status=status, detail=detail)
    return JSONResponse(told.model_dump(), status, media_type=content_type)


def add_problems(app: FastAPI) -> None:
    """Make every error of an app a problem."""

    @app.exception_handler(WheatstoneError)
    async def ours(request: Request, error: WheatstoneError) -> JSONResponse:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s %s: %s", request.method, request.url.path, error)
        answer = problem(request.url.path, error.code, error.title, error.status, str(error))
        if isinstance(error, QueueFullError):
            answer.headers["Retry-After"] = str(_RETRY_S)
        return answer

    @app.exception_handler(SQLAlchemyError)
    async def of_database(request: Request, error: SQLAlchemyError) -> JSONResponse:
        return await ours(request, database_error(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        detail = f"{place}: {first['msg']}."
        return problem(request.url.path, _BAD_REQUEST, "Bad request", status, detail)

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        detail = str(error.detail)
        if isinstance(error.__cause__, OSError) and (known := error_of_system(error.__cause__)):
            return await ours(request, known)  # an upload found no space to wait in
        if status is HTTPStatus.NOT_FOUND and detail == status.phrase:
            detail = f"There is nothing at {request.url.path}."
        code = status.phrase.lower().replace(" ", "-")
        answer = problem(request.url.path, code, status.phrase, status, detail)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unexpected(request: Request, _error: Exception) -> JSONResponse:
        detail = "Something went wrong in the server; its log says more."  # Starlette raises, and logs, the error
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return problem(request.url.path, "internal", "Internal error", status, detail)
