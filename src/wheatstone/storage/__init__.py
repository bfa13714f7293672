"""Where the server keeps what must survive: tasks and their events in a database, files in an object store."""

from wheatstone.storage.batches import Batch, BatchStore, Rejected, RequestKey
from wheatstone.storage.database import database_error, open_database
from wheatstone.storage.objects import CACHE, PHOTOS, TASKS, WORK, ObjectStore, StoredObject
from wheatstone.storage.statuses import Status
from wheatstone.storage.tasks import Artifact, Event, News, NewTask, OnFinal, Result, Task, TaskStore, Topic

__all__ = [
    "CACHE",
    "PHOTOS",
    "TASKS",
    "WORK",
    "Artifact",
    "Batch",
    "BatchStore",
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
    "database_error",
    "open_database",
]
