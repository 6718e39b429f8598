"""Moments that wait are rows; those that wait already are due at once, and each looks again."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_UNACKNOWLEDGED = sa.text("acknowledged_at IS NULL")
_DUE = sa.table(
    "due",
    *(sa.column(name) for name in ("kind", "key", "data", "token", "failures", "error")),
    sa.column("due_at", UTCDateTime()),
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "due",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False, comment="what it is about"),
        sa.Column("due_at", UTCDateTime(), nullable=False, comment="by the case clock"),
        sa.Column("data", sa.Text(), nullable=False, comment="the kind's own"),
        sa.Column(
            "token", sa.String(length=16), nullable=False, comment="another one with each writing"
        ),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_due")),
        comment="moments that wait: questions, missing parts, alerts",
    )
    op.create_index("ix_due_kind", "due", ["kind", "due_at"])
    connection = op.get_bind()
    rows = [*_alerts(connection), *_questions(connection), *_segments(connection)]
    if rows:
        connection.execute(sa.insert(_DUE), rows)
    op.drop_index("ix_alerts_open", table_name="alerts")
    op.drop_column("alerts", "due_at")
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["opened_at"],
        sqlite_where=_UNACKNOWLEDGED,
        postgresql_where=_UNACKNOWLEDGED,
    )
    if connection.dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("cursors", "work", comment="poll, bind, reconcile, or due and a kind")
    op.execute(sa.text("DELETE FROM cursors WHERE channel = '*' AND work IN ('join', 'alarm')"))


def _alerts(connection: sa.Connection) -> list[dict[str, object]]:
    alerts = sa.table(
        "alerts",
        sa.column("id"),
        sa.column("due_at", UTCDateTime()),
        sa.column("acknowledged_at"),
    )
    open_ = alerts.c.acknowledged_at.is_(None) & alerts.c.due_at.is_not(None)
    found = connection.execute(sa.select(alerts.c.id, alerts.c.due_at).where(open_))
    return [_row("alert", row.id, row.due_at) for row in found]


def _questions(connection: sa.Connection) -> list[dict[str, object]]:
    reports = sa.table(
        "reports", sa.column("id"), sa.column("status"), sa.column("received_at", UTCDateTime())
    )
    waiting = reports.c.status == "waiting_for_reporter"
    found = connection.execute(sa.select(reports.c.id, reports.c.received_at).where(waiting))
    return [_row("question", row.id, row.received_at) for row in found]


def _segments(connection: sa.Connection) -> list[dict[str, object]]:
    names = ("channel", "account", "sender", "reference", "total")
    parts = sa.table(
        "parts",
        *(sa.column(name) for name in (*names, "joined_at")),
        sa.column("received_at", UTCDateTime()),
    )
    key = [parts.c[name] for name in names]
    newest = sa.func.max(parts.c.received_at, type_=UTCDateTime()).label("newest")
    query = sa.select(*key, newest).where(parts.c.joined_at.is_(None)).group_by(*key)
    rows = []
    for row in connection.execute(query):
        data = json.dumps([getattr(row, name) for name in names])
        rows.append(_row("segments", hashlib.sha256(data.encode()).hexdigest(), row.newest, data))
    return rows


def _row(kind: str, key: str, at: object, data: str = "") -> dict[str, object]:
    fixed = {"token": "0" * 16, "failures": 0, "error": ""}
    return {"kind": kind, "key": key, "due_at": at, "data": data, **fixed}
