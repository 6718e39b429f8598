"""Step 4, deliver: a report to its agency, by the agency's own method.

By queue it is exactly once up to the broker (the letter's state and the queue row are one
transaction). By webhook it is at least once with a stable id, as nobody can do better over HTTP.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.contract import Outgoing, Sender
from config.settings import DeliverySettings
from gateway.broker.base import Delivery, Later
from gateway.platform import metrics
from gateway.store.rows import Letter, Sent
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from gateway.wire.queues import QueuedMessage, agency_queue
from normalizer.report import Report

QUEUE = DeliverySettings()
BUDGET = 20.0
"""Seconds in which a batch begins its webhooks; an agency that hangs must not outlast the lease."""


class MissingLetter(Exception):
    """The queue names a letter that is not in the database."""


class NoWay(Exception):
    """The settings name no way to send this."""


class Deliver:
    """The step. ``webhooks`` holds the sender of each agency whose method is webhook."""

    def __init__(
        self,
        store: Store,
        methods: Mapping[str, DeliverySettings],
        webhooks: Mapping[str, Sender],
        *,
        concurrency: int,
    ) -> None:
        self._store = store
        self._methods = methods
        self._webhooks = webhooks
        self._turn = asyncio.Semaphore(concurrency)

    async def __call__(self, batch: Sequence[Delivery]) -> Mapping[str, Exception]:
        """Deliver a batch; returns what failed, by message id."""
        letters = await self._unaccusing(await waiting_letters(self._store, batch))
        by_method: dict[str, list[Letter]] = {}
        for letter in letters:
            by_method.setdefault(self._method(letter), []).append(letter)
        until = time.monotonic() + BUDGET
        called = (self._call(letter, until) for letter in by_method.get("webhook", []))
        results = await asyncio.gather(*called)
        failed: dict[str, Exception] = {letter.id: e for letter, e in results if e}
        async with self._store.unit() as unit:
            await self._put(unit, by_method.get("queue", []))
            await unit.mark_sent([x.id for x in by_method.get("console", [])], "console")
            await unit.mark_sent([letter.id for letter, e in results if e is None], "webhook")
        for letter in letters:
            self._count(letter, failed.get(letter.id))
        return failed

    async def _unaccusing(self, letters: Sequence[Letter]) -> list[Letter]:
        """Withdraw letters to whom their report accuses, and mask what was hidden since."""
        async with self._store.unit() as unit:
            found = await unit.by_ids({letter.report_id for letter in letters})
            kept: list[Letter] = []
            for letter in letters:
                stored = found.get(letter.report_id)
                if stored and stored.report.recuses(letter.target):
                    unit.sent(Sent(letter.id, "withdrawn", detail="the agency is accused"))
                else:
                    kept.append(_hidden(letter, stored.report) if stored else letter)
        return kept

    def _count(self, letter: Letter, error: Exception | None) -> None:
        if isinstance(error, Later):
            return
        metrics.DELIVERED.labels(letter.target, "error" if error else "sent").inc()
        if letter.at and not error:
            passed = (self._store.now() - letter.at).total_seconds()
            metrics.DELIVERY_DELAY.labels(letter.target).observe(passed)

    async def _put(self, unit: UnitOfWork, letters: Sequence[Letter]) -> None:
        """Put letters on their agencies' queues, each once however many workers hold it."""
        mine = await unit.mark_sent([letter.id for letter in letters], "queue")
        for letter in letters:
            if letter.id in mine:
                unit.put(_for_queue(letter))

    def _method(self, letter: Letter) -> str:
        return self._methods.get(letter.target, QUEUE).method

    async def _call(self, letter: Letter, until: float) -> tuple[Letter, Exception | None]:
        sender, url = self._webhooks.get(letter.target), self._methods[letter.target].url
        try:
            if sender is None:
                raise NoWay(f"no webhook is set for {letter.target}")
            async with self._turn:
                if time.monotonic() > until:
                    return letter, Later()
                await sender.send(str(url), Outgoing(id=letter.id, text=letter.text))
        except Exception as error:  # one agency never fails its neighbours
            return letter, error
        return letter, None


def _hidden(letter: Letter, report: Report) -> Letter:
    """Return a letter as it may leave now, where its report was hidden after it was written."""
    said = json.loads(letter.text)
    old = said["data"]
    marks = {"anonymous": report.anonymous, "confidential": report.confidential}
    if all(old[mark] or not is_set for mark, is_set in marks.items()):
        return letter
    told = events.report_in(events.read(letter.text.encode())).model_copy(
        update={mark: True for mark, is_set in marks.items() if is_set}
    )
    data = json.loads(events.for_agency(told).model_dump_json())
    return replace(letter, text=json.dumps(said | {"data": data}))


def _for_queue(letter: Letter) -> QueuedMessage:
    headers = {"content-type": events.MEDIA_TYPE}
    return QueuedMessage(agency_queue(letter.target), letter.id, letter.text.encode(), headers)


async def waiting_letters(store: Store, batch: Sequence[Delivery]) -> list[Letter]:
    """Read the letters a batch speaks of that still wait to be sent.

    Raises ``BadEvent``, ``MissingLetter``, ``Unavailable``.
    """
    ids = [letter_id(delivery.message.body) for delivery in batch]
    async with store.unit() as unit:
        found = await unit.letters(ids)
    if missing := [id for id in ids if id not in found]:
        raise MissingLetter(f"{len(missing)} of {len(ids)} letters are not stored")
    return [letter for letter in found.values() if letter.state == "waiting"]


def letter_id(body: bytes) -> str:
    """Read which letter a queue message is about. Raises ``BadEvent``."""
    data = events.read(body).data
    if not isinstance(data, dict) or not isinstance(data.get("letter"), str):
        raise events.BadEvent(f"names no letter: {json.dumps(data)[:60]}")
    return str(data["letter"])
