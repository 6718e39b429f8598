"""A database that the version before filled: every row and every word is there after the change.

``version_before.json.gz`` holds the rows of all tables as that version wrote them: reports with
additions, answers, files, wishes to be hidden, one joined to another, one whose text was cut,
danger, an accusation, a message on its way, letters not sent yet.
"""

import gzip
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, insert

from gateway.platform.identity import opened_reporter
from gateway.store import migrate
from gateway.store.engine import Database
from gateway.store.tables import UTCDateTime
from normalizer.message import Message
from normalizer.report import Report
from tests.gateway.making import House

ROWS = json.loads(gzip.decompress((Path(__file__).parent / "version_before.json.gz").read_bytes()))
BEFORE = "0012"


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"bytes"}:
        return b64decode(value["bytes"])
    if isinstance(value, dict) and value.keys() == {"time"}:
        return datetime.fromisoformat(value["time"])
    return value


def _fill(connection: Connection) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(migrate.FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, BEFORE)
    then = MetaData()
    then.reflect(connection)
    for table in then.sorted_tables:
        if rows := ROWS.get(table.name):
            _times(table)
            values = [{name: _value(each) for name, each in row.items()} for row in rows]
            connection.execute(insert(table), values)
    if connection.dialect.name == "postgresql":
        counted = "SELECT setval('queue_id_seq', (SELECT max(id) FROM queue))"
        connection.exec_driver_sql(counted)


def _times(table: Table) -> None:
    for column in table.columns:
        if str(column.type).startswith(("DATETIME", "TIMESTAMP")):
            column.type = UTCDateTime()


@pytest.fixture
async def home(empty_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house on the database of the version before."""
    database = Database(empty_url, pool_size=2, timeout=60)
    async with database.write() as connection:
        await connection.run_sync(_fill)
    await database.close()
    built = House(empty_url, tmp_path)
    await built.open()
    yield built
    await built.close()


def told(table: str) -> list[dict[str, Any]]:
    return [json.loads(row["body"]) for row in ROWS[table]]


async def test_every_row_and_every_word_is_there(home: House) -> None:
    kept = ROWS.keys() - {"outgoing", "queue"}  # which became two tables, and got messages for them
    for table in kept:
        assert await home.counted(table) == len(ROWS[table]), table
    for table, kind in (("deliveries", "delivery"), ("notifications", "answer")):
        wanted = [row for row in ROWS["outgoing"] if row["kind"] == kind]
        assert await home.counted(table) == len(wanted) > 0
    before = {report["id"]: report for report in told("reports")}
    after = {each.id: each async for each in home.store.reports.every()}
    assert after.keys() == before.keys()
    for id, old in before.items():
        new = after[id]
        assert " ".join(new.text.split()) == " ".join(old["text"].split())
        assert [file.name for file in new.attachments] == [f["name"] for f in old["attachments"]]
        assert [file.state for file in new.attachments] == [f["state"] for f in old["attachments"]]
        kept = {name: old[name] for name in Report.model_fields if name in old}
        assert json.loads(new.model_dump_json()) | kept == json.loads(new.model_dump_json())
    assert max(len(each.messages) for each in after.values()) >= 3
    for (body,) in await home.rows("SELECT body FROM messages"):
        Message.model_validate_json(body)


async def test_the_log_still_holds(home: House) -> None:
    assert await home.store.events.audit() == (len(ROWS["reports"]), [])


async def test_what_the_version_before_had_begun_is_ended(home: House) -> None:
    waiting = {row["id"] for row in ROWS["outgoing"] if row["state"] == "waiting"}
    assert waiting
    assert await home.work_all() == {}
    assert await home.work("media", home.media) == {}
    assert await home.counted("messages", "routed_at IS NULL") == 0
    carried = {message.id for _, message in home.paper.carried}
    answers = {row["id"] for row in ROWS["outgoing"] if row["kind"] == "answer"}
    assert waiting & answers <= carried
    assert any("Dago" in each.text for each in await home.store.reports.latest(3))
    assert await home.store.events.audit() == (len(ROWS["reports"]) + 1, [])


async def test_the_columns_say_what_the_report_says(home: House) -> None:
    columns = "body, kind, danger, confidential, accuses"
    found = await home.rows(f"SELECT {columns} FROM reports")
    said = {"danger": 0, "confidential": 0, "accuses": 0}
    for body, kind, danger, confidential, accuses in found:
        report = Report.model_validate_json(body)
        assert kind == report.kind
        assert danger == (report.urgency.id if report.urgency else None)
        assert (bool(confidential), bool(accuses)) == (report.confidential, bool(report.recusals))
        said["danger"] += danger is not None
        said["confidential"] += bool(confidential)
        said["accuses"] += bool(accuses)
    assert all(said.values()), said


async def test_who_wrote_can_still_be_answered(home: House) -> None:
    for report in [each async for each in home.store.reports.every()]:
        who = opened_reporter(home.seal, report.id, report.reporter.sealed)
        assert who["to"].startswith("+62")
    await home.say("STATUS", "+6281111111111")


def test_the_rows_are_of_every_table_that_matters() -> None:
    assert ROWS.keys() >= {"messages", "reports", "events", "outgoing", "files", "queue", "parts"}
