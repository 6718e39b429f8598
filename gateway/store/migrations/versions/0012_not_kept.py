"""What the quarantine had no room for, by channel, reason and day."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "not_kept",
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False, comment="of UTC"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "reason", "day", name=op.f("pk_not_kept")),
        comment="what the quarantine had no room for, counted only",
    )
