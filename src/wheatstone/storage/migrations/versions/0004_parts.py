"""Events that tell of a task's parts, and tasks that somebody attends."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the columns."""
    op.add_column("events", sa.Column("artifact", sa.String(64)))
    op.add_column("tasks", sa.Column("attended", sa.Boolean, nullable=False, server_default=sa.false()))
