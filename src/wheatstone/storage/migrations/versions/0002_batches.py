"""Batches, what tasks may be told besides their photo, and keys of requests."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables and columns."""
    op.add_column("identity", sa.Column("link_key", sa.LargeBinary(32)))
    op.execute(sa.text("UPDATE identity SET link_key = :key").bindparams(key=secrets.token_bytes(32)))
    with op.batch_alter_table("identity") as identity:
        identity.alter_column("link_key", nullable=False)
    op.create_table(
        "batches",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("rejected", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.add_column("tasks", sa.Column("batch_id", sa.String(36)))
    op.add_column("tasks", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("keep_ply", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("tasks", sa.Column("time_limit_s", sa.Float))
    op.create_index("tasks_by_age", "tasks", ["created_at", "id"])
    op.create_index("tasks_by_batch", "tasks", ["batch_id"])
    op.rename_table("events", "events_before")
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("task_id", "sequence"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO events (task_id, sequence, status, message, created_at) "
        "SELECT task_id, sequence, status, message, created_at FROM events_before ORDER BY created_at, sequence"
    )
    op.drop_table("events_before")
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("resource_id", sa.String(36), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
