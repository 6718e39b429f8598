"""Acknowledging: a human says that they heard of a danger, and no other person is told any more.

A post replies on its own channel (``OK 4821``, or ``OK`` where it was told of one thing only), an
operator presses a button, or a webhook's receiver says so under its signature. What a post writes
back is no report, and is filed as none.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from adapters.contract import Forged, SystemSender
from gateway.access.roles import Actor, Right
from gateway.casework.context import ConversationContext
from gateway.casework.turn import Turn
from gateway.outbound.notifications import Notifier
from gateway.outbound.roster import DutyPost, Roster
from gateway.store.alerts import Alert
from gateway.store.rows import AuditEvent
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from normalizer.message import Message, NoAnswerReason
from normalizer.tracking import format_number, is_valid

REPLYING = timedelta(hours=24)
"""How long after an alert what a post writes is taken for its reply."""
LISTED = 3
BESIDE = 8
"""Words beside an OK that names no code; an answering machine may begin with "Ok" too."""
_MACHINES = (NoAnswerReason.MACHINE, NoAnswerReason.AUTOMATIC_WORDS, NoAnswerReason.ECHO)
_OK = re.compile(r"\W*(?:ok|oke|okay|okey|okee)\b(.*)", re.IGNORECASE | re.DOTALL)
_ALL = re.compile(r"\b(?:semua|semuanya|all)\b", re.IGNORECASE)
_CODE = re.compile(r"(?<!\d)(?:\d{12}|\d{4}[- ]\d{4}[- ]\d{4}|\d{4}|\d{6})(?!\d)")


class DutyService:
    """What posts on duty, operators and webhooks say to an alert."""

    def __init__(self, store: Store, roster: Roster, notifier: Notifier) -> None:
        self._store = store
        self._roster = roster
        self._notifier = notifier

    def post_of(self, turn: Turn) -> DutyPost | None:
        """Return the post on duty that sent a message."""
        return self._roster.by_pseudonym(turn.message.reporter.ref)

    async def reply(self, turn: Turn, post: DutyPost) -> str | None:
        """Do what a post replies; None where it was told of nothing and reports something."""
        unit, context, message = turn.unit, turn.context, turn.message
        told = await unit.alerts.told_to(post.name, since=self._store.now() - REPLYING)
        told = [alert for alert in told if post.name in alert.told]
        said = None if message.unanswered in _MACHINES else _OK.match(message.original)
        if said is None:
            if told:
                await self._remind(unit, context, post, message, told)
            return "duty" if told else None
        open_ = [alert for alert in told if alert.acknowledged_at is None]
        meant = await self._meant(unit, said[1], open_)
        if meant:
            await self._take(unit, context, post, message, meant)
        elif open_:
            await self._remind(unit, context, post, message, open_)
        else:
            self._answer(unit, post, message, "alert_none")
        return "duty"

    async def by_operator(self, alert_id: str, *, actor: Actor) -> bool:
        """Acknowledge at the console; False where somebody else did before, or none is theirs."""
        scope = actor.scope(Right.DECIDE)
        async with self._store.unit() as unit:
            found = await unit.alerts.by_ids([alert_id])
            about = await unit.reports.by_ids([alert.report_id for alert in found])
            theirs = any(scope.covers(stored.report) for stored in about.values())
            return theirs and bool(await acknowledge(unit, [alert_id], actor.name))

    async def by_webhook(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Acknowledge what a signed message says; False if its post was told of no such alert.

        Raises ``Forged`` when no post's secret fits.
        """
        posts = self._signers(body, headers)
        id = _fields(body).get("alert")
        if not says_so(body) or not isinstance(id, str):
            return False
        async with self._store.unit() as unit:
            found = await unit.alerts.by_ids([id])
            told = [post for post in posts for alert in found if post.name in alert.told]
            if told:
                await acknowledge(unit, [id], told[0].by)
        return bool(told)

    def _signers(self, body: bytes, headers: Mapping[str, str]) -> list[DutyPost]:
        found = [post for post in self._roster.posts if _signed_by(post, body, headers)]
        if not found:
            raise Forged("the signature fits no post's secret")
        return found

    async def _meant(self, unit: UnitOfWork, text: str, open_: Sequence[Alert]) -> list[Alert]:
        """Return the alerts that a post acknowledges: by their codes, all, or the only one."""
        if codes := [re.sub(r"\D", "", each) for each in _CODE.findall(text)]:
            return await unit.alerts.open_by([c for c in codes if len(c) < 12 or is_valid(c)])
        if _ALL.search(text):
            return list(open_)
        return list(open_) if len(open_) == 1 and len(text.split()) <= BESIDE else []

    async def _take(
        self,
        unit: UnitOfWork,
        context: ConversationContext,
        post: DutyPost,
        message: Message,
        meant: Sequence[Alert],
    ) -> None:
        done = await acknowledge(unit, [alert.id for alert in meant], post.by, context)
        if done:
            self._answer(unit, post, message, "alert_taken", daftar=_listed(done))

    async def _remind(
        self,
        unit: UnitOfWork,
        context: ConversationContext,
        post: DutyPost,
        message: Message,
        alerts: Sequence[Alert],
    ) -> None:
        """Say how an alert is acknowledged; what was written is not filed."""
        open_ = [alert for alert in alerts if alert.acknowledged_at is None]
        numbers = {}
        for alert in open_[:LISTED]:
            stored = context.joined_to.get(alert.report_id) or await unit.reports.by_id(
                alert.report_id
            )
            if stored:
                numbers[alert.code] = format_number(stored.report.tracking)
        listed = ", ".join(f"{code} ({number})" for code, number in numbers.items())
        key = "alert_which" if open_ else "alert_not_filed"
        fields = {"jumlah": str(len(open_)), "daftar": listed} if open_ else {}
        self._answer(unit, post, message, key, **fields)

    def _answer(
        self, unit: UnitOfWork, post: DutyPost, message: Message, key: str, **fields: str
    ) -> None:
        asked = message.model_copy(update={"language": post.language})
        text = self._notifier.text(key, asked, to=asked, **fields)
        self._notifier.notify(unit, message, text, cause="duty", automatic=True)


async def acknowledge(
    unit: UnitOfWork, ids: Sequence[str], by: str, context: ConversationContext | None = None
) -> list[str]:
    """Note who heard of alerts, in their reports' logs too; return the codes that were open."""
    done = await unit.alerts.acknowledge(ids, by)
    for alert in done:
        stored = context.joined_to.get(alert.report_id) if context else None
        stored = stored or await unit.reports.by_id(alert.report_id, lock=True)
        if stored is None:
            continue
        changed = unit.reports.change(stored, stored.report, [AuditEvent("alert_acknowledged", by)])
        if context:
            context.remember(changed)
    return [alert.code for alert in done]


def says_so(body: bytes) -> bool:
    """Tell whether the answer of a webhook acknowledges what it was told."""
    return _fields(body).get("acknowledged") is True


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _signed_by(post: DutyPost, body: bytes, headers: Mapping[str, str]) -> bool:
    if not isinstance(post.sender, SystemSender):
        return False
    try:
        post.sender.verify_callback(body, headers)
    except Forged:
        return False
    return True


def _listed(codes: Sequence[str]) -> str:
    more = f" +{len(codes) - LISTED}" if len(codes) > LISTED else ""
    return ", ".join(codes[:LISTED]) + more
