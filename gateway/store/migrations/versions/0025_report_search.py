"""Words of reports can be looked up, and lists of reports have indexes for what they filter by."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
INDEXES = (
    ("ix_reports_due", ["due_on", "id"], "due_on IS NOT NULL"),
    ("ix_reports_refused", ["refusals"], "refusals > 1"),
)


def upgrade() -> None:
    """Apply: what is found by words is filled beside the hot path, from nothing."""
    op.drop_index("ix_reports_changed", "reports")
    op.create_index("ix_reports_changed", "reports", ["changed_at", "id"])
    for name, columns, where in INDEXES:
        condition = sa.text(where)
        op.create_index(
            name, "reports", columns, sqlite_where=condition, postgresql_where=condition
        )
    op.create_index("ix_reports_urgent", "reports", ["urgent", "received_at"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE report_search USING fts5("
            "report_id UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 0')"
        )
        return
    op.execute(
        "CREATE TABLE report_search (report_id VARCHAR(36) PRIMARY KEY, words TSVECTOR NOT NULL)"
    )
    op.execute("CREATE INDEX ix_report_search_words ON report_search USING gin (words)")
