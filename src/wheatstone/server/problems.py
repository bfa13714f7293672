"""Errors on the wire: RFC 9457 problems."""

from __future__ import annotations

import logging
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


def problem(code: str, title: str, status: int, detail: str) -> JSONResponse:
    """A problem as a response."""
    content = Problem(type=f"urn:wheatstone:{code}", title=title, status=status, detail=detail)
    return JSONResponse(content.model_dump(), status, media_type="application/problem+json")


def problem_of(error: WheatstoneError) -> JSONResponse:
    """The response that tells of an error."""
    return problem(error.code, error.title, error.status, str(error))


def add_problems(app: FastAPI) -> None:
    """Make every error of an app a problem."""

    @app.exception_handler(WheatstoneError)
    async def ours(request: Request, error: WheatstoneError) -> JSONResponse:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s %s: %s", request.method, request.url.path, error)
        answer = problem_of(error)
        if isinstance(error, QueueFullError):
            answer.headers["Retry-After"] = str(_RETRY_S)
        return answer

    @app.exception_handler(SQLAlchemyError)
    async def of_database(request: Request, error: SQLAlchemyError) -> JSONResponse:
        return await ours(request, database_error(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return problem("bad-request", "Bad request", status, f"{place}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        detail = str(error.detail)
        if isinstance(error.__cause__, OSError) and (known := error_of_system(error.__cause__)):
            return await ours(request, known)  # an upload found no space to wait in
        if status is HTTPStatus.NOT_FOUND and detail == status.phrase:
            detail = f"There is nothing at {request.url.path}."
        answer = problem(status.phrase.lower().replace(" ", "-"), status.phrase, status, detail)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, _error: Exception) -> JSONResponse:
        detail = "Something went wrong in the server; its log says more."  # Starlette raises, and logs, the error
        return problem("internal", "Internal error", HTTPStatus.INTERNAL_SERVER_ERROR, detail)
