"""Deliveries and notifications in tables of their own, out of the one they shared.

What an agency gets is composed when it gets it, so the texts to agencies go. Notifications that
wait get a message on their new queue: what lies on RabbitMQ's queue ``answers`` is needed no more.
"""

import json

import sqlalchemy as sa
from alembic import op

from gateway.platform.clock import wall

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_HELD = sa.text("state = 'held'")
_HEAD = 200
"""Characters of an event in which its type stands."""
_TYPES = ("copied", "followed_up", "files_ready")
_MOST = 500
_TIME = sa.DateTime(timezone=True)

_outgoing = sa.table(
    "outgoing",
    *(
        sa.column(name)
        for name in (
            "id", "report_id", "kind", "channel", "target", "sealed_to", "tracking", "subject",
            "text", "thread", "choices", "reader", "urgent", "state", "detail", "provider_id",
        )
    ),
    sa.column("at", _TIME),
    sa.column("done_at", _TIME),
)  # fmt: skip
_queue = sa.table(
    "queue",
    sa.column("queue"),
    sa.column("message_id"),
    sa.column("body", sa.LargeBinary()),
    sa.column("headers"),
    sa.column("attempts", sa.Integer()),
    sa.column("state"),
    sa.column("visible_at", sa.Float()),
    sa.column("error"),
    sa.column("at", _TIME),
)


def upgrade() -> None:
    """Apply."""
    _make_deliveries()
    _make_notifications()
    op.execute(_copy("deliveries", _delivery(), kind="delivery"))
    op.execute(_copy("notifications", _notification(), kind="answer"))
    op.drop_table("outgoing")
    _requeue()


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column(
            "id",
            sa.String(length=36),
            nullable=False,
            comment="of the event; one per cause and agency",
        ),
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=80), nullable=False),
        sa.Column(
            "event",
            sa.String(length=64),
            nullable=False,
            comment="type of the CloudEvent it goes as",
        ),
        sa.Column(
            "method",
            sa.String(length=32),
            nullable=False,
            comment="how it was placed; empty until then",
        ),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="why it failed or was withdrawn"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("placed_at", _TIME),
        sa.Column("fetched_at", _TIME),
        sa.Column("read_at", _TIME),
        sa.Column("ended_at", _TIME, comment="when it failed or was withdrawn"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        comment="reports on their way to agencies; what an agency gets is composed when it gets it",
    )
    op.create_index(op.f("ix_deliveries_report_id"), "deliveries", ["report_id"])
    op.create_index("ix_deliveries_agency", "deliveries", ["agency_id", "created_at", "id"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "created_at"])
    op.create_index("ix_deliveries_placed", "deliveries", ["placed_at"])


def _make_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("sealed_to", sa.Text(), nullable=False),
        sa.Column(
            "message_id",
            sa.String(length=36),
            nullable=False,
            server_default="",
            comment="whose writer it goes to",
        ),
        sa.Column("tracking", sa.String(length=12)),
        sa.Column("subject", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.String(length=300)),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("done_at", _TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        comment="what citizens are told, and what became of it",
    )
    op.create_index(op.f("ix_notifications_report_id"), "notifications", ["report_id"])
    op.create_index("ix_notifications_provider", "notifications", ["channel", "provider_id"])
    op.create_index("ix_notifications_state", "notifications", ["state", "created_at"])
    op.create_index("ix_notifications_done", "notifications", ["done_at"])
    op.create_index(
        "ix_notifications_held",
        "notifications",
        ["reader"],
        sqlite_where=_HELD,
        postgresql_where=_HELD,
    )


def _copy(table: str, columns: dict[str, sa.ColumnElement[object]], *, kind: str) -> sa.Insert:
    rows = sa.select(*columns.values()).where(_outgoing.c.kind == kind)
    return sa.insert(sa.table(table, *map(sa.column, columns))).from_select(list(columns), rows)


def _delivery() -> dict[str, sa.ColumnElement[object]]:
    """Say how far a delivery was: a webhook that answered had the report, a queue held it ready."""
    old = _outgoing.c
    head = sa.func.substr(old.text, 1, _HEAD)
    event = sa.case(
        *((head.contains(f'"id.kanal.report.{t}"'), f"id.kanal.report.{t}") for t in _TYPES),
        else_="id.kanal.report.assigned",
    )
    is_sent, by_webhook = old.state.in_(("sent", "delivered")), old.detail == "webhook"
    method = sa.case(
        (is_sent & old.detail.in_(("queue", "webhook")), old.detail),
        (is_sent & (old.detail == "console"), "inbox"),
        else_="",
    )
    state = sa.case(
        (old.state == "waiting", "pending"),
        (is_sent & by_webhook, "fetched"),
        (is_sent, "placed"),
        else_=old.state,
    )
    done = sa.func.coalesce(old.done_at, old.at)
    return {
        "id": old.id,
        "report_id": old.report_id,
        "agency_id": old.target,
        "event": event,
        "method": method,
        "state": state,
        "detail": sa.case((is_sent, ""), else_=old.detail),
        "created_at": old.at,
        "placed_at": sa.case((is_sent, done)),
        "fetched_at": sa.case((is_sent & by_webhook, done)),
        "ended_at": sa.case((old.state.in_(("failed", "withdrawn")), done)),
    }


def _notification() -> dict[str, sa.ColumnElement[object]]:
    old = _outgoing.c
    same = (
        "id", "report_id", "channel", "sealed_to", "tracking", "subject", "text", "thread",
        "choices", "reader", "urgent", "state", "detail", "provider_id", "done_at",
    )  # fmt: skip
    return {**{name: old[name] for name in same}, "created_at": old.at}


def _requeue() -> None:
    """Move queued messages to the new queue, and put there what lies on RabbitMQ's old one."""
    connection = op.get_bind()
    moved = sa.update(_queue).where(_queue.c.queue == "answers").values(queue="notifications")
    connection.execute(moved)
    waiting = sa.table("notifications", sa.column("id"), sa.column("state"))
    has_row = sa.exists().where(
        _queue.c.queue == "notifications", _queue.c.message_id == waiting.c.id
    )
    query = sa.select(waiting.c.id).where(waiting.c.state == "waiting", ~has_row)
    ids = list(connection.execute(query).scalars())
    for start in range(0, len(ids), _MOST):
        rows = [_message(id) for id in ids[start : start + _MOST]]
        connection.execute(sa.insert(_queue), rows)


def _message(id: str) -> dict[str, object]:
    now = wall()
    event = {
        "specversion": "1.0",
        "id": id,
        "source": "/kanal",
        "type": "id.kanal.notification.written",
        "time": now.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"id": id},
    }
    return {
        "queue": "notifications",
        "message_id": id,
        "body": json.dumps(event).encode(),
        "headers": "{}",
        "attempts": 0,
        "state": "ready",
        "visible_at": now.timestamp(),
        "error": "",
        "at": now,
    }
