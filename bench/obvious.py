"""The obvious implementation: what one would write first, and measure everything against.

One commit per message at the door, one awaited publish, one message at a time through the router
with one commit and one ack each. It reads, routes and stores with Kanal's own normalizer, router,
tables and engines, so that only the way of working differs. It promises less: no outbox (a crash
between commit and publish loses a message), no sealing, no event log, no retries.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aio_pika
import uvicorn
from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bench.traffic import HOOK, TOKEN
from config.settings import Settings
from gateway import components
from gateway.casework.matters import apply
from gateway.platform.numbers import new_tracking
from gateway.store.engine import Database
from gateway.store.tables import messages, queue, reports
from gateway.wire.queues import NOTIFICATIONS, REPORTS, agency_queue
from normalizer.inbound import Author, Inbound
from normalizer.message import Message, Reporter
from normalizer.report import Report

QUORUM = {"x-queue-type": "quorum"}
PREFETCH = 10
IDLE = 0.02
"""Seconds between two looks into an empty table."""


class Obvious:
    """The same road as Kanal's, without its ideas. Use with the tables already there."""

    def __init__(self, settings: Settings) -> None:
        self._parts = components.load(settings)
        self._url = settings.broker.url
        database = settings.database
        self._database = Database(settings.database_url, pool_size=database.pool_size, timeout=30.0)
        self._validator = RequestValidator(TOKEN)
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._declared: set[str] = set()

    async def connect(self) -> None:
        """Connect to the broker, where there is one."""
        if self._url:
            self._connection = await aio_pika.connect_robust(self._url)
            channel = await self._connection.channel(publisher_confirms=True)
            assert isinstance(channel, AbstractRobustChannel)
            self._channel = channel
            await channel.set_qos(prefetch_count=PREFETCH)
            for name in (REPORTS, NOTIFICATIONS):
                await channel.declare_queue(name, durable=True, arguments=QUORUM)

    async def close(self) -> None:
        """Disconnect from everything."""
        if self._connection is not None:
            await self._connection.close()
        await self._database.close()

    def server(self) -> uvicorn.Server:
        """Return the door, for port 0."""
        app = Starlette(routes=[Route("/in/sms", self._hook, methods=["POST"])])
        return uvicorn.Server(
            uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
        )

    async def work(self) -> None:
        """Route for ever."""
        if self._channel is None:
            await self._work_on_the_table()
            return
        source = await self._channel.get_queue(REPORTS)
        async with source.iterator() as deliveries:
            async for delivery in deliveries:
                await self._route(_opened(delivery.body))
                await delivery.ack()

    async def _hook(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if not self._validator.validate(HOOK, form, request.headers["x-twilio-signature"]):
            return Response(status_code=403)
        report = self._report(form)
        async with self._database.write() as connection:
            await connection.execute(insert(messages).values(_message_row(report, form)))
            if self._channel is None:
                await self._put(connection, REPORTS, report)
        if self._channel is not None:
            await self._publish(REPORTS, report)
        return Response("<Response/>", media_type="text/xml")

    def _report(self, form: Mapping[str, str]) -> Message:
        inbound = Inbound(
            "sms", form["To"], form["MessageSid"], Author(form["From"]), form["Body"], b""
        )
        ref = hashlib.sha256(form["From"].encode()).hexdigest()[:32]
        return self._parts.normalizer.normalize(
            inbound,
            id=str(uuid.uuid4()),
            tracking=new_tracking(),
            received_at=datetime.now(UTC),
            reporter=Reporter(ref=ref, sealed=form["From"]),
        )

    async def _work_on_the_table(self) -> None:
        oldest = select(queue).where(queue.c.queue == REPORTS).order_by(queue.c.id).limit(1)
        while True:
            async with self._database.read() as connection:
                row = (await connection.execute(oldest)).mappings().first()
            if row is None:
                await asyncio.sleep(IDLE)
            else:
                await self._route(_opened(row["body"]), row["id"])

    async def _route(self, report: Report, row: int = 0) -> None:
        decision = self._parts.routing.decide(report, at=datetime.now(UTC))
        decided = apply(report, decision, at=datetime.now(UTC))
        assert decided.assignment is not None
        assert decided.assignment.agency is not None
        target = agency_queue(decided.assignment.agency.id)
        async with self._database.write() as connection:
            await connection.execute(insert(reports).values(_report_row(decided)))
            if self._channel is None:
                await self._put(connection, target, decided)
                await self._put(connection, NOTIFICATIONS, decided)
                await connection.execute(delete(queue).where(queue.c.id == row))
        if self._channel is not None:
            await self._publish(target, decided)
            await self._publish(NOTIFICATIONS, decided)

    async def _put(self, connection: AsyncConnection, name: str, report: Message | Report) -> None:
        await connection.execute(insert(queue).values(_queue_row(name, report)))

    async def _publish(self, name: str, report: Message | Report) -> None:
        assert self._channel is not None
        if name not in self._declared:
            await self._channel.declare_queue(name, durable=True, arguments=QUORUM)
            self._declared.add(name)
        body = report.model_dump_json().encode()
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await self._channel.default_exchange.publish(message, routing_key=name)


def _opened(body: bytes | str) -> Report:
    return Report.open(Message.model_validate_json(body))


def _message_row(report: Message, form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": report.id,
        "channel": "sms",
        "account": form["To"],
        "external_id": form["MessageSid"],
        "received_at": report.received_at,
        "digest": "",
        "raw": str(form).encode(),
        "body": report.model_dump_json(),
    }


def _queue_row(name: str, report: Message | Report) -> dict[str, Any]:
    return {
        "queue": name,
        "message_id": report.id,
        "body": report.model_dump_json().encode(),
        "headers": "{}",
        "attempts": 0,
        "state": "ready",
        "visible_at": 0.0,
        "at": report.received_at,
    }


def _report_row(report: Report) -> dict[str, Any]:
    assert report.assignment is not None
    assert report.assignment.agency is not None
    return {
        "id": report.id,
        "tracking": report.tracking,
        "channel": "sms",
        "reporter_ref": report.reporter.ref,
        "fingerprint": "",
        "status": report.status.value,
        "agency_id": report.assignment.agency.id,
        "topic_id": report.topic.id if report.topic else None,
        "region": report.places[0].code if report.places else None,
        "urgent": report.urgency is not None,
        "kind": report.kind.value,
        "danger": report.urgency.id if report.urgency else None,
        "confidential": report.confidential,
        "accuses": bool(report.recusals),
        "received_at": report.received_at,
        "updated_at": report.received_at,
        "version": 1,
        "head": "",
        "body": report.model_dump_json(),
    }
