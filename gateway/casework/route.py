"""The step that routes: what does a message mean, and who must act?

A batch of messages shares one unit of work. Doing it twice changes nothing: a message is claimed
in the same transaction in which everything that follows from it is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime

import structlog

from gateway.broker.base import ReceivedMessage
from gateway.casework.context import ContextLoader, ConversationContext
from gateway.casework.conversation import Conversation
from gateway.casework.turn import Turn
from gateway.platform import correlation, metrics
from gateway.platform.names import hide_names
from gateway.platform.numbers import new_tracking
from gateway.platform.seal import Seal
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.message import Intent, Message
from normalizer.report import Report
from router.assign import Decision, Router

log = structlog.get_logger(__name__)

_QUESTIONS = frozenset({Intent.STATUS, Intent.READ, Intent.HELP, Intent.PRIVACY})


class UnknownMessage(Exception):
    """The queue brought a message whose envelope is not in the database (yet)."""


class Route:
    """The step.

    ``mute`` names the channels on which no question would be answered, ``overheard`` those where
    people also talk to each other, and ``fetched`` those whose senders come and look for answers,
    which cannot be too many.
    """

    def __init__(
        self,
        store: Store,
        router: Router,
        conversation: Conversation,
        contexts: ContextLoader,
        seal: Seal,
        now: Callable[[], datetime],
        *,
        mute: Set[str] = frozenset(),
        overheard: Set[str] = frozenset(),
        fetched: Set[str] = frozenset(),
    ) -> None:
        self._store = store
        self._router = router
        self._conversation = conversation
        self._contexts = contexts
        self._seal = seal
        self._now = now
        self._mute = mute
        self._overheard = overheard
        self._fetched = fetched

    async def __call__(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Route a batch. Raises ``BadEvent``, ``UnknownMessage``, ``Unavailable``, ``Conflict``."""
        messages = {}
        for received in batch:
            message = events.message_in(events.read(received.message.body))
            message = hide_names(
                self._seal, message
            )  # an event of the version before has clear names
            messages[message.id] = self._urgent(message)
        # Thinking comes first: a transaction holds up everybody else on SQLite.
        decisions = self._decide(messages.values())
        outcomes: list[tuple[Message, str]] = []
        async with self._store.unit() as unit:
            news, missing = await unit.messages.claim(list(messages))
            if missing:
                raise UnknownMessage(f"{len(missing)} of {len(messages)} messages are not stored")
            fresh = [message for message in messages.values() if message.id in news]
            context = await self._contexts.load(unit, fresh)
            limited = (m.reporter.ref for m in fresh if m.origin.channel not in self._fetched)
            await unit.reactions.load(limited)
            for message in fresh:
                turn = self._turn(unit, context, message, decisions.get(message.id))
                with correlation.queued_message(message.id):
                    outcomes.append((message, await self._conversation.take(turn)))
        for message, outcome in outcomes:
            self._count(message, outcome)
        return {}

    def _urgent(self, message: Message) -> Message:
        """Read a question that also names danger as a report: danger is answered first."""
        if message.intent not in _QUESTIONS or not self._router.names_danger(message.text):
            return message
        return message.model_copy(update={"intent": Intent.REPORT})

    def _turn(
        self,
        unit: UnitOfWork,
        context: ConversationContext,
        message: Message,
        decision: Decision | None,
    ) -> Turn:
        changes: dict[str, object] = {"urgency": decision.urgency} if decision else {}
        if message.tracking in context.by_tracking:
            changes["tracking"] = new_tracking()
        message = message.model_copy(update=changes) if changes else message
        echo = unit.reactions.heard(
            message.reporter.ref,
            message.original,
            has_files=bool(message.attachments),
            quiet=message.unanswered is not None,
        )
        return Turn(unit, context, message, decision, echo, self._now())

    def _count(self, message: Message, outcome: str) -> None:
        channel = message.origin.channel
        metrics.ROUTED.labels(channel, outcome).inc()
        id = correlation.of(message.id)
        log.debug("a message was routed", channel=channel, status=outcome, correlation=id)
        passed = (self._now() - message.received_at).total_seconds()
        metrics.ROUTE_DELAY.labels(channel).observe(passed)

    def _decide(self, messages: Iterable[Message]) -> dict[str, Decision]:
        """Decide about a batch by channel, by message; one that only asks needs no decision."""
        channels: dict[tuple[bool, bool], list[Report]] = {}
        for message in messages:
            if message.intent is Intent.REPORT:
                name = message.origin.channel
                # Who is not written to cannot be asked: an operator decides instead.
                asked = name not in self._mute and message.unanswered is None
                channel = asked, name in self._overheard
                channels.setdefault(channel, []).append(Report.open(message))
        decisions: dict[str, Decision] = {}
        for (may_ask, overheard), some in channels.items():
            made = self._router.decide_many(
                some, at=self._now(), may_ask=may_ask, overheard=overheard
            )
            decisions |= {report.id: decision for report, decision in zip(some, made, strict=True)}
        return decisions
