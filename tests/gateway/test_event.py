"""Events: CloudEvents 1.0 to everybody, and never more of a reporter than the agency may see."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as some

from gateway.wire import events
from normalizer.report import Report
from tests.gateway.making import schema
from tests.gateway.office import report

AT = datetime(2026, 3, 2, 10, 4, 5, 678, tzinfo=timezone(timedelta(hours=7)))


@pytest.mark.parametrize("kind", get_args(events.Type))
def test_an_event_is_a_cloudevent_to_others(kind: events.Type) -> None:
    data = report(1).model_dump_json()
    body = events.compose(kind, "id-1", data, at=AT, subject="482109375514")
    read = JSONFormat().read(CloudEvent, body)
    assert (read.get_id(), read.get_source(), read.get_type()) == ("id-1", events.SOURCE, kind)
    assert (read.get_specversion(), read.get_subject()) == ("1.0", "482109375514")
    assert read.get_time() == AT
    assert read.get_datacontenttype() == "application/json"
    assert read.get_data() == json.loads(data)


def test_a_report_in_an_event_keeps_to_its_published_schema() -> None:
    validator = schema()
    whole, hidden = report(1), report(2, anonymous=True)
    for each in (whole, events.for_agency(whole), events.for_agency(hidden)):
        body = events.compose(events.ASSIGNED, "id", each.model_dump_json(), at=AT)
        validator.validate(json.loads(body)["data"])
    with pytest.raises(Exception, match="tracking"):
        validator.validate(json.loads(report(1).model_dump_json()) | {"tracking": "0"})


@given(text=some.text(alphabet=some.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_report_comes_back_from_its_event_as_it_was(text: str) -> None:
    sent = report(3, text=text, received_at=datetime(2026, 3, 2, tzinfo=UTC))
    body = events.compose(events.ASSIGNED, sent.id, sent.model_dump_json(), at=AT)
    assert events.report_in(events.read(body)) == sent
    body = events.compose(events.RECEIVED, sent.id, sent.first.model_dump_json(), at=AT)
    assert events.message_in(events.read(body)) == sent.first


def _changed(**changes: Any) -> bytes:
    good = json.loads(events.compose(events.RECEIVED, "x", report(1).model_dump_json(), at=AT))
    return json.dumps(good | changes).encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"null", b"[]", b"7", b"{}", b'{"id": 1, "type": "x"}', b"[" * 100_000],
)
def test_what_is_no_event_is_called_so(body: bytes) -> None:
    with pytest.raises(events.BadEvent):
        events.read(body)


READERS = {"report": events.report_in, "message": events.message_in}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("data", [None, "text", [], {}, {"version": 2}])
def test_what_is_no_report_or_message_is_called_so(data: object, name: str) -> None:
    with pytest.raises(events.BadEvent, match=f"not a {name}"):
        READERS[name](events.read(_changed(data=data)))


@pytest.mark.parametrize("name", READERS)
def test_the_complaint_about_a_bad_one_does_not_quote_it(name: str) -> None:
    one = report(1) if name == "report" else report(1).first
    data = json.loads(one.model_dump_json()) | {"tracking": "+6281234567890"}
    with pytest.raises(events.BadEvent) as caught:
        READERS[name](events.read(_changed(data=data)))
    assert "62812" not in str(caught.value)


NAMED = {"anonymous": False}
ANONYMOUS = {"anonymous": True}


@pytest.mark.parametrize(
    ("flags", "field", "seen"),
    [
        (NAMED, lambda r: r.first.reporter.sealed, ""),
        (NAMED, lambda r: r.first.origin.external_id, ""),
        (NAMED, lambda r: r.first.origin.sealed, {}),
        (ANONYMOUS, lambda r: r.first.reporter.ref, ""),
        (NAMED, lambda r: r.reporter.ref, "a1b2"),
        (NAMED, lambda r: r.reporter.sealed, ""),
        (NAMED, lambda r: r.origin.external_id, ""),
        (NAMED, lambda r: r.origin.thread, ()),
        (NAMED, lambda r: r.origin.sealed, {}),
        (ANONYMOUS, lambda r: r.reporter.ref, ""),
        (ANONYMOUS, lambda r: r.reporter.sealed, ""),
        (ANONYMOUS, lambda r: r.origin.external_id, ""),
        (ANONYMOUS, lambda r: r.origin.thread, ()),
        (ANONYMOUS, lambda r: r.origin.channel, "sms"),
    ],
)
def test_an_agency_sees_what_it_may(
    flags: dict[str, bool], field: Callable[[Report], object], seen: object
) -> None:
    assert field(events.for_agency(report(1, **flags))) == seen
