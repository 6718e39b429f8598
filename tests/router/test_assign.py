from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer import places as places_in
from normalizer.message import Kind, Place
from normalizer.report import Outcome, Report
from tests.router.making import RECEIVED, gazetteer, place, report, router

CODES = ["64", "64.72", "64.02", "31", "31.74", "35.78", "32.73", "32.04", "62.01.01"]
WORDS = [
    "jalan", "rusak", "lampu", "mati", "sma", "sampah", "ktp", "tolong", "provinsi", "pungli",
    "polisi", "banjir", "bpjs", "ketenagakerjaan", "pak", "🙏", "x" * 90, "1708", "desa", "korupsi",
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
)
found_by = st.sampled_from(["keyword", "name", "alias", "context", "coordinates", "operator"])
places = st.lists(
    st.builds(place, st.sampled_from(CODES), st.floats(0, 1), found_by=found_by), max_size=4
)


@settings(max_examples=300, deadline=None)
@given(texts, places, st.booleans())
def test_every_report_gets_one_explained_decision(
    text: str,
    where: list[Place],
    may_ask: bool,
) -> None:
    whole = report(text, where)
    decision = router().decide(whole, at=RECEIVED, may_ask=may_ask)
    made = decision.assignment
    assert 0 <= made.confidence <= 1
    assert made.reasons
    assert (made.agency is not None) == (made.decision is Outcome.ASSIGN)
    assert (made.question is not None) == (made.decision is Outcome.ASK)
    assert may_ask or made.decision is not Outcome.ASK
    assert sorted(decision.places, key=str) == sorted(whole.places, key=str)
    shown = [c.agency.id for c in made.alternatives] + ([made.agency.id] if made.agency else [])
    assert len(shown) == len(set(shown))
    assert len(made.alternatives) <= 3
    assert all(c.confidence <= made.confidence for c in made.alternatives)
    assert decision == router().decide(whole, at=RECEIVED, may_ask=may_ask)
    filed = {"assignment": made, "topic": decision.topic, "places": decision.places}
    kept = whole.model_copy(update=filed)
    assert Report.model_validate_json(kept.model_dump_json()) == kept


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(texts, places), max_size=6), st.booleans())
def test_a_batch_is_decided_as_each_report_alone(
    said: list[tuple[str, list[Place]]], may_ask: bool
) -> None:
    reports = [report(text, where) for text, where in said]
    together = router().decide_many(reports, at=RECEIVED, may_ask=may_ask)
    assert together == [router().decide(r, at=RECEIVED, may_ask=may_ask) for r in reports]


def test_the_evidence_is_the_writers_own_words() -> None:
    text = "Jln PROVINSI rusaknya parah"
    made = router().decide(report(text, [place("64.02")]), at=RECEIVED).assignment
    by_rule = {reason.rule: reason for reason in made.reasons}
    assert "Jln … rusaknya" in by_rule["topic"].words
    assert by_rule["place"].words == ("Kutai Kartanegara",)
    assert by_rule["competence"].words == ("Jln PROVINSI",)
    assert "UU 38/2004" in by_rule["competence"].text
    assert "ditujukan" in by_rule["threshold"].text


def test_a_district_is_named_with_the_government_it_lies_under() -> None:
    made = router().decide(report("sampah menumpuk", [place("64.72.06")]), at=RECEIVED).assignment
    reason = next(r for r in made.reasons if r.rule == "place")
    assert "Kecamatan Sungai Kunjang, Kota Samarinda" in reason.text


def test_two_places_as_likely_are_asked_about_by_name() -> None:
    bandung = [place("32.73", 0.5), place("32.04", 0.5)]
    made = router().decide(report("sampah menumpuk", bandung), at=RECEIVED).assignment
    assert (made.decision, made.question) == (Outcome.ASK, "place")
    reason = next(r for r in made.reasons if r.rule == "place")
    assert "Kota Bandung atau Kabupaten Bandung" in reason.text.replace("\n", " ")
    assert {c.agency.id for c in made.alternatives[:2]} == {
        "3273-dinas-lingkungan-hidup",
        "3204-dinas-lingkungan-hidup",
    }
    assert set(made.options) == {"Kota Bandung", "Kabupaten Bandung"}


def test_two_regencies_of_one_province_do_not_stand_in_the_way_of_the_province() -> None:
    bandung = [place("32.73", 0.8), place("32.04", 0.8)]
    made = router().decide(report("SMA minta uang gedung", bandung), at=RECEIVED).assignment
    assert made.agency is not None
    assert made.agency.id == "32-dinas-pendidikan"


def test_a_place_an_operator_confirmed_settles_it() -> None:
    where = [place("32.73", 0.6), place("32.04", 0.6, found_by="operator")]
    decision = router().decide(report("sampah menumpuk", where), at=RECEIVED)
    assert decision.assignment.agency is not None
    assert decision.assignment.agency.id == "3204-dinas-lingkungan-hidup"
    assert decision.places[0].code == "32.04"
    assert any(r.rule == "operator" for r in decision.assignment.reasons)


@pytest.mark.parametrize("sure", [(0.3,), (0.55, 0.4), (0.6, 0.3), (0.9, 0.88), (0.0, 0.0)])
def test_a_doubtful_place_is_asked_for_and_not_assigned_to(sure: tuple[float, ...]) -> None:
    where = [place(code, c) for code, c in zip(("32.73", "32.04"), sure, strict=False)]
    made = router().decide(report("sampah menumpuk", where), at=RECEIVED).assignment
    assert (made.decision, made.question) == (Outcome.ASK, "place")


def test_a_citys_own_number_is_place_enough_until_the_text_names_another() -> None:
    home = place("64.72", 0.6, found_by="context", words="")
    made = router().decide(report("sampah menumpuk", [home]), at=RECEIVED).assignment
    assert made.agency is not None
    assert made.agency.id == "6472-dinas-lingkungan-hidup"
    assert [r.rule for r in made.reasons] == ["topic", "context", "competence", "threshold"]
    both = [place("64.02"), place("64.72", 0.35, found_by="context")]
    made = router().decide(report("sampah menumpuk", both), at=RECEIVED).assignment
    assert made.agency is not None
    assert made.agency.id == "6402-dinas-lingkungan-hidup"


@pytest.mark.parametrize(
    ("text", "agency"),
    [
        ("lampu jln mati dpn psr pangkalan bun kobar udh 2 mgg", "6201-dinas-perhubungan"),
        ("banjir lagi di Kemang jaksel, tolong pompanya", "31-dinas-sda"),
        ("Jalan nasional antara Samarinda dan Balikpapan berlubang", "kementerian-pu"),
        ("SMA negeri di Kota Malang memungut uang gedung", "35-dinas-pendidikan"),
        ("SMP negeri di Kota Malang memungut uang gedung", "3573-dinas-pendidikan"),
    ],
)
def test_the_places_the_gazetteer_finds_lead_to_the_agency(text: str, agency: str) -> None:
    found = places_in.find(text, gazetteer(), context=None)
    made = router().decide(report(text, found), at=RECEIVED).assignment
    assert made.agency is not None
    assert made.agency.id == agency


def test_a_long_text_about_nothing_known_goes_to_an_operator() -> None:
    text = "saya hanya ingin bercerita tentang keadaan hati saya yang sedih " * 5
    made = router().decide(report(text), at=RECEIVED).assignment
    assert (made.decision, made.question) == (Outcome.TRIAGE, None)


TWO = [
    ("ktp belum jadi, sampah menumpuk", {"6472-dinas-dukcapil", "6472-dinas-lingkungan-hidup"}),
    (
        "jembatan rusak dan lampu jalannya mati semua",
        {"6472-dinas-pu", "6472-dinas-perhubungan"},
    ),
]


@pytest.mark.parametrize(("text", "agencies"), TWO)
def test_two_matters_go_to_one_agency_with_a_copy_to_the_other(
    text: str, agencies: set[str]
) -> None:
    made = router().decide(report(text, [place("64.72")]), at=RECEIVED).assignment
    assert made.agency is not None
    assert {made.agency.id, *(copy.id for copy in made.copies)} == agencies
    assert made.confidence >= router().rules.assign_above
    assert [reason.rule for reason in made.reasons][-2:] == ["copy", "threshold"]


@pytest.mark.parametrize(("text", "agencies"), TWO)
def test_two_matters_without_a_place_are_asked_where_and_nobody_gets_a_copy(
    text: str, agencies: set[str]
) -> None:
    made = router().decide(report(text), at=RECEIVED).assignment
    assert (made.decision, made.question, made.copies) == (Outcome.ASK, "place", ())


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("terima kasih banyak pak, jalannya sudah bagus sekali, mantap", "praise"),
        ("jual pulsa murah, hubungi wa kami, promo hari ini slot gacor", "spam"),
        ("tetangga saya utang 2 juta tidak mau bayar, tolong ditagih", "quarrel"),
    ],
)
def test_what_is_no_affair_of_any_agency_is_never_assigned(text: str, scope: str) -> None:
    made = router().decide(report(text, [place("64.72")]), at=RECEIVED).assignment
    assert made.scope is not None
    assert (made.scope.id, made.decision, made.agency) == (scope, Outcome.TRIAGE, None)
    assert [reason.rule for reason in made.reasons] == ["scope"]


def test_who_only_greets_is_asked_what_it_is_about_and_once() -> None:
    greeting = report("assalamualaikum pak")
    made = router().decide(greeting, at=RECEIVED).assignment
    assert (made.decision, made.question, made.scope) == (Outcome.ASK, "topic", None)
    made = router().decide(greeting, at=RECEIVED, may_ask=False).assignment
    assert made.scope is not None


def test_danger_is_said_first_whatever_else_is_decided() -> None:
    decision = router().decide(
        report("kebakaran rumah sekarang di jl mawar, api besar!", [place("64.72")]), at=RECEIVED
    )
    assert decision.urgency is not None
    assert decision.urgency.id == "fire"
    assert decision.assignment.reasons[0].rule == "urgency"


@pytest.mark.parametrize(
    ("text", "given_kind", "kind"),
    [
        ("jalan rusak", Kind.COMPLAINT, Kind.COMPLAINT),
        ("pungli di kelurahan", Kind.COMPLAINT, Kind.SUPERVISED_COMPLAINT),
        ("jalan rusak", Kind.INFORMATION_REQUEST, Kind.INFORMATION_REQUEST),
        ("pungli di kelurahan", Kind.ASPIRATION, Kind.ASPIRATION),
    ],
)
def test_a_supervised_topic_makes_a_supervised_complaint_of_a_plain_one(
    text: str, given_kind: Kind, kind: Kind
) -> None:
    decision = router().decide(report(text, [place("64.72")], kind=given_kind), at=RECEIVED)
    assert decision.kind is kind
    assert [d.name for d in decision.deadlines] == ["forward", "first_response", "resolution"]


def test_a_title_of_its_own_counts_and_the_deadlines_are_jakartas() -> None:
    whole = report(
        "mohon bantuannya",
        [place("64.72")],
        title="Lampu jalan mati",
        received_at=datetime(2026, 11, 22, 17, 30, tzinfo=UTC),  # Monday 00:30 in Jakarta
    )
    decision = router().decide(whole, at=RECEIVED)
    assert decision.topic is not None
    assert decision.topic.id == "lampu-jalan"
    assert decision.deadlines[0].due == date(2026, 11, 26)
