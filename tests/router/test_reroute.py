"""Refusals: who comes into question then, and when it ends with an operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from normalizer.report import Agency, AgencyRefusal, Assignment, Outcome, Recusal, Report
from router.blend import Share
from router.reroute import reroute, without_refused
from tests.router.making import place, report, router

AT = datetime(2026, 3, 2, tzinfo=UTC)
A, B, C = (Agency(id=id, name=id.upper()) for id in ("a", "b", "c"))


def refusal(agency: Agency, suggested: Agency | None = None) -> AgencyRefusal:
    return AgencyRefusal(agency=agency, at=AT, why="Bukan kami.", suggested=suggested)


@pytest.mark.parametrize(
    ("ranking", "refusals", "first"),
    [
        ([(A, 0.9), (B, 0.2)], [], (A, 0.9)),
        ([(A, 0.9), (B, 0.2)], [refusal(A)], (B, 0.2)),
        ([(A, 0.9), (B, 0.2)], [refusal(A, B)], (B, 0.64)),
        ([(A, 0.9)], [refusal(A, C)], (C, 0.55)),
        ([(A, 0.9), (B, 0.8)], [refusal(A, C)], (B, 0.8)),
        ([(A, 0.9), (B, 0.2)], [refusal(A, B), refusal(B, A)], None),
        ([(A, 0.9), (B, 0.2), (C, 0.3)], [refusal(A, B), refusal(B, C)], (C, 0.685)),
    ],
)
def test_the_ranking_after_refusals(
    ranking: list[tuple[Agency, float]],
    refusals: Sequence[AgencyRefusal],
    first: tuple[Agency, float] | None,
) -> None:
    found = without_refused([Share(*each) for each in ranking], refusals)
    best = found[0] if found else None
    assert (best and (best.agency, round(best.confidence, 3))) == first


@dataclass(frozen=True)
class Sure:
    """A router that assigns whom the last refusal names, if any."""

    def assign_again(self, report: Report, *, at: datetime) -> Assignment:
        to = report.refusals[-1].suggested
        decision = Outcome.ASSIGN if to else Outcome.TRIAGE
        return Assignment(
            decision=decision, agency=to, confidence=0.9 if to else 0.1, reasons=(), at=at
        )


def _report(*refusals: AgencyRefusal, **changes: object) -> Report:
    return ROAD.model_copy(update={"refusals": refusals, **changes})


@pytest.mark.parametrize(
    ("refusals", "had", "to"),
    [
        ([refusal(A, B)], {"a"}, B),
        ([refusal(A)], {"a"}, None),
        ([refusal(A, B), refusal(B, A)], {"a", "b"}, None),
        ([refusal(A, B), refusal(B, C)], {"a", "b"}, C),
        ([refusal(A, B), refusal(B, C)], {"a", "b", "c"}, None),
        ([refusal(A, B), refusal(B)], {"a", "b"}, None),
    ],
)
def test_no_report_goes_back_to_an_agency_that_had_it(
    refusals: Sequence[AgencyRefusal], had: set[str], to: Agency | None
) -> None:
    made = reroute(Sure(), _report(*refusals), had, at=AT)
    assert made.agency == to
    assert made.decision is (Outcome.ASSIGN if to else Outcome.TRIAGE)
    assert "bukan wewenang" in made.reasons[0].text
    assert "Bukan kami." in made.reasons[0].text
    named = refusals[-1].suggested
    if named and named.id in had:
        assert "sudah pernah memegang" in made.reasons[1].text


ROAD = report("Jalan rusak parah dan berlubang di depan pasar", [place("35.78.02")])
BRIBE = report("petugas Dinas PU minta uang 500 ribu", [place("35.78.02")])
PU, TRAFFIC = "3578-dinas-pu", "3578-dinas-perhubungan"


def body(id: str) -> Agency:
    agency = router().register.agency(id)
    assert agency is not None
    return agency


def test_the_router_does_not_assign_again_whom_it_would() -> None:
    before = router().decide(ROAD, at=AT).assignment
    assert before.agency == body(PU)
    after = router().assign_again(_report(refusal(body(PU))), at=AT)
    assert after.decision is Outcome.TRIAGE
    assert PU not in {each.agency.id for each in after.alternatives}


def test_a_body_that_nothing_else_speaks_for_is_proposed_not_assigned() -> None:
    after = router().assign_again(_report(refusal(body(PU), body(TRAFFIC))), at=AT)
    assert after.decision is Outcome.TRIAGE
    assert after.alternatives[0].agency == body(TRAFFIC)


def test_what_accuses_somebody_and_was_refused_goes_to_an_operator() -> None:
    decision = router().decide(BRIBE, at=AT)
    overseer = decision.assignment.agency
    assert overseer is not None
    assert decision.recusals
    for named in (None, body(TRAFFIC), body(PU)):
        changes = {"refusals": (refusal(overseer, named),), "recusals": decision.recusals}
        after = router().assign_again(BRIBE.model_copy(update=changes), at=AT)
        assert after.decision is Outcome.TRIAGE
        offered = {each.agency.id for each in after.alternatives}
        assert not offered & {overseer.id, PU}


def test_a_suggestion_of_somebody_accused_counts_for_nothing() -> None:
    pu = Recusal(office="pu", name="PU", agencies=(PU,))
    after = router().assign_again(_report(refusal(A, body(PU)), recusals=(pu,)), at=AT)
    assert PU not in {each.agency.id for each in after.alternatives}
    assert after.agency != body(PU)
