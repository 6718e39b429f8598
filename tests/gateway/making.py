"""A gateway without sockets: the real steps on a real database, with a channel made of paper."""

import asyncio
import contextlib
import importlib
import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import ColumnElement, literal

from adapters.contract import (
    Author,
    Channel,
    ChannelError,
    ChannelSettings,
    File,
    Forged,
    Inbound,
    Malformed,
    Outgoing,
    Receipt,
    Receiver,
    Segment,
    Sender,
    WebhookRequest,
    WebhookResponse,
)
from config.settings import load
from gateway import components
from gateway.assembly import Sandboxes, Services, assemble
from gateway.broker.base import DELIVERIES, REPORTS, QueuedMessage, ReceivedMessage, agency_queue
from gateway.intake.group_commit import GroupCommit
from gateway.outbound.deliver import DeliverWork
from gateway.outbound.methods import load as load_method
from gateway.outbound.methods.base import Method
from gateway.outbound.notify import NotifyWork
from gateway.platform.sandbox import Sandbox
from gateway.queues.consumer import Step
from gateway.queues.lane import Lane
from gateway.store.leases import LeaseClock
from gateway.store.rows import AcceptedItem, QuarantineItem, StoredFile
from gateway.store.tables import UTCDateTime
from gateway.store.views import ReportFile
from gateway.wire.queues import NOTIFICATIONS
from tests import services
from tests.gateway import migrated

T = TypeVar("T")
KEY = b"k" * 32
URL = "https://lapor.example.go.id"
WHO = "+6281234567890"
OTHER = "+6289876543210"
QUEUE = {"method": "queue"}
ROAD = "Jalan rusak parah dan berlubang di depan pasar, Kecamatan Wonocolo, Kota Surabaya"
LAMP = "Lampu jalan di kecamatan Wonocolo Surabaya mati sudah seminggu, gelap sekali"
NOWHERE = "jalan berlubang dan sangat berbahaya, tolong diperbaiki"
"""A report that lacks its place, so that the citizen is asked for it."""
WHERE = "di kecamatan Tenggarong, Kutai Kartanegara"
UNCLEAR = (
    "saya heran sekali mengapa hal seperti ini terus terjadi pada kami semua di sini padahal kami "
    "tidak tahu lagi harus mengadu ke mana dan kepada siapa agar semuanya menjadi baik kembali"
)
"""A report without a topic, too long for a question to help: an operator's case."""
SOON = 30.0
"""Seconds in which a promise must be kept."""


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 3, 4, 5, 678, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


class ClockLeases(LeaseClock):
    """The lease clock of cursors in a house: it moves with the house's own."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(is_sqlite=True)
        self._clock = clock

    def moment(self, after: float = 0.0) -> ColumnElement[datetime]:
        return literal(self._clock() + timedelta(seconds=after), UTCDateTime)


class Paper(Receiver, Sender):
    """A channel whose hooks are JSON lists of notes; it keeps what it carries."""

    def __init__(self, name: str = "paper", **settings: Any) -> None:
        block = ChannelSettings(**{"type": "paper", "sends_per_second": 10_000} | settings)
        super().__init__(name, block, public_url="http://kanal.localhost")
        self.carried: list[tuple[str, Outgoing]] = []
        self.fails: list[Exception] = []
        """Raised by the next sends, in order."""

    def verify(self, hook: WebhookRequest) -> None:
        if hook.headers.get("x-proof") != "genuine":
            raise Forged("the proof does not fit")

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        try:
            notes = json.loads(hook.body)
        except ValueError:
            raise Malformed("no notes in it") from None
        return [self._note(note) for note in notes]

    def _note(self, note: dict[str, Any]) -> Inbound | Receipt:
        if "receipt" in note:
            state, detail, until = note["state"], note.get("detail", ""), note.get("until")
            return Receipt(self.name, note["receipt"], state, detail, until)
        return Inbound(
            channel=self.name,
            account=note.get("account", "1708"),
            external_id=note["id"],
            sender=Author(note["from"], note.get("name"), contact=note.get("contact")),
            text=note["text"],
            raw=b"",
            subject=note.get("subject"),
            thread=tuple(note.get("thread", ())),
            automatic=note.get("automatic"),
            files=tuple(self._files(note)),
            wants=note.get("wants", ""),
            location=tuple(note["point"]) if "point" in note else None,
            occurred_on=date.fromisoformat(note["day"]) if "day" in note else None,
            part=Segment(*note["part"]) if "part" in note else None,
        )

    def _files(self, note: dict[str, Any]) -> Iterator[File]:
        for name, content in note.get("files", ()):
            yield File(name, "text/plain", content.encode())
        for name, content in note.get("photos", ()):
            yield File(name, "image/jpeg", b64decode(content))
        for name, url in note.get("links", ()):
            yield File(name, "image/jpeg", url=url)

    async def send(self, to: str, message: Outgoing) -> str:
        if self.fails:
            raise self.fails.pop(0)
        self.carried.append((to, message))
        return f"paper-{message.id}"

    def told(self, who: str = WHO) -> list[str]:
        return [message.text for to, message in self.carried if to == who]


class Phone(Paper):
    """A channel whose senders are telephone numbers."""

    by_phone = True


class Here(Sandbox):
    """Reads on the spot: no process is started."""

    def __init__(self) -> None:
        super().__init__(1, 1.0)

    async def read(self, function: Callable[..., T], *arguments: object) -> T:
        return function(*arguments)


def here() -> Sandboxes:
    """Return sandboxes that read on the spot."""
    return Sandboxes(mails=Here(), images=Here(), texts=Here())


class Queues(dict[str, Method]):
    """A queue for every agency that is not named, so that tests see what was composed for it."""

    def get(self, agency: str, default: Any = None) -> Any:
        return self[agency] if agency in self else load_method(agency, QUEUE, public_url=URL)


class House:
    """Everything between the door and the citizen, driven step by step.

    ``queues``: agencies of no ``methods`` get their reports by queue.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        timeout: float = 20.0,
        methods: Mapping[str, Mapping[str, Any] | Method] | None = None,
        more: Sequence[Channel] = (),
        duty: Sequence[Mapping[str, Any]] = (),
        repeat: int = 2,
        queues: bool = True,
    ) -> None:
        self.clock = Clock()
        self.paper: Paper = Phone()
        self.channels: dict[str, Channel] = {c.name: c for c in (self.paper, *more)}
        self._settings: dict[str, Any] = {
            "database": {"url": url, "pool_size": 10, "timeout": timeout},
            "server": {"public_url": URL, "data_dir": folder},
            "seal": {"keys": [b64encode(KEY).decode()]},
            "work": {"lease": 60, "retry_after": [5, 30]},
            "alerts": {"duty": list(duty), "repeat": repeat},
        }
        named = {
            agency: each if isinstance(each, Method) else load_method(agency, each, public_url=URL)
            for agency, each in (methods or {}).items()
        }
        self.methods = Queues(named) if queues else named
        self.services = its = assemble(
            load(**self._settings),
            parts=made_parts(),
            channels=self.channels,
            methods=self.methods,
            sandboxes=here(),
            now=self.clock,
        )
        self.store, self.broker = its.store, its.broker
        self.store.cursors.leases = ClockLeases(
            self.clock
        )  # of cursors; the queue keeps the database's
        self.commits, self.spool, self.seal = its.commits, its.spool, its.seal
        self.notifier, self.roster = its.notifier, its.roster
        self.door, self.duty, self.agencies = its.intake, its.duty, its.agencies
        self.route, self.deliver, self.alarm = its.route, its.deliver, its.alarm
        self.media = its.store_files
        self.attachments, self.files = its.attachments, its.files

    def another(
        self,
        channels: Mapping[str, Channel] | None = None,
        sandboxes: Sandboxes | None = None,
        methods: Mapping[str, Method] | None = None,
        **settings: Mapping[str, Any],
    ) -> Services:
        """Wire another process on the same database, whose ``settings`` differ from this one's."""
        merged = {**self._settings}
        for name, values in settings.items():
            merged[name] = {**merged.get(name, {}), **values}
        return assemble(
            load(**merged),
            parts=made_parts(),
            channels=self.channels if channels is None else channels,
            methods=self.methods if methods is None else methods,
            store=self.store,
            sandboxes=sandboxes or here(),
            now=self.clock,
        )

    async def open(self) -> None:
        await self.store.migrate()
        await self.commits.start()

    async def close(self) -> None:
        await self.commits.stop()
        for method in self.methods.values():
            await method.close()
        await self.store.close()

    async def take(self, *notes: dict[str, Any], proof: str = "genuine") -> WebhookResponse:
        """Bring one hook to the door."""
        return await self.door.receive_webhook(self.paper, hook(*notes, proof=proof))

    async def work(self, queue: str, step: Step) -> dict[str, Exception]:
        """Work a queue empty as a consumer would; what failed is left leased and returned."""
        failed: dict[str, Exception] = {}
        while batch := await self.leased(queue):
            failed |= await step(batch)
            done = [d.receipt for d in batch if d.message.id not in failed]
            await self.store.queue.settle(done)  # type: ignore[arg-type]
        return failed

    async def join(self) -> int:
        """Make messages of parts, and of what was long to read; return how many were news."""
        return await self.services.reassembly.turn()

    async def leased(self, queue: str, *, lease: float = 60) -> list[ReceivedMessage]:
        found = await self.store.queue.claim(queue, 100, lease=lease)
        return [ReceivedMessage(each.message, each.attempts, each) for each in found]

    async def work_all(self) -> dict[str, Exception]:
        """Route, deliver and answer all there is."""
        failed = await self.work(REPORTS, self.route)
        failed |= await self.work(DELIVERIES, self.deliver)
        return failed | await self.call() | await self.notify()

    async def notify(self, services: Services | None = None) -> dict[str, Exception]:
        """Write to citizens what is due; return what failed."""
        return await self._leave(NotifyWork.kind, services)

    async def call(self, services: Services | None = None) -> dict[str, Exception]:
        """Call the agencies that are called, for what is due; return what failed."""
        return await self._leave(DeliverWork.kind, services)

    async def _leave(self, kind: str, services: Services | None) -> dict[str, Exception]:
        failed: dict[str, Exception] = {}
        for lane in (services or self.services).lanes:
            if lane.work.kind == kind:
                failed |= await lane.once()
        return failed

    async def hurry(self) -> None:
        """Let what was put off be due now."""
        for table in (DELIVERIES, NOTIFICATIONS):
            await self.change(f"UPDATE {table} SET send_at = 0 WHERE lease IS NULL")

    async def say(self, text: str, who: str = WHO, **more: Any) -> str:
        """Let a citizen write, work on it, and return what they are told."""
        before = len(self.paper.told(who))
        answer = await self.take(note(text, who, **more))
        assert answer.status == 200
        assert await self.work_all() == {}
        (told,) = self.paper.told(who)[before:]
        return told

    async def report(self, text: str = ROAD, who: str = WHO, **more: Any) -> ReportFile:
        """Let a citizen report something and return it as it is filed."""
        await self.say(text, who, **more)
        return await self.newest()

    async def newest(self) -> ReportFile:
        found = await self.store.reports.file(id=(await self.store.reports.latest(1))[0].id)
        assert found is not None
        return found

    async def file(self, tracking: str) -> ReportFile:
        found = await self.store.reports.file(tracking=tracking)
        assert found is not None
        return found

    async def for_agency(self, agency: str) -> list[QueuedMessage]:
        """Return what waits on an agency's queue."""
        return [each.message for each in await self.leased(agency_queue(agency), lease=-1)]

    async def file_of(self, delivery_id: str) -> ReportFile:
        """Return the report that a delivery is of."""
        async with self.store.unit() as unit:
            made = (await unit.deliveries.by_ids([delivery_id]))[delivery_id]
        found = await self.store.reports.file(id=made.report_id)
        assert found is not None
        return found

    async def handed_over(self, file: ReportFile) -> list[dict[str, Any]]:
        """Return the events of a report on its agencies' queues, the oldest delivery first."""
        events: dict[str, dict[str, Any]] = {}
        for agency in {delivery.agency_id for delivery in file.deliveries}:
            events |= {each.id: json.loads(each.body) for each in await self.for_agency(agency)}
        return [events[each.id] for each in file.deliveries if each.id in events]

    async def counted(self, table: str, where: str = "1=1") -> int:
        (found,) = await self.rows(f"SELECT count(*) FROM {table} WHERE {where}")
        return int(found[0])

    async def rows(self, query: str) -> Sequence[Any]:
        async with self.store.database.read() as connection:
            rows: Sequence[Any] = (await connection.exec_driver_sql(query)).all()
        return rows

    async def change(self, statement: str) -> None:
        """Change the database behind the gateway's back."""
        async with self.store.database.write() as connection:
            await connection.exec_driver_sql(statement)


def schema() -> Any:
    """Return a validator of the published schema of reports."""
    jsonschema = importlib.import_module("jsonschema")  # it carries no types
    path = Path(__file__).parents[2] / "docs" / "schema" / "report.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


@cache
def made_parts() -> components.Components:
    """Build gazetteer, router and texts once for all tests."""
    parts = components.load(load())
    # Reading the calendar is slow: as in the gateway, not within the first report's transaction.
    parts.routing.calendar.is_working(Clock().at.date())
    return parts


@contextlib.asynccontextmanager
async def house(url: str, folder: Path, **settings: Any) -> AsyncIterator[House]:
    """Open a house; its SQLite file is a copy of one that has the tables."""
    migrated.sqlite(url)
    built = House(url, folder, **settings)
    await built.open()
    try:
        yield built
    finally:
        await built.close()


def note(text: str, who: str = WHO, **more: Any) -> dict[str, Any]:
    """Write a note with an id of its own."""
    return {"id": uuid4().hex, "from": who, "text": text} | more


def hook(*notes: dict[str, Any], proof: str = "genuine") -> WebhookRequest:
    """Dress notes as a hook."""
    body = json.dumps(notes).encode()
    return WebhookRequest("http://kanal.localhost/in/paper", {"x-proof": proof}, body)


def accepted(clock: Clock, **changes: Any) -> AcceptedItem:
    """Make what a door took; ``changes`` replace single fields."""
    id = changes.get("id") or str(uuid4())
    values: dict[str, Any] = {
        "id": id,
        "channel": "paper",
        "account": "1708",
        "external_id": f"ext-{id}",
        "received_at": clock(),
        "digest": "d" * 64,
        "raw": b"\x00\xffsealed",
        "body": "{}",
        "event": b'{"id": "x", "type": "t", "data": {}}',
        "files": (StoredFile("f" * 64, 3, b"abc"),),
    }
    return AcceptedItem(**values | changes)


def held(clock: Clock, **changes: Any) -> QuarantineItem:
    """Make something for the quarantine."""
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "channel": "paper",
        "reason": "forged",
        "detail": "the proof does not fit",
        "envelope": b"\x00sealed",
        "size": 7,
        "state": "open",
        "at": clock(),
    }
    return QuarantineItem(**values | changes)


@contextlib.contextmanager
def away(url: str, server: services.PostgresServer | None) -> Iterator[None]:
    """Keep the database from answering: the server is crashed, or the file locked."""
    if server is not None:
        server.stop(immediate=True)
        try:
            yield
        finally:
            server.start()
        return
    blocker = sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"), isolation_level=None)
    try:
        blocker.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        blocker.close()


@contextlib.asynccontextmanager
async def running(lanes: Sequence[Lane[Any]]) -> AsyncIterator[None]:
    """Let lanes work as a process does, and end them in order."""
    tasks = [asyncio.create_task(lane.run()) for lane in lanes]
    try:
        yield
        for lane in lanes:
            lane.end()
        async with asyncio.timeout(SOON):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_drained(commits: GroupCommit) -> None:
    """Drain until the spool is empty."""
    async with asyncio.timeout(SOON):
        while commits.spooled:
            await commits.drain()


__all__ = [
    "LAMP",
    "NOWHERE",
    "OTHER",
    "ROAD",
    "UNCLEAR",
    "WHERE",
    "WHO",
    "ChannelError",
    "Clock",
    "House",
    "Paper",
    "accepted",
    "away",
    "held",
    "hook",
    "house",
    "made_parts",
    "note",
]
