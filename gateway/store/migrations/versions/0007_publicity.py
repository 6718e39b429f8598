"""How far the words of a report are from being public."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AGREED = sa.text("publicity IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "reports",
        sa.Column(
            "publicity",
            sa.String(length=8),
            nullable=True,
            comment="of reports whose reporter agreed: asked, shown, kept",
        ),
    )
    op.create_index(
        "ix_reports_publicity",
        "reports",
        ["publicity", "received_at"],
        sqlite_where=_AGREED,
        postgresql_where=_AGREED,
    )
