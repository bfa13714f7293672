"""Who may come in: whoever shows a key, where one is wanted; anybody to health, pages and signed links."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus

from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from wheatstone.errors import BadOptionError
from wheatstone.server.guards import is_loopback
from wheatstone.server.problems import problem
from wheatstone.settings import Settings

_HEADER = "X-API-Key"
_OPEN = re.compile(r"/(docs|redoc|openapi\.json|(v1/)?health|health/(live|ready)|(assets|ui-docs)/.*)?")
"""What anybody may see: nothing of anybody's."""
_TOKEN = re.compile(r"/(v1/(jobs|batches)/[^/]+/(events|artifacts/.*|results\.zip)|(stream|result)/.*|files/.*)")
"""Streams and downloads: browsers cannot send headers where these are wanted."""
_SIGNED = re.compile(r"/v1/jobs/[^/]+/artifacts/[^/]+")
"""What a signed link may lead to; the route checks the signature."""


def keys_wanted(settings: Settings) -> tuple[str, ...]:
    """The keys that are let in; none where no key is wanted.

    Raises:
        BadOptionError: one is wanted, and there is none.
    """
    auth, host = settings.auth, settings.server.host
    is_wanted = not is_loopback(host) if auth.require_api_key is None else auth.require_api_key
    if not is_wanted:
        return ()
    if not auth.api_keys:
        why = "" if auth.require_api_key else f", as others can reach server.host {host}"
        raise BadOptionError(
            f"Requests must show an API key{why}, but auth.api_keys holds none: set API_KEYS, for instance to "
            "what `openssl rand -hex 24` prints, or let everybody in with REQUIRE_API_KEY=false."
        )
    return tuple(key.get_secret_value() for key in auth.api_keys)


class KeyGuard:
    """Lets in only requests that show a key, and those that need none."""

    def __init__(self, app: ASGIApp, keys: tuple[str, ...]) -> None:
        """Want one of `keys`."""
        self._app = app
        self._keys = frozenset(map(_digest, keys))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before its body is read."""
        if scope["type"] in ("http", "websocket") and not self._may_enter(scope):
            answer = problem(
                scope["path"],
                "unauthorized",
                "Unauthorized",
                HTTPStatus.UNAUTHORIZED,
                f"This server wants an API key that it knows, in the header {_HEADER}; WebSockets, event streams "
                "and downloads may have it in the query, as token.",
            )
            answer.headers["WWW-Authenticate"] = f'ApiKey header="{_HEADER}"'
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _may_enter(self, scope: Scope) -> bool:
        if self._is_known(Headers(scope=scope).get(_HEADER, "")):
            return True
        query, path = QueryParams(scope["query_string"]), scope["path"]
        if scope["type"] == "websocket":
            return self._is_known(query.get("token", ""))
        if _OPEN.fullmatch(path):
            return True
        if scope["method"] not in ("GET", "HEAD"):
            return False
        is_signed = "signature" in query and _SIGNED.fullmatch(path) is not None
        return is_signed or (_TOKEN.fullmatch(path) is not None and self._is_known(query.get("token", "")))

    def _is_known(self, shown: str) -> bool:
        return _digest(shown) in self._keys  # digests: how long it takes tells nothing of the keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
