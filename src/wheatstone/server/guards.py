"""What is refused before any route sees it: strange hosts, requests from other sites, bodies without end."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wheatstone.server.problems import problem

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def hosts_allowed(host: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """Host names that requests may address: those of the settings, else this machine's on a loopback address."""
    if allowed:
        return tuple(name.lower() for name in allowed)
    return (*_THIS_MACHINE, host.lower()) if is_loopback(host) else ("*",)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class OriginGuard:
    """Lets in only requests to known host names and, where they could do something, from our own pages.

    A page of another site could otherwise make a browser send photos here, or read results by pointing its own
    name at this machine.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin")
            if not self._is_known(host):
                detail = f"This server does not go by the name {host!r}; server.allowed_hosts can add it."
                answer = problem(
                    scope["path"], "unknown-host", "Unknown host", HTTPStatus.MISDIRECTED_REQUEST, detail
                )
                await answer(scope, receive, send)
                return
            is_safe = scope["type"] == "http" and scope["method"] in _SAFE_METHODS
            if origin and not is_safe and not self._is_ours(origin, host):
                detail = f"Pages of {origin} may not send anything here."
                answer = problem(scope["path"], "foreign-origin", "Foreign origin", HTTPStatus.FORBIDDEN, detail)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        """Whether we go by this name; what sends none is no browser."""
        return not host or "*" in self._hosts or _host_name(f"//{host}") in self._hosts

    def _is_ours(self, origin: str, host: str) -> bool:
        """Whether a page comes from here: by the name it asked for, or by another of ours."""
        return origin.partition("://")[2].lower() == host.lower() or _host_name(origin) in self._hosts


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


class BodyLimit:
    """Refuses bodies over a limit: at once where the header tells, else as soon as they are; then hangs up."""

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int]) -> None:
        """Bodies may have `max_bytes`, but for those sent to the paths in `larger`."""
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = self._larger.get(scope["path"], self._max_bytes)
        status, hang_up = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"Connection": "close"}
        detail = f"The request is larger than the {max_bytes / 1e6:.0f} MB allowed."
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > max_bytes:
            code = status.phrase.lower().replace(" ", "-")
            answer = problem(scope["path"], code, status.phrase, status, detail)
            answer.headers.update(hang_up)
            await answer(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise HTTPException(status, detail, hang_up)  # FastAPI passes these on from where it reads bodies
            return message

        await self._app(scope, counted, send)
