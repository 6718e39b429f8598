"""Strike, wait until nothing moves any more, count."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from faults.checker import Verdict
from faults.matrix import Row
from faults.system import ROOT
from faults.world import QUEUES, ROLES, World, world


@dataclass(frozen=True)
class Result:
    """What came of a row."""

    row: Row
    verdict: Verdict
    recovered: float | None
    """Seconds from the end of the fault until nothing was left to do; None if that never came."""
    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """What was still to be done in the end."""

    @property
    def broken(self) -> list[str]:
        """Return what must not be, in words."""
        never = [f"never finished: {', '.join(self.left)}"] if self.left else []
        return [*self.verdict.broken, *never]

    def record(self) -> dict[str, Any]:
        """Return all of it as plain values, to be kept."""
        values = {each.name: getattr(self.verdict, each.name) for each in fields(self.verdict)}
        return {
            **values,
            "kind": "row",
            "name": self.row.name,
            "lost": len(self.verdict.lost),
            "doubled": self.verdict.doubled,
            "broken": self.broken,
            "recovered": self.recovered,
            "notes": list(self.notes),
        }


async def run_row(world: World, row: Row, messages: int) -> Result:
    """Send, strike in the middle, wait, and count. Raises ``TimeoutError``, ``RuntimeError``."""
    await world.well()
    before = await asyncio.to_thread(world.checker.begin)
    world.notes.clear()
    world.sms.pause = world.bots.pause = world.agency.pause = row.pause
    seen = len(world.senders.sent)
    had = sum(each.accepted for each in world.senders.sent)
    strike_at = had + round(messages * world.senders.random.uniform(0.15, 0.4))
    sending = asyncio.create_task(world.senders.many(messages, _doors(world, row)))
    try:
        await world.senders.accepted(strike_at)
        await row.fault(world)
        mended = time.monotonic()
        await sending
    finally:
        sending.cancel()
        world.sms.pause = world.bots.pause = world.agency.pause = 0.0
    sent = world.senders.sent[seen:]
    for command in row.after:
        await world.settled(before, sent)
        status, said = await world.command(*command.split())
        if status:
            world.notes.append(f"kanal {command}: {said.strip()[:200]}")
    left = await world.settled(before, sent)
    recovered = None if left else time.monotonic() - mended
    await world.checker.fetch(QUEUES)
    verdict = await asyncio.to_thread(
        world.checker.verdict, before, sent, hard=row.hard, parks=row.parks
    )
    return Result(
        row, verdict, recovered, tuple(world.notes), tuple(f"{n} {k}" for k, n in left.items())
    )


async def _tried(world: World, row: Row, messages: int) -> Result:
    """Run a row; one that cannot be run to its end is broken, and the next one begins."""
    try:
        return await run_row(world, row, messages)
    except (RuntimeError, TimeoutError, OSError) as error:
        said = f"the row did not come to its end: {type(error).__name__}: {str(error)[:300]}"
        return Result(row, Verdict(broken=[said]), None)


def _doors(world: World, row: Row) -> Sequence[str]:
    """Leave out the doors that no process of this world is behind."""
    missing = {
        {"web": "", "mail": "email", "poller": "poll"}.get(name, "")
        for name in ROLES.keys() - world.processes.keys()
    }
    return [door for door in row.doors if world.stack == "alone" or door not in missing]


async def run(
    rows: Sequence[Row],
    *,
    seed: int,
    share: float = 1.0,
    code: Path = ROOT,
    roles: Sequence[str] = tuple(ROLES),
    say: Callable[[str], None] = print,
    keep: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Run rows, those of one stack on one world; ``share`` of the messages that a row names.

    Raises ``ServiceMissing``.
    """
    results: list[Result] = []
    for stack in dict.fromkeys(row.stack for row in rows):
        chosen = [row for row in rows if row.stack == stack]
        async with world(stack, seed=seed, code=code, roles=roles, say=say) as built:
            for row in chosen:
                if row.needs_root and os.geteuid() != 0:
                    say(f"{row.name}: left out, it needs root")
                    continue
                begun = time.monotonic()
                result = await _tried(built, row, max(40, round(row.messages * share)))
                results.append(result)
                keep(result)
                say(_line(result, time.monotonic() - begun))
            status, said = await built.command("audit", "verify")
            say(f"{stack}: {said.strip()}")
            if status:
                results[-1].verdict.broken.append(f"audit verify: {said.strip()[:200]}")
            if built.agency.forged:
                results[-1].verdict.broken.append(f"{built.agency.forged} calls not well signed")
    return results


def _line(result: Result, took: float) -> str:
    its = result.verdict
    back = "never" if result.recovered is None else f"{result.recovered:.1f} s"
    said = (
        f"{result.row.name:22} sent {its.sent} accepted {its.accepted} assigned {its.assigned}"
        f" delivered {its.delivered} notified {its.notified}/{its.to_notify}"
        f" doubled {its.doubled} repeated {its.repeated_deliveries} lost {len(its.lost)}"
        f" uncertain {its.uncertain} recovered {back} ({took:.0f} s)"
    )
    return "\n".join(
        [said, *(f"    ! {each}" for each in result.broken), *(f"    - {n}" for n in result.notes)]
    )
