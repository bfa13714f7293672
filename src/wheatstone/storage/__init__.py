"""Where the server keeps what must survive: tasks and their events in a database, files in an object store."""

from wheatstone.storage.batches import Batch, BatchStore, Rejected, RequestKey
from wheatstone.storage.callbacks import CALLBACK, Callback, CallbackStore
from wheatstone.storage.database import database_error, open_database
from wheatstone.storage.deliveries import Delivery, DeliveryStatus, DeliveryStore
from wheatstone.storage.objects import CACHE, PHOTOS, TASKS, WORK, ObjectStore, StoredObject
from wheatstone.storage.statuses import Status
from wheatstone.storage.tasks import Artifact, Event, News, NewTask, OnFinal, Result, Task, TaskStore, Topic
from wheatstone.storage.webhooks import WebhookStore

__all__ = [
    "CACHE",
    "CALLBACK",
    "PHOTOS",
    "TASKS",
    "WORK",
    "Artifact",
    "Batch",
    "BatchStore",
    "Callback",
    "CallbackStore",
    "Delivery",
    "DeliveryStatus",
    "DeliveryStore",
    "Event",
    "NewTask",
    "News",
    "ObjectStore",
    "OnFinal",
    "Rejected",
    "RequestKey",
    "Result",
    "Status",
    "StoredObject",
    "Task",
    "TaskStore",
    "Topic",
    "WebhookStore",
    "database_error",
    "open_database",
]
