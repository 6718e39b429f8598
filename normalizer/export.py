"""A report as one row in the column layout that LAPOR! itself exports."""

import re
from collections.abc import Mapping

from normalizer.report import Outcome, Report, Status
from normalizer.tracking import format_number
from normalizer.when import WIB

COLUMNS = (
    "Tracking ID",
    "Tanggal Laporan Masuk",
    "Waktu Laporan Masuk",
    "Nama Pelapor",
    "Klasifikasi Laporan",
    "ID Kategori",
    "Kategori",
    "Judul Laporan",
    "Isi Laporan Awal",
    "Isi Laporan Akhir",
    "Tipe Laporan (Anonim/Rahasia)",
    "Sumber Laporan",
    "Instansi Induk",
    "ID Instansi Terdisposisi",
    "Instansi Terdisposisi",
    "Status Laporan",
    "Alasan Tunda/Arsip",
    "Provinsi",
    "Kota/Kabupaten",
    "Kecamatan",
    "Kelurahan",
)

_REGION_COLUMNS = {"Provinsi": 2, "Kota/Kabupaten": 5, "Kecamatan": 8, "Kelurahan": 13}
"""Column → length of the region code that fills it."""
_PRIVACY = {
    (False, False): "open",
    (True, False): "anonymous",
    (False, True): "confidential",
    (True, True): "both",
}
"""By (anonymous, confidential)."""
Labels = Mapping[str, Mapping[str, str]]
"""Table → code → what people read."""
_SETTLED = 0.5
"""A place less sure than this does not stand in an official list."""
_WITH_REASON = {s for s in Status if s.startswith("archived_")} | {Status.WAITING_FOR_REPORTER}
_FORMULA = re.compile(r"^[\s]*[=+\-@]")


def row(
    report: Report,
    labels: Labels,
    *,
    reporter_name: str | None = None,
    parent_agency: str | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the cells of ``COLUMNS`` for one report, dates and times in WIB.

    ``labels`` are the Indonesian tables of ``config/labels``.
    ``reporter_name`` is the unsealed name, never shown of an anonymous report; ``names`` gives
    the names of region codes and of channels. A cell that a spreadsheet would run as a formula
    gets an apostrophe before it.
    """
    known = names or {}
    cells = _arrival(report, reporter_name, known, labels) | _contents(report, labels)
    cells |= _handling(report, parent_agency, labels) | _regions(report, known)
    return {column: _inert(cells[column]) for column in COLUMNS}


def _arrival(
    report: Report, name: str | None, names: Mapping[str, str], labels: Labels
) -> dict[str, str]:
    arrived = report.received_at.astimezone(WIB)
    return {
        "Tracking ID": format_number(report.tracking),
        "Tanggal Laporan Masuk": arrived.strftime("%d/%m/%Y"),
        "Waktu Laporan Masuk": arrived.strftime("%H:%M:%S"),
        "Nama Pelapor": labels["privacy"]["anonymous"] if report.anonymous else name or "",
        "Sumber Laporan": names.get(report.origin.channel, report.origin.channel),
    }


def _contents(report: Report, labels: Labels) -> dict[str, str]:
    topic = report.topic
    return {
        "Klasifikasi Laporan": labels["kind"][report.kind],
        "ID Kategori": topic.id if topic else "",
        "Kategori": topic.name if topic else "",
        "Judul Laporan": report.title,
        "Isi Laporan Awal": report.first.original,
        "Isi Laporan Akhir": report.text,
        "Tipe Laporan (Anonim/Rahasia)": labels["privacy"][
            _PRIVACY[report.anonymous, report.confidential]
        ],
    }


def _handling(report: Report, parent: str | None, labels: Labels) -> dict[str, str]:
    assigned = report.assignment if report.assignment else None
    agency = assigned.agency if assigned and assigned.decision is Outcome.ASSIGN else None
    last = report.history[-1] if report.history else None
    return {
        "Instansi Induk": parent or "",
        "ID Instansi Terdisposisi": agency.id if agency else "",
        "Instansi Terdisposisi": agency.name if agency else "",
        "Status Laporan": labels["status"][report.status],
        "Alasan Tunda/Arsip": last.note if last and report.status in _WITH_REASON else "",
    }


def _regions(report: Report, names: Mapping[str, str]) -> dict[str, str]:
    sure = [place for place in report.places if place.confidence >= _SETTLED]
    here = [p for p in sure if p.code.startswith(sure[0].code[:2])]
    # Of the places in one chain the narrowest says most: "Samarinda, Kec. Sungai Pinang".
    best = max(here, key=lambda p: len(p.code), default=None)
    spoken = {place.code: place.name for place in report.places} | dict(names)
    code = best.code if best else ""
    return {
        column: spoken.get(code[:length], code[:length]) if len(code) >= length else ""
        for column, length in _REGION_COLUMNS.items()
    }


def _inert(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
