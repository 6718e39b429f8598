"""What is in the database after all that happened: the promises, counted row by row."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import ne
from pathlib import Path
from typing import Any

from sqlalchemy import Select, create_engine, func, select, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from config.settings import load
from gateway import components
from gateway.platform.names import hash_name
from gateway.store.tables import (
    deliveries,
    events,
    messages,
    notifications,
    quarantine,
    queue,
    reports,
)
from gateway.wire.queues import WORK, agency_queue

STANDSTILL = 60.0
"""Seconds without any change: longer than what a dead process holds, or a retry waits for."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How far the work has come."""

    messages: int
    unrouted: int
    reports: int
    outbound: int
    queued: int

    @property
    def open(self) -> int:
        """What is still to be done."""
        return self.unrouted + self.outbound + self.queued


class Ledger:
    """Reads the database of running processes, by a connection of its own each time.

    ``relayed``: the queue table is an outbox. Otherwise it is the queue, in which what is for
    agencies waits until they fetch it.
    """

    def __init__(self, url: str, *, relayed: bool = False) -> None:
        self._engine = create_engine(url, poolclass=NullPool)
        self._ours = true() if relayed else queue.c.queue.in_(WORK)

    def all(self, query: Select[Any]) -> Sequence[Any]:
        """Run one query."""
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def one(self, query: Select[Any]) -> int:
        """Run one query that counts."""
        return int(self.all(query)[0][0])

    def counts(self) -> Counts:
        """Look how far the work has come."""
        count = select(func.count())
        return Counts(
            self.one(count.select_from(messages)),
            self.one(count.where(messages.c.routed_at.is_(None))),
            self.one(count.select_from(reports)),
            self.one(count.where(deliveries.c.state == "pending"))
            + self.one(count.where(notifications.c.state.in_(("waiting", "sending")))),
            self.one(count.where(queue.c.state == "ready", self._ours)),
        )

    async def until(self, fits: Callable[[Counts], bool], within: float = 120) -> Counts:
        """Return the counts as soon as they fit; a database that is away is asked again."""
        seen: object = None
        try:
            async with asyncio.timeout(within):
                while True:
                    try:
                        seen = counts = await asyncio.to_thread(self.counts)
                    except SQLAlchemyError as error:
                        seen = error
                    else:
                        if fits(counts):
                            return counts
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {within:g} s: {seen}") from None

    async def done(self, messages: int) -> None:
        """Wait until all of the messages are stored and nothing is left to do.

        However slow the machine is: only work that stands still is a fault.
        """
        seen = await asyncio.to_thread(self.counts)
        while seen.messages < messages or seen.open:
            seen = await self.until(partial(ne, seen), STANDSTILL)

    def handed_over(self) -> list[str]:
        """Name the deliveries that wait for agencies in the embedded queue."""
        theirs = queue.c.queue.startswith(agency_queue(""))
        return [row[0] for row in self.all(select(queue.c.message_id).where(theirs))]

    def delivery_ids(self) -> set[str]:
        """Name the deliveries to agencies."""
        return {row[0] for row in self.all(select(deliveries.c.id))}


def once_in_effect(ledger: Ledger, acknowledged: Iterable[str], settings: Path) -> None:
    """Hold the database to the promises: for each acknowledged message exactly one of everything.

    ``acknowledged`` are the provider's ids of the messages, each of which is a report of its own;
    ``settings`` is the gateway's file, whose seal hides these ids in the database.
    """
    seal = components.seal(load(settings))
    channel = {True: "email", False: "sms"}  # a mail is named by its Message-ID
    expected = {hash_name(seal, channel["@" in id], id) for id in acknowledged}
    stored = ledger.all(select(messages.c.external_id, messages.c.report_id))
    assert not expected - {row.external_id for row in stored}, "acknowledged, and lost"
    assert {row.external_id for row in stored} == expected, "stored without being acknowledged"
    filed = {row.report_id for row in stored}
    written = [row[0] for row in ledger.all(select(reports.c.id))]
    assert len(stored) == len(filed) == len(written) == len(expected)
    assert set(written) == filed
    _one_of_each(ledger, filed)
    counted = select(func.count())
    assert ledger.one(counted.where(queue.c.state == "dead")) == 0
    assert ledger.one(counted.where(quarantine.c.state == "open")) == 0


def _one_of_each(ledger: Ledger, filed: set[str]) -> None:
    for kind in ("received", "forwarded"):
        query = select(events.c.report_id).where(events.c.kind == kind)
        assert Counter(row[0] for row in ledger.all(query)) == dict.fromkeys(filed, 1), kind
    for table, done in ((deliveries, "placed"), (notifications, "sent")):
        rows = ledger.all(select(table.c.report_id, table.c.state))
        assert Counter(row.report_id for row in rows) == dict.fromkeys(filed, 1), table.name
        assert Counter(row.state for row in rows) == {done: len(filed)}, table.name
