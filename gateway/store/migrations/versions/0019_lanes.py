"""Deliveries and notifications wait in lanes: who is sending which, until when, and how often."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0019"
down_revision = "0016"
branch_labels = None
depends_on = None

_LANES = {
    "deliveries": ("agency_id", "state = 'pending'", "who is calling its agency, until send_at"),
    "notifications": (
        "channel",
        "state IN ('waiting', 'sending')",
        "who is sending it, until send_at",
    ),
}


def upgrade() -> None:
    """Apply: what waits is due at once, however it was waited for before."""
    op.create_table(
        "probes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probes")),
        comment="one row, written to try whether the database takes anything",
    )
    for table, (lane, waiting, holder) in _LANES.items():
        for column in (
            sa.Column(
                "send_at",
                sa.Float(),
                nullable=False,
                server_default="0",
                comment="seconds since 1970",
            ),
            sa.Column("lease", sa.String(length=32), nullable=True, comment=holder),
            sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
            sa.Column(
                "doubts",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="it may have left",
            ),
            sa.Column("correlation", sa.String(length=36), nullable=False, server_default=""),
        ):
            op.add_column(table, column)
        op.create_index(
            f"ix_{table}_lane",
            table,
            [lane, "send_at"],
            sqlite_where=sa.text(waiting),
            postgresql_where=sa.text(waiting),
        )
        # What was given up waits for an operator, and not in its lane.
        dead = f"SELECT 1 FROM queue WHERE queue = '{table}' AND message_id = {table}.id"
        op.execute(
            f"UPDATE {table} SET state = 'failed' WHERE {waiting} "
            f"AND EXISTS ({dead} AND queue.state = 'dead')"
        )
