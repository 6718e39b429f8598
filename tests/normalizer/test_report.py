import importlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from normalizer.report import FINAL, Report, Status
from normalizer.schema import document, schema
from tests.normalizer.conftest import Normalize

jsonschema = importlib.import_module("jsonschema")  # it carries no types
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "report.json"
TOLD = "python -m normalizer.schema > docs/schema/report.json"


def test_the_schema_on_file_is_the_schema_in_code() -> None:
    assert SCHEMA.read_text("utf-8") == document(), f"the report has changed: run {TOLD}"


def test_a_report_on_the_queue_satisfies_the_schema(normalize: Normalize) -> None:
    report = normalize(
        "SAMARINDA jalan rusak di Kec. Sungai Pinang sejak kemarin", location=(1.0, 2.0)
    )
    jsonschema.validate(json.loads(report.model_dump_json()), schema())


def test_a_report_survives_the_queue(normalize: Normalize) -> None:
    report = normalize("ANONIM ada pungli 😡 di kab. Kutai Kartanegara, 12/05/2026")
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_a_field_nobody_knows_is_refused(normalize: Normalize) -> None:
    values = json.loads(normalize("jalan rusak").model_dump_json())
    with pytest.raises(ValidationError, match="nonsense"):
        Report.model_validate_json(json.dumps(values | {"nonsense": 1}))


def test_a_move_keeps_the_history(normalize: Normalize) -> None:
    at = datetime(2026, 5, 15, tzinfo=UTC)
    before = normalize("jalan rusak")
    after = before.moved(Status.FORWARDED, at=at, by="router", note="0.91")
    assert after.status is Status.FORWARDED
    assert [change.status for change in after.history] == [Status.RECEIVED, Status.FORWARDED]
    assert before.status is Status.RECEIVED
    assert len(before.history) == 1


def test_six_statuses_are_final() -> None:
    assert len(FINAL) == 6
    assert Status.ANSWERED not in FINAL
