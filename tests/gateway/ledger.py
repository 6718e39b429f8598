"""What is in the database of running processes, and when nothing is left to do."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import ne
from typing import Any

from sqlalchemy import Select, create_engine, func, select, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from gateway.store.tables import (
    deliveries,
    messages,
    notifications,
    queue,
    reports,
)
from gateway.wire.queues import WORK

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
