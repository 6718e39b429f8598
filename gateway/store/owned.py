"""Which report a message leads to: only one of the very person who sent the message.

A number, a thread or a name finds a report; it proves nothing about who uses it. So nobody reads
``messages.report_id`` but through here, where the two pseudonyms are compared.
"""

from sqlalchemy import ColumnElement, FromClause, Select, and_, select

from gateway.store.tables import messages, reports


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
