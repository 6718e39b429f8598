"""A town's made-up history for the tests of learning: few words, few desks, quick to learn."""

import csv
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

REGION = "64.72"
DESKS: Mapping[str, tuple[str, ...]] = {
    "Dinas Perhubungan": ("lampu jalan padam", "penerangan jalan mati total", "parkir liar macet"),
    "Dinas Lingkungan Hidup": ("sampah menumpuk bau", "pohon tumbang besar", "truk sampah absen"),
    "Dinas Kesehatan": ("antrean puskesmas lama", "obat puskesmas kosong", "vaksin anak habis"),
    "Kelurahan Pelita": (
        "surat pengantar lurah",
        "petugas kelurahan ketus",
        "rt pilih kasih",
    ),
    "Badan Urusan Dermaga": ("dermaga lapuk", "perahu tambat sembarangan", "tiket dermaga mahal"),
}
_WHERE = ("dekat pasar", "di gang kami", "depan sekolah", "sebelah musala", "ujung jalan")
_PLEA = ("mohon ditindak", "tolong pak", "sudah seminggu", "terima kasih", "kapan diperbaiki")
KINDS: Mapping[str, tuple[str, ...]] = {
    "keluhan": ("jalan rusak parah", "air mati lagi", "kenapa macet terus"),
    "respon": ("sudah kami perbaiki", "petugas kami menuju lokasi", "laporan selesai ditangani"),
    "bukan": ("selamat ulang tahun kota", "kopinya enak sekali", "jadwal konser malam ini"),
}


def history(path: Path, *, rows: int = 200, seed: int = 7, region: bool = False) -> Path:
    """Write a CSV of reports and desks, newest first so that sorting shows."""
    said = random.Random(seed)
    columns = ["text", "agency", "received"] + (["region"] if region else [])
    table = []
    for number in range(rows):
        desk = said.choice(sorted(DESKS))
        text = f"{said.choice(DESKS[desk])} {said.choice(_WHERE)} {said.choice(_PLEA)} {number}"
        moment = datetime(2025, 1, 1) + timedelta(hours=number)  # noqa: DTZ001
        table.append([text, desk, moment.isoformat()] + ([REGION] if region else []))
    return written(path, columns, table[::-1])


def kinds(path: Path, *, rows: int = 120) -> Path:
    """Write a CSV of messages and their kinds."""
    said = random.Random(3)
    table = []
    for number in range(rows):
        kind = said.choice(sorted(KINDS))
        table.append([f"@kota {said.choice(KINDS[kind])} {said.choice(_WHERE)} {number}", kind])
    return written(path, ["text", "kind"], table)


def written(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
