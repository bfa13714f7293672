"""How a receiver knows that we sent something: the signatures of Standard Webhooks."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

from wheatstone.errors import BadOptionError

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
"""How long a key may be, as Standard Webhooks has it."""


class Signer:
    """Signs messages with a key that the receiver has, too; without one it only names and dates them."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def headers(self, message_id: str, now: datetime, body: Iterable[bytes]) -> dict[str, str]:
        """The header fields that make a message a Standard Webhook.

        Args:
            message_id: the same at every attempt.
            now: when this attempt is made.
            body: the bytes that are sent, in pieces; read only if there is a key.
        """
        timestamp = str(int(now.timestamp()))
        headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
        if self._key is not None:
            code = hmac.new(self._key, f"{message_id}.{timestamp}.".encode(), hashlib.sha256)
            for chunk in body:
                code.update(chunk)
            headers["webhook-signature"] = f"v1,{b64encode(code.digest()).decode()}"
        return headers


def signer_of(secret: str, variable: str, *, takes_text: bool = False) -> Signer:
    """What signs with a secret; nothing is signed with an empty one.

    Args:
        secret: `whsec_` and Base64.
        variable: what messages call it.
        takes_text: whether any other text is a secret, too; the key is then its UTF-8.

    Raises:
        BadOptionError: it is none, or too short to be one. The message does not repeat it.
    """
    if not secret:
        return Signer(None)
    if takes_text and not secret.startswith(_PREFIX):
        key = secret.encode()
        if len(key) < _KEY_BYTES.start:
            raise BadOptionError(
                f"{variable} must have {_KEY_BYTES.start} bytes or more; this one has {len(key)}. "
                "Whoever gets a callback could guess a shorter one."
            )
        return Signer(key)
    problem = f"{variable} must be whsec_ and the Base64 of 24 to 64 bytes"
    if not secret.startswith(_PREFIX):
        raise BadOptionError(f"{problem}; this one does not begin with whsec_.")
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise BadOptionError(f"{problem}; what follows whsec_ is no Base64.") from error
    if len(key) not in _KEY_BYTES:
        raise BadOptionError(f"{problem}; this one has {len(key)}.")
    return Signer(key)
