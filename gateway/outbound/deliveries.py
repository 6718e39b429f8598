"""Deliveries: decides which agencies get a report, with ids that are the same however often.

``cause`` names why an agency gets it; once per cause and agency. What it gets is composed when it
is placed or fetched, from the report as it stands then.
"""

import uuid

import structlog

from gateway.store.unit import UnitOfWork
from gateway.wire import events
from normalizer.report import Report

log = structlog.get_logger(__name__)

ELSEWHERE = "report_elsewhere"
"""Why a delivery is withdrawn, as ``config/console`` says it."""
_NAMES = uuid.UUID("6b616e61-6c00-5000-8000-6c6574746572")


def deliver_assigned(unit: UnitOfWork, report: Report, *, cause: str) -> None:
    """Hand a report to the agency that must act, and to those that get a copy."""
    assert report.assignment is not None
    deliver(unit, report, kind=events.ASSIGNED, cause=cause)
    for copy in report.assignment.copies:
        _deliver(unit, report, copy.id, events.COPIED, f"copy of {cause}")


def deliver(unit: UnitOfWork, report: Report, *, kind: events.Type, cause: str) -> None:
    """Hand a report to its agency."""
    assert report.assignment is not None
    assert report.assignment.agency is not None
    _deliver(unit, report, report.assignment.agency.id, kind, cause)


def deliver_copy(unit: UnitOfWork, report: Report, agency: str, *, cause: str) -> None:
    """Hand a copy to an agency that its assignment names."""
    _deliver(unit, report, agency, events.COPIED, cause)


def deliver_files(unit: UnitOfWork, report: Report, *, cause: str) -> None:
    """Tell the agencies a report is with that files of it can be fetched now."""
    for agency in events.readers(report):
        _deliver(unit, report, agency.id, events.FILES_READY, cause)


def deliver_changed(unit: UnitOfWork, report: Report, *, cause: str) -> None:
    """Tell every agency that has the report, also for a copy, how it is now."""
    for agency in events.readers(report):
        _deliver(unit, report, agency.id, events.FOLLOWED_UP, cause)


async def withdraw(unit: UnitOfWork, report: Report, agency: str, cause: str) -> None:
    """Take a report from an agency: what waits is not placed any more, and who had it is told.

    ``report`` is as it stands without the agency. What it is told names the number only, so an
    accused one is told, too.
    """
    if await unit.deliveries.take_back(report.id, agency, ELSEWHERE):
        _add(unit, report, agency, events.WITHDRAWN, f"withdrawn {cause}")


async def withdraw_lost(
    unit: UnitOfWork, before: Report, now: Report, cause: str, *, besides: str = ""
) -> None:
    """Take a report from every agency that had it, also as a copy, and has it no more.

    ``besides``: an agency that gave it away itself.
    """
    still = {each.id for each in events.readers(now)} | {besides}
    for agency in events.readers(before):
        if agency.id not in still:
            await withdraw(unit, now, agency.id, cause)


def delivery_id(report: Report, agency: str, cause: str, method: str = "") -> str:
    """Return the id of the delivery that an agency gets because of ``cause``.

    ``method`` names each of its methods beyond the first.
    """
    by = f" by {method}" if method else ""
    return str(uuid.uuid5(_NAMES, f"{report.id} delivery {agency} {cause}{by}"))


def _deliver(unit: UnitOfWork, report: Report, agency: str, kind: events.Type, cause: str) -> None:
    if report.recuses(agency):
        log.warning("an accused agency gets nothing", report_id=report.id, agency=agency)
        return
    _add(unit, report, agency, kind, cause)


def _add(unit: UnitOfWork, report: Report, agency: str, kind: events.Type, cause: str) -> None:
    """File a delivery by each method of an agency."""
    first, *others = unit.deliveries.methods_of(agency)
    id = delivery_id(report, agency, cause)
    unit.deliveries.add(id, report, agency, kind, method=first)
    for method in others:
        again = delivery_id(report, agency, cause, method)
        unit.deliveries.add(again, report, agency, kind, method=method, repeats=id)
