"""What a process does as long as it lives, by its roles."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from gateway.assembly.services import Services
from gateway.broker.base import WORK
from gateway.components import Components
from gateway.queues.relay import LEASE, Collector, Relay

LANE = "lane: "
"""How the names of tasks begin that let something leave."""
LOOK_AGAIN = 10.0
"""Seconds between two looks for a newly trained model."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work that a process does as long as it lives."""

    name: str
    run: Callable[[], Awaitable[None]]


def worker_tasks(services: Services) -> list[Task]:
    """Return what a worker does: the steps, the alarm, and the relay where a broker needs one."""
    return [
        *(Task(f"work on {consumer.queue}", consumer.run) for consumer in services.consumers),
        *(Task(f"{LANE}{lane.label}", lane.run) for lane in services.lanes),
        Task("watch the lanes", services.lane_watch.run),
        Task("put back what queues lost", services.sweep.run),
        Task("look after agencies' queues", services.agency_queues.run),
        Task("escalate what is not fetched", services.escalation.run),
        Task("let reports be found", services.indexer.run),
        Task("trained models", partial(_refresh, services.parts)),
        *(
            Task(f"due {task.handler.kind}", task.run)
            for task in (services.alarm, services.questions)
        ),
        *_collectors(services),
    ]


def poller_tasks(services: Services) -> list[Task]:
    """Return what a poller does."""
    return [Task(f"{duty.kind} {duty.channel.name}", duty.run) for duty in services.duties]


def shared_tasks(services: Services) -> list[Task]:
    """Return what a worker and a poller do both."""
    return [
        *(
            Task(f"due {task.handler.kind}", task.run)
            for task in (services.reassembly, services.receipts)
        ),
        Task("expire the quarantine", services.expiry.run),
    ]


def relay_tasks(services: Services) -> list[Task]:
    """Return what every process does that writes: it publishes what it put on queues."""
    queue, broker = services.store.queue, services.broker
    if broker.outbox_is_queue:
        return []
    queue.keep_fresh()
    lease = min(services.settings.work.lease, LEASE)
    return [Task("relay", Relay(queue, broker, unpublishable_after=20, lease=lease).run)]


def _collectors(services: Services) -> list[Task]:
    if services.broker.outbox_is_queue:
        return []
    queue, broker = services.store.queue, services.broker
    collectors = {name: Collector(queue, broker, name, prefetch=100) for name in WORK}
    return [Task(f"dead letters of {name}", each.run) for name, each in collectors.items()]


async def _refresh(parts: Components) -> None:
    while True:
        await asyncio.sleep(LOOK_AGAIN)
        await asyncio.to_thread(parts.trained.refresh)
