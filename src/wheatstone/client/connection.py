"""Requests to one server: made again where that helps, answered by what was asked for or by an error."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from wheatstone.client.retries import Retries, is_worth_retrying, retry_after_s
from wheatstone.client.transports import Transport
from wheatstone.client.uploads import Upload
from wheatstone.errors import (
    BadAnswerError,
    BadOptionError,
    ServerUnreachableError,
    WheatstoneError,
    error_of,
    reason,
)
from wheatstone.version import VERSION

M = TypeVar("M", bound=BaseModel)

_REDIRECTS = 5
_PROBLEM_PREFIX = "urn:wheatstone:"
_API_KEY = "X-API-Key"


class Connection:
    """A server's address and how requests reach it."""

    def __init__(
        self, address: str, transport: Transport, *, api_key: str | None, timeout_s: float, retries: Retries
    ) -> None:
        """Nothing is sent yet.

        Raises:
            BadOptionError: the address is none.
        """
        self.retries = retries
        self.transport = transport
        self._address = _checked(address)
        self._timeout_s = timeout_s
        self._headers = {"User-Agent": f"wheatstone/{VERSION}", "Accept-Encoding": "identity"}
        if api_key is not None:
            self._headers[_API_KEY] = api_key

    async def ask(self, kind: type[M], method: str, path: str, **parts: Any) -> M:
        """Make a request as `open` does, and read its answer.

        Raises:
            WheatstoneError: the server's problem; or there is no server, or none of ours.
        """
        response = await self.open(method, path, reads=True, **parts)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise self._stranger(response) from error

    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: BaseModel | Upload | None = None,
        silence_s: float | None = None,
        reads: bool = False,
        fine_when_repeated: Collection[int] = (),
    ) -> httpx2.Response:
        """Make a request, again if need be; gives a good answer, to be closed by the caller unless it was read.

        Args:
            method: of HTTP.
            path: below the server's address.
            params: of the query; those that are None are left out.
            headers: besides the usual ones.
            body: JSON, or a form with files.
            silence_s: the longest wait for the next bytes, in seconds.
            reads: read the whole answer, too.
            fine_when_repeated: statuses that are good answers to a second try, since the first may have worked.

        Raises:
            WheatstoneError: the server's problem; or there is no server, or none of ours.
        """
        attempt = 0
        while True:
            attempt += 1
            request = self._request(method, path, params, headers, body, silence_s)
            asked_s: float | None = None
            failure: WheatstoneError
            try:
                if isinstance(body, Upload):
                    response = await self.transport.upload(request)
                else:
                    response = await self._send(request, reads=reads)
            except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
                raise BadOptionError(f"The request cannot be sent: {reason(error)}.") from error
            except httpx2.TransportError as error:
                failure = self.unreachable(error)
                is_hopeless = False
            else:
                if response.has_redirect_location:
                    target = _shown(_redirected(request.url, response.headers["location"]))
                    raise BadAnswerError(f"{_shown(request.url)} has moved: give the client the address {target}.")
                if response.is_success or (attempt > 1 and response.status_code in fine_when_repeated):
                    return response
                failure, code = self._problem(response)
                asked_s = retry_after_s(response.headers.get("retry-after"))
                is_hopeless = not is_worth_retrying(response.status_code, code, asked_s)
            pause_s = self.retries.pause_s(attempt, asked_s)
            if is_hopeless or pause_s is None:
                raise failure
            await self.transport.sleep(pause_s)

    def chunks(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """The body of an answer as it arrives; raises httpx2.TransportError when it breaks off."""
        return self.transport.chunks(response)

    def unreachable(self, error: Exception) -> ServerUnreachableError:
        """The error that tells of one of the network."""
        detail = "it was too slow" if isinstance(error, httpx2.TimeoutException) else reason(error)
        return ServerUnreachableError(f"The server at {_shown(self._address)} cannot be reached: {detail}.")

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: BaseModel | Upload | None,
        silence_s: float | None,
    ) -> httpx2.Request:
        parts: dict[str, Any] = {}
        if isinstance(body, Upload):
            parts = {"files": body.files, "data": body.fields}
        elif body is not None:
            parts = {"json": body.model_dump(exclude_unset=True)}
        timeout = httpx2.Timeout(self._timeout_s, read=silence_s or self._timeout_s)
        return httpx2.Request(
            method,
            f"{self._address}{path}",
            params={name: value for name, value in (params or {}).items() if value is not None},
            headers={**self._headers, **(headers or {})},
            extensions={"timeout": timeout.as_dict()},
            **parts,
        )

    async def _send(self, request: httpx2.Request, *, reads: bool) -> httpx2.Response:
        """One attempt. Redirects are followed where nothing is sent; the key goes to the server itself only."""
        for _hop in range(_REDIRECTS + 1):
            response = await self.transport.send(request)
            try:
                if reads or not response.is_success:
                    await self.transport.read(response)
            except BaseException:
                await self.transport.close(response)
                raise
            if not response.has_redirect_location:
                return response
            target = _redirected(request.url, response.headers["location"])
            if request.method not in ("GET", "HEAD"):
                raise BadAnswerError(
                    f"{_shown(request.url)} has moved: give the client the address {_shown(target)}."
                )
            kept = [(name, value) for name, value in request.headers.items() if name.lower() != "host"]
            if target.origin != httpx2.URL(self._address).origin:
                kept = [(name, value) for name, value in kept if name.lower() != _API_KEY.lower()]
            request = httpx2.Request(request.method, target, headers=kept, extensions=request.extensions)
        raise BadAnswerError(f"{_shown(self._address)} redirects without end.")

    def _problem(self, response: httpx2.Response) -> tuple[WheatstoneError, str | None]:
        """The error that a bad answer tells of, and its code if it is Wheatstone that answered."""
        try:
            told = json.loads(response.content)
            kind, title, detail = str(told["type"]), str(told["title"]), str(told["detail"])
        except (ValueError, TypeError, KeyError):
            return self._stranger(response), None
        if not kind.startswith(_PROBLEM_PREFIX):
            return self._stranger(response), None
        code = kind.removeprefix(_PROBLEM_PREFIX)
        return error_of(code, detail, title=title, status=response.status_code), code

    def _stranger(self, response: httpx2.Response) -> BadAnswerError:
        status = f"{response.status_code} {response.reason_phrase}".strip()
        url = _shown(response.request.url)
        return BadAnswerError(f"{url} answered {status}, not as Wheatstone does: is it a Wheatstone server?")


def _redirected(url: httpx2.URL, location: str) -> httpx2.URL:
    try:
        return url.join(location)
    except httpx2.InvalidURL as error:
        raise BadAnswerError(f"{_shown(url)} redirects to what is no URL.") from error


def _shown(url: httpx2.URL | str) -> str:
    """A URL for messages: without what may be secret, a password and the query."""
    return str(httpx2.URL(url).copy_with(username="", password="", query=None))


def _checked(address: str) -> str:
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise BadOptionError(f"{address!r} is no address of a server: {reason(error)}.") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise BadOptionError(f"{address!r} is no address of a server: write http://127.0.0.1:8000, for instance.")
    return address.rstrip("/")
