"""The alarm: tells the posts on duty of danger to life, one after the other, until one answers.

One process at a time rings (under a lease). It sends past every queue and budget, then notes what
it did: a process that is killed in between rings once more, and another takes over when its lease
ends. A post that cannot be reached costs no waiting; the next one is told at once. Where several
alerts are due, a post that reads texts is told of all of them in one, and no sooner than ``GAP``
after the last.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from adapters.contract import Outgoing, SystemSender
from gateway.casework.alerts import acknowledge, says_so
from gateway.casework.context import find_join
from gateway.outbound.roster import DutyPost, Roster, Wording, kind_of, minutes, region_of
from gateway.platform import metrics
from gateway.queues.due import DueHandler, DueOutcome
from gateway.store.alerts import Alert
from gateway.store.due import ALERT, DueRow
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events

log = structlog.get_logger(__name__)

SENDING = 10.0
"""Seconds a channel gets to take an alert."""
GAP = timedelta(seconds=20)
"""How long a post is left alone after a text, so that a disaster does not bury it in texts."""
AGAIN = timedelta(seconds=30)
"""The first pause before an unreachable roster is tried again; later ones are longer."""
OLD = timedelta(hours=24)
"""After so long an alert that reached no person stays on the console alone."""
MOST_READ = 1024
"""Bytes of a webhook's answer that are read."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One alert that one post is to be told of now."""

    alert: Alert
    report: ReportRecord
    post: DutyPost
    is_last: bool
    """No other post is left in this round."""


class Alarm(DueHandler):
    """The alarm of all processes; ``within`` is how long a post has to answer."""

    kind = ALERT
    longest_pause = AGAIN.total_seconds()

    def __init__(
        self,
        store: Store,
        roster: Roster,
        wording: Wording,
        *,
        within: float,
        repeat: int,
    ) -> None:
        self._store = store
        self._roster = roster
        self._wording = wording
        self._within = timedelta(seconds=within)
        self._repeat = repeat
        self._texted: dict[str, datetime] = {}
        """When each post was last written a text."""

    async def handle(self, rows: Sequence[DueRow]) -> DueOutcome:
        """Tell people of the alerts that are due, all in one go. Raises ``Unavailable``."""
        async with self._store.unit() as unit:
            found = await unit.alerts.by_ids([row.key for row in rows])
            due = [alert for alert in found if alert.acknowledged_at is None]
            reports = await unit.reports.by_ids(alert.report_id for alert in due)
            rings = [ring for each in due if (ring := await self._next(unit, each, reports))]
            open_ = {alert.id for alert in due}
            for row in rows:
                if row.key not in open_:
                    await unit.due.settle(row)
        groups = self._together(rings)
        ended = await asyncio.gather(*map(self._ring, groups), return_exceptions=True)
        for error in filter(None, ended):
            raise error
        return DueOutcome(len(groups))

    async def one(self, row: DueRow) -> int:
        """Tell those who are to be told of one alert now."""
        return (await self.handle([row])).done

    async def _next(
        self, unit: UnitOfWork, alert: Alert, records: Mapping[str, ReportRecord]
    ) -> Ring | None:
        """Return who is told next, or end what is over."""
        stored, now = records.get(alert.report_id), self._store.now()
        if stored is None or find_join(stored.report):
            await acknowledge(unit, [alert.id], "gateway")  # the whole has an alert of its own
            return None
        posts = self._roster.for_report(stored.report)
        if posts and alert.step >= len(posts):
            alert = replace(
                alert, step=0, reached=0, rounds=alert.rounds + (1 if alert.reached else 0)
            )
        if alert.rounds >= self._repeat or (not alert.told and now - alert.opened_at > OLD):
            await unit.alerts.keep(alert, None)
            unit.reports.change(stored, stored.report, [AuditEvent("alert_unheard", "gateway")])
            log.error("nobody on duty answered an alert", id=alert.id, correlation=alert.report_id)
            return None
        if not posts:
            await unit.alerts.keep(alert, now + 2 * AGAIN)
            told = {"id": alert.id, "correlation": alert.report_id}
            log.error("nobody is on duty: an alert reaches nobody", **told)
            return None
        return Ring(alert, stored, posts[alert.step], alert.step + 1 == len(posts))

    def _together(self, rings: Sequence[Ring]) -> list[list[Ring]]:
        """Group by post what it may be told now; a webhook takes each by itself."""
        texts: dict[str, list[Ring]] = {}
        single: list[list[Ring]] = []
        for ring in rings:
            if isinstance(ring.post.sender, SystemSender):
                single.append([ring])
            elif self._may_text(ring.post):
                texts.setdefault(ring.post.name, []).append(ring)
        return [*texts.values(), *single]

    def _may_text(self, post: DutyPost) -> bool:
        last = self._texted.get(post.name)
        return last is None or self._store.now() - last >= GAP

    async def _ring(self, group: Sequence[Ring]) -> None:
        post = group[0].post
        self._texted[post.name] = self._store.now()
        try:
            async with asyncio.timeout(SENDING):
                heard = await self._send(post, group)
        except Exception as error:  # whatever it is, the next post is told
            await self._note(group, failed=type(error).__name__)
        else:
            await self._note(group, heard=heard)

    async def _send(self, post: DutyPost, group: Sequence[Ring]) -> bool:
        """Tell a post; return whether its answer says at once that somebody heard."""
        if not post.sender.block.enabled:
            raise LookupError("the channel is off")
        if isinstance(post.sender, SystemSender):
            return says_so(await post.sender.ask(self._event(group[0]), most=MOST_READ))
        await post.sender.send(post.to, self._text(post, group))
        return False

    def _text(self, post: DutyPost, group: Sequence[Ring]) -> Outgoing:
        first, at = group[0], self._store.now()
        if len(group) == 1:
            alert, report = first.alert, first.report.report
            text = self._wording.alert(report, post, alert.code, since=alert.opened_at, at=at)
        else:
            told = [(ring.report.report, ring.alert.code) for ring in group]
            text = self._wording.alerts(told, post)
        choices = tuple(f"OK {ring.alert.code}" for ring in group[:3])
        subject = self._wording.say("alert_subject", post)
        return Outgoing(_id(first), text, subject=subject, choices=choices)

    def _event(self, ring: Ring) -> Outgoing:
        alert, report, post, at = ring.alert, ring.report.report, ring.post, self._store.now()
        data = {
            "alert": alert.id,
            "tracking": report.tracking,
            "kind": kind_of(report),
            "kind_name": self._wording.kind(report, post),
            "region": region_of(report),
            "place": self._wording.place(report, post),
            "opened_at": alert.opened_at.isoformat(),
            "minutes": minutes(alert.opened_at, at),
            "code": alert.code,
            "acknowledge": self._wording.acknowledging(),
            "console": self._wording.link(f"reports/{report.id}"),
        }
        id = _id(ring)
        whole = events.compose(events.ALERT, id, json.dumps(data), at=at, subject=report.tracking)
        return Outgoing(id, whole.decode())

    async def _note(self, group: Sequence[Ring], *, failed: str = "", heard: bool = False) -> None:
        """Write down that a post was told, or could not be, and when it goes on."""
        post = group[0].post
        metrics.ALERTED.labels(post.channel, "error" if failed else "sent").inc()
        told: dict[str, str | int]
        told = {"name": post.name, "channel": post.channel, "count": len(group)}
        for ring in group:
            told |= {"id": ring.alert.id, "correlation": ring.alert.report_id}
            if failed:
                log.warning("a post on duty cannot be reached", error=failed, **told)
            else:
                log.info("a post was alerted", **told)
        async with self._store.unit() as unit:
            for ring in group:
                await self._keep(unit, ring, failed, heard=heard)

    async def _keep(self, unit: UnitOfWork, ring: Ring, failed: str, *, heard: bool) -> None:
        alert, post = ring.alert, ring.post
        await unit.alerts.keep(*self._after(ring, failed))
        changes = [_change(post, failed)] if not failed or not alert.failures else []
        if heard and await unit.alerts.acknowledge([alert.id], post.by):
            changes.append(AuditEvent("alert_acknowledged", post.by))
        stored = await unit.reports.by_id(alert.report_id, lock=True)
        if stored and changes:
            unit.reports.change(stored, stored.report, changes)

    def _after(self, ring: Ring, failed: str) -> tuple[Alert, datetime]:
        """Return how an alert stands once a post was told, or not, and when the next one is."""
        alert, now = replace(ring.alert, step=ring.alert.step + 1), self._store.now()
        if not failed:
            told = tuple(dict.fromkeys((*alert.told, ring.post.name)))
            alert = replace(alert, reached=alert.reached + 1, failures=0, told=told)
            return alert, now + self._within
        if not ring.is_last:
            return alert, now
        if alert.reached:
            return alert, now + self._within
        pause = min(AGAIN * 2 ** min(alert.failures, 5), self._within)
        return replace(alert, failures=alert.failures + 1), now + pause


def _id(ring: Ring) -> str:
    """Return the same id however often one ring is tried."""
    alert = ring.alert
    return str(uuid.uuid5(uuid.UUID(alert.id), f"{alert.rounds} {ring.post.name}"))


def _change(post: DutyPost, failed: str) -> AuditEvent:
    said = f"{post.name} ({post.channel})"
    if failed:
        return AuditEvent("alert_failed", "gateway", note=f"{said}: {failed}")
    return AuditEvent("alerted", "gateway", note=said)
