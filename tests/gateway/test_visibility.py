"""Who sees what of a report: every field, every flag, and the database's own view of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import ReportFilter, VisibleReport
from gateway.casework.visibility import BY_NUMBER, MESSAGES, PUBLIC, READERS, TABLE, Public
from gateway.store.public import (
    FEWEST,
    OPEN,
    TO_THINGS,
    PublicQueries,
    is_open,
)
from gateway.wire.events import for_agency
from normalizer.message import Kind, Message, Urgency
from normalizer.reply import MARKER
from normalizer.report import Release, Report, Status, Topic
from tests.cases import overwriting, reworded
from tests.gateway.making import LAMP, House, house, made_parts

SENSITIVE = made_parts().routing.topics.sensitive
CANARY = "kenari-7351"
RELEASE = Release(
    shown=True, text="yang dilepas petugas", by=CANARY, at=datetime(2026, 3, 2, tzinfo=UTC)
)
HURT = "saya dipukuli suami di Kelurahan Dago Kota Bandung"
FLAGS: dict[str, dict[str, Any]] = {
    "open": {},
    "anonim": {"anonymous": True},
    "rahasia": {"confidential": True},
    "sensitive": {"topic": Topic(id="perempuan-anak", name="x", confidence=1.0)},
    "supervised": {"kind": Kind.SUPERVISED_COMPLAINT},
    "without topic": {"topic": None},
    "in danger": {"urgency": Urgency(id="suicide", name="x")},
    "a new kind of danger": {"urgency": Urgency(id="nobody-knows", name="x")},
    "fire": {"urgency": Urgency(id="fire", name="x")},
    "waiting": {"status": Status.WAITING_FOR_REPORTER},
}
ROW = {"open": True, "anonim": True, "fire": True}
"""Which flags leave a public row."""
BY_ITS_NUMBER = ROW | {"waiting": True}
WORDS = ("title", "text", "original", "address", "chosen_topic", "chosen_agency")


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(f"sqlite+aiosqlite:///{tmp_path}/kanal.sqlite3", tmp_path) as made:
        yield made


def public() -> Public:
    return Public(SENSITIVE, made_parts().gazetteer)


async def flagged(home: House, flag: str) -> Report:
    """Return a report about a street lamp, with a canary in all its words and a flag."""
    report = (await home.report(LAMP)).report
    words = {name: f"{CANARY} {name}" for name in WORDS}
    return reworded(report, **words).model_copy(update=FLAGS[flag])


def test_every_field_of_a_report_is_decided_about() -> None:
    assert TABLE.keys() == Report.model_fields.keys()
    assert MESSAGES.keys() == Message.model_fields.keys()
    assert {len(row) for row in (*TABLE.values(), *MESSAGES.values())} == {len(READERS)}
    for fields in (PUBLIC, BY_NUMBER):
        hidden = {"reporter", "origin", "links", "release"}
        assert fields.keys().isdisjoint(hidden)


@pytest.mark.parametrize("anonymous", [False, True])
async def test_an_agency_sees_by_field(home: House, anonymous: bool) -> None:
    report = reworded((await home.report(LAMP)).report, notes=(CANARY,)).model_copy(
        update={"anonymous": anonymous, "release": RELEASE, "public": True}
    )
    column = READERS.index("agency of anonim" if anonymous else "agency")
    told, whole = (each.model_dump(mode="json") for each in (for_agency(report), report))
    pairs = ((TABLE, told, whole), (MESSAGES, told["messages"][0], whole["messages"][0]))
    for table, has, had in pairs:
        for name, row in table.items():
            if row[column] == "-":
                assert has[name] in (None, [], ""), name
            elif row[column] == "w":
                assert has[name] == had[name], name
    assert report.reporter.sealed not in str(told)


async def test_what_an_anonymous_reply_repeats_stays_with_operators(home: House) -> None:
    whole = f"Jalan rusak.\n\nKepada: {CANARY} Siti\n-- \n{CANARY}"
    report = reworded((await home.report(LAMP)).report, whole=whole, notes=("mail_cut",))
    assert for_agency(report).first.whole == whole
    ours = f"{whole}\n\n> {MARKER}\n> Di mana?\nDi sini.\n{MARKER}\nDi mana?\n\n{CANARY} jahat"
    assert for_agency(reworded(report, whole=ours)).first.whole == f"{whole}\n\nDi sini."
    told = for_agency(report.model_copy(update={"anonymous": True}))
    assert CANARY not in told.model_dump_json()
    assert told.notes == ("mail_cut", "whole_withheld")


def test_every_kind_of_danger_is_to_things_or_hides() -> None:
    topics = made_parts().routing.topics
    kinds = {*topics.urgencies.rows, *topics.emergency.kinds}
    assert kinds > TO_THINGS
    assert kinds - TO_THINGS >= {"violence", "violence_home", "child", "suicide", "missing-person"}


@pytest.mark.parametrize("flag", FLAGS)
async def test_the_public_sees_by_flag(home: House, flag: str) -> None:
    report = await flagged(home, flag)
    seen = public().public_view(VisibleReport(report.tracking, report, report.received_at))
    assert is_open(report, SENSITIVE) == ROW.get(flag, False)
    assert (seen is not None) == BY_ITS_NUMBER.get(flag, False)
    if seen is None:
        return
    fields = PUBLIC if ROW.get(flag) else BY_NUMBER
    told = seen.report.model_dump(mode="json")
    assert CANARY not in str(told)
    for name, value in told.items():
        blank = value in (None, "", [], False, "und", "report")
        assert blank or name in {*fields, "origin", "reporter"}, name
    assert seen.report.messages == ()
    assert not any(seen.report.origin.model_dump().values())
    assert not any(seen.report.reporter.model_dump().values())
    assert all(len(place.code) <= 8 for place in seen.report.places)


@pytest.mark.parametrize("flag", FLAGS)
async def test_who_sent_it_sees_it_whole(home: House, flag: str) -> None:
    report = await flagged(home, flag)
    own = VisibleReport(report.tracking, report, report.received_at, own=True)
    assert public().public_view(own) == replace(own, text=report.text)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("status", [Status.FORWARDED, Status.TRIAGE])
async def test_the_database_lists_what_is_open(home: House, flag: str, status: Status) -> None:
    stored = await flagged(home, flag)
    report = stored if flag == "waiting" else stored.model_copy(update={"status": status})
    await home.change(overwriting(report))
    window = PublicQueries(home.store, SENSITIVE)
    assert bool(await window.newest(ReportFilter())) == is_open(report, SENSITIVE)


async def test_sensitive_reports_are_counted_by_five(home: House) -> None:
    window = PublicQueries(home.store, SENSITIVE)
    for number in range(FEWEST + 1):
        await home.say(HURT, f"+62812000000{number}")
        assert (await home.newest()).report.status in OPEN
        counted = await window.counts()
        assert counted == ([] if number < FEWEST - 1 else [("32.73", FEWEST)])
