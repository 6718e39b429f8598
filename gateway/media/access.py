"""Who may have a file of a report: operators, the agencies it is with, and of answers its reporter.

Operators may have whatever is kept; agencies only what could be made harmless. Photos of answers
stand in the log of the report; they were made harmless when they were kept.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.access.recusal import NotYours
from gateway.access.roles import Actor, Right
from gateway.media.kinds import KINDS
from gateway.media.objects import AttachmentStore, ObjectsUnavailable
from gateway.store.scope import AccessScope
from gateway.store.store import Store
from gateway.store.views import EventView, ReportFile
from gateway.wire.events import may_have
from normalizer.message import Attachment, FileState
from normalizer.report import Report

log = structlog.get_logger(__name__)

DOWNLOAD = "application/octet-stream"


class NoFile(Exception):
    """The report has no such file, or it is not for this reader."""


class NotYet(Exception):
    """The file is kept but cannot be read now; ask again."""


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file ready to be served. What is not ``inline`` is only offered for download."""

    name: str
    media_type: str
    inline: bool
    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True)
class AnswerPhoto:
    """A photo that an agency put to an answer, as the log has it."""

    at: datetime
    sha256: str
    media_type: str
    label: str


def answer_photos(events: Iterable[EventView]) -> list[AnswerPhoto]:
    """List the photos that stand in the log of a report, oldest first."""
    return [
        AnswerPhoto(event.at, str(each["sha256"]), str(each["mime"]), str(each["label"]))
        for event in events
        if event.kind == "agency_replied"
        for each in event.data.get("files", ())
    ]


class AttachmentAccess:
    """Hands files out."""

    def __init__(self, store: Store, attachments: AttachmentStore) -> None:
        self._store = store
        self._attachments = attachments

    async def for_operator(self, report_id: str, sha256: str, *, actor: Actor) -> ShownFile:
        """Return a file of a report that they may read; operators get what was not made safe, too.

        Raises ``NoFile``, ``NotYet``, ``Unavailable``.
        """
        found = await self._store.reports.file(id=report_id)
        if found is None or not actor.scope(Right.READ).covers(found.report):
            raise NoFile
        shown = await self._answer_photo(found, sha256)
        whole = actor.scope(Right.DECIDE).covers(found.report)
        shown = shown or await self._shown(found.report, sha256, whole=whole)
        log.info("a file was looked at", by=actor.name, report_id=report_id, sha256=sha256[:12])
        return shown

    async def for_agency(self, agency: str, tracking: str, sha256: str) -> ShownFile:
        """Return a file of a report that is with an agency, or that it got a copy of.

        Raises ``NotYours``, ``NoFile``, ``NotYet``, ``Unavailable``.
        """
        found = await self._store.reports.file(tracking=tracking)
        if found is None or not may_have(found.report, agency):
            raise NotYours
        shown = await self._answer_photo(found, sha256)
        shown = shown or await self._shown(found.report, sha256)
        log.info("a file was fetched", by=f"agency:{agency}", report_id=found.report.id)
        return shown

    async def for_officer(
        self, report_id: str, sha256: str, *, agencies: Collection[str], by: str
    ) -> ShownFile:
        """Return a file of a report that one of the agencies has, or that it got a copy of.

        Raises ``NoFile``, ``NotYet``, ``Unavailable``.
        """
        found = await self._store.reports.file(id=report_id)
        # What accuses one of somebody's agencies is not theirs for another one of them either.
        scope = AccessScope(agencies=frozenset(agencies))
        if found is None or not scope.covers(found.report):
            raise NoFile
        if not any(may_have(found.report, each) for each in agencies):
            raise NoFile
        shown = await self._answer_photo(found, sha256)
        shown = shown or await self._shown(found.report, sha256)
        log.info("a file was looked at", by=by, report_id=report_id, sha256=sha256[:12])
        return shown

    async def for_reporter(self, tracking: str, sha256: str) -> ShownFile:
        """Return a photo of an answer; who asks has shown number and secret.

        Raises ``NoFile``, ``NotYet``, ``Unavailable``.
        """
        found = await self._store.reports.file(tracking=tracking)
        shown = await self._answer_photo(found, sha256) if found else None
        if shown is None:
            raise NoFile
        return shown

    async def _answer_photo(self, file: ReportFile, sha256: str) -> ShownFile | None:
        """Read a photo that an agency put to an answer; None where there is no such one."""
        for photo in answer_photos(file.events):
            if photo.sha256 == sha256 and photo.media_type in KINDS:
                kind = KINDS[photo.media_type]
                content = await self._read(sha256)
                name = f"{photo.label or 'foto'}{kind.extension}"
                return ShownFile(name, photo.media_type, kind.inline, sha256, content)
        return None

    async def _shown(self, report: Report, sha256: str, *, whole: bool = False) -> ShownFile:
        """Read a file; ``whole`` also gives what is quarantined and originals."""
        for file in report.attachments:
            if file.sha256 == sha256 and file.state is FileState.STORED:
                return _dressed(file, await self._read(sha256))
            if whole and file.sha256 == sha256 and file.state is FileState.QUARANTINED:
                return _raw(file, sha256, await self._read(sha256))
            if whole and file.original == sha256:
                return _raw(file, sha256, await self._read(sha256))
        raise NoFile

    async def _read(self, sha256: str) -> bytes:
        try:
            content = await self._attachments.get(sha256)
        except ObjectsUnavailable as error:
            raise NotYet(str(error)) from None
        if content is None:
            log.error("a kept file cannot be found or opened", sha256=sha256[:12])
            raise NoFile
        return content


def _dressed(file: Attachment, content: bytes) -> ShownFile:
    """Name a file by what it is now: what was a GIF or claimed to be a page is so no longer."""
    kind = KINDS[file.media_type]
    stem = file.name if "." not in file.name else file.name.rpartition(".")[0]
    name = f"{stem or 'lampiran'}{kind.extension}"
    return ShownFile(name, file.media_type, kind.inline, str(file.sha256), content)


def _raw(file: Attachment, sha256: str, content: bytes) -> ShownFile:
    return ShownFile(f"{file.name}.bin", DOWNLOAD, False, sha256, content)
