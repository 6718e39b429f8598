import importlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from normalizer.message import MAX_TEXT, Message
from normalizer.report import FINAL, MOST_MESSAGES, MOST_TEXT, Recusal, Report, Status
from normalizer.schema import SCHEMAS, document
from tests.normalizer.conftest import Normalize

jsonschema = importlib.import_module("jsonschema")  # it carries no types
FOLDER = Path(__file__).parents[2] / "docs" / "schema"
UPDATE = "python -m normalizer.schema docs/schema"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_on_file_is_the_schema_in_code(name: str) -> None:
    on_file = (FOLDER / f"{name}.json").read_text("utf-8")
    assert on_file == document(name), f"the schema has changed: run {UPDATE}"


def said(normalize: Normalize) -> Message:
    return normalize(
        "ANONIM ada pungli 😡 di Kec. Sungai Pinang, Samarinda, 12/05/2026", location=(1.0, 2.0)
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_on_a_queue_satisfies_its_schema_and_survives_it(
    normalize: Normalize, name: str
) -> None:
    message = said(normalize)
    each = message if name == "message" else Report.open(message)
    body = each.model_dump_json()
    jsonschema.validate(json.loads(body), json.loads(document(name)))
    assert SCHEMAS[name].model_validate_json(body) == each


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_field_nobody_knows_is_refused(normalize: Normalize, name: str) -> None:
    message = said(normalize)
    each = message if name == "message" else Report.open(message)
    values = json.loads(each.model_dump_json())
    with pytest.raises(ValidationError, match="nonsense"):
        SCHEMAS[name].model_validate_json(json.dumps(values | {"nonsense": 1}))
    with pytest.raises(AttributeError, match="nonsense"):
        each.model_copy(update={"nonsense": 1})


def test_a_report_has_what_opened_it(normalize: Normalize) -> None:
    message = said(normalize)
    report = Report.open(message)
    assert report.messages == (message,)
    for name in ("id", "tracking", "origin", "reporter", "kind", "places", "coordinates",
                 "received_at", "anonymous", "title", "text", "language", "attachments",
                 "address", "occurred_on", "chosen_topic", "chosen_agency"):  # fmt: skip
        assert getattr(report, name) == getattr(message, name), name


def test_what_is_added_stands_beside_what_was_said(normalize: Normalize) -> None:
    first, more = normalize("jalan rusak"), normalize("RAHASIA lampunya juga mati")
    report = Report.open(first).with_messages(more)
    assert [each.text for each in report.messages] == [first.text, more.text]
    assert report.text == f"{first.text}\n\n{more.text}"
    assert report.confidential


def test_a_report_takes_so_much_and_no_more(normalize: Normalize) -> None:
    report, more = Report.open(normalize("jalan rusak")), normalize("x" * MAX_TEXT)
    while report.takes(more):
        report = report.with_messages(more)
    assert MOST_TEXT - MAX_TEXT < sum(len(each.text) for each in report.messages) <= MOST_TEXT
    short = normalize("oh")
    while report.takes(short):
        report = report.with_messages(short)
    assert len(report.messages) == MOST_MESSAGES
    assert len(report.text) <= MAX_TEXT


@pytest.mark.parametrize("size", [10, MAX_TEXT - 13, MAX_TEXT - 12, MAX_TEXT - 11, MAX_TEXT])
def test_the_newest_words_are_always_read_whole(normalize: Normalize, size: int) -> None:
    first, more = normalize("x" * size), normalize("lampu mati")
    text = Report.open(first).with_messages(more).text
    assert text.endswith("\n\nlampu mati")
    assert len(text) == min(MAX_TEXT, size + 12)


def test_who_is_accused_in_one_is_accused_in_both(normalize: Normalize) -> None:
    one, other = Report.open(normalize("jalan rusak")), Report.open(normalize("lampu mati"))
    pu = Recusal(office="pu", name="Dinas PU", agencies=("3578-dinas-pu",))
    accusing = other.model_copy(update={"recusals": (pu,)})
    assert one.with_report(accusing).recuses("3578-dinas-pu")
    assert accusing.with_report(accusing).recusals == (pu,)


def test_a_move_keeps_the_history(normalize: Normalize) -> None:
    at = datetime(2026, 5, 15, tzinfo=UTC)
    before = Report.open(normalize("jalan rusak"))
    after = before.with_status(Status.FORWARDED, at=at, by="router", note="0.91")
    assert after.status is Status.FORWARDED
    assert [change.status for change in after.history] == [Status.RECEIVED, Status.FORWARDED]
    assert before.status is Status.RECEIVED
    assert len(before.history) == 1


def test_six_statuses_are_final() -> None:
    assert len(FINAL) == 6
    assert Status.ANSWERED not in FINAL
