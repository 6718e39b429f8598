"""A report is made of messages, each kept as it came; what is asked of the table has a column.

Before, a report held the words of all its messages in one text. They are taken apart by the log,
which says which message was added when; where the text is not what they say together (it was cut),
it stays whole, as one message, so that no word goes.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_BATCH = 200
_OF_THE_CASE = (
    "version", "id", "tracking", "origin", "reporter", "received_at", "kind", "places",
    "coordinates", "topic", "urgency", "assignment", "anonymous", "confidential", "public",
    "release", "status", "history", "deadlines", "links", "recusals",
)  # fmt: skip
_ONLY_OF_THE_CASE = (
    "topic", "assignment", "release", "status", "history", "deadlines", "links", "recusals",
)  # fmt: skip

_messages = sa.table("messages", *(sa.column(name) for name in ("id", "body")))
_events = sa.table("events", *(sa.column(name) for name in ("report_id", "seq", "kind", "data")))
_reports = sa.table(
    "reports",
    *(
        sa.column(name)
        for name in ("id", "body", "kind", "danger", "confidential", "accuses", "status")
    ),
)
_CHANGE_MESSAGE = (
    sa.update(_messages)
    .where(_messages.c.id == sa.bindparam("its"))
    .values(body=sa.bindparam("body"))
)
_CHANGE_REPORT = (
    sa.update(_reports)
    .where(_reports.c.id == sa.bindparam("its"))
    .values(
        {name: sa.bindparam(name) for name in ("body", "kind", "danger", "confidential", "accuses")}
    )
)


def upgrade() -> None:
    """Apply."""
    no = sa.false()
    op.add_column(
        "reports", sa.Column("kind", sa.String(length=32), nullable=False, server_default="")
    )
    op.add_column(
        "reports",
        sa.Column(
            "danger", sa.String(length=64), nullable=True, comment="of now, that its words name"
        ),
    )
    op.add_column(
        "reports", sa.Column("confidential", sa.Boolean(), nullable=False, server_default=no)
    )
    op.add_column(
        "reports",
        sa.Column(
            "accuses",
            sa.Boolean(),
            nullable=False,
            server_default=no,
            comment="somebody who must get nothing of it",
        ),
    )
    connection = op.get_bind()
    for rows in _pages(connection, _reports):
        _change_reports(connection, {row.id: row.body for row in rows})
    for rows in _pages(connection, _messages):
        read = ((row.id, _json(row.body)) for row in rows)
        changes = [{"its": id, "body": _text(_message(body))} for id, body in read if body]
        if changes:
            connection.execute(_CHANGE_MESSAGE, changes)


def _pages(connection: sa.Connection, table: sa.TableClause) -> Iterator[Sequence[Any]]:
    last = ""
    while True:
        page = sa.select(table.c.id, table.c.body).where(table.c.id > last)
        rows = connection.execute(page.order_by(table.c.id).limit(_BATCH)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _change_reports(connection: sa.Connection, bodies: Mapping[str, str]) -> None:
    read = {id: report for id, body in bodies.items() if (report := _json(body))}
    old = {id: each for id, each in read.items() if "id" in each and "messages" not in each}
    if not old:
        return
    said = _added(connection, old)
    changes = []
    for id, report in old.items():
        case = {name: report[name] for name in _OF_THE_CASE if name in report}
        case["messages"] = _apart(report, said[id])
        danger = report.get("urgency")
        changes.append(
            {
                "its": id,
                "body": _text(case),
                "kind": report.get("kind", "complaint"),
                "danger": danger["id"] if danger else None,
                "confidential": bool(report.get("confidential")),
                "accuses": bool(report.get("recusals")),
            }
        )
    connection.execute(_CHANGE_REPORT, changes)


def _added(connection: sa.Connection, ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Return by report what was said by its log: the message that opened it, then the others."""
    query = sa.select(_events.c.report_id, _events.c.data).where(
        _events.c.report_id.in_(ids), _events.c.kind == "followed_up"
    )
    logs: dict[str, list[dict[str, Any]]] = {id: [] for id in ids}
    for row in connection.execute(query.order_by(_events.c.report_id, _events.c.seq)):
        logs[row.report_id].append(_json(row.data) or {})
    named = {id: [id, *(str(each.get("message", "")) for each in log)] for id, log in logs.items()}
    bodies = _bodies(connection, sorted({each for names in named.values() for each in names}))
    return {id: _said(names, logs[id], bodies) for id, names in named.items()}


def _bodies(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    found: dict[str, dict[str, Any] | None] = {}
    for at in range(0, len(ids), _BATCH):
        some = _messages.c.id.in_(ids[at : at + _BATCH])
        rows = connection.execute(sa.select(_messages.c.id, _messages.c.body).where(some))
        found |= {row.id: _json(row.body) for row in rows}
    return found


def _said(
    ids: Sequence[str],
    log: Sequence[Mapping[str, Any]],
    bodies: Mapping[str, dict[str, Any] | None],
) -> list[dict[str, Any]]:
    found = [_message(body) for id in ids if (body := bodies.get(id)) is not None]
    if len(found) < len(ids) or len(set(ids)) < len(ids):
        return []
    for message, entry in zip(found[1:], log, strict=True):
        message["text"] = str(entry.get("text", message["text"]))
    return found


def _apart(report: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a report's messages; one with all its words where they do not make up its text."""
    together = "\n".join(message["text"] for message in said)
    files = report.get("attachments", [])
    count = sum(len(message["attachments"]) for message in said)
    if not said or _words(together) != _words(report.get("text", "")) or count != len(files):
        whole = _message(report)
        return [{**whole, "id": report["id"], "tracking": report["tracking"]}]
    left = list(files)
    for message in said:  # what became of a file stood in the report only
        size = len(message["attachments"])
        message["attachments"], left = left[:size], left[size:]
    return list(said)


def _message(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in body.items() if name not in _ONLY_OF_THE_CASE}


def _words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


def _json(text: str | None) -> dict[str, Any] | None:
    try:
        read = json.loads(text or "")
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
