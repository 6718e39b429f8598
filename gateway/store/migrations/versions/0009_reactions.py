"""What each reader was answered by ourselves lately."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reactions",
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="times, hashes of words; no text"),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reader", name=op.f("pk_reactions")),
        comment="what each reader was answered by ourselves lately, so that it ends",
    )
    op.create_index("ix_reactions_at", "reactions", ["at"])
