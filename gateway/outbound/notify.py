"""Step 6, answer: to the citizen, on the channel they used, at that channel's pace.

The only place where a reporter's address is unsealed by the machine. A provider without an
idempotency key may be asked twice when a process dies between its answer and our commit.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from adapters.contract import Channel, OptedOut, Outgoing, Refused, Sender
from gateway.access.machines import Machines
from gateway.access.ownership import Ownership
from gateway.broker.base import Delivery, Later
from gateway.outbound.deliver import NoWay, waiting_letters
from gateway.outbound.notifications import Letters
from gateway.platform import metrics
from gateway.platform.identity import opened_reporter
from gateway.platform.names import hashed, opened_thread
from gateway.platform.seal import Seal
from gateway.store.rows import Letter, Sent, Silence
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork

READ_THERE = "kept to be read: this channel does not send"
"""What is noted of an answer on a channel whose senders come and look (a form, an API)."""


class Pace:
    """Lets one through every ``1 / per_second`` seconds; a short idle time earns a small burst."""

    def __init__(self, per_second: float, burst: int = 5) -> None:
        self._gap = 1 / per_second
        self._credit = burst * self._gap
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until it is this caller's turn."""
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + self._gap
        await asyncio.sleep(max(0.0, self._next - self._gap - now))


class AnswerCitizen:
    """The step."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        seal: Seal,
        letters: Letters,
        ownership: Ownership,
        *,
        concurrency: int,
    ) -> None:
        self._store = store
        self._letters = letters
        self._ownership = ownership
        self._channels = channels
        self._machines = Machines(channels)
        self._seal = seal
        self._turn = asyncio.Semaphore(concurrency)
        self._paces = {n: Pace(c.block.sends_per_second) for n, c in channels.items()}

    async def __call__(self, batch: Sequence[Delivery]) -> Mapping[str, Exception]:
        """Send a batch; returns what failed and may succeed later, by message id."""
        letters = await waiting_letters(self._store, batch)
        async with self._store.unit() as unit:
            silent = await unit.silences.of(letter.reader for letter in letters)
            withheld = await self._ownership.withheld(unit, letters, self._store.now())
        letters = [
            self._letters.kept_back(letter, withheld[letter.id])
            if letter.id in withheld
            else letter
            for letter in letters
        ]
        sends = (self._send(letter, silent.get(letter.reader)) for letter in letters)
        results = await asyncio.gather(*sends)
        failed: dict[str, Exception] = {}
        async with self._store.unit() as unit:
            await unit.reactions.said(_sent_texts(letters, results))
            for letter, result in zip(letters, results, strict=True):
                outcome = await self._file(unit, letter, result)
                if isinstance(outcome, Sent):
                    unit.sent(outcome)
                else:
                    failed[letter.id] = outcome
                self._count(letter, outcome)
        return failed

    async def _file(
        self, unit: UnitOfWork, letter: Letter, result: Sent | Silence | Exception
    ) -> Sent | Exception:
        """Hold a letter whose reader cannot be written to, and note why where that is news."""
        if not isinstance(result, Silence):
            return result
        if result.at is None:
            await unit.silences.begin(result)
        elif not await unit.silences.of([letter.reader]):
            return Later()  # the citizen wrote in between
        return Sent(letter.id, "held", detail=result.reason)

    def _count(self, letter: Letter, result: Sent | Exception) -> None:
        outcome = result.state if isinstance(result, Sent) else "error"
        metrics.ANSWERED.labels(letter.channel, outcome).inc()
        if letter.at and outcome == "sent":
            passed = (self._store.now() - letter.at).total_seconds()
            metrics.ANSWER_DELAY.labels(letter.channel).observe(passed)

    async def _send(self, letter: Letter, silence: Silence | None) -> Sent | Silence | Exception:
        channel = self._channels.get(letter.channel)
        if channel is None or not channel.block.enabled:
            return NoWay(f"the channel {letter.channel!r} is off")
        if not isinstance(channel, Sender):
            return Sent(letter.id, "sent", detail=READ_THERE)
        if silence and not letter.urgent and not (channel.opens and silence.until == "writes"):
            return silence
        message = Outgoing(
            id=letter.id,
            text=letter.text,
            subject=letter.subject,
            thread=opened_thread(self._seal, letter.thread),
            tracking=letter.tracking,
            choices=letter.choices,
            silenced=silence is not None and not letter.urgent,
        )
        try:
            to = opened_reporter(self._seal, letter.message_id, letter.sealed_to)["to"]
            if why := self._machines.unwritable(channel, to):
                return Sent(letter.id, "failed", detail=why)
            async with self._turn:
                await self._paces[letter.channel].turn()
                provider_id = await channel.send(to, message)
        except OptedOut as error:
            if not letter.reader:  # written before there were pseudonyms: nobody would release it
                return Sent(letter.id, "failed", detail=str(error))
            return Silence(letter.reader, channel.name, str(error), error.until)
        except Refused as error:
            return Sent(letter.id, "failed", detail=str(error))
        except Exception as error:  # raised, it would make the whole batch be sent again
            return error
        known_as = hashed(self._seal, letter.channel, provider_id)
        return Sent(letter.id, "sent", provider_id=known_as)


def _sent_texts(
    letters: Sequence[Letter], results: Sequence[Sent | Silence | Exception]
) -> Mapping[str, Sequence[str]]:
    """Group what was sent by its reader."""
    texts: dict[str, list[str]] = {}
    for letter, result in zip(letters, results, strict=True):
        if isinstance(result, Sent) and result.state == "sent" and letter.reader:
            texts.setdefault(letter.reader, []).append(letter.text)
    return texts
