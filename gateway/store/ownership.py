"""Which report a message leads to: only one of the very person who sent the message.

A number, a thread or a name finds a report; it proves nothing about its user. So no module reads
``messages.report_id`` but this one, where the two pseudonyms are compared. A telephone number
changes hands: where senders are nothing more, ``last_heard`` says since when a report has no owner.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select

from gateway.store.tables import events, messages, reports

BY_REPORTER = ("received", "repeated")
"""Kinds of events that a reporter caused, besides those that name the reporter."""


def owned() -> ColumnElement[bool]:
    """Ask the database whether a message is filed to a report, and both are of one reporter."""
    return and_(
        messages.c.report_id == reports.c.id,
        messages.c.reporter_ref == reports.c.reporter_ref,
    )


def messages_and_theirs() -> FromClause:
    """Join every message with its reporter's own report, where it has one."""
    return messages.join(reports, owned(), isouter=True)


def owned_ids(*conditions: ColumnElement[bool]) -> Select[tuple[str]]:
    """Select the ids of the reports that messages lead to."""
    return select(reports.c.id).select_from(messages.join(reports, owned())).where(*conditions)


def last_heard(ids: Collection[str]) -> Select[tuple[str, datetime]]:
    """Select when the reporters of reports last wrote about them."""
    theirs = or_(events.c.by == "reporter", events.c.kind.in_(BY_REPORTER))
    last = func.max(events.c.at, type_=events.c.at.type).label("last")
    query = select(events.c.report_id, last)
    return query.where(events.c.report_id.in_(ids), theirs).group_by(events.c.report_id)
