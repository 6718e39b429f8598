"""Step 4, deliver: each delivery is placed with its agency by that agency's method.

What an agency gets is composed now, from the report as it stands, and only while it may have it. A
queue and the inbox write in this database, and are placed together as they come. An agency that is
called has a lane of its own: one that hangs or is away delays no other.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.broker.base import ReceivedMessage
from gateway.outbound import methods
from gateway.outbound.batch import every, ids_of
from gateway.outbound.deliveries import ELSEWHERE
from gateway.outbound.methods.base import CallingMethod, Method
from gateway.outbound.methods.inbox import InboxMethod
from gateway.platform import correlation, metrics
from gateway.queues.consumer import reason_of
from gateway.queues.lane import LEASE, Job, LaneWork, retry_for
from gateway.store.rows import Delivery, LaneClaim
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.report import Report

log = structlog.get_logger(__name__)

ACCUSED = "agency_accused"
"""Why a delivery is withdrawn, as ``config/console`` says it."""
CALL = 120.0
"""Seconds in which a call must end, whatever its own settings say."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery, and what its agency gets."""

    delivery: Delivery
    body: bytes
    method: Method


class Deliver:
    """The step. ``by_agency``: the method of each agency that has settings of its own.

    ``retry_after``: the seconds after which a call that failed is made again; then it is given up.
    """

    def __init__(
        self,
        store: Store,
        by_agency: Mapping[str, Method],
        *,
        retry_after: Sequence[float],
        lease: float = LEASE,
    ) -> None:
        self.store = store
        self._methods = by_agency
        self._inbox = methods.load("", {}, public_url="")
        self._queue = methods.load("", {"method": "queue"}, public_url="")
        self.retry_after = retry_after
        self.lease = lease
        self.lanes = tuple(
            name
            for name, method in by_agency.items()
            if any(isinstance(each, CallingMethod) for each in method.each)
        )

    async def __call__(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Place a batch with the agencies that are not called. Raises ``NotStored``.

        What is called leaves by its lane; one that was given up waits there again.
        """
        ids = ids_of(batch)
        async with self.store.unit() as unit:
            deliveries = every(ids, await unit.deliveries.by_ids(ids))
            called = {each.id for each in deliveries if self._is_called(each)}
            await unit.deliveries.resume(called)
            parcels = await self._parcels(unit, [d for d in deliveries if d.id not in called])
            placed = await _place(unit, parcels)
        for parcel in placed:
            self._count_placed(parcel)
        return {}

    def work(self, agency: str) -> "DeliverWork":
        """Return the work of the lane of an agency that is called."""
        return DeliverWork(self, agency)

    async def claim(self, agency: str, most: int, *, take_over: bool) -> list[Job[Parcel]]:
        """Claim deliveries of an agency, and compose them. Raises ``Unavailable``."""
        if not await self.store.delivery_lanes.any_due(agency):
            return []
        async with self.store.unit() as unit:
            claims = await self._claims(unit, agency, most, take_over=take_over)
            parcels = await self._parcels(unit, [delivery for _, delivery in claims])
        composed = {parcel.delivery.id: parcel for parcel in parcels}
        return [Job(claim, composed[claim.id]) for claim, _ in claims if claim.id in composed]

    async def file(self, done: Sequence[tuple[Job[Parcel], object]]) -> dict[str, Exception]:
        """Note what was placed, and put off what failed. Raises ``Unavailable``."""
        failed = {job.claim.id: outcome for job, outcome in done if isinstance(outcome, Exception)}
        async with self.store.unit() as unit:
            placed = await _place(unit, (job.row for job, _ in done if job.claim.id not in failed))
            # What was taken over meanwhile is on its way again.
            claims = [job.claim for job, _ in done if job.claim.id in failed]
            held = await unit.deliveries.ids_under(claims) if claims else set()
            for job, _ in done:
                if job.claim.id in held:
                    error = failed[job.claim.id]
                    with correlation.message(job.claim.correlation):
                        agency = job.row.delivery.agency_id
                        await self._put_off(unit, job.claim, agency, error)
        for parcel in placed:
            self._count_placed(parcel)
        return failed

    async def _parcels(self, unit: UnitOfWork, deliveries: Sequence[Delivery]) -> list[Parcel]:
        """Compose what is due; withdraw what its agency may not have any more.

        Raises ``NotStored``.
        """
        left = [delivery for delivery in deliveries if delivery.unplaced]
        found = await unit.reports.by_ids({delivery.report_id for delivery in left})
        every([delivery.report_id for delivery in left], found)
        queues = await self._queues_in_use(unit, {delivery.agency_id for delivery in left})
        parcels = []
        for delivery in left:
            report = found[delivery.report_id].report
            if events.may_get(delivery.event, report, delivery.agency_id):
                in_use = delivery.agency_id in queues
                parcels.append(
                    _parcel(delivery, report, self._queue if in_use else self._method(delivery))
                )
            else:
                await unit.deliveries.withdraw(delivery.id, _why_not(report, delivery))
        return parcels

    def _method(self, delivery: Delivery) -> Method:
        """Return the method of a delivery: the one it was filed for, or its agency's first."""
        each = self._methods.get(delivery.agency_id, self._inbox).each
        wanted = (method for method in each if method.block.method == delivery.method)
        return next(wanted, each[0])

    def _is_called(self, delivery: Delivery) -> bool:
        return isinstance(self._method(delivery), CallingMethod)

    async def _queues_in_use(self, unit: UnitOfWork, agencies: Collection[str]) -> set[str]:
        """Return the agencies that have the inbox alone and still read a queue."""
        inboxes = [
            agency
            for agency in agencies
            if isinstance(self._methods.get(agency, self._inbox), InboxMethod)
        ]
        return set(await unit.agency_queues.in_use(inboxes))

    async def put_off_oldest(self, agency: str, error: Exception, *, take_over: bool) -> None:
        """Put off the delivery that is due first. Raises ``Unavailable``."""
        async with self.store.unit() as unit:
            for claim, _ in await self._claims(unit, agency, 1, take_over=take_over):
                await self._put_off(unit, claim, agency, error)

    async def _claims(
        self, unit: UnitOfWork, agency: str, most: int, *, take_over: bool
    ) -> list[tuple[LaneClaim, Delivery]]:
        return await unit.deliveries.claim(agency, most, lease=self.lease, take_over=take_over)

    async def _put_off(
        self, unit: UnitOfWork, claim: LaneClaim, agency: str, error: Exception
    ) -> None:
        metrics.DELIVERED.labels(agency, "error").inc()
        if retry := retry_for(DeliverWork.kind, claim, error, self.retry_after):
            await unit.deliveries.put_off(claim, retry)
        else:
            await unit.deliveries.give_up(claim, reason_of(error))

    def _count_placed(self, parcel: Parcel) -> None:
        agency = parcel.delivery.agency_id
        metrics.DELIVERED.labels(agency, parcel.method.reached).inc()
        id = correlation.of(parcel.delivery.id)
        log.debug("a delivery", agency=agency, status=parcel.method.reached, correlation=id)
        passed = (self.store.now() - parcel.delivery.created_at).total_seconds()
        metrics.DELIVERY_DELAY.labels(agency).observe(passed)


class DeliverWork(LaneWork[Parcel]):
    """The lane of one agency that is called. A call has the delivery's id, however often made."""

    kind = "deliveries"

    def __init__(self, deliver: Deliver, agency: str) -> None:
        self.name = agency
        self.lease = deliver.lease
        self._deliver = deliver

    async def claim(self, most: int, *, take_over: bool) -> list[Job[Parcel]]:
        """Claim deliveries of the agency. Raises ``Unavailable``."""
        return await self._deliver.claim(self.name, most, take_over=take_over)

    async def put_off_oldest(self, error: Exception, *, take_over: bool) -> None:
        """Put off the delivery that is due first. Raises ``Unavailable``."""
        await self._deliver.put_off_oldest(self.name, error, take_over=take_over)

    async def extend(self, claims: Sequence[LaneClaim]) -> None:
        """Hold deliveries whose agency is still being called. Raises ``Unavailable``."""
        async with self._deliver.store.unit() as unit:
            await unit.deliveries.extend(claims, lease=self.lease)

    async def send(self, job: Job[Parcel]) -> Exception | None:
        """Call the agency; never raises. What is not called for is placed at once."""
        method = job.row.method
        if not isinstance(method, CallingMethod):
            return None
        try:
            async with asyncio.timeout(CALL):
                await method.send(job.row.delivery, job.row.body)
        except Exception as error:
            return error
        return None

    async def file(self, done: Sequence[tuple[Job[Parcel], object]]) -> dict[str, Exception]:
        """Note what was placed, and put off what failed. Raises ``Unavailable``."""
        return await self._deliver.file(done)


def _parcel(delivery: Delivery, report: Report, method: Method) -> Parcel:
    body = events.to_agency(delivery.event, delivery.id, report, at=delivery.created_at)
    return Parcel(delivery, body, method)


async def _place(unit: UnitOfWork, parcels: Iterable[Parcel]) -> list[Parcel]:
    """Note parcels as placed, and place them, each once however many workers hold it."""
    groups: dict[tuple[str, type[Method]], list[Parcel]] = {}
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


def _why_not(report: Report, delivery: Delivery) -> str:
    accused = report.recuses(delivery.agency_id)
    return ACCUSED if accused else ELSEWHERE
