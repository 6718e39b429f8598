"""Texts about danger leave first, however much waits before them."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: an index of the few urgent texts that wait."""
    waiting = sa.text("urgent AND state IN ('waiting', 'sending')")
    op.create_index(
        "ix_notifications_urgent",
        "notifications",
        ["channel", "send_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
