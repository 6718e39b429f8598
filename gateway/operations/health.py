"""Is the gateway live, ready and clean? Gauges for Prometheus come from the same look.

What can be tried is tried: a row, a lock on every table, a file of the spool with its fsync, and a
confirm through a quorum queue. A look costs that much, so looks that come close together share one.
Whether the database is written to is said by that row alone. What waits is counted more rarely, and
a count that is slow is a warning.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.broker.base import Broker, BrokerError
from gateway.intake.group_commit import GroupCommit
from gateway.intake.load import REASONS, SHARE, ShedState
from gateway.media.objects import AttachmentStore, ObjectsUnavailable
from gateway.outbound.roster import MISSING
from gateway.platform import metrics
from gateway.platform.recent import Recent
from gateway.queues.agency_queues import AWAY
from gateway.queues.lane import Lane
from gateway.store.agency_queues import AgencyQueue
from gateway.store.due import KINDS, DueCount
from gateway.store.engine import Unavailable
from gateway.store.spool import Spool
from gateway.store.store import Store
from gateway.store.views import FetchStatus, LaneView

EVERY = 5.0
FRESH = 1.0
"""Seconds for which a look stands for others."""
COUNTED = 10.0
"""Seconds for which a count of what waits stands for others: it reads every row that waits."""
NAMED = 10
"""Lanes and queues that are named; of thousands of agencies all others are only counted."""
MOST_UNREAD = 10_000
"""Deliveries up to which what no agency has fetched is counted."""
REMEMBERED = 300.0
"""Seconds for which a task that died keeps health red."""
IMPATIENCE = 2.0
"""Seconds in which the store of the files must answer, and what waits must be counted."""
OVERDUE = timedelta(minutes=2)
"""How long a message may wait for RabbitMQ to take it."""

LOST = timedelta(minutes=10)
"""How long a message that was taken in may wait to be routed, a delivery to be placed, and what is
due in a lane to leave; what others keep waiting, a called agency or a file's provider, as much
longer than all its retries."""


@dataclass(slots=True)
class Finding:
    """What was found: ``ok`` is green, ``ready`` says that messages can be taken."""

    ok: bool = True
    ready: bool = True
    checks: dict[str, str] = field(default_factory=dict)

    warned: bool = False
    """Green, and yet something is to be mended."""

    @property
    def status(self) -> str:
        """Say all of it in a word."""
        return "fail" if not self.ok else "warn" if self.warned else "ok"

    def warn(self, name: str, text: str) -> None:
        """Note what makes nothing red."""
        self.checks[name] = text
        self.warned = True

    def add(self, other: "Finding") -> None:
        """Note all that another look found."""
        self.checks |= other.checks
        self.ok, self.ready = self.ok and other.ok, self.ready and other.ready
        self.warned = self.warned or other.warned

    def note(self, name: str, fault: str, *, stops: bool = False) -> None:
        """Note one check; an empty ``fault`` is good."""
        self.checks[name] = fault or "ok"
        self.ok = self.ok and not fault
        self.ready = self.ready and not (fault and stops)


class Health:
    """Looks after one process.

    ``duties``: the providers that some process must read, as (channel, work), and the seconds
    between two looks at each. ``on_duty``: somebody is told of danger to life. ``by_queue`` and
    ``called``: the agencies that settings give a queue, or have called. ``retry_after``: the
    seconds after which what failed is tried again.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        commits: GroupCommit,
        spool: Spool,
        duties: Mapping[tuple[str, str], float] | None = None,
        attachments: AttachmentStore | None = None,
        *,
        lanes: Sequence[Lane[Any]] = (),
        on_duty: bool = True,
        by_queue: Collection[str] = (),
        called: Collection[str] = (),
        retry_after: Sequence[float] = (),
    ) -> None:
        self._store = store
        self._broker = broker
        self._commits = commits
        self._spool = spool
        self._duties = dict(duties or {})
        self._attachments = attachments
        self._lanes = {(lane.work.kind, lane.work.name): lane for lane in lanes}
        self._on_duty = on_duty
        self._by_queue = by_queue
        self._called = called
        self._retries = timedelta(seconds=sum(retry_after))
        self._looks = Recent(lambda: self._look(self._last_count), FRESH)
        self._counts = Recent(self._count, COUNTED)
        self._counted = Finding()
        self._begun = store.wall()
        self._died: dict[str, float] = {}

    def died(self, task: str) -> None:
        """Remember that a task died."""
        self._died[task] = time.monotonic()

    async def recent(self) -> Finding:
        """Return a look that is under way or at most a second old; else look.

        What waits was counted at most ten seconds ago, or is being counted.
        """
        return await self._looks.get()

    async def look(self) -> Finding:
        """Look at everything. Ready means: a message can be made durable, and doors let it in.

        A channel that has more than its share under way is refused alone: that is not ready's.
        """
        return await self._look(self._count)

    async def _look(self, count: Callable[[], Awaitable[Finding]]) -> Finding:
        finding = Finding()
        broker, files, spool, _ = await asyncio.gather(
            self._look_at_broker(),
            _away(self._attachments) if self._attachments else _nothing(),
            asyncio.to_thread(self._look_at_spool),
            self._look_at_store(finding, count),
        )
        finding.note("broker", broker)
        if self._attachments:
            finding.note("files", files)
        recent = [t for t, at in self._died.items() if time.monotonic() - at < REMEMBERED]
        finding.note("tasks", f"died lately: {', '.join(sorted(recent))}" if recent else "")
        age = await asyncio.to_thread(self._spool.age) if finding.checks["database"] == "ok" else 0
        late = f"the database answers, and the oldest batch has waited for {age / 60:.0f} minutes"
        finding.note("spool", spool or (late if age > OVERDUE.total_seconds() else ""))
        shed = self._commits.load.shed()
        shut = any(state.reason != SHARE for state in shed.values())
        finding.note("overload", _refused(shed), stops=shut)
        return finding

    async def _look_at_broker(self) -> str:
        try:
            await self._broker.ping()
        except BrokerError as error:
            return str(error)
        return ""

    def _look_at_spool(self) -> str:
        if fault := self._spool.fault():
            return f"takes nothing, and nothing else stands in for the database: {fault}"
        faults = []
        if bad := self._spool.bad():
            faults.append(f"{bad} batches set aside: kanal replay takes them up again")
        if stuck := len(self._commits.stuck):
            faults.append(f"{stuck} batches cannot be opened or removed: whose files are they?")
        return "; ".join(faults)

    async def _look_at_store(
        self, finding: Finding, count: Callable[[], Awaitable[Finding]]
    ) -> None:
        try:
            await self._store.try_write()
        except Unavailable as error:
            writable = await asyncio.to_thread(self._spool.writable)
            finding.note("database", str(error), stops=not writable)
            return
        finding.note("database", "")
        finding.add(await count())

    async def _last_count(self) -> Finding:
        """Return the count that is fresh; where that takes long, the one before it."""
        try:
            async with asyncio.timeout(IMPATIENCE):
                return await self._counts.get()
        except TimeoutError:
            finding = Finding()
            finding.add(self._counted)
            finding.warn("backlog", f"not counted within {IMPATIENCE:g} s")
            return finding

    async def _count(self) -> Finding:
        """Count what waits; what could not be counted is a warning."""
        finding = Finding()
        try:
            await self._count_backlog(finding)
        except Unavailable as error:
            finding.warn("backlog", f"not counted: {error}")
        self._counted = finding
        return finding

    async def _count_backlog(self, finding: Finding) -> None:
        store = self._store
        unheard = await store.alerts.count_passed_by()
        finding.note("alerts", f"{unheard} that nobody on duty has answered" if unheard else "")
        if not (unheard or self._on_duty):
            finding.warn("alerts", MISSING)
        if self._duties:
            finding.note("providers", await self._unread())
        dead = sum((await store.dead_letters.counts()).values())
        finding.note("dead_letters", f"{dead} to replay or examine" if dead else "")
        await self._count_quarantine(finding)
        finding.note("outbox", await self._overdue())
        lost, unplaced, unfetched = await self._count_lost()
        finding.note("routing", f"{lost} taken in and not routed for minutes" if lost else "")
        finding.note("deliveries", f"{unplaced} not placed for minutes" if unplaced else "")
        late = f"files of {unfetched} reports not fetched after all retries"
        finding.note("media", late if unfetched else "")
        reports, agencies = await store.deliveries.count_unread(MOST_UNREAD)
        more = " or more" if reports >= MOST_UNREAD else ""
        unread = f"{reports}{more} reports at {agencies} agencies"
        finding.checks["unread"] = unread if reports else "ok"
        if kept := await store.agency_queues.kept(self._by_queue, NAMED):
            finding.warn("agency_queues", "; ".join(map(said_of, kept)))
        finding.note("due", _passed(await store.due.counts(store.now() - OVERDUE)))
        self._note_lanes(finding, await store.troubled_lanes())

    async def _count_quarantine(self, finding: Finding) -> None:
        quarantine = self._store.quarantine
        held = await quarantine.count_proven()
        room = await quarantine.room()
        missed = await quarantine.missed_since(self._store.now() - timedelta(days=1))
        full = (
            f", {room.bytes} bytes: more than [quarantine] lets noise take, and kept all the same"
        )
        if room.over(self._store.quota.limits):
            finding.note("quarantine", f"{room.rows} to release or dismiss{full}")
        else:
            finding.note("quarantine", f"{held} to release or dismiss" if held else "")
        if missed:  # what strangers and machines send is no fault of ours
            finding.checks["quarantine_noise"] = f"{missed} more not kept since yesterday"

    async def _count_lost(self) -> tuple[int, int, int]:
        """Count messages not routed, deliveries not placed, and reports with files not fetched."""
        late = self._store.now() - LOST
        later = late - self._retries
        return (
            await self._store.messages.count_unrouted(late),
            await self._store.deliveries.count_unplaced(late, self._called, later),
            await self._store.files.count_waiting(later),
        )

    def _note_lanes(self, finding: Finding, troubled: Sequence[LaneView]) -> None:
        """Say which lanes are not well: red when something has been due for ten minutes."""
        said = [self._lane(view) for view in troubled[:NAMED]]
        known = {(view.kind, view.name) for view in troubled}
        resting = {key for key, lane in self._lanes.items() if lane.breaker.pause()} - known
        said += [f"{' '.join(key)}: {self._state(key)}" for key in sorted(resting)][:NAMED]
        more = len(troubled) + len(resting) - len(said)
        text = "; ".join([*said, f"{more} more"] if more else said)
        if any(view.late > LOST.total_seconds() for view in troubled):
            finding.note("lanes", text)
        elif text:
            finding.warn("lanes", text)
        else:
            finding.note("lanes", "")

    def _lane(self, view: LaneView) -> str:
        parts = [
            f"{view.failing} failed and come again" if view.failing else "",
            f"the oldest due for {view.late:.0f} s" if view.late > 0 else "",
            self._state((view.kind, view.name)),
        ]
        return f"{view.kind} {view.name}: {', '.join(part for part in parts if part)}"

    def _state(self, key: tuple[str, str]) -> str:
        """Say what this process knows of a lane; another one may have it, too."""
        if (lane := self._lanes.get(key)) is None:
            return ""
        failures, rest = lane.breaker.failures, lane.breaker.pause()
        parts = [
            f"{failures} in a row had no answer" if failures else "",
            f"rests for {rest:.0f} s" if rest else "",
            f"{lane.under_way} under way" if lane.under_way else "",
        ]
        return ", ".join(part for part in parts if part)

    async def _overdue(self) -> str:
        """Say what the broker does not take; where the outbox is the queue, nothing waits for it.

        One queue that takes nothing while others do: docs/operator.md, "A queue that is stuck".
        """
        if self._broker.outbox_is_queue:
            return ""
        late = await self._store.queue.overdue(self._store.now() - OVERDUE)
        found = (f"{count} for {name}" for name, count in sorted(late.items()))
        return f"not taken by the broker: {', '.join(found)}" if late else ""

    async def _unread(self) -> str:
        """Say which providers are not read, and why."""
        found = await self._store.cursors.status() if self._duties else {}
        faults = {key: self._fault(found.get(key), every) for key, every in self._duties.items()}
        return "; ".join(f"{' '.join(key)}: {said}" for key, said in faults.items() if said)

    def _fault(self, reading: FetchStatus | None, every: float) -> str:
        patience = OVERDUE + timedelta(seconds=every)
        late = self._store.wall() - patience
        since = (reading and reading.ok_at) or self._begun
        if since >= late:
            return ""
        if reading and reading.failures:
            return reading.error
        return "" if reading and reading.held else "no process does it: kanal run poller"

    async def gauge(self) -> None:
        """Bring the gauges up to date. Raises ``Unavailable``, ``BrokerError``."""
        metrics.SPOOL.set(self._commits.spooled)
        now = self._store.now()
        for view in await self._store.overview.queues(await self._broker.depths()):
            age = (now - view.oldest).total_seconds() if view.oldest else 0
            metrics.DEPTH.labels(view.name).set(view.depth)
            metrics.AGE.labels(view.name).set(age)
            metrics.DEAD.labels(view.name).set(view.dead)
        metrics.HELD.set(await self._store.quarantine.count())
        metrics.UNREAD.set((await self._store.deliveries.count_unread(MOST_UNREAD))[0])
        metrics.UNHEARD.set(await self._store.alerts.count_passed_by())
        passed = await self._store.due.counts(now - OVERDUE)
        for kind in KINDS:
            count = passed.get(kind)
            metrics.DUE_LATE.labels(kind).set(count.failing + count.late if count else 0)

    async def gauge_for_ever(self) -> None:
        """Keep the gauges up to date until cancelled."""
        while True:
            with contextlib.suppress(Unavailable, BrokerError):
                await self.gauge()
            await asyncio.sleep(EVERY)


def said_of(queue: AgencyQueue) -> str:
    """Say what is to be done about an agency's queue that no settings name."""
    if queue.unknown:
        return f"{queue.name} holds {queue.unknown} messages of no delivery: look at them"
    named = f'[delivery."{queue.agency_id}"] method = "queue"'
    return f"{queue.name} is read, and will go {AWAY.days} days after its reader: set {named}"


def _passed(counts: Mapping[str, DueCount]) -> str:
    """Say which moments passed with nothing done."""
    said = [
        f"{kind}: {each.failing} fail, {each.late} late" for kind, each in sorted(counts.items())
    ]
    return "; ".join(said)


def _refused(channels: Mapping[str, ShedState]) -> str:
    """Say which channels are asked to come again."""
    return "; ".join(
        f"{name} refused since {state.since:%H:%M:%S} UTC: {REASONS[state.reason]}"
        for name, state in sorted(channels.items())
    )


async def _nothing() -> str:
    return ""


async def _away(attachments: AttachmentStore) -> str:
    try:
        async with asyncio.timeout(IMPATIENCE):
            await attachments.ping()
    except ObjectsUnavailable as error:
        return str(error)
    except TimeoutError:
        return f"the store of the files did not answer within {IMPATIENCE:g} s"
    return ""
