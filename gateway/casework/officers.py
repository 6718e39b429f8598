"""What people of an agency see and do: their inbox, and the acts on a report that is with them.

Every act names the version of the report on which it was decided; in the log stands the agency,
with the account beside it, so that no citizen reads an officer's name.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.states import ActorKind
from gateway.access.roles import Actor, Right, Role
from gateway.access.states import may_move, move
from gateway.casework.conflicts import Conflict, ConflictCode, as_conflicts
from gateway.casework.directory import Directory
from gateway.casework.replies import (
    STATUS_AFTER,
    AgencyReplies,
    AgencyWords,
    AnswerFile,
    ReplyKind,
    acting_agency,
)
from gateway.media.access import AttachmentAccess, ShownFile
from gateway.media.objects import ObjectsUnavailable
from gateway.media.photos import PHOTO_BYTES, NoPhoto, PhotoStore, PhotoTooLarge
from gateway.outbound.deliveries import deliver_copy
from gateway.outbound.notifications import Notifier
from gateway.store.engine import Unavailable
from gateway.store.inbox import Box, InboxPage, InboxRow
from gateway.store.reports import StaleWrite
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.scope import AccessScope
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.store.views import Account, EventView, ReportFile
from gateway.wire.events import for_agency, readers
from normalizer.gsm import segments
from normalizer.report import FINAL, Agency, Handler, Report, Status
from normalizer.text import storable
from router.explain import say
from router.register import Register

__all__ = [
    "LABELS",
    "MOST_PHOTOS",
    "PHOTO_BYTES",
    "AnswerFile",
    "Box",
    "InboxPage",
    "InboxRow",
    "OfficerReport",
    "OfficerService",
    "Preview",
]

MOST_PHOTOS = 5
"""Photos that go with one answer."""
LABELS = ("before", "after", "")
"""What a photo shows: the place before or after the work, or neither."""
PAGE = 50
MOST_WORDS = 10_000
_UNIT = 120
"""Characters of a unit's name."""
_DAY = ZoneInfo("Asia/Jakarta")
_PRIVATE = frozenset({"agency_noted", "delegated", "officer_assigned"})
"""Events that only the agency itself and operators read."""
_OPERATORS = frozenset({"unsealed", "operator_noted"})
"""Events that no agency reads."""
_MOVES: Mapping[str, Set[Status]] = {
    "verify": {Status.IN_PROGRESS},
    **{kind: {status} for kind, status in STATUS_AFTER.items()},
    "refuse": {Status.TRIAGE, Status.FORWARDED},
}
"""Acts that change the status, and to what."""
_OTHER_ACTS = frozenset({"delegate", "assign", "copy", "note"})


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as its reporter will read it."""

    text: str
    segments: int
    """How many SMS it takes."""
    by_sms: bool
    """It goes to a phone: ``segments`` count."""
    replaced: bool
    """The report is delicate: a neutral text goes out, and the reporter asks for the words."""


@dataclass(frozen=True, slots=True)
class OfficerReport:
    """A report as somebody of an agency sees it."""

    file: ReportFile
    version: int
    agency_id: str
    """For which agency they see it."""
    may_act: bool
    """It is theirs to answer, and not closed; what is here as a copy is only read."""
    acts: frozenset[str] = field(default_factory=frozenset)
    """The acts that are possible now, by the names of the methods."""


class _Acting(NamedTuple):
    """A report in the hands of an officer, within one transaction."""

    unit: UnitOfWork
    record: ReportRecord
    agency: Agency

    @property
    def report(self) -> Report:
        return self.record.report

    @property
    def by(self) -> str:
        return f"agency:{self.agency.id}"


class OfficerService:
    """The inbox and the acts. Each act raises ``Conflict``.

    ``mute`` are the channels on which no question would be answered, ``phones`` those that send
    SMS.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        replies: AgencyReplies,
        register: Register,
        directory: Directory,
        files: AttachmentAccess,
        photos: PhotoStore,
        *,
        mute: Set[str] = frozenset(),
        phones: Set[str] = frozenset(),
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._replies = replies
        self._register = register
        self._directory = directory
        self._files = files
        self._photos = photos
        self._mute = mute
        self._phones = phones

    # what they see

    async def boxes(self, actor: Actor) -> dict[Box, int]:
        """Count what is in each box of the inbox."""
        return await self._store.inbox.boxes(_scope(actor), self._today())

    async def inbox(
        self,
        actor: Actor,
        box: Box,
        *,
        after: str = "",
        most: int = PAGE,
        mine: bool = False,
        unit: str = "",
    ) -> InboxPage:
        """Return a page of a box, what is due first before the rest.

        ``mine``: only what is assigned to the actor, or to somebody for whom they stand in.
        """
        scope = _scope(actor)
        page = await self._store.inbox.page(
            scope,
            box,
            self._today(),
            after=after,
            most=most,
            mine=actor.name if mine else "",
            unit=unit,
        )
        await self._note_fetched([row.id for row in page.rows if row.unread], scope, actor)
        return page

    async def _note_fetched(self, ids: Sequence[str], scope: AccessScope, actor: Actor) -> None:
        """Note who has reports in their list; who cannot be noted has it all the same."""
        with contextlib.suppress(Unavailable):
            if await self._store.deliveries.waits_in_inbox(ids, scope.agencies):
                async with self._store.unit() as unit:
                    await unit.deliveries.fetch_inbox(ids, scope.agencies, by=actor.name)

    async def units(self, actor: Actor) -> list[str]:
        """List the units of the actor's agencies that have reports, or people."""
        used = await self._store.inbox.units(_scope(actor))
        people = (each.unit for each in await self.colleagues(actor))
        return sorted({*used, *filter(None, people)})

    async def open(self, report_id: str, *, actor: Actor) -> OfficerReport | None:
        """Return a report, noting that its agency has read it; None outside the actor's scope."""
        found = await self._store.reports.file(id=report_id)
        scope = _scope(actor)
        agency = _seen_by(found.report, scope) if found else None
        if found is None or agency is None:
            return None
        with contextlib.suppress(Unavailable, StaleWrite):
            if await self._note_read(found.report, agency, actor):
                found = await self._store.reports.file(id=report_id) or found
        acting = acting_agency(found.report)
        acts = self._acts(found.report) if acting and acting.id == agency else frozenset()
        return OfficerReport(
            _file_for(found, agency), found.version, agency, may_act=bool(acts), acts=acts
        )

    async def _note_read(self, report: Report, agency: str, actor: Actor) -> bool:
        """Note who opened a report; tells whether it changed, as no coordinator is waited for."""
        async with self._store.unit() as unit:
            await unit.deliveries.read(report.id, agency, by=actor.name)
            acting = acting_agency(report)
            if not (report.escalated_to and acting and acting.id == agency):
                return False
            stored = await unit.reports.by_id(report.id, lock=True)
            acting = acting_agency(stored.report) if stored else None
            if stored is None or not stored.report.escalated_to or acting is None:
                return False
            if acting.id != agency:  # it was handed over meanwhile
                return False
            calm = stored.report.model_copy(update={"escalated_to": ""})
            data: dict[str, object] = {"officer": actor.name}
            event = AuditEvent("agency_opened", f"agency:{agency}", data=data)
            unit.reports.change(stored, calm, [event])
            return True

    async def show_file(self, report_id: str, sha256: str, *, actor: Actor) -> ShownFile:
        """Return a file of a report, or a photo of an answer. Raises ``NoFile``, ``NotYet``."""
        return await self._files.for_officer(
            report_id, sha256, agencies=_scope(actor).agencies, by=actor.name
        )

    async def colleagues(self, actor: Actor) -> list[Account]:
        """List the officers of the actor's agencies, who may be given a report."""
        return await self._store.accounts.with_role(Role.OFFICER, _scope(actor).agencies)

    async def suggestions(self, actor: Actor, report_id: str, query: str) -> list[tuple[str, str]]:
        """Find agencies by name, as id and name, to which a report may belong instead."""
        found = await self._store.reports.file(id=report_id)
        if found is None or _seen_by(found.report, _scope(actor)) is None:
            return []
        report = found.report
        region = report.places[0].code if report.places else None
        listed = self._directory.search(query, region)
        return [(each.id, each.name) for each in listed if not report.recuses(each.id)]

    async def preview(self, report_id: str, act: str, text: str, *, actor: Actor) -> Preview:
        """Show what the reporter would read of a text; ``act`` is ask, progress or answer."""
        found = await self._store.reports.file(id=report_id)
        if found is None or _acting_for(found.report, _scope(actor)) is None:
            raise Conflict(ConflictCode.NO_REPORT)
        kinds: dict[str, ReplyKind] = {kind: kind for kind in STATUS_AFTER}
        if act not in kinds:
            raise Conflict(ConflictCode.NOT_NOW)
        report = found.report
        words = self._replies.text(report, kinds[act], _words(text))
        whole = self._notifier.whole(words, report)
        by_sms = report.origin.channel in self._phones
        neutral = self._notifier.is_neutral(report, report)
        return Preview(whole, segments(whole), by_sms, neutral)

    async def store_photo(self, data: bytes) -> AnswerFile:
        """Make a photo harmless and keep it; no report has it yet. Raises ``Conflict``."""
        try:
            photo = await self._photos.keep(data)
        except PhotoTooLarge:
            size = str(PHOTO_BYTES // 1_000_000)
            raise Conflict(ConflictCode.PHOTO_TOO_LARGE, size=size) from None
        except NoPhoto:
            raise Conflict(ConflictCode.NO_PHOTO) from None
        except ObjectsUnavailable:
            raise Conflict(ConflictCode.FILES_AWAY) from None
        return AnswerFile(photo.sha256, photo.media_type, photo.size)

    # what they do

    async def verify(self, report_id: str, *, actor: Actor, version: int) -> Report:
        """Say that the report is understood, and is the agency's own affair."""
        async with self._acting(report_id, actor, version) as acting:
            moved = move(
                acting.report,
                Status.IN_PROGRESS,
                by=acting.by,
                actor_kind=ActorKind.OFFICER,
                at=self._store.now(),
                note=say("verified"),
                act="verify",
            )
            return _changed(acting, moved, "agency_verified", actor)

    async def ask(self, report_id: str, text: str, *, actor: Actor, version: int) -> Report:
        """Ask the reporter something."""
        return await self._reply(report_id, "ask", text, actor=actor, version=version)

    async def progress(
        self,
        report_id: str,
        text: str,
        files: Sequence[AnswerFile] = (),
        *,
        actor: Actor,
        version: int,
    ) -> Report:
        """Tell the reporter how far it is."""
        return await self._reply(
            report_id, "progress", text, actor=actor, version=version, files=files
        )

    async def answer(
        self,
        report_id: str,
        text: str,
        files: Sequence[AnswerFile] = (),
        *,
        actor: Actor,
        version: int,
    ) -> Report:
        """Answer the reporter."""
        return await self._reply(
            report_id, "answer", text, actor=actor, version=version, files=files
        )

    async def refuse(
        self,
        report_id: str,
        text: str,
        suggested_agency_id: str | None = None,
        *,
        actor: Actor,
        version: int,
    ) -> Report:
        """Say that it is not the agency's affair, why, and whose it is."""
        return await self._reply(
            report_id, "refuse", text, actor=actor, version=version, suggested=suggested_agency_id
        )

    async def delegate(
        self, report_id: str, unit: str, note: str = "", *, actor: Actor, version: int
    ) -> Report:
        """Give the report to a part of the agency, by the name that it uses itself."""
        name = _words(unit)[:_UNIT]
        async with self._acting(report_id, actor, version) as acting:
            given = acting.report.model_copy(update={"handler": Handler(unit=name)})
            return _changed(acting, given, "delegated", actor, _tidy(note), unit=name)

    async def assign(self, report_id: str, officer: str, *, actor: Actor, version: int) -> Report:
        """Give the report to a colleague, by the name of the account.

        "" takes it from the one that has it.
        """
        async with self._acting(report_id, actor, version) as acting:
            old = acting.report.handler
            unit = old.unit if old else ""
            if officer:
                theirs = await self._store.accounts.with_role(Role.OFFICER, {acting.agency.id})
                account = next((each for each in theirs if each.name == officer), None)
                if account is None:
                    raise Conflict(ConflictCode.NO_COLLEAGUE)
                unit = account.unit or unit
            handler = Handler(unit=unit, officer=officer) if unit or officer else None
            given = acting.report.model_copy(update={"handler": handler})
            return _changed(acting, given, "officer_assigned", actor, to=officer)

    async def copy(
        self, report_id: str, agency_id: str, note: str = "", *, actor: Actor, version: int
    ) -> Report:
        """Give another agency the report to read."""
        agency = self._register.agency(agency_id)
        if agency is None:
            raise Conflict(ConflictCode.NO_AGENCY)
        async with self._acting(report_id, actor, version) as acting:
            report = acting.report
            if report.recuses(agency.id):
                raise Conflict(ConflictCode.ACCUSED, agency=agency.name)
            if report.recusals:
                raise Conflict(ConflictCode.NOT_FOR_OTHERS)
            if any(each.id == agency.id for each in readers(report)):
                raise Conflict(ConflictCode.NO_COPY, agency=agency.name)
            made = report.assignment
            assert made is not None
            copied = made.model_copy(update={"copies": (*made.copies, agency)})
            report = report.model_copy(update={"assignment": copied})
            changed = _changed(acting, report, "copied", actor, _tidy(note), agency=agency.id)
            deliver_copy(acting.unit, changed, agency.id, cause=f"copy {version + 1}")
            return changed

    async def note(self, report_id: str, text: str, *, actor: Actor, version: int) -> Report:
        """Write something down for colleagues and operators; no reporter reads it."""
        words = _words(text)
        async with self._acting(report_id, actor, version) as acting:
            return _changed(acting, acting.report, "agency_noted", actor, text=words)

    async def set_cover(self, actor: Actor, cover: str, until: date | None) -> None:
        """Say who stands in for the actor until they are back; no day ends that."""
        if until is None:
            await self._store.accounts.set_cover(actor.name, None, None)
            return
        names = {each.name for each in await self.colleagues(actor)} - {actor.name}
        if cover not in names:
            raise Conflict(ConflictCode.NO_COLLEAGUE)
        await self._store.accounts.set_cover(actor.name, cover, until.isoformat())

    async def _reply(
        self,
        report_id: str,
        kind: ReplyKind,
        text: str,
        *,
        actor: Actor,
        version: int,
        files: Sequence[AnswerFile] = (),
        suggested: str | None = None,
    ) -> Report:
        words = _words(text)
        await self._check_files(files)
        async with self._acting(report_id, actor, version) as acting:
            if kind == "ask" and not self._can_ask(acting.report):
                raise Conflict(ConflictCode.CANNOT_ASK)
            said = AgencyWords(
                acting.agency,
                kind,
                words,
                officer=actor.name,
                files=files,
                suggested=self._suggested(acting, suggested),
            )
            return (await self._replies.file(acting.unit, acting.record, said)).report

    def _suggested(self, acting: _Acting, id: str | None) -> Agency | None:
        if not id:
            return None
        agency = self._register.agency(id)
        if agency is None:
            raise Conflict(ConflictCode.NO_AGENCY)
        if acting.report.recuses(id):
            raise Conflict(ConflictCode.ACCUSED, agency=agency.name)
        if id == acting.agency.id:
            raise Conflict(ConflictCode.AT_THIS_AGENCY, agency=agency.name)
        return agency

    async def _check_files(self, files: Sequence[AnswerFile]) -> None:
        if len(files) > MOST_PHOTOS:
            raise Conflict(ConflictCode.PHOTOS_TOO_MANY, count=str(MOST_PHOTOS))
        try:
            kept = [await self._photos.has(each.sha256, each.mime) for each in files]
        except ObjectsUnavailable:
            raise Conflict(ConflictCode.FILES_AWAY) from None
        if not all(kept) or any(each.label not in LABELS for each in files):
            raise Conflict(ConflictCode.NO_PHOTO)

    def _can_ask(self, report: Report) -> bool:
        """Tell whether its reporter would read a question, and may answer it."""
        return report.unanswered is None and report.origin.channel not in self._mute

    def _acts(self, report: Report) -> frozenset[str]:
        if report.status in FINAL:
            return frozenset()
        kind = ActorKind.OFFICER
        moves = {
            act
            for act, ends in _MOVES.items()
            if any(may_move(report.status, end, kind, act) for end in ends)
        }
        return _OTHER_ACTS | (moves if self._can_ask(report) else moves - {"ask"})

    @contextlib.asynccontextmanager
    async def _acting(self, report_id: str, actor: Actor, version: int) -> AsyncIterator[_Acting]:
        """Open a report for an act of its agency: what it had of it until now was read."""
        with as_conflicts():
            async with self._store.unit() as unit:
                record = await unit.reports.by_id(report_id, lock=True)
                agency = _acting_for(record.report, _scope(actor)) if record else None
                if record is None or agency is None:
                    raise Conflict(ConflictCode.NO_REPORT)
                if record.report.status in FINAL:
                    raise Conflict(ConflictCode.CLOSED)
                if record.version != version:
                    raise Conflict(ConflictCode.OUTDATED)
                await unit.deliveries.read(report_id, agency.id, by=actor.name)
                await unit.deliveries.read(report_id, agency.id)
                yield _Acting(unit, record, agency)

    def _today(self) -> str:
        return self._store.now().astimezone(_DAY).date().isoformat()


def _scope(actor: Actor) -> AccessScope:
    return actor.scope(Right.ANSWER)


def _acting_for(report: Report, scope: AccessScope) -> Agency | None:
    """Return the agency of a scope that must answer a report."""
    agency = acting_agency(report)
    held = agency is not None and agency.id in scope.agencies and scope.covers(report)
    return agency if held else None


def _seen_by(report: Report, scope: AccessScope) -> str | None:
    """Return for which agency of a scope a report is seen: the one that answers, else a copy's."""
    if not scope.covers(report):
        return None
    return next((each.id for each in readers(report) if each.id in scope.agencies), None)


def _file_for(file: ReportFile, agency: str) -> ReportFile:
    """Return what an agency sees: no identity, no other agency's notes, no operators' events."""
    by = f"agency:{agency}"
    events = [
        each if each.by == by else replace(each, data={}, note=_note_for_agency(each))
        for each in file.events
        if each.kind not in _OPERATORS and (each.by == by or each.kind not in _PRIVATE)
    ]
    return ReportFile(
        for_agency(file.report),
        tuple(events),
        tuple(each for each in file.deliveries if each.agency_id == agency),
        tuple(replace(each, reader="") for each in file.notifications),
    )


def _note_for_agency(event: EventView) -> str:
    """Return what the machine noted; what people of others wrote is theirs."""
    return event.note if event.by in ("router", "gateway") else ""


def _changed(
    acting: _Acting, report: Report, kind: str, actor: Actor, note: str = "", **data: object
) -> Report:
    event = AuditEvent(kind, acting.by, note=note, data={"officer": actor.name, **data})
    return acting.unit.reports.change(acting.record, report, [event]).report


def _words(text: str) -> str:
    """Return what somebody wrote, as every database takes it. Raises ``Conflict``."""
    words = _tidy(text)
    if not words:
        raise Conflict(ConflictCode.NO_WORDS)
    return words


def _tidy(text: str) -> str:
    return storable(text.strip(), MOST_WORDS)
