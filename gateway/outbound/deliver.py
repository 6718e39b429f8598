"""Step 4, deliver: a report to its agency, by the agency's own method.

What the agency gets is composed here, from the report as it stands: what was hidden or taken back
since the decision does not leave.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.broker.base import Later, ReceivedMessage
from gateway.outbound import methods
from gateway.outbound.batch import every, ids_of
from gateway.outbound.methods.base import CallingMethod, Method
from gateway.platform import correlation, metrics
from gateway.queues.consumer import may_succeed, reason_of
from gateway.store.rows import Delivery
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.report import Report

log = structlog.get_logger(__name__)

ACCUSED, ELSEWHERE = "agency_accused", "report_elsewhere"
"""Why a delivery is withdrawn, as ``config/console`` says it."""
BUDGET = 20.0
"""Seconds in which a batch begins its calls; an agency that hangs must not outlast the lease."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    delivery: Delivery
    body: bytes
    method: Method


class Deliver:
    """The step. ``by_agency``: the method of each agency that has settings of its own.

    ``attempts``: how often a delivery is tried again before it is given up.
    """

    def __init__(
        self, store: Store, by_agency: Mapping[str, Method], *, attempts: int, concurrency: int
    ) -> None:
        self._store = store
        self._methods = by_agency
        self._default = methods.load("", {}, public_url="")
        self._attempts = attempts
        self._turn = asyncio.Semaphore(concurrency)

    async def __call__(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Deliver a batch; returns what failed, by message id."""
        parcels = await self._parcels(ids_of(batch))
        until = time.monotonic() + BUDGET
        results = await asyncio.gather(*(self._send(parcel, until) for parcel in parcels))
        failed = {
            parcel.delivery.id: error
            for parcel, error in zip(parcels, results, strict=True)
            if error
        }
        tried = {item.message.id: item.attempts for item in batch}
        async with self._store.unit() as unit:
            placed = await _place(unit, (p for p in parcels if p.delivery.id not in failed))
            for id, error in failed.items():
                if self._is_given_up(error, tried.get(id, 0)):
                    await unit.deliveries.fail(id, reason_of(error))
        for parcel in placed:
            self._count_placed(parcel)
        for parcel in parcels:
            if not isinstance(failed.get(parcel.delivery.id, Later()), Later):
                metrics.DELIVERED.labels(parcel.delivery.agency_id, "error").inc()
                _say(parcel, "error")
        return failed

    async def _parcels(self, ids: Sequence[str]) -> list[_Parcel]:
        """Compose what is due; withdraw what its agency may not have any more.

        Raises ``NotStored``.
        """
        async with self._store.unit() as unit:
            deliveries = every(ids, await unit.deliveries.by_ids(ids))
            left = [delivery for delivery in deliveries if delivery.unplaced]
            found = await unit.reports.by_ids({delivery.report_id for delivery in left})
            every([delivery.report_id for delivery in left], found)
            parcels = []
            for delivery in left:
                report = found[delivery.report_id].report
                if events.may_have(report, delivery.agency_id):
                    parcels.append(self._parcel(delivery, report))
                else:
                    await unit.deliveries.withdraw(delivery.id, _why_not(report, delivery))
        return parcels

    def _parcel(self, delivery: Delivery, report: Report) -> _Parcel:
        body = events.to_agency(delivery.event, delivery.id, report, at=delivery.created_at)
        return _Parcel(delivery, body, self._methods.get(delivery.agency_id, self._default))

    async def _send(self, parcel: _Parcel, until: float) -> Exception | None:
        if not isinstance(parcel.method, CallingMethod):
            return None
        try:
            async with self._turn:
                if time.monotonic() > until:
                    return Later()
                with correlation.queued_message(parcel.delivery.id):
                    await parcel.method.send(parcel.delivery, parcel.body)
        except Exception as error:  # one agency never fails its neighbours
            return error
        return None

    def _is_given_up(self, error: Exception, tried: int) -> bool:
        if isinstance(error, Later):
            return False
        return tried >= self._attempts or not may_succeed(error)

    def _count_placed(self, parcel: _Parcel) -> None:
        agency = parcel.delivery.agency_id
        metrics.DELIVERED.labels(agency, parcel.method.reached).inc()
        _say(parcel, parcel.method.reached)
        passed = (self._store.now() - parcel.delivery.created_at).total_seconds()
        metrics.DELIVERY_DELAY.labels(agency).observe(passed)


async def _place(unit: UnitOfWork, parcels: Iterable[_Parcel]) -> list[_Parcel]:
    """Note parcels as placed, and place them, each once however many workers hold it."""
    groups: dict[tuple[str, type[Method]], list[_Parcel]] = {}
    for parcel in parcels:
        key = parcel.method.block.method, type(parcel.method)
        groups.setdefault(key, []).append(parcel)
    placed = []
    for (name, method), group in groups.items():
        ids = [parcel.delivery.id for parcel in group]
        mine = await unit.deliveries.place(ids, name, reached=method.reached)
        placed += [parcel for parcel in group if parcel.delivery.id in mine]
    for parcel in placed:
        with correlation.queued_message(parcel.delivery.id):
            parcel.method.place(unit, parcel.delivery, parcel.body)
    return placed


def _say(parcel: _Parcel, status: str) -> None:
    id = correlation.of(parcel.delivery.id)
    log.debug("a delivery", agency=parcel.delivery.agency_id, status=status, correlation=id)


def _why_not(report: Report, delivery: Delivery) -> str:
    accused = report.recuses(delivery.agency_id)
    return ACCUSED if accused else ELSEWHERE
