"""Where the server keeps what must survive: tasks and their events in a database, files in an object store."""

from wheatstone.storage.database import database_error, open_database
from wheatstone.storage.deliveries import Delivery, DeliveryStatus, DeliveryStore, WebhookStore
from wheatstone.storage.objects import OUR_FOLDERS, ObjectStore, StoredObject
from wheatstone.storage.statuses import Status
from wheatstone.storage.tasks import Artifact, Event, Task, TaskStore

__all__ = [
    "OUR_FOLDERS",
    "Artifact",
    "Delivery",
    "DeliveryStatus",
    "DeliveryStore",
    "Event",
    "ObjectStore",
    "Status",
    "StoredObject",
    "Task",
    "TaskStore",
    "WebhookStore",
    "database_error",
    "open_database",
]
