"""Parts of longer messages, until all are there."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = sa.text("joined_at IS NULL")


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column(
            "cursors",
            "work",
            existing_type=sa.String(length=16),
            existing_nullable=False,
            comment="poll, bind, reconcile or join",
            existing_comment="poll or reconcile",
        )
    op.create_table(
        "parts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False, comment="a keyed hash"),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column(
            "message",
            sa.String(length=300),
            nullable=True,
            comment="external id of the message it was joined into",
        ),
        sa.Column("joined_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint("channel", "account", "external_id", name=op.f("uq_parts_channel")),
        comment="parts of longer messages, until all are there; envelope is sealed",
    )
    op.create_index("ix_parts_key", "parts", ["channel", "account", "sender", "reference", "total"])
    op.create_index(
        "ix_parts_open",
        "parts",
        ["received_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
