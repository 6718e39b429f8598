"""A database that the version before filled: every row is kept, and what waited still goes out.

``before_0013.json`` holds its rows, written by that version itself: eight reports whose deliveries
and answers were sent, waiting, withdrawn, failed or dead, by every method.
"""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, Connection, DateTime, LargeBinary, MetaData, Table, insert

from gateway.store import migrate
from gateway.store.engine import Database
from gateway.store.rows import Delivery
from gateway.wire import events
from gateway.wire.queues import DELIVERIES, NOTIFICATIONS
from tests.gateway.making import WHO, House, house

BEFORE = json.loads((Path(__file__).parent / "before_0013.json").read_text("utf-8"))
NAMED = BEFORE["named"]
"""Ids of the delivery and the answer of each report, by what was done to them."""
OLD = BEFORE["tables"]["outgoing"]


def _fill(connection: Connection) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(migrate.FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, "0012")
    tables = MetaData()
    tables.reflect(connection)
    for name, rows in BEFORE["tables"].items():
        if rows:
            table = tables.tables[name]
            connection.execute(insert(table), [_values(table, row) for row in rows])


def _values(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of JSON as its database takes it."""
    values = {column.name: _value(column.type, row[column.name]) for column in table.columns}
    if table.name == "queue":
        del values["id"]
    return values


def _value(kind: object, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return b64decode(value)
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return bool(value) if isinstance(kind, Boolean) else value


@pytest.fixture
async def old(empty_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house on a database of the version before, migrated to this one."""
    database = Database(empty_url, pool_size=1, timeout=60)
    async with database.write() as connection:
        await connection.run_sync(_fill)
    await database.close()
    async with house(empty_url, tmp_path) as built:
        yield built


async def _delivery(house: House, name: str) -> Delivery:
    id = NAMED[name]["delivery"]
    async with house.store.unit() as unit:
        return (await unit.deliveries.by_ids([id]))[id]


async def test_every_row_is_kept(old: House) -> None:
    for table, kind in (("deliveries", "delivery"), ("notifications", "answer")):
        ids = {row[0] for row in await old.rows(f"SELECT id FROM {table}")}
        assert ids == {row["id"] for row in OLD if row["kind"] == kind}
    texts = dict(tuple(row) for row in await old.rows("SELECT id, text FROM notifications"))
    assert texts == {row["id"]: row["text"] for row in OLD if row["kind"] == "answer"}
    kinds = dict(tuple(row) for row in await old.rows("SELECT id, event FROM deliveries"))
    sent = (row for row in OLD if row["kind"] == "delivery")
    assert kinds == {row["id"]: json.loads(row["text"])["type"] for row in sent}


async def test_a_delivery_says_no_more_than_the_version_before_knew(old: House) -> None:
    found = {name: await _delivery(old, name) for name in NAMED}
    assert {name: (each.state, each.method) for name, each in found.items()} == {
        "sent": ("placed", "queue"),
        "hook": ("fetched", "webhook"),
        "desk": ("placed", "inbox"),
        "gone": ("withdrawn", ""),
        **dict.fromkeys(("waits", "hidden", "relayed", "dead"), ("pending", "")),
    }
    when = {row["id"]: row["done_at"] for row in OLD}
    for name in ("sent", "hook", "desk"):
        (done,) = {_value(DateTime(), when[found[name].id])}
        assert found[name].placed_at == done
        assert found[name].ended_at is None
    assert found["hook"].fetched_at == found["hook"].placed_at
    assert (found["gone"].detail, found["gone"].placed_at) == ("the agency is accused", None)
    assert found["gone"].ended_at
    states = await old.rows("SELECT state FROM notifications")
    assert Counter(row[0] for row in states) == {"waiting": 5, "sent": 2, "failed": 2}


async def test_what_waited_still_goes_out_once(old: House) -> None:
    assert await old.work(DELIVERIES, old.deliver) == {}
    (event,) = await old.handed_over(await old.file_of(NAMED["hidden"]["delivery"]))
    assert event["type"] == events.ASSIGNED
    assert event["data"]["anonymous"]
    waiting = await old.rows("SELECT id FROM notifications WHERE state = 'waiting'")
    # The one that was relayed to RabbitMQ, and those whose row it took with it, are there again.
    names = ("hook", "desk", "waits", "hidden", "relayed")
    assert {row[0] for row in waiting} == {NAMED[name]["answer"] for name in names}
    assert await old.notify() == {}
    assert await old.notify() == {}
    told = [message.id for _, message in old.paper.carried]
    assert sorted(told) == sorted(NAMED[name]["answer"] for name in names)
    assert old.paper.told(WHO) == []


async def test_a_dead_letter_of_the_version_before_can_be_replayed(old: House) -> None:
    (dead,) = await old.store.dead_letters.latest(10)
    assert (dead.queue, dead.message_id) == (NOTIFICATIONS, NAMED["dead"]["answer"])
    assert dead.tracking
    await old.store.replay([dead.id])
    assert await old.work(NOTIFICATIONS, old.services.notify.resume) == {}
    assert await old.notify() == {}
    assert NAMED["dead"]["answer"] in {message.id for _, message in old.paper.carried}


async def test_the_logs_still_hold(old: House) -> None:
    assert await old.store.events.audit() == (len(BEFORE["tables"]["reports"]), [])


async def test_an_agency_still_pages_through_what_it_was_given(old: House) -> None:
    old.clock.pass_(minutes=5)
    agency = (await _delivery(old, "sent")).agency_id
    mine = [r for r in OLD if (r["kind"], r["target"]) == ("delivery", agency)]
    listed = await old.store.deliveries.for_agency(agency, after=NAMED["sent"]["delivery"], most=50)
    assert len(listed) == len(mine) - 1
    assert json.loads(listed[0].text)["type"] == events.FOLLOWED_UP
