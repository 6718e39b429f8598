"""Danger to life that a human is told of, until one says that they heard."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0010"
down_revision = "0011"
branch_labels = None
depends_on = None

_OPEN = sa.text("acknowledged_at IS NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column(
            "report_id", sa.String(length=36), nullable=False, comment="one alert per matter"
        ),
        sa.Column(
            "code", sa.String(length=6), nullable=False, comment="what a post acknowledges it by"
        ),
        sa.Column("opened_at", UTCDateTime(), nullable=False),
        sa.Column(
            "due_at",
            UTCDateTime(),
            nullable=True,
            comment="when the next post is told; none when that is over",
        ),
        sa.Column(
            "step", sa.Integer(), nullable=False, comment="posts that were tried in this round"
        ),
        sa.Column(
            "reached", sa.Integer(), nullable=False, comment="posts that were told in this round"
        ),
        sa.Column("rounds", sa.Integer(), nullable=False, comment="rounds that nobody answered"),
        sa.Column(
            "failures", sa.Integer(), nullable=False, comment="tries in a row that reached no post"
        ),
        sa.Column("told", sa.Text(), nullable=False, comment="names of the posts that were told"),
        sa.Column("acknowledged_at", UTCDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("report_id", name=op.f("uq_alerts_report_id")),
        comment="danger to life that a human is told of, until one says so; names no citizen",
    )
    op.create_index(
        "ix_alerts_open", "alerts", ["due_at"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
