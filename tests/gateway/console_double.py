"""An in-memory desk, the console on a real HTTP server, and reports to show on it."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from gateway.casework.operators import Conflict
from gateway.casework.publishing import Proposal, proposed
from gateway.intake.limits import CallLimits
from gateway.media.access import NoFile, ShownFile
from gateway.portals.console.routes import routes
from gateway.store.views import (
    AlertView,
    ChannelView,
    DeadView,
    EventView,
    Identity,
    OperatorSession,
    OutgoingView,
    Overview,
    QuarantineView,
    QueueView,
    ReportFile,
)
from normalizer import tracking
from normalizer.message import Level, Origin, Place, Reporter
from normalizer.report import (
    Agency,
    Assignment,
    Candidate,
    Deadline,
    Outcome,
    Reason,
    Release,
    Report,
    Status,
)
from tests.cases import case

NAME, PASSWORD = "petugas", "rahasia sekali 1708"
ADDRESS = "+6281234567890"
"""What no page may ever show."""
AGENCIES = (
    Agency(id="6201-dinas-perhubungan", name="Dinas Perhubungan Kabupaten Kotawaringin Barat"),
    Agency(id="6201-dinas-pu", name="Dinas Pekerjaan Umum Kabupaten Kotawaringin Barat"),
    Agency(id="6472-pdam", name="Perumda Air Minum Kota Samarinda"),
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


@dataclass
class MemoryDesk:
    """A desk whose drawers are lists."""

    reports: dict[str, Report] = field(default_factory=dict)
    dead: dict[int, DeadView] = field(default_factory=dict)
    not_kept: int = 0
    held: dict[str, QuarantineView] = field(default_factory=dict)
    sessions: dict[str, OperatorSession] = field(default_factory=dict)
    depth: int = 3
    looks: int = 0
    replayed: list[int] = field(default_factory=list)
    dismissed: dict[str, str] = field(default_factory=dict)
    assigned: list[tuple[str, str, str]] = field(default_factory=list)
    archived: list[tuple[str, str, str]] = field(default_factory=list)
    files: dict[str, ShownFile] = field(default_factory=dict)
    shown_to: list[tuple[str, str, str]] = field(default_factory=list)
    unsealed: list[tuple[str, str, str]] = field(default_factory=list)
    alerts: tuple[AlertView, ...] = ()
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    broken: Exception | None = None
    gate: asyncio.Event | None = None
    """While set and not open, an assignment stays under way."""

    def put(self, *reports: Report) -> None:
        self.reports |= {r.id: r for r in reports}

    def kill(self, letter_id: int, **changes: Any) -> None:
        letter = DeadView(
            id=letter_id,
            queue="deliveries",
            message_id=f"m-{letter_id}",
            tracking=None,
            attempts=6,
            error="Unreachable: agency.example:443 tidak menjawab",
            at=datetime.now(UTC),
        )
        self.dead[letter_id] = replace(letter, **changes)

    def hold(self, held_id: str, **changes: Any) -> None:
        view = QuarantineView(
            id=held_id,
            channel="sms",
            reason="tanda tangan salah",
            detail="X-Twilio-Signature tidak cocok",
            state="open",
            at=datetime.now(UTC),
            size=412,
        )
        self.held[held_id] = replace(view, **changes)

    def alarm(self, alert_id: str, about: Report, **changes: Any) -> None:
        view = AlertView(
            id=alert_id,
            report=about,
            code="4821",
            opened_at=datetime.now(UTC),
            told=("posko",),
            passed_by=False,
            is_over=False,
        )
        self.alerts = (*self.alerts, replace(view, **changes))

    async def overview(self) -> Overview:
        self.looks += 1
        if self.broken:
            raise self.broken
        oldest = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        return Overview(
            queues=(
                QueueView("reports", self.depth, 1240, oldest if self.depth else None, 0),
                QueueView("deliveries", 0, 1198, None, len(self.dead)),
                QueueView("answers", 12, 88, oldest, 0),
            ),
            reports_today=len(self.reports),
            triage=len(await self.triage()),
            dead=len(self.dead),
            quarantined=len(self.held),
            not_kept=self.not_kept,
            channels=(
                ChannelView("sms", 1204, oldest, 0, 0),
                ChannelView("email", 31, oldest, 2, 1),
                ChannelView("telegram", 0, None, 0, 0),
            ),
            alerts=self.alerts,
        )

    async def latest(self, limit: int = 50) -> list[Report]:
        newest = sorted(self.reports.values(), key=lambda r: r.received_at, reverse=True)
        return newest[:limit]

    async def triage(self, limit: int = 50) -> list[Report]:
        return [r for r in self.reports.values() if r.status == Status.TRIAGE][:limit]

    async def report(self, report_id: str) -> ReportFile | None:
        found = self.reports.get(report_id)
        return self._file(found) if found else None

    async def shown(self, report_id: str, sha256: str, *, by: str) -> ShownFile:
        self.shown_to.append((by, report_id, sha256))
        found = self.files.get(sha256)
        if found is None or report_id not in self.reports:
            raise NoFile
        return found

    async def unseal(self, report_id: str, *, by: str, reason: str) -> Identity:
        if report_id not in self.reports:
            raise Conflict("Laporan ini tidak ditemukan.")
        self.unsealed.append((by, report_id, reason))
        return Identity("web", "form:1", "Ibu Sri", "sri@desa.example")

    async def proposals(self, limit: int = 100) -> list[Proposal]:
        return [proposed(r) for r in self.reports.values() if r.public][:limit]

    async def publish(self, report_id: str, *, by: str, name: str) -> Report:
        found = self.reports.get(report_id)
        if found is None or proposed(found).name != name:
            raise Conflict("Isi laporan berubah.")
        return self._released(found, by, proposed(found).text)

    async def keep_private(self, report_id: str, *, by: str) -> Report:
        if report_id not in self.reports:
            raise Conflict("Laporan ini tidak ditemukan.")
        return self._released(self.reports[report_id], by, "")

    def _released(self, found: Report, by: str, text: str) -> Report:
        release = Release(shown=bool(text), text=text, by=by, at=datetime.now(UTC))
        self.reports[found.id] = found.model_copy(update={"release": release})
        return self.reports[found.id]

    async def acknowledge(self, alert_id: str, *, by: str) -> None:
        if alert_id not in {each.id for each in self.alerts}:
            raise Conflict("Peringatan ini sudah ditangani.")
        self.alerts = tuple(each for each in self.alerts if each.id != alert_id)
        self.acknowledged.append((alert_id, by))

    async def find(self, tracking: str) -> ReportFile | None:
        return next((self._file(r) for r in self.reports.values() if r.tracking == tracking), None)

    def agencies(self, query: str, region: str | None = None, limit: int = 12) -> list[Agency]:
        return [a for a in AGENCIES if query.casefold() in a.name.casefold()][:limit]

    async def assign(self, report_id: str, agency_id: str, *, by: str, note: str = "") -> Report:
        if self.gate:
            await self.gate.wait()
        found = self.reports.get(report_id)
        if found is None or found.status != Status.TRIAGE:
            raise Conflict("Laporan ini sudah diteruskan oleh petugas lain.")
        agency = next(a for a in AGENCIES if a.id == agency_id)
        now = datetime.now(UTC)
        moved = found.moved(Status.FORWARDED, at=now, by=by)
        done = moved.model_copy(update={"assignment": assignment(Outcome.ASSIGN, now, agency, 1.0)})
        self.reports[report_id] = done
        self.assigned.append((report_id, agency_id, by))
        return done

    async def archive(self, report_id: str, *, by: str, reason: str) -> Report:
        found = self.reports.get(report_id)
        if found is None or found.status != Status.TRIAGE:
            raise Conflict("Laporan ini sudah ada di instansi.")
        done = found.moved(Status.ARCHIVED_BY_ADMIN, at=datetime.now(UTC), by=by, note=reason)
        self.reports[report_id] = done
        self.archived.append((report_id, reason, by))
        return done

    async def dead_letters(self, limit: int = 100) -> list[DeadView]:
        return list(self.dead.values())[:limit]

    async def replay(self, ids: Sequence[int] | None, *, by: str) -> int:
        known = [i for i in list(ids or self.dead) if self.dead.pop(i, None)]
        self.replayed += known
        return len(known)

    async def quarantine(self, limit: int = 100) -> list[QuarantineView]:
        return list(self.held.values())[:limit]

    async def release(self, quarantine_id: str, *, by: str) -> None:
        if self.held.pop(quarantine_id, None) is None:
            raise Conflict("Pesan ini sudah ditangani petugas lain.")

    async def dismiss(self, quarantine_id: str, *, by: str, reason: str) -> None:
        await self.release(quarantine_id, by=by)
        self.dismissed[quarantine_id] = reason

    async def log_in(self, name: str, password: str) -> str | None:
        if (name, password) != (NAME, PASSWORD):
            return None
        token = f"token-{len(self.sessions)}"
        ends = datetime.now(UTC) + timedelta(hours=12)
        self.sessions[token] = OperatorSession(
            name, f"csrf-{len(self.sessions)}-of-this-session", ends
        )
        return token

    async def session(self, token: str) -> OperatorSession | None:
        return self.sessions.get(token)

    async def log_out(self, token: str) -> None:
        self.sessions.pop(token, None)

    async def log_out_everywhere(self, name: str) -> None:
        self.sessions = {t: s for t, s in self.sessions.items() if s.operator != name}

    async def is_operator(self, name: str) -> bool:
        return name == NAME

    def sign(self, text: str) -> str:
        return hashlib.sha256(f"key of the test {text}".encode()).hexdigest()

    def _file(self, found: Report) -> ReportFile:
        at = found.received_at
        return ReportFile(
            report=found,
            events=(
                EventView(1, at, "received", "sms", "", "9f86d081884c7d659a2feaa0c55ad015"),
                EventView(
                    2, at, str(found.status), "router", "", "60303ae22b998861bce3b28f33eec1be"
                ),
            ),
            outgoing=(
                OutgoingView(
                    "o1",
                    "delivery",
                    "queue",
                    AGENCIES[0].id,
                    '{"specversion": "1.0"}',
                    "sent",
                    "",
                    at,
                    at,
                ),
                OutgoingView(
                    "o2", "answer", "sms", "pelapor", "Laporan Anda diterima.", "sent", "", at, at
                ),
            ),
        )


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
    desk: MemoryDesk, clock: Clock, *, secure: bool = False, client_header: str = ""
) -> AsyncIterator[str]:
    """Serve the console of a desk; yields the URL of its mount point."""
    who = CallLimits(client_header, proxied=secure).caller
    inside = routes(desk, secure_cookies=secure, clock=clock, who=who)
    async with served(Starlette(routes=[Mount("/console", routes=inside)])) as url:
        yield f"{url}/console"
