"""Citizens who cannot be written to now, and the answers that are held for them."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HELD = sa.text("state = 'held'")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "silences",
        sa.Column("reader", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "until", sa.String(8), nullable=False, comment="the reader writes, or says START"
        ),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reader", name="pk_silences"),
        comment="citizens who cannot be written to now; their answers are held",
    )
    with op.batch_alter_table("outgoing") as outgoing:
        outgoing.add_column(sa.Column("reader", sa.String(64), server_default="", nullable=False))
        outgoing.create_index(
            "ix_outgoing_held", ["reader"], sqlite_where=_HELD, postgresql_where=_HELD
        )
