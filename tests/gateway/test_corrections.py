"""What operators put right: merging, splitting, taking back; nothing is lost or shown by it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.access.roles import Actor, Grant, Role, system
from gateway.casework.conflicts import Conflict, ConflictCode
from gateway.casework.corrections import Corrections
from gateway.portals.console.casefile import history
from gateway.portals.console.labels import Labels
from normalizer.report import Outcome, Recusal, Report, Status
from normalizer.tracking import format_number
from tests.cases import reworded
from tests.gateway.making import ROAD, UNCLEAR, House
from tests.gateway.office import AGENCIES, Office, office, report, unsure

BUDI = system("budi")
ELSEWHERE = Actor("sari", (Grant(Role.OPERATOR, "64.72"),))
ACCUSES = Recusal(office="dinas", name="Dinas", agencies=(AGENCIES[0].id,))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


def right(desk: Office) -> Corrections:
    return desk.desk.corrections


async def told(desk: Office, about: Report) -> list[str]:
    file = await desk.desk.report(about.id, actor=BUDI)
    assert file is not None
    return [each.text for each in file.notifications]


async def deliveries(desk: Office, about: Report) -> list[tuple[str, str]]:
    file = await desk.desk.report(about.id, actor=BUDI)
    assert file is not None
    return [(each.agency_id, each.event.rpartition(".")[2]) for each in file.deliveries]


async def test_two_reports_of_one_reporter_become_one(desk: Office) -> None:
    one = unsure(1, anonymous=True, recusals=(ACCUSES,))
    other = report(2)
    await desk.put(one, other)
    whole = await right(desk).merge(one.id, other.tracking, actor=BUDI)
    assert [each.text for each in whole.messages] == [other.text, one.text]
    assert whole.anonymous
    assert whole.recuses(AGENCIES[0].id), "whom the merged one accuses gets nothing of the whole"
    assert whole.assignment
    assert whole.assignment.agency != AGENCIES[0]
    closed = await desk.report(one.id)
    assert closed.status is Status.CLOSED_BY_ADMIN
    assert [(each.kind, each.report_id) for each in closed.links] == [("joined", other.id)]
    (said,) = await told(desk, other)
    assert "digabung" in said or "kabar" in said.lower()


async def test_reports_of_two_people_are_only_tied(desk: Office) -> None:
    stranger = report(2)
    stranger = stranger.model_copy(
        update={"reporter": stranger.reporter.model_copy(update={"ref": "c3d4"})}
    )
    one = unsure(1)
    await desk.put(one)
    async with desk.house.store.unit() as unit:
        unit.reports.add(stranger, "", [])
    result = await right(desk).merge(one.id, stranger.tracking, actor=BUDI)
    assert len(result.messages) == 1
    kept = await desk.report(one.id)
    assert kept.status is Status.TRIAGE
    assert [each.kind for each in kept.links] == ["duplicate"]
    assert await told(desk, one) == []


@pytest.mark.parametrize(
    ("number", "why"),
    [("123", ConflictCode.NO_OTHER), ("own", ConflictCode.SAME_REPORT)],
)
async def test_what_cannot_be_merged(desk: Office, number: str, why: ConflictCode) -> None:
    one = unsure(1)
    await desk.put(one)
    with pytest.raises(Conflict) as refused:
        await right(desk).merge(one.id, one.tracking if number == "own" else number, actor=BUDI)
    assert refused.value.code is why


async def test_two_operators_merge_two_reports_into_each_other_at_once(house: House) -> None:
    """One wins; the other is told so at once, and no message is in both or in none."""
    for number in range(3):
        who = f"+628123456{number:04}"
        one, other = [(await house.report(text, who)).report for text in (ROAD, UNCLEAR)]
        merge = house.services.operators.corrections.merge
        done = await asyncio.gather(
            merge(one.id, other.tracking, actor=BUDI),
            merge(other.id, one.tracking, actor=system("rini")),
            return_exceptions=True,
        )
        failed = [each for each in done if isinstance(each, BaseException)]
        assert [getattr(each, "code", each) for each in failed] == [ConflictCode.CLOSED], number
        (whole,) = (each for each in done if isinstance(each, Report))
        assert sorted(each.text for each in whole.messages) == sorted((ROAD, UNCLEAR))


async def test_words_become_a_report_of_their_own(desk: Office) -> None:
    both = reworded(unsure(1), text="Lampu jalan mati. Selain itu air PDAM keruh.")
    both = both.model_copy(update={"confidential": True, "recusals": (ACCUSES,)})
    await desk.put(both)
    made = await right(desk).split(both.id, words="air PDAM keruh", actor=BUDI)
    assert made.id != both.id
    assert made.tracking != both.tracking
    assert made.text == "air PDAM keruh"
    assert made.confidential
    assert made.recuses(AGENCIES[0].id)
    stored = await desk.report(made.id)
    assert stored.status in (Status.TRIAGE, Status.FORWARDED)
    first = await desk.report(both.id)
    assert first.text == both.text, "nothing is taken from the first one"
    seen = await desk.desk.unseal(made.id, actor=BUDI, reason="uji")
    assert seen.name == "Ibu Sri"
    assert len(await told(desk, made)) == 1


async def test_words_that_are_not_there_cannot_be_split_off(desk: Office) -> None:
    await desk.put(unsure(1))
    for words in ("", "tidak ada di sini"):
        with pytest.raises(Conflict) as refused:
            await right(desk).split(unsure(1).id, words=words, actor=BUDI)
        assert refused.value.code is ConflictCode.NOT_IN_TEXT


async def test_a_report_is_taken_back_and_its_agency_told(desk: Office) -> None:
    given = report(1)
    await desk.put(given)
    await desk.write(given)
    taken = await right(desk).to_triage(given.id, reason="salah tujuan", actor=BUDI)
    assert taken.status is Status.TRIAGE
    assert taken.assignment
    assert taken.assignment.decision is Outcome.TRIAGE
    assert (AGENCIES[0].id, "withdrawn") in await deliveries(desk, given)


async def test_topic_and_place_are_corrected(desk: Office) -> None:
    await desk.put(unsure(1))
    fixed = await right(desk).correct(unsure(1).id, region="64.72", actor=BUDI)
    assert [(each.code, each.found_by) for each in fixed.places] == [("64.72", "operator")]
    assert fixed.status is Status.TRIAGE
    assert fixed.assignment
    assert fixed.assignment.alternatives[0].agency.id.startswith("6472-")
    with pytest.raises(Conflict) as refused:
        await right(desk).correct(fixed.id, region="99.99", actor=BUDI)
    assert refused.value.code is ConflictCode.NO_PLACE


@pytest.mark.parametrize(
    ("said", "found"),
    [("Samarinda", "64.72"), ("kota samarinda", "64.72"), ("64.72.01", "64.72.01")],
)
async def test_a_place_is_corrected_by_its_name_or_its_code(
    desk: Office, said: str, found: str
) -> None:
    await desk.put(unsure(1))
    fixed = await right(desk).correct(unsure(1).id, region=said, actor=BUDI)
    assert fixed.places[0].code == found


async def test_a_name_of_several_places_is_asked_back(desk: Office) -> None:
    await desk.put(unsure(1))
    with pytest.raises(Conflict) as refused:
        await right(desk).correct(unsure(1).id, region="Bandung", actor=BUDI)
    assert refused.value.code is ConflictCode.PLACES
    assert "32.04" in refused.value.values["places"]
    assert "32.73" in refused.value.values["places"]


async def test_the_reporter_is_asked(desk: Office) -> None:
    await desk.put(unsure(1))
    asked = await right(desk).ask(unsure(1).id, about="place", text="Di RT berapa?", actor=BUDI)
    assert asked.status is Status.WAITING_FOR_REPORTER
    (said,) = await told(desk, asked)
    assert "Di RT berapa?" in said


async def test_every_act_names_the_state_it_was_decided_on(desk: Office) -> None:
    one = unsure(1)
    await desk.put(one, report(2))
    await right(desk).note(one.id, text="lihat foto", actor=system("rini"), version=2)
    acts = (
        right(desk).note(one.id, text="x", actor=BUDI, version=2),
        right(desk).merge(one.id, report(2).tracking, actor=BUDI, version=2),
        right(desk).split(one.id, words="Lampu", actor=BUDI, version=2),
        right(desk).correct(one.id, region="62.01", actor=BUDI, version=2),
        right(desk).ask(one.id, about="place", text="x", actor=BUDI, version=2),
        desk.desk.assign(one.id, AGENCIES[1].id, actor=BUDI, version=2),
        desk.desk.archive(one.id, reason="x", actor=BUDI, version=2),
    )
    for act in acts:
        with pytest.raises(Conflict) as refused:
            await act
        assert refused.value.code is ConflictCode.OUTDATED
        assert refused.value.values["who"] == "rini"


async def test_what_lies_elsewhere_is_not_there(desk: Office) -> None:
    one = unsure(1)
    await desk.put(one, report(2))
    acts = (
        right(desk).note(one.id, text="x", actor=ELSEWHERE),
        right(desk).merge(one.id, report(2).tracking, actor=ELSEWHERE),
        right(desk).split(one.id, words="Lampu", actor=ELSEWHERE),
        right(desk).correct(one.id, region="62.01", actor=ELSEWHERE),
        right(desk).to_triage(report(2).id, reason="x", actor=ELSEWHERE),
        right(desk).ask(one.id, about="place", text="x", actor=ELSEWHERE),
    )
    for act in acts:
        with pytest.raises(Conflict) as refused:
            await act
        assert refused.value.code is ConflictCode.NO_REPORT


async def test_whom_either_accuses_gets_nothing_of_the_closed_one(desk: Office) -> None:
    one, other = unsure(1), unsure(2, recusals=(ACCUSES,))
    await desk.put(one, other)
    await right(desk).merge(one.id, other.tracking, actor=BUDI)
    assert (await desk.report(one.id)).recuses(AGENCIES[0].id)


async def test_a_history_without_words_ties_no_reports_and_says_why_of_identities_only(
    desk: Office,
) -> None:
    one, other = unsure(1), report(2)
    await desk.put(one, other)
    await desk.desk.unseal(one.id, actor=BUDI, reason="diminta polisi")
    await right(desk).merge(one.id, other.tracking, actor=BUDI)
    taken = await right(desk).to_triage(other.id, reason="salah tujuan", actor=BUDI)
    told = {}
    for words in (True, False):
        files = [await desk.desk.report(each.id, actor=BUDI) for each in (one, taken)]
        rows = [r for f in files if f for r in history(f, Labels("id"), str, words=words)]
        told[words] = " ".join(row.detail for row in rows)
    for secret in (format_number(other.tracking), format_number(one.tracking), "salah tujuan"):
        assert secret in told[True]
        assert secret not in told[False]
    assert "diminta polisi" in told[False]
