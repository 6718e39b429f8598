"""The hash chain: every change of a report's log is found, on both databases."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.store import chain
from gateway.store.chain import START, ChainedEvent, faults, link
from tests.gateway.making import LAMP, NOWHERE, ROAD, WHERE, House, note

AT = datetime(2026, 3, 2, 3, 4, 5, 678, tzinfo=UTC)


def _log(length: int = 4) -> list[ChainedEvent]:
    log, prev = [], START
    for seq in range(1, length + 1):
        data = {"text": f"kata {seq}"}
        event = link("r", seq, prev, at=AT, kind="noted", by="gateway", note="é", data=data)
        log.append(event)
        prev = event.hash
    return log


def _other(value: Any) -> Any:
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return value + 1 if isinstance(value, int) else f"{value}x"


def test_an_untouched_log_has_no_fault() -> None:
    log = _log()
    assert faults(log, head=log[-1].hash) == []
    assert faults([], head=START) == []


@pytest.mark.parametrize(
    "field", ["report_id", "seq", "at", "kind", "by", "note", "data", "prev", "hash"]
)
@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_changed_field_is_found(field: str, at: int) -> None:
    log = _log()
    head = log[-1].hash
    log[at] = replace(log[at], **{field: _other(getattr(log[at], field))})
    assert faults(log, head=head)


TAMPERED: dict[str, Callable[[list[ChainedEvent]], list[ChainedEvent]]] = {
    "first removed": lambda log: log[1:],
    "one in the middle removed": lambda log: [log[0], *log[2:]],
    "last removed": lambda log: log[:-1],
    "all removed": lambda log: [],
    "one doubled": lambda log: [log[0], log[0], *log[1:]],
    "two swapped": lambda log: [log[1], log[0], *log[2:]],
    "one added at the end": lambda log: _log(5),
    "another log": lambda log: [replace(event, report_id="s") for event in log],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_log_is_found(how: str) -> None:
    log = _log()
    assert faults(TAMPERED[how](log), head=log[-1].hash)


def test_an_event_rewritten_with_its_own_hash_is_found_by_its_neighbours() -> None:
    log = _log()
    old = log[1]
    log[1] = link("r", 2, old.prev, at=AT, kind="noted", by="gateway", note="forged")
    assert faults(log, head=log[-1].hash) == ["event 3 does not follow the one before it"]


def test_the_hash_does_not_depend_on_the_zone_a_database_hands_back() -> None:
    digest = _log(1)[0].hash
    local = AT.astimezone().replace()
    again = link("r", 1, START, at=local, kind="noted", by="gateway", note="é", data=None)
    same = chain.digest("r", 1, START, local, "noted", "gateway", "é", '{"text": "kata 1"}')
    assert (same, again.hash != digest) == (digest, True)


async def test_the_log_is_whole_after_a_life_full_of_changes(house: House) -> None:
    first = await house.report(ROAD)
    await house.say(ROAD.upper())
    await house.say(f"{first.report.tracking} lubangnya bertambah dan makin dalam")
    await house.say(NOWHERE, "+6281100000011")
    await house.say(WHERE, "+6281100000011")
    await house.take(*(note(f"{LAMP} tiang {n}", f"+628120000{n:04}") for n in range(20)))
    await house.work_all()
    checked, wrong = await house.store.events.audit()
    assert (checked, wrong) == (22, [])


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET note = 'tidak jadi' WHERE seq = 2", "was changed"),
        ("UPDATE events SET data = '{}' WHERE seq = 1", "was changed"),
        ("UPDATE events SET by = 'orang lain' WHERE seq = 1", "was changed"),
        ("DELETE FROM events WHERE seq = 1", "is missing"),
        ("DELETE FROM events WHERE seq = 2", "last event is missing"),
        ("DELETE FROM events", "last event is missing"),
        ("UPDATE reports SET head = 'x'", "last event is missing"),
    ],
)
async def test_tampering_in_the_database_is_found_and_named(
    house: House, statement: str, said: str
) -> None:
    tracking = (await house.report()).report.tracking
    assert await house.store.events.audit() == (1, [])
    await house.change(statement.replace("SET by", 'SET "by"'))
    checked, wrong = await house.store.events.audit()
    assert checked == 1
    assert any(said in fault and fault.startswith(tracking) for fault in wrong), wrong
