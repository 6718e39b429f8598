"""Segments of longer messages: which of them belong together, and the one message they make.

Pure: the intake makes every segment durable by itself, ``gateway.intake.reassembly`` reads what is
there and does what is planned here. A sender's phone numbers its messages with a reference that
comes round again, so segments belong together by reference and by time.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from adapters.contract import Inbound, WebhookRequest
from config.words import mark
from gateway.store.segments import SegmentRecord

SEGMENTS_URL = "parts:"
"""Stands for the URL of several hooks that make one message."""
LATE = timedelta(hours=24)
"""How long after a message was given up a missing part of it is still taken for its own."""
JoinTexts = Callable[[Sequence[Inbound]], str]
REPEATED = timedelta(hours=1)
"""How far apart equal parts with one reference may come and be one."""


@dataclass(frozen=True, slots=True)
class ReassemblyPlan:
    """What is to be written in one transaction: ``rows`` become one message.

    ``copies`` say nothing new; without ``rows`` there is no message to be made.
    """

    message: str
    """The external id of the message these parts belong to."""
    rows: tuple[SegmentRecord, ...] = ()
    copies: tuple[SegmentRecord, ...] = ()
    late: bool = False
    """The message went on without them: they follow up."""

    @property
    def ids(self) -> list[str]:
        """Rows that are dealt with."""
        return [row.id for row in (*self.rows, *self.copies)]


@dataclass(slots=True)
class _Message:
    """The parts of one message; ``name`` is set when it went on its way."""

    parts: dict[int, SegmentRecord] = field(default_factory=dict)
    copies: list[SegmentRecord] = field(default_factory=list)
    name: str | None = None
    gone_at: datetime | None = None

    def knows(self, row: SegmentRecord) -> bool:
        """Tell whether this very part is in it."""
        mine = self.parts.get(row.number)
        if mine is None or mine.digest != row.digest:
            return False
        return abs(row.received_at - mine.received_at) <= REPEATED

    def lacks(self, row: SegmentRecord) -> bool:
        """Tell whether this part may be the one that is missing."""
        if row.number in self.parts:
            return False
        return self.gone_at is None or row.received_at - self.gone_at <= LATE

    def first(self) -> SegmentRecord:
        """Return the part that came first: its id is the message's, whatever comes later."""
        return min(self.parts.values(), key=lambda row: (row.received_at, row.number))

    def newest(self) -> datetime:
        """Return when something came last."""
        return max(row.received_at for row in self.parts.values())


def plan(
    rows: Sequence[SegmentRecord], total: int, *, now: datetime, timeout: timedelta
) -> list[ReassemblyPlan]:
    """Say what to do with all the parts of one sender, reference and total, oldest first."""
    gone, waiting, joins = _sorted(rows)
    for message in waiting:
        if len(message.parts) == total or now - message.newest() >= timeout:
            joins.append(_whole(message))
    copied = (m for m in gone if m.copies)
    return [*joins, *(ReassemblyPlan(m.name or "", copies=tuple(m.copies)) for m in copied)]


def waits_until(rows: Sequence[SegmentRecord], *, timeout: timedelta) -> datetime | None:
    """Return until when the next incomplete message waits for its parts; None where none does."""
    _, waiting, _ = _sorted(rows)
    return min((message.newest() + timeout for message in waiting), default=None)


def _sorted(
    rows: Sequence[SegmentRecord],
) -> tuple[list[_Message], list[_Message], list[ReassemblyPlan]]:
    """Put parts to their messages: those that went on, those that wait, and parts that are late."""
    gone, waiting = _gone(rows), list[_Message]()
    joins: list[ReassemblyPlan] = []
    for row in (row for row in rows if row.joined_at is None):
        if known := next((m for m in (*gone, *waiting) if m.knows(row)), None):
            known.copies.append(row)
        elif open_ := next((m for m in reversed(waiting) if m.lacks(row)), None):
            open_.parts[row.number] = row
        elif late := next((m for m in gone if m.lacks(row)), None):
            late.parts[row.number] = row
            joins.append(ReassemblyPlan(late.name or "", (row,), late=True))
        else:
            waiting.append(_Message({row.number: row}))
    return gone, waiting, joins


def merge(said: Iterable[Inbound], total: int, join: JoinTexts) -> Inbound:
    """Make one message of its parts; where some are missing, a mark in the text says so.

    ``join`` reads parts that follow each other.
    """
    by_number = {part.part.number: part for part in said if part.part}
    ordered = [by_number[number] for number in sorted(by_number)]
    missing = [number for number in range(1, total + 1) if number not in by_number]
    notes = [note for part in ordered for note in part.notes]
    if missing:
        notes.append(f"parts_missing: {len(missing)}/{total}")
    return replace(
        ordered[0],
        text="".join(_texts(by_number, total, join)).strip(),
        files=tuple(file for part in ordered for file in part.files),
        thread=tuple(dict.fromkeys(name for part in ordered for name in part.thread)),
        notes=tuple(dict.fromkeys(notes)),
        part=None,
    )


def too_late(said: Inbound, after: str) -> Inbound:
    """Make a follow-up of a part whose message went on without it."""
    assert said.part is not None
    late = mark("part_late", number=said.part.number, total=said.part.total)
    text = f"{late} {said.text}"
    return replace(said, text=text, thread=(*said.thread, after), part=None)


@dataclass(frozen=True, slots=True)
class SegmentBundle:
    """Several hooks, each with the external id of the part in it, and what they are to become."""

    message: str
    total: int
    late: bool
    hooks: tuple[tuple[str, bytes], ...]

    def hook(self) -> WebhookRequest:
        """Write it down as one hook, as raw as the parts came."""
        values = {
            "message": self.message,
            "total": self.total,
            "late": self.late,
            "hooks": [[name, base64.b64encode(packed).decode()] for name, packed in self.hooks],
        }
        return WebhookRequest(SEGMENTS_URL, {}, json.dumps(values).encode())

    @classmethod
    def unpacked(cls, hook: WebhookRequest) -> "SegmentBundle":
        """Read back what ``hook`` wrote."""
        values = json.loads(hook.body)
        hooks = tuple((name, base64.b64decode(packed)) for name, packed in values["hooks"])
        return cls(values["message"], values["total"], values["late"], hooks)

    def message_of(self, said: Sequence[Inbound], join: JoinTexts) -> Inbound:
        """Make the message of the parts in it; ``join`` reads parts that follow each other."""
        if self.late:
            return too_late(said[0], self.message)
        whole = merge(said, self.total, join)
        # A message that is its only part keeps its own name; others are called by their first part.
        return whole if self.total == 1 else replace(whole, external_id=self.message)


def _gone(rows: Sequence[SegmentRecord]) -> list[_Message]:
    found: dict[str, _Message] = {}
    for row in rows:
        if row.joined_at is not None and row.message is not None:
            message = found.setdefault(row.message, _Message(name=row.message))
            message.parts.setdefault(row.number, row)
            message.gone_at = max(row.joined_at, message.gone_at or row.joined_at)
    return list(found.values())


def _whole(message: _Message) -> ReassemblyPlan:
    rows = tuple(message.parts[number] for number in sorted(message.parts))
    return ReassemblyPlan(message.first().external_id, rows, tuple(message.copies))


def _texts(by_number: Mapping[int, Inbound], total: int, join: JoinTexts) -> Iterator[str]:
    for here, run in groupby(range(1, total + 1), lambda number: number in by_number):
        numbers = list(run)
        if here:
            yield join([by_number[number] for number in numbers])
        else:
            named = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"
            yield f" {mark('part_missing', numbers=named)} "
