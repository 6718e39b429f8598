"""Faults that are put into the gateway on purpose: each must be seen by the checker.

A copy of the gateway is changed and struck like the real one. Where a second guard (the sweep that
puts back what a queue lost, the question before the spool is drained) would mend it, that guard is
taken away too.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from faults.system import ROOT

CODE = ("gateway", "adapters", "normalizer", "router", "config")


@dataclass(frozen=True)
class Change:
    """One place in one file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """A fault in the gateway, and the row that must notice it."""

    name: str
    title: str
    changes: tuple[Change, ...]
    row: str


NO_SWEEP = Change("gateway/queues/sweep.py", "EVERY = 15.0", "EVERY = 1e9")

LATE_ACK = Change(
    "gateway/queues/consumer.py",
    "        await subscription.ack([d for d in batch if",
    "        await asyncio.sleep(0.5)\n        await subscription.ack([d for d in batch if",
)
"""Opens the moment in which a message is worked on and not acknowledged: it comes again."""

MUTATIONS = (
    Mutation(
        "ack-before-commit",
        "a message is acknowledged before its work is committed",
        (
            NO_SWEEP,
            Change(
                "gateway/queues/consumer.py",
                "        try:\n            failed = await self._work_on(batch)",
                "        await subscription.ack(batch)\n"
                "        try:\n            failed = await self._work_on(batch)",
            ),
        ),
        "kill-workers",
    ),
    Mutation(
        "forget-before-confirm",
        "the outbox forgets a message before RabbitMQ confirmed it",
        (
            NO_SWEEP,
            Change(
                "gateway/queues/relay.py",
                "            try:\n                refused = await self._broker.publish(",
                "            await self._queue.settle(taken)\n"
                "            try:\n                refused = await self._broker.publish(",
            ),
        ),
        "rabbit-kill",
    ),
    Mutation(
        "send-before-mark",
        "a text is sent without a mark that holds",
        (
            Change(
                "gateway/store/lanes.py",
                "            send_at=self._time + lease,\n            **self._marks,",
                "            send_at=self._time,\n            **self._marks,",
            ),
        ),
        "restart-all",
    ),
    Mutation(
        "assign-twice",
        "a message that is routed already is routed again",
        (
            Change(
                "gateway/store/messages.py",
                ".where(messages.c.id.in_(ids), messages.c.routed_at.is_(None))\n"
                "            .values(routed_at=self._now())",
                ".where(messages.c.id.in_(ids))\n            .values(routed_at=self._now())",
            ),
            LATE_ACK,
        ),
        "rabbit-connections",
    ),
    Mutation(
        "away-misread",
        "a database that does not write is taken for a message that cannot be written",
        (
            Change(
                "gateway/store/engine.py",
                "not _blames_values(error, sqlstate)",
                'type(error).__name__ == "OperationalError"',
            ),
            Change(
                "gateway/intake/group_commit.py",
                "await self._store.try_write()",
                "await self._store.ping()",
            ),
        ),
        "postgres-read-only",
    ),
)


def mutated(mutation: Mutation, folder: Path) -> Path:
    """Copy the gateway's code into ``folder`` with a fault in it. Raises ``LookupError``."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for change in mutation.changes:
        file = folder / change.file
        text = file.read_text()
        if text.count(change.old) != 1:
            raise LookupError(f"{mutation.name}: {change.file} no longer has {change.old!r}, once")
        file.write_text(text.replace(change.old, change.new))
    return folder
