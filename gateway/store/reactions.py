"""What we wrote to each reader by ourselves lately, and what they wrote: when it is enough.

Without a memory of its own answers, one machine answers another without end, and each of our
answers may cost money. The memory is a row per reader in the database: all processes share it,
and a restart forgets nothing. It is changed in the transaction in which the answer is written, so
that doing that twice changes nothing. Only automatic texts (``Notification.automatic``) are
counted and held back; agencies' answers never are.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import Notification
from gateway.store.tables import reactions
from normalizer.automatic import Sketch, find_echo, same, sketch

OLD = timedelta(days=30)
"""After so long without a word nothing of a reader need be remembered."""
SHORT, DAY = 600.0, 86_400.0
RUNNING = 3 * 3_600.0
"""Seconds after which the same text again is no longer the same text running."""
_MOST_OURS = 5
"""Texts of ours that are known again when they come back."""

QUIET = "sounds_like_machine"
THEIRS = "message_repeats"
OURS = "answer_repeats"
SPENT = "answers_paused"
"""Why a notification is not sent, or not as it was written, as ``config/console`` says it."""

_BEGIN = text(
    "INSERT INTO reactions (reader, state, at) VALUES (:reader, '{}', :at) "
    "ON CONFLICT (reader) DO NOTHING"
).bindparams(bindparam("at", type_=reactions.c.at.type))
_KEEP = (
    update(reactions)
    .where(reactions.c.reader == bindparam("who"))
    .values(state=bindparam("becomes"), at=bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How many automatic answers one reader gets."""

    per_10_minutes: int = 5
    per_day: int = 20
    same: int = 3
    """The same text so many times running, ours or theirs, is not answered any more."""


USUAL = AnswerLimits()


@dataclass(slots=True)
class ReactionState:
    """What is remembered of one reader. Times are seconds since 1970."""

    written: list[float] = field(default_factory=list)
    """When they got automatic answers in the last day."""
    paused_at: float = 0.0
    """When they were last told that answers are paused."""
    noticed: bool = False
    """They were told where the privacy notice is read."""
    ours: list[Sketch] = field(default_factory=list)
    our_last: str = ""
    our_times: int = 0
    our_at: float = 0.0
    theirs: Sketch | None = None
    their_times: int = 0
    """How often they said about the same, numbers left out."""
    their_last: str = ""
    their_exact: int = 0
    """How often they said the very same."""
    their_at: float = 0.0

    @classmethod
    def read(cls, written: str) -> "ReactionState":
        """Read back what was stored."""
        values = json.loads(written)
        values["ours"] = [tuple(each) for each in values.get("ours", ())]
        if values.get("theirs") is not None:
            values["theirs"] = tuple(values["theirs"])
        return cls(**values)


class ReactionRepository:
    """The memory in one transaction; readers are pseudonyms. One that is not loaded is free."""

    def __init__(
        self, connection: AsyncConnection, now: Callable[[], datetime], limits: AnswerLimits
    ) -> None:
        self._connection = connection
        self._now = now
        self._limits = limits
        self._states: dict[str, ReactionState] = {}
        self._changed: set[str] = set()
        self._quiet: set[str] = set()

    async def load(self, readers: Iterable[str]) -> None:
        """Read what is known of readers, and keep other processes from them until the unit ends."""
        wanted = sorted(set(readers) - {""} - self._states.keys())
        if not wanted:
            return
        at = self._now()
        await self._connection.execute(_BEGIN, [{"reader": each, "at": at} for each in wanted])
        await self._read(wanted)

    def heard(self, reader: str, said: str, *, has_files: bool, quiet: bool) -> str:
        """Note what a reader wrote; tell whether it is a text of ours: "sure", "perhaps", "".

        ``quiet`` says that nothing is to be answered to it.
        """
        state = self._states.get(reader)
        if state is None:
            return ""
        words, now = sketch(said), self._seconds()
        echo = find_echo(words, state.ours)
        if words or not has_files:
            alike = state.theirs is not None and same(words, state.theirs)
            running = alike and now - state.their_at <= RUNNING
            state.their_times = state.their_times + 1 if running else 1
            exact = running and state.their_last == _digest(said)
            state.their_exact = state.their_exact + 1 if exact else 1
            state.theirs, state.their_last, state.their_at = words, _digest(said), now
            self._changed.add(reader)
        self._quiet.discard(reader)
        if quiet or echo:
            self._quiet.add(reader)
        return echo

    def weighed(self, notification: Notification) -> Notification:
        """Return it as it may go: itself, a word that answers are paused, or withdrawn."""
        state = self._states.get(notification.reader)
        if state is None or notification.state != "waiting":
            return notification
        if notification.automatic:
            if why := self._why_not(state, notification):
                return _withdrawn(notification, why)
            notification = (
                notification if notification.urgent else self._within_budget(state, notification)
            )
        if notification.state == "waiting":
            plain, notification = notification.text, _noticed(state, notification)
            _remember(state, plain, notification.text, self._seconds())
        self._changed.add(notification.reader)
        return notification

    async def said(self, texts: Mapping[str, Sequence[str]]) -> None:
        """Note what readers were sent, so that it is known again when it comes back."""
        query = select(reactions.c.reader, reactions.c.state)
        rows = await self._connection.execute(query.where(reactions.c.reader.in_(texts.keys())))
        known = {row.reader: ReactionState.read(row.state).ours for row in rows}
        news = {who for who, ours in known.items() if any(map(_is_new(ours), texts[who]))}
        if not news:
            return
        await self._read(sorted(news))
        for who in news:
            for each in filter(_is_new(self._states[who].ours), texts[who]):
                _keep(self._states[who], each)
                self._changed.add(who)

    async def forget(self) -> None:
        """Delete at once what is too old to bear on anything."""
        await self._connection.execute(delete(reactions).where(reactions.c.at < self._now() - OLD))

    async def flush(self) -> None:
        """Write down what changed."""
        rows = [
            {"who": who, "becomes": json.dumps(asdict(self._states[who])), "moment": self._now()}
            for who in sorted(self._changed)
        ]
        if rows:
            await self._connection.execute(_KEEP, rows)
        self._changed.clear()

    async def _read(self, readers: Sequence[str]) -> None:
        query = select(reactions.c.reader, reactions.c.state).order_by(reactions.c.reader)
        chosen = query.where(reactions.c.reader.in_(readers)).with_for_update()
        for row in await self._connection.execute(chosen):
            self._states[row.reader] = ReactionState.read(row.state)

    def _why_not(self, state: ReactionState, notification: Notification) -> str:
        now = self._seconds()
        if notification.reader in self._quiet and not notification.urgent:
            return QUIET
        by_number = notification.found_agency and not notification.urgent
        running = state.their_exact if by_number else state.their_times
        if running >= self._limits.same:
            return THEIRS
        same_again = state.our_last == _digest(notification.text) and now - state.our_at <= RUNNING
        return OURS if same_again and state.our_times >= self._limits.same - 1 else ""

    def _within_budget(self, state: ReactionState, notification: Notification) -> Notification:
        now = self._seconds()
        state.written = [at for at in state.written if now - at < DAY]
        lately = sum(now - at < SHORT for at in state.written)
        if lately < self._limits.per_10_minutes and len(state.written) < self._limits.per_day:
            state.written.append(now)
            return notification
        if not notification.paused or now - state.paused_at < DAY:
            return _withdrawn(notification, SPENT)
        state.paused_at = now
        return replace(notification, text=notification.paused, choices=(), detail=SPENT, first="")

    def _seconds(self) -> float:
        return self._now().timestamp()


def _withdrawn(notification: Notification, why: str) -> Notification:
    return replace(notification, state="withdrawn", detail=why)


def _noticed(state: ReactionState, notification: Notification) -> Notification:
    """Say where the privacy notice is read, to a reader who does not know yet."""
    if not notification.first or state.noticed:
        return notification
    state.noticed = True
    return replace(notification, text=notification.first)


def _remember(state: ReactionState, plain: str, said: str, now: float) -> None:
    """Remember a text; ``plain`` is what it says each time, without what is only said once."""
    digest = _digest(plain)
    running = state.our_last == digest and now - state.our_at <= RUNNING
    state.our_times = state.our_times + 1 if running else 1
    state.our_last, state.our_at = digest, now
    _keep(state, said)


def _keep(state: ReactionState, said: str) -> None:
    words = sketch(said)
    state.ours = [words, *(each for each in state.ours if each != words)][:_MOST_OURS]


def _is_new(ours: Sequence[Sketch]) -> Callable[[str], bool]:
    return lambda said: sketch(said) not in ours


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]
