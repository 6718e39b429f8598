"""Reports for tests, from the fields of their one message and of the case."""

from collections.abc import Mapping
from typing import Any

from gateway.store.reports import publicity
from normalizer.message import Message
from normalizer.report import Report


def case(values: Mapping[str, Any]) -> Report:
    """Return the report that a message opens, with more of the case."""
    said = {name: value for name, value in values.items() if name in Message.model_fields}
    about = {name: value for name, value in values.items() if name in Report.model_fields}
    assert said.keys() | about.keys() == values.keys(), values.keys() - said.keys() - about.keys()
    return Report.open(Message(**said)).model_copy(update=about)


def reworded(report: Report, **fields: Any) -> Report:
    """Return a report whose first message says something else."""
    first, *more = report.messages
    return report.model_copy(update={"messages": (first.model_copy(update=fields), *more)})


def overwriting(report: Report) -> str:
    """Return the SQL that makes every stored report this one, but for whose it is."""
    made = report.assignment.agency if report.assignment else None
    columns = {
        "body": report.model_dump_json(),
        "status": report.status.value,
        "agency_id": made.id if made else None,
        "topic_id": report.topic.id if report.topic else None,
        "publicity": publicity(report),
        "kind": report.kind.value,
        "danger": report.urgency.id if report.urgency else None,
    }
    flags = {"confidential": report.confidential, "accuses": bool(report.recusals)}
    texts = [f"{name} = {_quoted(value)}" for name, value in columns.items()]
    return "UPDATE reports SET " + ", ".join(texts + [f"{n} = {v}" for n, v in flags.items()])


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
