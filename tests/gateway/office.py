"""The console of a real gateway on a real HTTP server, and what there is to show on it."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from argon2 import PasswordHasher
from sqlalchemy import Table, delete, insert
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from gateway.access.accounts import set_password
from gateway.access.roles import system
from gateway.assembly.site import sections
from gateway.casework.operators import OperatorService
from gateway.intake.envelope import pack
from gateway.intake.limits import CallLimits
from gateway.platform.identity import sealed_reporter
from gateway.platform.seal import ENVELOPE
from gateway.portals.console.routes import routes
from gateway.store import tables
from gateway.store.due import ALERT
from gateway.store.rows import AuditEvent, Notification, SendResult
from gateway.wire import events
from normalizer import tracking
from normalizer.message import Level, Origin, Place, Reporter
from normalizer.report import (
    Agency,
    Assignment,
    Candidate,
    Deadline,
    Outcome,
    Reason,
    Report,
    Status,
    StatusChange,
)
from tests.cases import case
from tests.gateway import migrated
from tests.gateway.making import ROAD, House, hook, house, note

NAME, PASSWORD = "petugas", "rahasia sekali 1708"
ADDRESS = "+6281234567890"
"""What no page may ever show."""
AGENCIES = (
    Agency(id="6201-dinas-perhubungan", name="Dinas Perhubungan Kabupaten Kotawaringin Barat"),
    Agency(
        id="6201-dinas-pu",
        name="Dinas Pekerjaan Umum dan Penataan Ruang Kabupaten Kotawaringin Barat",
    ),
    Agency(id="6472-pdam", name="Perumdam Tirta Kencana Kota Samarinda"),
    Agency(id="pln", name="PT PLN (Persero)"),
)


def report(number: int, **changes: Any) -> Report:
    """Build a report that was assigned to the first agency; ``number`` makes it its own."""
    at = changes.pop("received_at", datetime.now(UTC))
    text = "Lampu jalan mati di depan Pasar Palagan, Pangkalan Bun, sudah 2 minggu."
    digits = next(t for n in range(10) if (t := tracking.compose(48_210_937_000 + number + n * 97)))
    values: dict[str, Any] = {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "tracking": digits,
        "origin": Origin(channel="sms", account="1708", external_id=f"SM{number}"),
        "reporter": Reporter(ref="a1b2", sealed=f"sealed:{ADDRESS}"),
        "title": "Lampu jalan mati di depan Pasar Palagan",
        "text": text,
        "original": text,
        "received_at": at,
        "status": Status.FORWARDED,
        "places": (place(),),
        "assignment": assignment(Outcome.ASSIGN, at, AGENCIES[0], 0.92),
        "deadlines": (Deadline(name="resolution", due=at.date() + timedelta(days=20)),),
    }
    return case(values | changes)


def unsure(number: int, **changes: Any) -> Report:
    """Build a report that waits for an operator."""
    at = changes.get("received_at", datetime.now(UTC))
    values: dict[str, Any] = {
        "status": Status.TRIAGE,
        "assignment": assignment(Outcome.TRIAGE, at, None, 0.41),
        "history": (StatusChange(status=Status.TRIAGE, at=at, by="router"),),
    }
    return report(number, **values | changes)


def place() -> Place:
    """Build the place of the sample text."""
    return Place(
        code="62.01",
        name="Kabupaten Kotawaringin Barat",
        level=Level.REGENCY,
        found_by="name",
        words="Pangkalan Bun",
        confidence=0.9,
    )


def assignment(
    decision: Outcome, at: datetime, agency: Agency | None, confidence: float
) -> Assignment:
    """Build a decision with two reasons and two alternatives."""
    return Assignment(
        decision=decision,
        agency=agency,
        confidence=confidence,
        alternatives=tuple(
            Candidate(agency=a, confidence=c)
            for a, c in zip(AGENCIES[:2], (0.41, 0.37), strict=True)
        ),
        reasons=(
            Reason(rule="topic", text="Topik: penerangan jalan (92 %).", words=("Lampu jalan",)),
            Reason(rule="place", text="Lokasi: Kotawaringin Barat.", words=("Pangkalan Bun",)),
        ),
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Office:
    """A real gateway at whose console somebody may log in, and what a test lays on its tables."""

    house: House

    @property
    def desk(self) -> OperatorService:
        return self.house.services.operators

    async def put(self, *reports: Report) -> None:
        """File reports, or the new state of those that are filed; who wrote is sealed."""
        who = {"to": ADDRESS, "name": "Ibu Sri", "contact": "sri@desa.example"}
        for each in reports:
            wrote = {
                id: Reporter(ref="a1b2", sealed=sealed_reporter(self.house.seal, id, who))
                for id in (each.id, *(message.id for message in each.messages))
            }
            said = tuple(
                message.model_copy(update={"reporter": wrote[message.id]})
                for message in each.messages
            )
            filed = each.model_copy(update={"reporter": wrote[each.id], "messages": said})
            async with self.house.store.unit() as unit:
                if (stored := await unit.reports.by_id(each.id)) is not None:
                    unit.reports.change(stored, filed, [AuditEvent("moved", "router")])
                else:
                    log = [AuditEvent("received", "sms"), AuditEvent(str(each.status), "router")]
                    unit.reports.add(filed, each.id, log)

    async def report(self, report_id: str) -> Report:
        found = await self.desk.report(report_id, actor=system("sari"))
        assert found is not None
        return found.report

    async def write(self, about: Report) -> None:
        """Send a report to its agency, and a word to its reporter."""
        told = Notification("o2", about.id, "sms", "Laporan Anda diterima.")
        async with self.house.store.unit() as unit:
            unit.deliveries.add("o1", about, AGENCIES[0].id, events.ASSIGNED)
            unit.notifications.add(told)
        async with self.house.store.unit() as unit:
            await unit.deliveries.place(["o1"], "webhook", reached="fetched")
            unit.notifications.finish(SendResult("o2", "sent"))

    async def kill(self, letter_id: int, **changes: Any) -> None:
        """Lay a dead letter down."""
        row = {
            "id": letter_id,
            "queue": "deliveries",
            "message_id": f"m-{letter_id}",
            "body": b"{}",
            "headers": "{}",
            "attempts": 6,
            "state": "dead",
            "visible_at": 0.0,
            "error": "Unreachable: agency.example:443 tidak menjawab",
            "at": datetime.now(UTC),
        }
        await self._replace(tables.queue, row | changes)

    async def hold(self, held_id: str, **changes: Any) -> None:
        """Quarantine a message, which can be read once it is released."""
        envelope = pack(hook(note(ROAD, id=held_id), proof="none"))
        row = {
            "id": held_id,
            "channel": "paper",
            "reason": "forged",
            "detail": "X-Twilio-Signature tidak cocok",
            "envelope": self.house.seal.close(envelope, ENVELOPE),
            "size": 412,
            "state": "open",
            "at": datetime.now(UTC),
        }
        await self._replace(tables.quarantine, row | changes)

    async def alarm(
        self,
        alert_id: str,
        about: Report,
        *,
        told: Sequence[str] = ("posko",),
        passed_by: bool = False,
        is_over: bool = False,
    ) -> None:
        """Open an alert about a report that is filed."""
        at = self.house.clock()
        row = {
            "id": alert_id,
            "report_id": about.id,
            "code": "4821",
            "opened_at": at,
            "step": 0,
            "reached": 0,
            "rounds": int(passed_by),
            "failures": 0,
            "told": json.dumps(list(told)),
        }
        await self._replace(tables.alerts, row)
        if not is_over:
            async with self.house.store.unit() as unit:
                unit.due.put(ALERT, alert_id, at)

    async def acts(self, kind: str) -> list[tuple[str, str, str]]:
        """Read from the reports' log what operators did: report, who, and the note they left."""
        rows = await self.house.rows(
            f"SELECT report_id, \"by\", note FROM events WHERE kind = '{kind}' ORDER BY at"
        )
        return [tuple(row) for row in rows]

    async def dead(self) -> list[int]:
        rows = await self.house.rows("SELECT id FROM queue WHERE state = 'dead' ORDER BY id")
        return [row[0] for row in rows]

    async def decided(self) -> dict[str, tuple[str, str]]:
        """Return what was decided of the quarantine: state and note by id."""
        rows = await self.house.rows(
            "SELECT id, state, done_note FROM quarantine WHERE done_by IS NOT NULL"
        )
        return {id: (state, why) for id, state, why in rows}

    async def sessions(self) -> int:
        return await self.house.counted("sessions")

    async def state(self) -> list[Any]:
        """Return all that an operator can change."""
        queries = (
            "SELECT id, version FROM reports ORDER BY id",
            "SELECT id, state FROM queue ORDER BY id",
            "SELECT id, state FROM quarantine ORDER BY id",
            "SELECT id, acknowledged_by FROM alerts ORDER BY id",
            "SELECT token FROM sessions ORDER BY token",
        )
        return [list(await self.house.rows(query)) for query in queries]

    async def _replace(self, table: Table, row: Mapping[str, Any]) -> None:
        async with self.house.store.database.write() as connection:
            await connection.execute(delete(table).where(table.c.id == row["id"]))
            await connection.execute(insert(table), [row])


@cache
def _hash() -> str:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@contextlib.asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    """Open a gateway with one operator; hashing their password is cheap."""
    async with house(f"{migrated.SQLITE}{folder / 'kanal.sqlite3'}", folder) as built:
        await set_password(built.store, NAME, _hash())
        yield Office(built)


def failing(error: Exception) -> Callable[..., Awaitable[None]]:
    """Return what fails in place of a method."""

    async def fail(**_: object) -> None:
        raise error

    return fail


class Clock:
    """Tells the true time, or the one at which it stands still, moved ahead by ``ahead``."""

    def __init__(self, still: datetime | None = None) -> None:
        self.still = still
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return (self.still or datetime.now(UTC)) + self.ahead


@contextlib.asynccontextmanager
async def served(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve an app on a loopback port (0: a free one); yields its base URL."""
    settings = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
    settings.load()
    server = uvicorn.Server(settings)
    server.lifespan = settings.lifespan_class(settings)
    listener = socket.create_server(("127.0.0.1", port))
    # Without this every answer on a kept connection waits 40 ms for the peer's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # uvicorn's own shutdown sleeps; with hundreds of tests that is most of their time.
        for each in server.servers:
            each.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        while server.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        listener.close()


@contextlib.asynccontextmanager
async def console(
    office: Office, clock: Clock, *, secure: bool = False, client_header: str = ""
) -> AsyncIterator[str]:
    """Serve the console of an office; yields the URL of its mount point."""
    who = CallLimits(client_header, proxied=secure).caller
    access = office.house.services.access
    inside = routes(
        access,
        office.desk,
        office.house.services.triage,
        public_url="http://kanal.localhost/",
        secure_cookies=secure,
        clock=clock,
        wall=clock,
        who=who,
        sections=sections(office.house.services),
    )
    async with served(Starlette(routes=[Mount("/console", routes=inside)])) as url:
        yield f"{url}/console"
