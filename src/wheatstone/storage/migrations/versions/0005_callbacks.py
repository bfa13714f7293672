"""Who is called back with the results of a task, and deliveries that take their turn and can be replayed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table and the columns."""
    op.add_column("deliveries", sa.Column("place", sa.Integer, nullable=False, server_default="0"))
    op.add_column("deliveries", sa.Column("replays", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "callbacks",
        sa.Column(
            "task_id",
            sa.String(36),
            sa.ForeignKey("tasks.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
            primary_key=True,
        ),
        sa.Column("remote_task_id", sa.String(255), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
    )
    op.create_index("callbacks_by_remote_task", "callbacks", ["remote_task_id"])
