"""Operators who may not log in for now."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("operators", sa.Column("disabled_at", UTCDateTime(), nullable=True))
