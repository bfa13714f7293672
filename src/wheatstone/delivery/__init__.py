"""What is told to others: one durable chain of attempts a delivery, and one policy of when the next one is."""

from wheatstone.delivery.callbacks import Callbacks, checked_callback_url
from wheatstone.delivery.deliveries import Deliveries
from wheatstone.delivery.liveness import workflows_alive
from wheatstone.delivery.policy import RetryPolicy
from wheatstone.delivery.webhooks import WebhookEvent, Webhooks
from wheatstone.delivery.workflows import set_current

__all__ = [
    "Callbacks",
    "Deliveries",
    "RetryPolicy",
    "WebhookEvent",
    "Webhooks",
    "checked_callback_url",
    "set_current",
    "workflows_alive",
]
