import pytest

from normalizer.kind import kind_of
from normalizer.labels import (
    INTENT_LABELS,
    KIND_LABELS,
    LEVEL_LABELS,
    OUTCOME_LABELS,
    STATUS_LABELS,
)
from normalizer.language import language_of
from normalizer.report import Intent, Kind, Level, Outcome, Status

SUPERVISED, COMPLAINT = Kind.SUPERVISED_COMPLAINT, Kind.COMPLAINT
ASPIRATION, INFORMATION = Kind.ASPIRATION, Kind.INFORMATION_REQUEST


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jalan rusak parah di depan pasar", COMPLAINT),
        ("lampu jln mati udh 2 mgg", COMPLAINT),
        ("air PDAM tidak mengalir sejak kemarin", COMPLAINT),
        ("petugas loket tidak ramah", COMPLAINT),
        ("Info: ada pohon tumbang di jalan Ahmad Yani", COMPLAINT),
        ("kapan jalan rusak dan berlubang ini diperbaiki, sudah lama dan bikin celaka, macet",
         COMPLAINT),
        ("", COMPLAINT),
        ("ada pungli saat urus KTP di kelurahan", SUPERVISED),
        ("kepala desa korupsi dana desa", SUPERVISED),
        ("petugas minta uang pelicin", SUPERVISED),
        ("dugaan penyalahgunaan wewenang oleh camat", SUPERVISED),
        ("bansos dipotong ketua rt", SUPERVISED),
        ("usul agar dibuat taman bermain di kelurahan kami", ASPIRATION),
        ("saran saya parkir ditata lagi", ASPIRATION),
        ("mohon dibangun jembatan di desa kami", ASPIRATION),
        ("alangkah baiknya jika ada halte di sini", ASPIRATION),
        ("bagaimana cara mengurus akta kelahiran?", INFORMATION),
        ("apakah pembuatan KTP dipungut biaya?", INFORMATION),
        ("mau tanya syarat pindah alamat apa saja", INFORMATION),
        ("Info jadwal SIM keliling dong", INFORMATION),
        ("mohon info pendaftaran sekolah", INFORMATION),
        ("kapan vaksin anak dibuka?", INFORMATION),
        ("how do I renew my permit?", INFORMATION),
    ],
)  # fmt: skip
def test_kind(text: str, kind: Kind) -> None:
    assert kind_of(text) is kind


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("jalan rusak di depan rumah saya", "id"),
        ("lampu jalan mati", "id"),
        ("the street light is broken since Monday", "en"),
        ("please fix the road", "en"),
        ("12345", "und"),
        ("", "und"),
        ("😡😡", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_everything_shown_has_a_label_in_both_languages() -> None:
    assert set(KIND_LABELS) == set(Kind)
    assert set(STATUS_LABELS) == set(Status)
    assert set(LEVEL_LABELS) == set(Level)
    assert set(OUTCOME_LABELS) == set(Outcome)
    assert set(INTENT_LABELS) == set(Intent)
    tables = (KIND_LABELS, STATUS_LABELS, LEVEL_LABELS, OUTCOME_LABELS, INTENT_LABELS)
    labels = [label for table in tables for label in table.values()]
    assert all(label["id"] and label["en"] for label in labels)
