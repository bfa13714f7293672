from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from wheatstone.delivery.signatures import signer_of
from wheatstone.errors import BadOptionError

SECRET = "whsec_" + b64encode(bytes(range(24))).decode()


def test_a_signature_is_that_of_standard_webhooks_however_the_body_is_cut() -> None:
    now = datetime.now(UTC)
    for body in ([b"a body"], [b"a ", b"", b"body"]):
        signed = signer_of(SECRET, "SECRET").headers("id", now, body)
        assert signed["webhook-signature"] == Webhook(SECRET).sign("id", now, "a body")
        Webhook(SECRET).verify(b"a body", signed, json_parse=False)


def test_the_key_of_a_text_is_its_bytes() -> None:
    text = "ein Geheimnis, länger als nötig"
    signed = signer_of(text, "SECRET", takes_text=True).headers("id", datetime.now(UTC), [b"a body"])
    Webhook(text.encode()).verify(b"a body", signed, json_parse=False)


def test_nothing_is_signed_without_a_secret_but_all_is_named_and_dated() -> None:
    assert set(signer_of("", "SECRET").headers("id", datetime.now(UTC), [b""])) == {
        "webhook-id",
        "webhook-timestamp",
    }


@pytest.mark.parametrize("secret", ["too short", "x" * 23, "whsec_?", "whsec_" + b64encode(bytes(23)).decode()])
def test_a_secret_that_could_be_guessed_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(BadOptionError, match="SECRET must") as caught:
        signer_of(secret, "SECRET", takes_text=True)
    assert secret not in str(caught.value)
