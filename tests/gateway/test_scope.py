"""Who sees which report: the condition in SQL and the value in Python say the same, everywhere."""

from itertools import product

import pytest
from sqlalchemy import select

from gateway.access.roles import Grant, Role
from gateway.store.rows import AuditEvent
from gateway.store.scope import NATIONAL, AccessScope, government_of, visible
from gateway.store.tables import reports
from normalizer.message import Level
from normalizer.report import Agency, Assignment, Outcome, Reason, Recusal, Report, Status
from tests.gateway.making import House
from tests.gateway.office import place, report

REGIONS = ("", "62", "62.01", "62.01.02", "62.01.02.2001", "62.02", "64.72")
HOLDERS = ("", "62-inspektorat", "6201-dinas-pu", "620102-kecamatan", "6202-dinas-pu", "pln")
ACCUSED = ("", "6201-dinas-pendidikan", "62-dinas-pendidikan", "regency/bupati", "national/pln")
SCOPES = (
    AccessScope(),
    AccessScope(everywhere=True),
    *(AccessScope(regions=frozenset({each})) for each in ("62", "62.01", "62.01.02")),
    *(AccessScope(governments=frozenset({each})) for each in ("62", "62.01", NATIONAL)),
    *(
        AccessScope(agencies=frozenset({each}))
        for each in ("6201-dinas-pu", "6201-dinas-pendidikan", "6201-bupati", "pln", "6472-pdam")
    ),
    AccessScope(regions=frozenset({"62.02"}), agencies=frozenset({"pln", "6201-dinas-pu"})),
)


def _case(index: int, region: str, holder: str, accused: str) -> Report:
    plain = report(index)
    levels = {2: Level.PROVINCE, 5: Level.REGENCY, 8: Level.DISTRICT, 13: Level.VILLAGE}
    where = (
        [place().model_copy(update={"code": region, "level": levels[len(region)]})]
        if region
        else []
    )
    copies = (Agency(id="6472-pdam", name="PDAM"),) if holder and index % 3 == 0 else ()
    made = Assignment(
        decision=Outcome.ASSIGN if holder else Outcome.TRIAGE,
        agency=Agency(id=holder, name=holder) if holder else None,
        confidence=0.5,
        copies=copies,
        reasons=(Reason(rule="topic", text=""),),
        at=plain.received_at,
    )
    recusals = (Recusal(office="x", name="x", agencies=(accused,)),) if accused else ()
    changes = {
        "places": tuple(where),
        "assignment": made,
        "status": Status.FORWARDED if holder else Status.TRIAGE,
        "recusals": recusals,
        "escalated_to": ("", "62", NATIONAL)[index % 3],
    }
    return plain.model_copy(update=changes)


@pytest.fixture
async def all_cases(house: House) -> list[Report]:
    combined = product(REGIONS, HOLDERS, ACCUSED)
    made = [_case(index, *each) for index, each in enumerate(combined)]
    async with house.store.unit() as unit:
        for each in made:
            unit.reports.add(each, "", [AuditEvent("received", "gateway")])
    return made


async def test_sql_and_python_agree_on_every_report(house: House, all_cases: list[Report]) -> None:
    for scope in SCOPES:
        async with house.store.database.read() as connection:
            query = select(reports.c.id).where(visible(scope))
            shown = set((await connection.execute(query)).scalars())
        assert shown == {each.id for each in all_cases if scope.covers(each)}, scope


async def test_nobody_sees_what_accuses_them(all_cases: list[Report]) -> None:
    for each in all_cases:
        for agency in ("6201-dinas-pendidikan", "6201-bupati", "pln"):
            if each.recuses(agency):
                assert not AccessScope(agencies=frozenset({agency})).covers(each)
                own = AccessScope(governments=frozenset({government_of(agency)}))
                assert not own.covers(each)


@pytest.mark.parametrize(
    ("agency", "government"),
    [
        ("pln", NATIONAL),
        ("62-inspektorat", "62"),
        ("6201-dinas-pu", "62.01"),
        ("620102-kecamatan", "62.01"),
        ("6201022001-desa", "62.01"),
    ],
)
def test_an_agency_has_one_government(agency: str, government: str) -> None:
    assert government_of(agency) == government


def test_what_a_grant_reaches() -> None:
    assert Grant(Role.OPERATOR).reach == AccessScope(everywhere=True)
    assert Grant(Role.OPERATOR, "62.01").reach == AccessScope(regions=frozenset({"62.01"}))
    assert Grant(Role.COORDINATOR, "62.01").reach == AccessScope(governments=frozenset({"62.01"}))
    assert Grant(Role.LEADER, "pln").reach == AccessScope(agencies=frozenset({"pln"}))
    assert Grant(Role.OFFICER, "pln").reach == AccessScope(agencies=frozenset({"pln"}))
