"""Triage: the reports that wait for an operator's decision, and what changed of them since."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.access.roles import Actor, Right
from gateway.store.live import OVERLAP, LiveReport, ReportChange
from gateway.store.store import Store
from gateway.store.views import QuarantineView
from normalizer.report import Status

PAGE = 50
MOST = 200
"""Changes between two looks; a page that missed more is to be loaded again."""
LATE = 600.0
"""Seconds after which a page that did not look is to be loaded again."""


@dataclass(frozen=True, slots=True)
class LiveMark:
    """Up to where a page knows all: a moment, and the digest of what came shortly before it."""

    since: float
    seen: str


@dataclass(frozen=True, slots=True)
class TriagePage:
    """Some of what waits; ``after`` is where the next page begins, "" on the last."""

    cards: list[LiveReport]
    total: int
    after: str
    mark: LiveMark


@dataclass(frozen=True, slots=True)
class TriageNews:
    """What changed since a mark: what waits, and what waits no more."""

    waiting: list[LiveReport]
    gone: list[LiveReport]
    total: int
    missed: bool = False
    """Too much changed: the page is to be loaded again."""


class TriageService:
    """Shows what waits for an operator; the operators' service decides it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._live = store.live

    async def page(self, actor: Actor, after: str = "") -> TriagePage:
        """Return a page of what waits, urgent ones first, then the oldest."""
        scope = actor.scope(Right.DECIDE)
        now = await self._live.now()
        lately = await self._live.changes(scope, now - OVERLAP, MOST)
        cards = await self._live.waiting(scope, PAGE + 1, after=after)
        rest, cards = cards[PAGE:], cards[:PAGE]
        total = await self._live.count_waiting(scope)
        behind = cards[-1].report.id if rest else ""
        return TriagePage(cards, total, behind, _mark(now, lately))

    async def news(self, actor: Actor, mark: LiveMark) -> tuple[LiveMark, TriageNews | None]:
        """Return the mark of now, and what changed since another; None where nothing did."""
        scope = actor.scope(Right.DECIDE)
        now = await self._live.now()
        missed = not now - LATE < mark.since <= now + OVERLAP
        since = now if missed else mark.since
        lately = await self._live.changes(scope, since - OVERLAP, MOST)
        new = _mark(now, lately)
        if not missed and _digest(lately) == mark.seen:
            return new, None
        found = await self._live.reports([each.id for each in lately])
        waiting = [each for each in found if each.report.status is Status.TRIAGE]
        gone = [each for each in found if each.report.status is not Status.TRIAGE]
        total = await self._live.count_waiting(scope)
        missed = missed or len(lately) == MOST
        waiting.sort(key=lambda each: each.report.received_at)
        return new, TriageNews(waiting, gone, total, missed)

    async def one(self, actor: Actor, report_id: str) -> LiveReport | None:
        """Return a report as it stands now; None where it is not theirs."""
        found = await self._live.reports([report_id])
        scope = actor.scope(Right.DECIDE)
        return next((each for each in found if scope.covers(each.report)), None)

    async def held_news(self, mark: LiveMark) -> tuple[LiveMark, list[QuarantineView] | None]:
        """Return the mark of now, and what was quarantined since another, if anything was."""
        now = self._store.now()
        since = max(mark.since, now.timestamp() - LATE)
        moment = datetime.fromtimestamp(since, UTC) if since < now.timestamp() else now
        held = await self._live.quarantined(moment - _BACK, MOST)
        new = LiveMark(now.timestamp(), _digest_held(q for q in held if q.at > now - _BACK))
        if _digest_held(held) == mark.seen:
            return new, None
        return new, held


_BACK = timedelta(seconds=OVERLAP)


def _mark(now: float, lately: Iterable[ReportChange]) -> LiveMark:
    return LiveMark(now, _digest(each for each in lately if each.at > now - OVERLAP))


def _digest(changes: Iterable[ReportChange]) -> str:
    return _hash(f"{each.id} {each.version}" for each in changes)


def _digest_held(held: Iterable[QuarantineView]) -> str:
    return _hash(f"{each.id} {each.state}" for each in held)


def _hash(lines: Iterable[str]) -> str:
    whole = "\n".join(sorted(lines))
    return hashlib.blake2b(whole.encode(), digest_size=9).hexdigest() if whole else ""
