"""The number each message's sender was told, and the buttons of a letter."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    told = sa.Column(
        "tracking", sa.String(12), nullable=True, comment="the number its sender was told"
    )
    op.add_column("messages", told)
    op.create_index("ix_messages_tracking", "messages", ["tracking"])
    choices = sa.Column("choices", sa.Text(), server_default="[]", nullable=False)
    op.add_column("outgoing", choices)
