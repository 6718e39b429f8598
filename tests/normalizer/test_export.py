from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from config.words import words
from normalizer.export import COLUMNS, row
from normalizer.message import Kind
from normalizer.report import Agency, Assignment, Outcome, Reason, Report, Status, Topic
from tests.normalizer.conftest import TRACKING, Normalize

AT = datetime(2026, 5, 14, 4, 0, tzinfo=UTC)
LABELS = words("labels").trees["id"]
NAMES: Mapping[str, str] = {
    "64": "Provinsi Kalimantan Timur",
    "64.72": "Kota Samarinda",
    "64.72.08": "Kecamatan Sungai Pinang",
    "sms": "SMS",
}


@pytest.fixture
def report(normalize: Normalize) -> Report:
    made = Report.open(normalize("SAMARINDA jalan\u00a0rusak di kec. Sungai Pinang"))
    assignment = Assignment(
        decision=Outcome.ASSIGN,
        agency=Agency(id="kota-samarinda-dinas-pupr", name="Dinas PUPR Kota Samarinda"),
        confidence=0.9,
        reasons=(Reason(rule="topic", text="jalan rusak"),),
        at=AT,
    )
    topic = Topic(id="roads", name="Jalan dan jembatan", confidence=0.9)
    return made.model_copy(update={"assignment": assignment, "topic": topic}).with_status(
        Status.FORWARDED, at=AT, by="router"
    )


def test_the_official_columns_in_their_order() -> None:
    assert len(COLUMNS) == 21
    assert COLUMNS[0] == "Tracking ID"
    assert COLUMNS[-4:] == ("Provinsi", "Kota/Kabupaten", "Kecamatan", "Kelurahan")


def test_a_row(report: Report) -> None:
    cells = row(
        report, LABELS, reporter_name="Pelapor", parent_agency="Kota Samarinda", names=NAMES
    )
    assert tuple(cells) == COLUMNS
    assert cells == {
        "Tracking ID": f"{TRACKING[:4]}-{TRACKING[4:8]}-{TRACKING[8:]}",
        "Tanggal Laporan Masuk": "14/05/2026",
        "Waktu Laporan Masuk": "10:00:00",
        "Nama Pelapor": "Pelapor",
        "Klasifikasi Laporan": "Pengaduan Tidak Berkadar Pengawasan",
        "ID Kategori": "roads",
        "Kategori": "Jalan dan jembatan",
        "Judul Laporan": "SAMARINDA jalan rusak di kec. Sungai Pinang",
        "Isi Laporan Awal": "SAMARINDA jalan\u00a0rusak di kec. Sungai Pinang",
        "Isi Laporan Akhir": "SAMARINDA jalan rusak di kec. Sungai Pinang",
        "Tipe Laporan (Anonim/Rahasia)": "Terbuka",
        "Sumber Laporan": "SMS",
        "Instansi Induk": "Kota Samarinda",
        "ID Instansi Terdisposisi": "kota-samarinda-dinas-pupr",
        "Instansi Terdisposisi": "Dinas PUPR Kota Samarinda",
        "Status Laporan": "Ditujukan ke Instansi",
        "Alasan Tunda/Arsip": "",
        "Provinsi": "Provinsi Kalimantan Timur",
        "Kota/Kabupaten": "Kota Samarinda",
        "Kecamatan": "Kecamatan Sungai Pinang",
        "Kelurahan": "",
    }


def test_an_anonymous_reporter_is_never_named(report: Report) -> None:
    hidden = report.model_copy(update={"anonymous": True, "confidential": True})
    cells = row(hidden, LABELS, reporter_name="Nama Asli")
    assert "Nama Asli" not in "".join(cells.values())
    assert cells["Nama Pelapor"] == "Anonim"
    assert cells["Tipe Laporan (Anonim/Rahasia)"] == "Anonim, Rahasia"


def test_without_names_the_reports_own_are_used(report: Report) -> None:
    cells = row(report, LABELS)
    assert cells["Kota/Kabupaten"] == "Kota Samarinda"
    assert cells["Provinsi"] == "64"
    assert cells["Sumber Laporan"] == "sms"


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("kind", list(Kind))
def test_every_status_and_kind_has_its_words(report: Report, status: Status, kind: Kind) -> None:
    cells = row(report.model_copy(update={"status": status, "kind": kind}), LABELS)
    assert cells["Status Laporan"]
    assert cells["Klasifikasi Laporan"]


def test_the_reason_of_an_archived_report_is_shown(report: Report) -> None:
    archived = report.with_status(Status.ARCHIVED_BY_ADMIN, at=AT, by="admin", note="bukan laporan")
    assert row(archived, LABELS)["Alasan Tunda/Arsip"] == "bukan laporan"
    answered = report.with_status(Status.ANSWERED, at=AT, by="agency", note="sudah diperbaiki")
    assert row(answered, LABELS)["Alasan Tunda/Arsip"] == ""


def test_an_abstention_names_no_agency(report: Report) -> None:
    assert report.assignment is not None
    asked = report.assignment.model_copy(update={"decision": Outcome.TRIAGE})
    assert (
        row(report.model_copy(update={"assignment": asked}), LABELS)["Instansi Terdisposisi"] == ""
    )


def test_an_unsure_place_does_not_stand_in_the_list(normalize: Normalize) -> None:
    assert row(Report.open(normalize("lampu mati di jalan Palembang")), LABELS)["Provinsi"] == ""
    assert row(Report.open(normalize("halo")), LABELS)["Kota/Kabupaten"] == ""


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "  =1"])
def test_no_cell_is_a_formula(text: str, normalize: Normalize) -> None:
    cells = row(Report.open(normalize(text)), LABELS, reporter_name=text)
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in cells.values())
