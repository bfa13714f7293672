"""Webhooks of a Wheatstone server: who sent them, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from wheatstone.errors import BadOptionError, BadWebhookError, reason


class WebhookEvent(BaseModel):
    """A job that has ended."""

    event: str = Field(description="task_completed or task_failed.")
    task_id: str = Field(description="The job's id.")
    status: str = Field(description="success or error.")
    url: str | None = Field(
        None, description="Where its result is, below the server's address; null if it failed."
    )
    processing_time: float | None = Field(None, description="How long it took, in seconds.")
    error: str | None = Field(None, description="Why it failed.")
    timestamp: float = Field(description="When it ended, in seconds since 1970.")


def verify_webhook(body: bytes | str, headers: Mapping[str, str], secret: str) -> WebhookEvent:
    """What a webhook tells, if the server that has the same secret sent it within the last five minutes.

    The same webhook may come twice; `headers["webhook-id"]` is the same then.

    Args:
        body: of the request, exactly as it came.
        headers: of the request, names in any case.
        secret: as in the server's settings, `whsec_` and Base64.

    Raises:
        BadWebhookError: it was not signed with this secret, is too old, or is none of ours.
        BadOptionError: the secret is none.
    """
    try:
        webhook = Webhook(secret)
    except (EmptyWebhookSecretError, ValueError) as error:
        raise BadOptionError(
            "The secret of webhooks is whsec_ and Base64, as in the server's settings."
        ) from error
    try:
        webhook.verify(body, dict(headers), json_parse=False)
        return WebhookEvent.model_validate_json(body)
    except (WebhookVerificationError, ValueError) as error:
        raise BadWebhookError(f"The webhook is refused: {reason(error)}.") from error
