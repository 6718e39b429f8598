"""What became of an attachment once its bytes are kept outside the database."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    became = sa.Column(
        "became", sa.Text(), nullable=True, comment="what it was made into; content is empty then"
    )
    op.add_column("files", became)
    kept = sa.text("kind = 'files_stored'")
    op.create_index("ix_events_files", "events", ["at"], sqlite_where=kept, postgresql_where=kept)
