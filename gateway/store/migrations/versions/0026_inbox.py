"""An agency's inbox is read by what is to be done, and what is due first."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: an index that has all by which reports are put into boxes."""
    op.create_index(
        "ix_reports_inbox",
        "reports",
        ["agency_id", "status", "due_on", "received_at", "id", "accuses", "copied"],
    )
