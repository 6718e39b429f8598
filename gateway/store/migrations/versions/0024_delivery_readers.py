"""Deliveries say by whom they were fetched and read, and since when they wait in an inbox."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None
INDEXES = (
    ("ix_deliveries_waits", "deliveries", ["waits_since"], "waits_since IS NOT NULL"),
    (
        "ix_deliveries_waiting",
        "deliveries",
        ["report_id", "agency_id"],
        "waits_since IS NOT NULL",
    ),
    ("ix_reports_open", "reports", ["government", "agency_id"], "ended_at IS NULL"),
    ("ix_reports_escalated", "reports", ["escalated_to"], "escalated_to IS NOT NULL"),
)


def upgrade() -> None:
    """Apply: columns, and what waits unfetched now waits since it was placed."""
    for column in (
        sa.Column("repeats", sa.String(36), comment="id of the same by the agency's first method"),
        sa.Column(
            "fetched_by",
            sa.String(64),
            nullable=False,
            server_default="",
            comment="none of machines",
        ),
        sa.Column(
            "read_by", sa.String(64), nullable=False, server_default="", comment="none of machines"
        ),
        sa.Column(
            "waits_since",
            UTCDateTime(),
            comment="unfetched in the inbox since then, or since a coordinator was told",
        ),
    ):
        op.add_column("deliveries", column)
    op.execute(
        "UPDATE deliveries SET waits_since = placed_at "
        "WHERE state = 'placed' AND method = 'inbox' AND fetched_at IS NULL"
    )
    for name, table, columns, where in INDEXES:
        condition = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "deliveries",
            "method",
            existing_type=sa.String(32),
            existing_nullable=False,
            comment="how it is placed; may be empty until then",
        )
