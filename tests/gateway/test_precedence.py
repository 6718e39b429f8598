"""What a message with two signals is taken for, end to end: generated from the one table."""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import pytest

from gateway.store.views import ReportFile
from normalizer.masking import HIDDEN
from normalizer.message import NoAnswerReason
from normalizer.report import Status
from normalizer.tracking import format_number
from router.precedence import TABLE, Signal, acting
from tests.gateway.making import WHO, House, note

ORDER = [row.signal for row in TABLE]
WORDS = {
    Signal.DANGER: "Tolong kebakaran besar sekarang di pasar Wonocolo Surabaya.",
    Signal.PRIVACY: "ANONIM",
    Signal.RECUSAL: "Petugas dinas perhubungan Surabaya minta uang 500 ribu.",
    Signal.OWN_REPORT: "{number}",
    Signal.FOREIGN_TEXT: "Kode OTP Anda 482913, jangan berikan kepada siapa pun.",
    Signal.TOPIC: "Lampu jalan di kecamatan Wonocolo Surabaya mati, gelap sekali.",
}
"""Of each signal a sentence that carries it, and as little else as there can be."""
EARLIER = "Lampu jalan depan balai RW di kecamatan Wonocolo Surabaya padam sejak Senin"
"""The report of one's own that a number names."""
LAMPS, TRUSTEE = "3578-dinas-perhubungan", "3578-inspektorat"


class Case(NamedTuple):
    """What came of a message."""

    told: list[str]
    report: ReportFile
    """The report that it made, or was added to."""
    earlier: ReportFile
    reports: int
    agencies: set[str]
    """Who was handed anything because of it."""


async def said(house: House, signals: tuple[Signal, ...]) -> Case:
    """Let somebody with an open report write what carries these signals."""
    earlier = await house.report(EARLIER)
    number = format_number(earlier.report.tracking)
    before = len(house.paper.told(WHO))
    first = await handed(house)
    await house.take(note(" ".join(WORDS[each] for each in signals).format(number=number)))
    assert await house.work_all() == {}
    news = (await handed(house))[len(first) :]
    own = Signal.OWN_REPORT in signals
    report = await house.file(earlier.report.tracking) if own else await house.newest()
    return Case(
        house.paper.told(WHO)[before:],
        report,
        await house.file(earlier.report.tracking),
        await house.counted("reports"),
        set(news),
    )


async def handed(house: House) -> list[str]:
    """List whom anything of a report was handed to, in order; its loser is told the number only."""
    query = (
        "SELECT agency_id FROM deliveries WHERE event NOT LIKE '%.withdrawn' ORDER BY created_at"
    )
    return [row[0] for row in await house.rows(query)]


def is_danger(case: Case) -> None:
    assert case.told[0].startswith("Segera telepon")
    assert case.report.report.urgency


def is_private(case: Case) -> None:
    assert case.report.report.anonymous


def is_recused(case: Case) -> None:
    assert case.report.report.recuses(LAMPS)
    assert LAMPS not in case.agencies
    made = case.report.report.assignment
    assert made is not None
    assert not (made.agency and made.agency.id == LAMPS)


def is_own(case: Case) -> None:
    assert case.reports == 1
    assert {"followed_up", "hidden"} & {each.kind for each in case.report.events}


def is_foreign(case: Case) -> None:
    report = case.report.report
    assert (report.status, report.unanswered) == (Status.TRIAGE, NoAnswerReason.FOREIGN_TEXT)
    assert case.told == []
    assert case.agencies == set()
    assert report.assignment is not None
    assert report.assignment.scope is not None


def is_topical(case: Case) -> None:
    assert case.reports == 2
    made = case.report.report.assignment
    assert made is not None
    assert made.agency is not None
    assert made.agency.id != TRUSTEE
    assert made.agency.id in case.agencies


ACTS: dict[Signal, Callable[[Case], None]] = {
    Signal.DANGER: is_danger,
    Signal.PRIVACY: is_private,
    Signal.RECUSAL: is_recused,
    Signal.OWN_REPORT: is_own,
    Signal.FOREIGN_TEXT: is_foreign,
    Signal.TOPIC: is_topical,
}
"""How one sees that a signal acts."""


@pytest.mark.parametrize(
    "pair", [*combinations(ORDER, 2)], ids=lambda pair: f"{pair[0]} and {pair[1]}"
)
@pytest.mark.parametrize("turned", [False, True], ids=["", "the other way round"])
async def test_the_higher_wins_and_of_the_lower_stays_what_the_table_says(
    lite: House, pair: tuple[Signal, Signal], turned: bool
) -> None:
    case = await said(lite, pair[::-1] if turned else pair)
    for signal in acting(pair):
        ACTS[signal](case)
    for signal in set(pair) - set(acting(pair)):
        with pytest.raises(AssertionError):
            ACTS[signal](case)
    assert "482913" not in repr(await lite.rows("SELECT body FROM reports"))
    if Signal.FOREIGN_TEXT in pair:
        assert HIDDEN in case.report.report.text
    assert (await lite.store.events.audit())[1] == []


def test_the_table_names_every_signal_once_and_overrules_only_downwards() -> None:
    assert sorted(ORDER) == sorted(Signal)
    for rank, row in enumerate(TABLE):
        assert row.overrules <= set(ORDER[rank + 1 :])


def test_who_wins_acts_first_whatever_else_is_said() -> None:
    assert acting(Signal) == (Signal.DANGER, Signal.PRIVACY, Signal.RECUSAL, Signal.OWN_REPORT)
    assert acting(()) == ()
    assert acting([Signal.TOPIC, Signal.FOREIGN_TEXT]) == (Signal.FOREIGN_TEXT,)


# Cases the pairs do not show.


@pytest.mark.parametrize("text", ["ANONIM kebakaran!!", "rahasia, tolong kebakaran!!"])
async def test_a_bare_wish_with_a_word_of_danger_is_a_call_for_help(lite: House, text: str) -> None:
    earlier = await lite.report(EARLIER)
    assert (await lite.say(text)).startswith("Segera telepon")
    assert not (await lite.file(earlier.report.tracking)).report.anonymous
    assert await lite.counted("reports") == 2


async def test_a_foreign_text_answers_no_question_and_nothing_is_added_to_it(lite: House) -> None:
    asked = await lite.report("jalan berlubang dan sangat berbahaya, tolong diperbaiki")
    for _ in range(2):
        await lite.take(note(WORDS[Signal.FOREIGN_TEXT]))
        assert await lite.work_all() == {}
    assert len(lite.paper.carried) == 1
    file = await lite.file(asked.report.tracking)
    assert file.report.status is Status.WAITING_FOR_REPORTER
    told = await lite.say("di kecamatan Tenggarong, Kutai Kartanegara")
    assert format_number(asked.report.tracking) in told


@pytest.mark.parametrize(
    "text",
    [WORDS[Signal.FOREIGN_TEXT], "SLOT GACOR maxwin hari ini, bonus new member 100 persen"],
)
async def test_an_operator_sees_it_with_its_reason_and_may_forward_it_all_the_same(
    lite: House, text: str
) -> None:
    await lite.take(note(text))
    assert await lite.work_all() == {}
    (waiting,) = await lite.store.reports.latest(5, status=Status.TRIAGE)
    assert waiting.assignment is not None
    assert waiting.assignment.reasons[0].rule == "scope"
    everywhere = await lite.rows("SELECT body FROM messages")
    assert "482913" not in repr([waiting, everywhere])


async def test_a_report_after_a_foreign_text_is_a_matter_of_its_own(lite: House) -> None:
    await lite.take(note("Promo lampu diskon 70%, klik toko.example"))
    assert await lite.work_all() == {}
    told = await lite.say("lampu jalan mati")
    assert "tambahan" not in told


async def test_the_agency_reads_no_code_that_was_added_to_a_report(lite: House) -> None:
    earlier = await lite.report(EARLIER)
    number = format_number(earlier.report.tracking)
    await lite.say(f"{number} {WORDS[Signal.FOREIGN_TEXT]}")
    sent = repr(await lite.handed_over(await lite.file(earlier.report.tracking)))
    assert HIDDEN in sent
    told = repr(await lite.rows("SELECT text FROM notifications"))
    assert "482913" not in sent + told + repr(await lite.rows("SELECT data FROM events"))
