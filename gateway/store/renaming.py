"""Hides the names that the version before kept in the clear: once, at the start of this one.

It needs the seal, so it is no migration of tables; what is hidden already is passed over, so it may
be broken off and run again, also by several processes.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Table, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.platform import names
from gateway.platform.seal import Seal
from gateway.store.store import Store
from gateway.store.tables import messages, notifications, reports, segments
from normalizer.message import Message
from normalizer.report import Report

_MOST = 200
_CLEAR = "%ref:%"


async def hide_names(store: Store, seal: Seal) -> int:
    """Hide what is in the clear; return how many messages and segments. Raises ``Unavailable``."""
    count = 0
    for table, hide in ((messages, _hide_messages), (segments, _hide_segments)):
        while rows := await _clear(store, table):
            async with store.database.write() as connection:
                await hide(connection, seal, rows)
            count += len(rows)
    return count


async def _clear(store: Store, table: Table) -> Sequence[Row[Any]]:
    named = [table.c.external_id] + ([segments.c.reference] if table is segments else [])
    clear = or_(*(column.not_like(_CLEAR) for column in named))
    query = select(table).where(clear).limit(_MOST)
    async with store.database.read() as connection:
        return (await connection.execute(query)).all()


async def _hide_messages(connection: AsyncConnection, seal: Seal, rows: Sequence[Row[Any]]) -> None:
    """Hide messages, what was made of them, and what was written because of them."""
    ids = [row.id for row in rows]
    theirs = _of(notifications, notifications.c.report_id, ids)
    for written in (await connection.execute(theirs)).all():
        change = update(notifications).where(notifications.c.id == written.id)
        await connection.execute(change.values(**_notification(seal, written)))
    for report in (await connection.execute(_of(reports, reports.c.id, ids))).all():
        same = (reports.c.id == report.id) & (reports.c.version == report.version)
        change = update(reports).where(same).values(body=_report(seal, report.body))
        await connection.execute(change)
    for row in rows:
        change = update(messages).where(
            messages.c.id == row.id, messages.c.external_id == row.external_id
        )
        changes = {**_keyed(seal, row), "body": _body(seal, row.body)}
        await connection.execute(change.values(**changes))


async def _hide_segments(connection: AsyncConnection, seal: Seal, rows: Sequence[Row[Any]]) -> None:
    for row in rows:
        change = update(segments).where(
            segments.c.id == row.id, segments.c.external_id == row.external_id
        )
        joined = names.hash_name(seal, row.channel, row.message) if row.message else None
        reference = names.hash_name(seal, row.channel, row.reference)
        changes = {} if names.is_hashed(row.external_id) else _keyed(seal, row)
        await connection.execute(change.values(**changes, message=joined, reference=reference))


def _of(table: Table, column: Any, ids: Sequence[str]) -> Any:
    return select(table).where(column.in_(ids))


def _keyed(seal: Seal, row: Row[Any]) -> dict[str, str]:
    return {
        "external_id": names.hash_name(seal, row.channel, row.external_id),
        "digest": seal.reference("digest", row.digest),
    }


def _body(seal: Seal, body: str) -> str:
    try:
        message = Message.model_validate_json(body)
    except ValueError:  # not of ours, or of a shape that nobody reads any more
        return body
    return names.hide_names(seal, message).model_dump_json()


def _report(seal: Seal, body: str) -> str:
    try:
        report = Report.model_validate_json(body)
    except ValueError:
        return body
    said = tuple(names.hide_names(seal, each) for each in report.messages)
    origin = names.hidden_origin(seal, report.origin)
    hidden = report.model_copy(update={"messages": said, "origin": origin})
    return hidden.model_dump_json()


def _notification(seal: Seal, row: Row[Any]) -> dict[str, Any]:
    known, thread = row.provider_id, json.loads(row.thread)
    return {
        "thread": json.dumps([seal.close_text(str(name), names.NAME) for name in thread]),
        "provider_id": names.hash_name(seal, row.channel, known) if known else None,
    }
