"""The tables of the database, as the newest migration leaves them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment, kept in UTC; SQLite knows no time zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        del dialect
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        return value and value.replace(tzinfo=UTC)


metadata = sa.MetaData()

identity = sa.Table(
    "identity",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("link_key", sa.LargeBinary(32), nullable=False),
)
"""One row: the id that the database and the folder of its files share, and what signs links to these files."""

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("rejected", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("photo_sha256", sa.String(64), nullable=False),
    sa.Column("photo_bytes", sa.BigInteger, nullable=False),
    sa.Column("source_name", sa.String(255), nullable=False),
    sa.Column("f_px", sa.Float),
    sa.Column("batch_id", sa.String(36)),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("keep_ply", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("time_limit_s", sa.Float),
    sa.Column("attended", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("artifacts", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("tasks_by_status", "status", "created_at"),
    sa.Index("tasks_by_photo", "photo_sha256"),
    sa.Index("tasks_by_age", "created_at", "id"),
    sa.Index("tasks_by_batch", "batch_id"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("artifact", sa.String(64)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("task_id", "sequence"),
    sqlite_autoincrement=True,
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("resource_id", sa.String(36), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""Which task or batch a request with this key made."""

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("event_type", sa.String(32), primary_key=True),
    sa.Column("url", sa.Text),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""What was said over the API of each event; no URL: nobody is to be told, whatever the settings say."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("event", sa.String(32), nullable=False),
    sa.Column("task_id", sa.String(36), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("place", sa.Integer, nullable=False, server_default="0"),
    sa.Column("replays", sa.Integer, nullable=False, server_default="0"),
    sa.Index("deliveries_by_status", "status", "created_at"),
    sa.Index("deliveries_by_task", "task_id"),
)
"""No foreign key: a task that is deleted has ended all the same, and who waits for word of that gets it."""

callbacks = sa.Table(
    "callbacks",
    metadata,
    sa.Column(
        "task_id",
        sa.ForeignKey("tasks.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    ),
    sa.Column("remote_task_id", sa.String(255), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Index("callbacks_by_remote_task", "remote_task_id"),
)
"""Who is called back with the results of a task. Deferred: the row is made just before that of its task."""
