"""The step media: the files that came with a report are fetched, made harmless, and kept.

Bytes come from the database (mail brings them along) or from the provider. Each file is a matter of
its own: one that is refused, gone or not to be had yet holds up neither its neighbours nor the
report, which has long been on its way. Doing it twice changes nothing: bytes are kept under their
own hash before the report says so, and a report that says so is left alone.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from adapters.contract import Channel, ChannelError, MediaSource, Refused, Source
from config.settings import MediaSettings
from gateway.broker.base import Later, ReceivedMessage
from gateway.media.access import DOWNLOAD
from gateway.media.clean import CleanFile, clean
from gateway.media.fetch import FetchFailed, FileFetcher, FileGone
from gateway.media.objects import AttachmentStore, ObjectsUnavailable
from gateway.outbound.deliveries import deliver_files
from gateway.outbound.notifications import Notifier
from gateway.platform import correlation, metrics
from gateway.platform.names import opened_url
from gateway.platform.sandbox import ReadingError, Sandbox
from gateway.platform.seal import FILE, BadSeal, Seal
from gateway.store.rows import AuditEvent, ReportRecord
from gateway.store.store import Store
from gateway.store.unit import UnitOfWork
from gateway.wire import events
from gateway.wire.outbound import files_of
from normalizer.coordinates import in_indonesia
from normalizer.message import Attachment, Coordinates, FileNote, FileState, Message
from normalizer.report import Report

log = structlog.get_logger(__name__)

BUDGET = 20.0
"""Seconds in which a batch begins with its files; a provider that hangs must not outlast the lease.
What is left comes again, without an attempt counted."""
OPEN = frozenset({FileState.PENDING, FileState.GONE})
"""The states that another try may change: dead letters of this step can be replayed."""
KEPT = frozenset({FileState.STORED, FileState.QUARANTINED})

Clean = Callable[[bytes], Awaitable[CleanFile]]
"""Makes a file harmless; the shell does it in a worker process."""


def clean_in(sandbox: Sandbox) -> Clean:
    """Return what makes a file harmless in the sandbox; what breaks there is quarantined."""

    async def clean_file(content: bytes) -> CleanFile:
        try:
            return await sandbox.read(clean, content)
        except ReadingError as error:
            log.warning("a file could not be made harmless", error=type(error).__name__)
            return CleanFile(content, DOWNLOAD, FileNote.BROKEN)

    return clean_file


class MissingReport(Exception):
    """The queue names a report that is not in the database (yet)."""


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """What became of one attachment, and where its photo was taken if that may be known."""

    file: Attachment
    point: Coordinates | None = None


def enqueue_files(unit: UnitOfWork, report: Report, message: Message, *, at: datetime) -> None:
    """Have the files that came with a message be stored, once the unit commits."""
    if message.attachments:
        unit.outbox.put(files_of(report.id, message.id, at=at))


class StoreFiles:
    """The step. ``attempts`` is how many may fail before a message is buried."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        attachments: AttachmentStore,
        fetcher: FileFetcher,
        clean: Clean,
        seal: Seal,
        notifier: Notifier,
        settings: MediaSettings,
        *,
        attempts: int,
        concurrency: int,
    ) -> None:
        self._store = store
        self._channels = channels
        self._attachments = attachments
        self._fetcher = fetcher
        self._clean = clean
        self._seal = seal
        self._notifier = notifier
        self._settings = settings
        self._attempts = attempts
        self._turn = asyncio.Semaphore(concurrency)

    async def __call__(self, batch: Sequence[ReceivedMessage]) -> Mapping[str, Exception]:
        """Work on a batch; returns what failed, by message id. Raises ``BadEvent``."""
        wanted = {delivery.message.id: _report_id(delivery.message.body) for delivery in batch}
        async with self._store.unit() as unit:
            known = await unit.reports.by_ids(wanted.values())
        until = time.monotonic() + BUDGET
        results = await asyncio.gather(
            *(self._work(known.get(wanted[d.message.id]), d, until) for d in batch)
        )
        return {d.message.id: e for d, e in zip(batch, results, strict=True) if e}

    async def _work(
        self, stored: ReportRecord | None, delivery: ReceivedMessage, until: float
    ) -> Exception | None:
        """Store the files of one report; what is done is kept though others fail."""
        if stored is None:
            return MissingReport("the report is not stored")
        with correlation.queued_message(delivery.message.id):
            return await self._store_files(stored, delivery, until)

    async def _store_files(
        self, stored: ReportRecord, delivery: ReceivedMessage, until: float
    ) -> Exception | None:
        last = delivery.attempts >= self._attempts
        results = await self._try_all(stored.report, until)
        outcomes = {file: each for file, each in results.items() if isinstance(each, FetchOutcome)}
        errors = {file: each for file, each in results.items() if isinstance(each, Exception)}
        failed = {file: error for file, error in errors.items() if not isinstance(error, Later)}
        outcomes |= {file: _given_up(file) for file, e in failed.items() if last or _final(e)}
        log.debug("files of a message", count=len(outcomes), attempts=delivery.attempts + 1)
        try:
            await self._record(stored.report.id, outcomes)
        except Exception as error:  # one report never fails its neighbours
            return error
        return _outcome(errors, last=last)

    async def _try_all(
        self, report: Report, until: float
    ) -> dict[Attachment, FetchOutcome | Exception]:
        """Try the files that are open, all at once, those that were never tried first."""
        wanted = {file: n for n, file in enumerate(report.attachments, 1) if file.state in OPEN}
        order = sorted(wanted, key=lambda file: file.state is not FileState.PENDING)
        tries = (self._try(report, file, wanted[file], until) for file in order)
        return dict(zip(order, await asyncio.gather(*tries), strict=True))

    async def _try(
        self, report: Report, file: Attachment, number: int, until: float
    ) -> FetchOutcome | Exception:
        try:
            async with self._turn:
                if time.monotonic() > until:
                    return Later()
                return await self._store_file(report, file, number)
        except ObjectsUnavailable as error:  # ours: no file is given up for it
            log.warning("files cannot be kept now", error=str(error))
            return Later()
        except Exception as error:  # one file never fails its neighbours
            return error

    async def _store_file(self, report: Report, file: Attachment, number: int) -> FetchOutcome:
        """Fetch, clean and keep one file. Raises ``ChannelError`` and ``ObjectsUnavailable``."""
        if number > self._settings.max_files:
            return FetchOutcome(_failed(file, FileState.REFUSED, FileNote.TOO_MANY))
        try:
            content = await self._content(report, file)
        except FileGone as error:
            return FetchOutcome(_failed(file, FileState.GONE, error.note))
        except FetchFailed as error:
            return FetchOutcome(_failed(file, FileState.REFUSED, error.note))
        except Refused:
            return FetchOutcome(_failed(file, FileState.GONE, FileNote.MISSING))
        if isinstance(content, FetchOutcome):
            return content
        if len(content) > self._settings.max_bytes:
            return FetchOutcome(_failed(file, FileState.REFUSED, FileNote.TOO_LARGE))
        return await self._keep(file, content)

    async def _content(self, report: Report, file: Attachment) -> bytes | FetchOutcome:
        """Return a file's bytes, or what an earlier message with the same file made of it."""
        if file.url is not None:
            try:
                url = opened_url(self._seal, file.url)
            except BadSeal:
                raise FileGone from None
            channel = self._channels.get(report.origin.channel)
            if isinstance(channel, MediaSource):
                return await self._fetcher.fetch(await channel.source(url))
            return await self._fetcher.fetch(Source(url))
        held = await self._store.files.get(file.sha256) if file.sha256 else None
        if held is None:
            raise FileGone
        if held.became is not None:
            outcome = Attachment.model_validate_json(held.became)
            return FetchOutcome(outcome.model_copy(update={"name": file.name}))
        try:
            return await asyncio.to_thread(self._seal.open, held.content, FILE)
        except BadSeal:
            raise FetchFailed(FileNote.BROKEN) from None

    async def _keep(self, file: Attachment, content: bytes) -> FetchOutcome:
        cleaned = await self._clean(content)
        digest = await self._attachments.put(cleaned.content)
        keep = self._settings.keep_original and cleaned.note is None
        kept = {
            "state": FileState.QUARANTINED if cleaned.note else FileState.STORED,
            "note": cleaned.note,
            "media_type": cleaned.media_type,
            "size": len(cleaned.content),
            "sha256": digest,
            "original": await self._attachments.put(content) if keep else None,
            "url": None,
        }
        return FetchOutcome(file.model_copy(update=kept), self._point(cleaned))

    def _point(self, cleaned: CleanFile) -> Coordinates | None:
        if cleaned.point is None or not self._settings.gps_from_photos:
            return None
        if not in_indonesia(*cleaned.point):
            return None  # a camera that knew no place writes 0, 0
        return Coordinates(latitude=cleaned.point[0], longitude=cleaned.point[1])

    async def _record(self, report_id: str, outcomes: Mapping[Attachment, FetchOutcome]) -> None:
        """Write down what became of files. Raises ``Conflict`` and ``Unavailable``."""
        if not outcomes:
            return
        async with self._store.unit() as unit:
            stored = await unit.reports.by_id(report_id, lock=True)
            assert stored is not None
            old = stored.report
            mine = [outcomes[file] for file in old.attachments if file in outcomes]
            report = _with(old, outcomes)
            if report == old:
                return
            data: dict[str, object] = {"files": [_log_entry(each.file) for each in mine]}
            stored = unit.reports.change(
                stored, report, [AuditEvent("files_stored", "gateway", data=data)]
            )
            if any(each.file.state is FileState.STORED for each in mine):
                deliver_files(unit, report, cause=f"files {stored.version}")
            for file, each in outcomes.items():
                if file.url is None and file.sha256 and each.file.state in KEPT:
                    unit.files.move(file.sha256, each.file.model_dump_json())
        for each in outcomes.values():
            metrics.FILES.labels(report.origin.channel, each.file.state).inc()


def _with(report: Report, outcomes: Mapping[Attachment, FetchOutcome]) -> Report:
    messages = tuple(_message_with(message, outcomes) for message in report.messages)
    points = (each.point for each in outcomes.values() if each.point)
    point = report.coordinates or next(points, None)
    return report.model_copy(update={"messages": messages, "coordinates": point})


def _message_with(message: Message, outcomes: Mapping[Attachment, FetchOutcome]) -> Message:
    if outcomes.keys().isdisjoint(message.attachments):
        return message
    files = tuple(outcomes[f].file if f in outcomes else f for f in message.attachments)
    return message.model_copy(update={"attachments": files})


def _outcome(errors: Mapping[Attachment, Exception], *, last: bool) -> Exception | None:
    """Say how a message went whose files had these errors.

    ``Later`` is not counted as an attempt, so it stands back behind a failure that is: else a file
    that always fails would keep the message coming without end. Only before the message is buried
    does a file that was never tried get its turn.
    """
    later = {file: error for file, error in errors.items() if isinstance(error, Later)}
    failed = [error for file, error in errors.items() if file not in later]
    untried = any(file.state is FileState.PENDING for file in later)
    if later and (not failed or (last and untried)):
        return Later()
    return next(iter(failed), None)


def _given_up(file: Attachment) -> FetchOutcome:
    return FetchOutcome(_failed(file, FileState.GONE, FileNote.UNREACHABLE))


def _final(error: Exception) -> bool:
    return isinstance(error, ChannelError) and not error.retryable


def _failed(file: Attachment, state: FileState, note: FileNote) -> Attachment:
    """Mark a file that is not kept; where it was stays known, for another try."""
    return file.model_copy(update={"state": state, "note": note})


def _log_entry(file: Attachment) -> dict[str, object]:
    """Say in the log what became of a file; its name may be a person's."""
    return {"state": file.state, "note": file.note, "sha256": file.sha256, "size": file.size}


def _report_id(body: bytes) -> str:
    data = events.read(body).data
    if not isinstance(data, dict) or not isinstance(data.get("report"), str):
        raise events.BadEvent(f"names no report: {json.dumps(data)[:60]}")
    return str(data["report"])
