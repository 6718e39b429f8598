"""More than it can take, and for long: open-loop overload and a soak."""

import asyncio
import time
from collections.abc import Sequence

from faults.senders import Sent
from faults.world import World

QUICK_DOORS = ("sms", "rest", "telegram")
"""The doors that a burst comes by."""
TIMES = 3.0
"""How much more than it can take is offered."""
LONGEST = 8.0
"""Seconds for which it is offered."""
MOST = 6000
CALIBRATION = 600
SAMPLE = 15.0
"""Seconds between two looks at memory and descriptors."""


async def _open_loop(world: World, rate: float, count: int) -> list[Sent]:
    """Offer messages at a rate, however long each takes; each is tried once."""
    made: list[Sent] = []
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            late = begun + number / rate - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)
            elif number % 50 == 0:
                await asyncio.sleep(0)
            made.append(world.senders.make(QUICK_DOORS))
            group.create_task(world.senders.try_once(made[-1]))
    return made


async def overload(world: World) -> None:
    """Measure what the doors can take, then offer three times as much."""
    begun = time.monotonic()
    await world.senders.many(CALIBRATION, QUICK_DOORS, at_once=128)
    capacity = CALIBRATION / (time.monotonic() - begun)
    offered = capacity * TIMES
    count = min(MOST, round(offered * LONGEST))
    refused = dict(world.senders.refused)
    begun = time.monotonic()
    made = await _open_loop(world, offered, count)
    took = time.monotonic() - begun
    accepted = sorted(each.seconds for each in made if each.accepted)
    why = {
        name: number - refused.get(name, 0)
        for name, number in world.senders.refused.items()
        if number > refused.get(name, 0)
    }
    said = ", ".join(f"{name}: {number}" for name, number in sorted(why.items())) or "none"
    world.notes.append(
        f"{capacity:.0f}/s were taken in a closed loop; {count} offered at {count / took:.0f}/s,"
        f" {len(accepted)} accepted, refused {said}; accepted ones answered within"
        f" {_at(accepted, 0.5):.2f} s (half), {_at(accepted, 0.99):.2f} s (99 %),"
        f" {_at(accepted, 1):.2f} s (all)"
    )


class Soak:
    """A steady stream for minutes; notes memory and descriptors of every process."""

    def __init__(self, minutes: float, rate: float) -> None:
        self._seconds, self._rate = minutes * 60, rate
        self.samples: list[dict[str, tuple[float, int]]] = []

    async def __call__(self, world: World) -> None:
        """Send, and look at the processes now and then."""
        looking = asyncio.create_task(self._look(world))
        try:
            await _steady(world, self._rate, self._seconds)
        finally:
            looking.cancel()
        quarter = max(1, len(self.samples) // 4)
        for name in world.processes:
            early, late = (
                self._mean(name, self.samples[:quarter]),
                self._mean(name, self.samples[-quarter:]),
            )
            world.notes.append(
                f"{name}: {early[0]:.0f} MB and {early[1]:.0f} descriptors in the first quarter,"
                f" {late[0]:.0f} MB and {late[1]:.0f} in the last"
            )

    async def _look(self, world: World) -> None:
        while True:
            self.samples.append(
                {name: (p.memory(), p.descriptors()) for name, p in world.processes.items()}
            )
            await asyncio.sleep(min(SAMPLE, self._seconds / 12))

    @staticmethod
    def _mean(name: str, samples: Sequence[dict[str, tuple[float, int]]]) -> tuple[float, float]:
        of = [sample[name] for sample in samples]
        return sum(m for m, _ in of) / len(of), sum(d for _, d in of) / len(of)


async def _steady(world: World, rate: float, seconds: float) -> None:
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            late = begun + number / rate - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)
            group.create_task(world.senders.until_accepted(world.senders.make(QUICK_DOORS)))


def _at(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
