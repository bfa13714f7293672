"""Nothing; stands for the migration of the same number that tasks bring."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change nothing."""
