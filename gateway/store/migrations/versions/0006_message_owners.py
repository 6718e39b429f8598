"""Whose a message is, beside the message: the pseudonym that was only in its body."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FROM_BODY = {
    "sqlite": "CASE WHEN json_valid(body) THEN json_extract(body, '$.reporter.ref') END",
    "postgresql": "body::json #>> '{reporter,ref}'",
}


def upgrade() -> None:
    """Apply."""
    whose = sa.Column(
        "reporter_ref",
        sa.String(length=64),
        nullable=False,
        server_default="",
        comment="whose it is; only a report of the same person is theirs to see",
    )
    op.add_column("messages", whose)
    read = _FROM_BODY[op.get_bind().dialect.name]
    op.execute(f"UPDATE messages SET reporter_ref = COALESCE({read}, '')")
