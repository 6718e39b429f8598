"""Agencies' queues are listed, and a report says since when files of it wait to be fetched."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: every agency that got something by queue may have one that somebody reads."""
    op.create_table(
        "agency_queues",
        sa.Column("agency_id", sa.String(length=80), nullable=False),
        sa.Column(
            "state", sa.String(length=8), nullable=False, comment="unseen, read, or left by all"
        ),
        sa.Column("looked_at", UTCDateTime(), nullable=True),
        sa.Column(
            "read_at",
            UTCDateTime(),
            nullable=True,
            comment="when somebody was last seen to read it",
        ),
        sa.Column(
            "unknown", sa.Integer(), nullable=False, comment="messages in it that are no delivery"
        ),
        sa.PrimaryKeyConstraint("agency_id", name=op.f("pk_agency_queues")),
        comment="queues of agencies that there may be on the broker, which cannot list them",
    )
    op.execute(
        "INSERT INTO agency_queues (agency_id, state, unknown) "
        "SELECT DISTINCT agency_id, 'unseen', 0 FROM deliveries WHERE method = 'queue'"
    )
    op.add_column(
        "reports",
        sa.Column(
            "files_since",
            UTCDateTime(),
            nullable=True,
            comment="when the oldest message came of which a file is still to be fetched",
        ),
    )
    waiting = sa.text("files_since IS NOT NULL")
    op.create_index(
        "ix_reports_files",
        "reports",
        ["files_since"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    # Within a text every quotation mark has a backslash before it.
    op.execute(
        'UPDATE reports SET files_since = received_at WHERE body LIKE \'%"state":"pending"%\''
    )
