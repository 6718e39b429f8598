"""The number each message's sender was told, and the buttons of a letter."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("messages") as messages:
        messages.add_column(
            sa.Column(
                "tracking", sa.String(12), nullable=True, comment="the number its sender was told"
            )
        )
        messages.create_index("ix_messages_tracking", ["tracking"])
    with op.batch_alter_table("outgoing") as outgoing:
        outgoing.add_column(sa.Column("choices", sa.Text(), server_default="[]", nullable=False))
