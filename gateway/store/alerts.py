"""Alerts: danger to life that a human is told of, one for each matter, until somebody hears.

An alert is written in the very transaction that makes a report urgent: a
process that is killed loses neither or both.
"""

import json
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.due import ALERT, DueRepository
from gateway.store.engine import Database
from gateway.store.queries import Queries
from gateway.store.scope import EVERYWHERE, AccessScope, visible
from gateway.store.tables import alerts, due, reports
from gateway.store.views import AlertView
from normalizer.report import Report

UNTOLD = timedelta(seconds=60)
"""How long it may take until somebody is told of an alert."""
_NAMES = uuid.UUID("6b616e61-6c00-5000-8000-616c65727473")
_SHORT = 1_000
"""Open alerts up to which four digits tell them apart."""
_TIME = alerts.c.opened_at.type
_OPEN = text(
    "INSERT INTO alerts "
    "(id, report_id, code, opened_at, step, reached, rounds, failures, told) "
    "VALUES (:id, :report_id, :code, :opened_at, 0, 0, 0, 0, '[]') ON CONFLICT DO NOTHING"
).bindparams(bindparam("opened_at", type_=_TIME))
_UNHEARD = alerts.c.acknowledged_at.is_(None)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it stands."""

    id: str
    report_id: str
    code: str
    opened_at: datetime
    step: int
    reached: int
    rounds: int
    failures: int
    told: tuple[str, ...]
    acknowledged_at: datetime | None = None


class AlertRepository:
    """The alerts in one transaction."""

    def __init__(
        self, connection: AsyncConnection, now: Callable[[], datetime], due: DueRepository
    ) -> None:
        self._connection = connection
        self._due = due
        self._now = now
        self._new: dict[str, datetime] = {}

    def weigh(self, report: Report, before: Report | None = None) -> None:
        """Open an alert where a report is urgent that was not."""
        if report.urgency and not (before and before.urgency):
            self._new[report.id] = self._now()

    async def told_to(self, post: str, *, since: datetime) -> list[Alert]:
        """Return those that a post was told of: all open ones, and any from ``since`` on."""
        lately = or_(_UNHEARD, alerts.c.opened_at >= since)
        told = alerts.c.told.contains(json.dumps(post), autoescape=True)
        return await self._read(select(alerts).where(lately, told).order_by(alerts.c.opened_at))

    async def open_by(self, names: Collection[str]) -> list[Alert]:
        """Return open alerts by their codes, or by the numbers of their reports."""
        joined = alerts.join(reports, reports.c.id == alerts.c.report_id)
        known = or_(alerts.c.code.in_(names), reports.c.tracking.in_(names))
        return await self._read(select(alerts).select_from(joined).where(_UNHEARD, known))

    async def by_ids(self, ids: Collection[str]) -> list[Alert]:
        """Return alerts by their ids, the oldest first."""
        chosen = select(alerts).where(alerts.c.id.in_(ids))
        return await self._read(chosen.order_by(alerts.c.opened_at))

    async def acknowledge(self, ids: Collection[str], by: str) -> list[Alert]:
        """Note that somebody heard; return the alerts of which that is news."""
        change = update(alerts).where(alerts.c.id.in_(ids), _UNHEARD)
        change = change.values(acknowledged_at=self._now(), acknowledged_by=by)
        rows = await self._connection.execute(change.returning(alerts))
        done = [_alert(row) for row in rows.mappings().all()]
        for alert in done:
            self._due.clear(ALERT, alert.id)
        return done

    async def keep(self, alert: Alert, due_at: datetime | None) -> None:
        """Write how an alert stands, unless somebody has acknowledged it meanwhile.

        ``due_at`` is when the next post is told; None when that is over.
        """
        names = ("step", "reached", "rounds", "failures")
        values: dict[str, Any] = {name: getattr(alert, name) for name in names}
        mine = update(alerts).where(alerts.c.id == alert.id, _UNHEARD)
        change = mine.values(**values, told=json.dumps(alert.told))
        if (await self._connection.execute(change)).rowcount and due_at:
            self._due.put(ALERT, alert.id, due_at)
        else:
            self._due.clear(ALERT, alert.id)

    async def flush(self) -> None:
        """Write the new ones; of a matter that has one already nothing is written."""
        if not self._new:
            return
        query = select(alerts.c.code, alerts.c.report_id)
        open_ = (await self._connection.execute(query.where(_UNHEARD))).all()
        known = query.where(alerts.c.report_id.in_(self._new))
        has_one = {row.report_id for row in (await self._connection.execute(known)).all()}
        taken, rows = {row.code for row in open_}, []
        for report_id, at in self._new.items():
            if report_id in has_one:
                continue
            code = _code(taken)
            taken.add(code)
            id = str(uuid.uuid5(_NAMES, report_id))
            rows.append({"id": id, "report_id": report_id, "code": code, "opened_at": at})
            self._due.put(ALERT, id, at)
        if rows:
            await self._connection.execute(_OPEN, rows)
        self._new.clear()

    async def _read(self, query: Select[Any]) -> list[Alert]:
        return [_alert(row) for row in (await self._connection.execute(query)).mappings().all()]


class AlertQueries(Queries):
    """Reads of alerts."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._now = now

    async def open(self, most: int = 20, scope: AccessScope = EVERYWHERE) -> tuple[AlertView, ...]:
        """List what is not acknowledged yet, what the whole roster passed by first."""
        late = _passed_by(self._now()).label("late")
        joined = alerts.join(reports, reports.c.id == alerts.c.report_id)
        query = select(alerts, reports.c.body, late, _is_over().label("over")).select_from(joined)
        query = query.where(alerts.c.acknowledged_at.is_(None), visible(scope))
        query = query.order_by(late.desc(), alerts.c.opened_at).limit(most)
        return tuple(_view(row) for row in await self._rows(query))

    async def count_passed_by(self) -> int:
        """Count the open alerts that no person of the whole roster answered."""
        late = alerts.c.acknowledged_at.is_(None) & _passed_by(self._now())
        return int(await self._one(select(func.count()).select_from(alerts).where(late)))


def _passed_by(now: datetime) -> ColumnElement[bool]:
    """Ask whether no person of the whole roster answered, or none could be told in time."""
    untold = (alerts.c.told == "[]") & (alerts.c.opened_at <= now - UNTOLD)
    return or_(untold, alerts.c.rounds > 0, _is_over())


def _is_over() -> ColumnElement[bool]:
    """Ask whether no further post is told."""
    waiting = select(due.c.key).where(due.c.kind == ALERT, due.c.key == alerts.c.id)
    return ~waiting.exists()


def _alert(row: Mapping[Any, Any]) -> Alert:
    """Read a row of the table."""
    made = Alert(**{name: row[name] for name in Alert.__dataclass_fields__})
    return replace(made, told=tuple(json.loads(row["told"])))


def _code(taken: Collection[str]) -> str:
    """Draw a code that no open alert has."""
    size = 4 if len(taken) < _SHORT else 6
    while True:
        code = str(secrets.randbelow(9 * 10 ** (size - 1)) + 10 ** (size - 1))
        if code not in taken:
            return code


def _view(row: RowMapping) -> AlertView:
    alert, report, over = _alert(row), Report.model_validate_json(row["body"]), bool(row["over"])
    late = bool(row["late"])
    return AlertView(alert.id, report, alert.code, alert.opened_at, alert.told, late, over)
