"""The queues on RabbitMQ: their names, their arguments, and the headers Kanal writes on messages.

Every queue is a quorum queue: on one node they take confirmed messages almost three times faster
than classic ones and keep them through ``kill -9``. For a work queue NAME there are

    NAME                    x-delivery-limit parks a message that kills its worker, in NAME.dead
    NAME.retry.SECONDS      one rung per delay, and one delay per rung: a queue expires messages
                            at its head only, so mixed delays would wait for each other
    NAME.dead               the dead letters

An agency's queue has no rungs; what the agency's own consumer fails at too often ends in
``deliveries.dead`` and is not lost. Source: https://www.rabbitmq.com/docs/quorum-queues
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import aiormq
from yarl import URL

from gateway.broker.base import DELIVERIES, WORK, BrokerError, agency_queue

ATTEMPTS = "x-kanal-attempts"
ERROR = "x-kanal-error"
CONTENT_TYPE, TYPE = "content-type", "type"
APP = "kanal"
"""Who published a message: its property ``app_id``."""
OURS = frozenset({ATTEMPTS, ERROR})
BROKERS = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
"""Headers RabbitMQ adds on the way; they must not travel on with a copy of the message."""

PROBES = "probes"
"""A queue of one message, to try whether the broker confirms what a quorum queue is sent."""

DELIVERY_LIMIT = 20
"""Deliveries of a message without a word of its consumer, before the broker parks it."""

Arguments = dict[str, Any]


def is_agency(queue: str) -> bool:
    """Say whether this is a queue from which an agency fetches its reports."""
    return queue.startswith(agency_queue(""))


def dead(queue: str) -> str:
    """Return the name of the dead letters of a queue."""
    return f"{DELIVERIES if is_agency(queue) else queue}.dead"


def rung(queue: str, delay: float, rungs: Sequence[float]) -> str:
    """Return the retry queue whose delay is the nearest not below ``delay``, else the longest.

    Raises ``BrokerError`` for a queue without rungs.
    """
    if queue not in WORK or not rungs:
        raise BrokerError(f"{queue} has no retry rungs")
    seconds = min((r for r in rungs if r >= delay), default=max(rungs))
    return _rung(queue, seconds)


def declarations(rungs: Sequence[float], delivery_limit: int) -> Iterator[tuple[str, Arguments]]:
    """Name every queue that Kanal works on, with the arguments to declare it by."""
    yield PROBES, {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "drop-head"}
    for queue in WORK:
        yield from declarations_of(queue, rungs, delivery_limit)


def declarations_of(
    queue: str, rungs: Sequence[float], delivery_limit: int
) -> Iterator[tuple[str, Arguments]]:
    """Name a work queue and what belongs to it, with the arguments to declare them by."""
    yield dead(queue), _quorum()
    yield queue, work_arguments(queue, delivery_limit)
    for seconds in rungs:
        milliseconds = max(1, round(seconds * 1000))
        yield _rung(queue, seconds), {**_dying(queue), "x-message-ttl": milliseconds}


def definitions(vhost: str, rungs: Sequence[float], agencies: Iterable[str]) -> dict[str, Any]:
    """Return all that Kanal declares, as ``rabbitmqctl import_definitions`` takes it.

    There are queues only: no exchange but the default one, no policy; users are not ours.
    Source: https://www.rabbitmq.com/docs/definitions
    """
    queues = dict(declarations(rungs, DELIVERY_LIMIT))
    for agency in agencies:
        name = agency_queue(agency)
        queues[name] = work_arguments(name, DELIVERY_LIMIT)
    common = {"vhost": vhost, "durable": True, "auto_delete": False}
    return {
        "vhosts": [{"name": vhost}],
        "queues": [{"name": n, **common, "arguments": a} for n, a in queues.items()],
        "exchanges": [],
        "bindings": [],
        "policies": [],
    }


def vhost_of(url: str) -> str:
    """Return the virtual host that a URL names, as aiormq reads it."""
    return URL(url).path[1:].replace("%2F", "/") or "/"


def is_ours(queue: str) -> bool:
    """Say whether Kanal declares this queue."""
    return is_agency(queue) or family(queue) in WORK


def family(queue: str) -> str:
    """Return the work queue that a queue belongs to; itself where it is one of its own."""
    return next((name for name in WORK if queue == name or queue.startswith(f"{name}.")), queue)


def work_arguments(queue: str, delivery_limit: int) -> Arguments:
    """Return the arguments of a work queue or an agency's queue."""
    return {**_dying(dead(queue)), "x-delivery-limit": delivery_limit}


def plain(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that the publisher set, without ours and the broker's."""
    return {
        name: value
        for name, value in headers.items()
        if isinstance(value, str) and name not in OURS and not name.startswith(BROKERS)
    }


def as_headers(properties: aiormq.spec.Basic.Properties) -> dict[str, Any]:
    """Return the headers of a message, with what its properties say and no header does.

    Content type and type are properties in AMQP, and where CloudEvents looks for them; we write
    both as headers too, which is where the version before had the content type alone.
    """
    told = {CONTENT_TYPE: properties.content_type, TYPE: properties.message_type}
    return {name: said for name, said in told.items() if said} | (properties.headers or {})


def attempts(headers: Mapping[str, Any]) -> int:
    """Return how many attempts were judged failures.

    RabbitMQ's own ``x-delivery-count`` stays out of it: it also counts messages that were merely
    prefetched when a worker stopped, and a report is not nearer to its end for that.
    """
    value = str(headers.get(ATTEMPTS, 0))
    return int(value) if value.isdecimal() else 0


def cause(headers: Mapping[str, Any]) -> str:
    """Return why a dead letter died: our own words, or RabbitMQ's where it parked the message."""
    said = str(headers.get(ERROR, ""))
    reasons = (str(death.get("reason")) for death in _deaths(headers))
    parked = next((f"parked by the broker: {r}" for r in reasons if r != "expired"), "")
    return "; ".join(filter(None, (parked, said))) or "unknown"


def home(queue: str, headers: Mapping[str, Any]) -> str:
    """Return the queue that a dead letter of a work queue belongs back in."""
    queues = (str(death.get("queue")) for death in _deaths(headers))
    return next(filter(is_agency, queues), queue)


def _deaths(headers: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    deaths = headers.get("x-death")
    return [d for d in deaths if isinstance(d, Mapping)] if isinstance(deaths, list) else []


def _rung(queue: str, seconds: float) -> str:
    return f"{queue}.retry.{seconds:g}"


def _quorum() -> Arguments:
    return {"x-queue-type": "quorum", "x-overflow": "reject-publish"}


def _dying(into: str) -> Arguments:
    """Dead-letter with confirmation: the default way loses what dies while the target is away."""
    return {
        **_quorum(),
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": into,
        "x-dead-letter-strategy": "at-least-once",
    }
