"""The checker sees what is lost and what is doubled, in tables and at doubles that are given."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faults.checker import Before, Checker, Database, Verdict
from faults.doubles import Call, Text
from faults.senders import MATTERS, Sent

TABLES = """
CREATE TABLE messages (id TEXT, routed_at TEXT);
CREATE TABLE reports (id TEXT, body TEXT, agency_id TEXT);
CREATE TABLE deliveries (
    id TEXT, report_id TEXT, agency_id TEXT, method TEXT, state TEXT, doubts INTEGER
);
CREATE TABLE notifications (id TEXT, state TEXT, doubts INTEGER);
CREATE TABLE queue (queue TEXT, message_id TEXT, body BLOB, state TEXT);
"""
REPORT, QUEUED = "body, agency_id FROM reports", "queue, 'twice', body, state FROM queue"
ROADS = Sent(7, "sms", 0, accepted=True)
LAMPS = Sent(8, "telegram", 1, accepted=True)
WASTE = Sent(9, "email", 2, accepted=True)
PARTNER = Sent(10, "rest", 3, accepted=True)
ALL = (ROADS, LAMPS, WASTE, PARTNER)


class Case:
    """A gateway that did all as it must, as tables and doubles show it."""

    def __init__(self, file: Path) -> None:
        self.database = Database(lambda: f"sqlite:///{file}")
        self.answers = [Text(*each.reader, "Diterima.") for each in ALL if each.reader]
        self.calls = [Call("d8", LAMPS.text, taken=True)]
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.executescript(TABLES)
        for each in ALL:
            self.do("INSERT INTO messages VALUES (?, 'now')", f"m{each.number}")
            self.report(f"r{each.number}", each)
            self.do("INSERT INTO notifications VALUES (?, 'sent', 0)", f"n{each.number}")
        self.on_queue("d7", ROADS)
        self.on_queue("d10", PARTNER)
        self.delivery("d9", WASTE, "inbox")

    def report(self, id: str, sent: Sent) -> None:
        self.do(
            "INSERT INTO reports VALUES (?, ?, ?)", id, f'{{"text": "{sent.text}"}}', sent.agency
        )

    def on_queue(self, id: str, sent: Sent) -> None:
        queue = f"agency.{sent.agency}"
        self.do("INSERT INTO queue VALUES (?, ?, ?, 'ready')", queue, id, sent.text.encode())

    def delivery(self, id: str, sent: Sent, method: str) -> None:
        values = id, f"r{sent.number}", sent.agency, method
        self.do("INSERT INTO deliveries VALUES (?, ?, ?, ?, 'placed', 0)", *values)

    def do(self, query: str, *values: Any) -> None:
        self._db.execute(query, values)

    def verdict(self, sent: Sequence[Sent] = ALL, *, hard: bool = False) -> Verdict:
        checker = Checker(
            self.database, answers=lambda: self.answers, calls=lambda: self.calls, queues=None
        )
        return checker.verdict(Before(0, 0, 0), sent, hard=hard)

    def close(self) -> None:
        self._db.close()


@pytest.fixture
def case(tmp_path: Path) -> Any:
    built = Case(tmp_path / "kanal.sqlite3")
    yield built
    built.close()


def test_what_went_well_is_said_to_be_well(case: Case) -> None:
    found = case.verdict()
    assert found.broken == []
    assert (found.sent, found.accepted, found.assigned, found.delivered) == (4, 4, 4, 4)
    assert (found.notified, found.to_notify, found.doubled, found.lost) == (3, 3, 0, set())


def test_a_message_nobody_accepted_is_not_missed(case: Case) -> None:
    never = replace(ROADS, number=11, accepted=False)
    assert case.verdict((*ALL, never)).broken == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DELETE FROM reports WHERE id = 'r7'", "1 accepted messages are lost (by sms): [7]"),
        ("DELETE FROM queue WHERE message_id = 'd10'", "lost (by rest): [10]"),
        ("UPDATE deliveries SET state = 'pending'", "lost (by email): [9]"),
        (f"INSERT INTO reports SELECT 'twice', {REPORT} WHERE id = 'r8'", "doubled reports: 1"),
        (f"INSERT INTO queue SELECT {QUEUED} WHERE message_id = 'd7'", "doubled deliveries: 1"),
        ("INSERT INTO queue VALUES ('reports', 'x', '', 'dead')", "1 dead letters"),
        ("UPDATE reports SET agency_id = 'pln' WHERE id = 'r7'", "with another agency"),
    ],
)
def test_what_the_tables_show_is_seen(case: Case, query: str, words: str) -> None:
    case.do(query)
    assert words in " ".join(case.verdict().broken)


def test_an_answer_that_never_came_is_a_loss(case: Case) -> None:
    case.answers = [text for text in case.answers if text.channel != "sms"]
    assert case.verdict().lost == {ROADS.number}


def test_an_agency_that_refused_has_nothing(case: Case) -> None:
    case.calls = [replace(case.calls[0], taken=False)]
    assert case.verdict().lost == {LAMPS.number}


@pytest.mark.parametrize(
    ("again", "doubts", "hard", "well"),
    [
        (1, 0, False, False),
        (1, 0, True, False),
        (1, 1, True, True),
        (1, 1, False, False),
        (2, 9, True, False),
    ],
    ids=["nothing was killed", "not uncertain", "uncertain", "no hard kill", "more than once more"],
)
def test_an_answer_twice_is_excused_by_a_hard_kill_and_a_doubt_only(
    case: Case, again: int, doubts: int, hard: bool, well: bool
) -> None:
    case.answers += [case.answers[0]] * again
    case.do("UPDATE notifications SET doubts = ? WHERE id = 'n7'", doubts)
    found = case.verdict(hard=hard)
    assert found.doubled_answers == again
    assert (found.broken == []) is well


def test_the_same_delivery_again_is_counted_and_no_fault(case: Case) -> None:
    case.calls *= 2
    found = case.verdict()
    assert (found.repeated_deliveries, found.doubled, found.broken) == (1, 0, [])


def test_what_is_still_to_be_done_is_named(case: Case) -> None:
    checker = Checker(case.database, answers=list, calls=list, queues=None)
    assert checker.open(Before(0, 0, 0), 4) == {}
    case.do("UPDATE messages SET routed_at = NULL WHERE id = 'm7'")
    case.do("UPDATE notifications SET state = 'sending' WHERE id = 'n8'")
    assert checker.open(Before(0, 0, 0), 5) == {
        "not routed": 1,
        "not answered": 1,
        "not stored": 1,
    }


def test_every_matter_goes_to_another_agency() -> None:
    assert len({agency for _, agency in MATTERS}) == len(MATTERS)
