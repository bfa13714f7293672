from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from tests.documents import MLSHARP, blocks
from wheatstone.client import WebhookEvent, verify_webhook
from wheatstone.errors import BadOptionError, BadWebhookError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - made up for tests
BODY = json.dumps({"event": "task_completed", "task_id": "j", "status": "success", "timestamp": 1.5})


def signed(body: str = BODY, age: timedelta = timedelta()) -> dict[str, str]:
    moment = datetime.now(UTC) - age
    signature = Webhook(SECRET).sign("msg_1", moment, body)
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(moment.timestamp())),
        "Webhook-Signature": f"v1,{'A' * 44} v2,x {signature}",
    }


@pytest.mark.parametrize("body", [BODY, BODY.encode()])
def test_a_genuine_webhook_is_read(body: str | bytes) -> None:
    event = verify_webhook(body, signed(), SECRET)
    assert event == WebhookEvent(event="task_completed", task_id="j", status="success", timestamp=1.5)


@pytest.mark.parametrize("payload", [p for p in blocks(MLSHARP, "json") if '"event":' in p])
def test_the_documented_payloads_are_read(payload: str) -> None:
    told = verify_webhook(payload, signed(payload), SECRET)
    assert told.model_dump(exclude_unset=True) == json.loads(payload)


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_one_is_refused(age: timedelta) -> None:
    with pytest.raises(BadWebhookError, match="timestamp"):
        verify_webhook(BODY, signed(age=age), SECRET)


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (BODY + " ", {}),
        (BODY, {"Webhook-Id": "msg_2"}),
        (BODY, {"Webhook-Signature": "v1,AAAA"}),
        (BODY, {"Webhook-Signature": "nonsense"}),
        (BODY, {"Webhook-Signature": "v1,é"}),
        (BODY, {"Webhook-Timestamp": "soon"}),
        (BODY, {"Webhook-Timestamp": ""}),
        (b"\xff", {}),
    ],
)
def test_a_forged_one_is_refused(body: str | bytes, change: dict[str, str]) -> None:
    with pytest.raises(BadWebhookError, match="refused"):
        verify_webhook(body, signed() | change, SECRET)


@pytest.mark.parametrize("body", ["{}", "no JSON", "[]"])
def test_a_genuine_one_that_tells_nothing_is_refused(body: str) -> None:
    with pytest.raises(BadWebhookError):
        verify_webhook(body, signed(body), SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_A"])
def test_a_secret_that_is_none_is_told(secret: str) -> None:
    with pytest.raises(BadOptionError, match="whsec_"):
        verify_webhook(BODY, signed(), secret)
