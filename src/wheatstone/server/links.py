"""Links that work for a while: whoever has one may fetch what it names."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import UTC, datetime

from starlette.datastructures import URL

from wheatstone.errors import BadLinkError
from wheatstone.wire import SignedLink


def signed_link(url: URL, key: bytes, lifetime_s: int) -> SignedLink:
    """A link to what is at `url`, for so many seconds."""
    expires_s = int(time.time()) + lifetime_s
    query = {"expires": expires_s, "signature": _signature(url.path, expires_s, key)}
    return SignedLink(
        url=str(url.replace_query_params(**query)), expires_at=datetime.fromtimestamp(expires_s, UTC)
    )


def check_link(url: URL, key: bytes, expires_s: int, signature: str) -> None:
    """Let a signed link pass.

    Raises:
        BadLinkError: it is over, or was not made here.
    """
    if not hmac.compare_digest(_signature(url.path, expires_s, key).encode(), signature.encode()):
        raise BadLinkError("This link was not made here, or was changed since.")
    if expires_s < time.time():
        raise BadLinkError("This link is over; ask for a new one.")


def _signature(path: str, expires_s: int, key: bytes) -> str:
    return hmac.new(key, f"{path}\n{expires_s}".encode(), hashlib.sha256).hexdigest()
