import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.privacy import PrivacyMarks, read


@pytest.mark.parametrize(
    ("text", "anonymous", "confidential", "left"),
    [
        ("ANONIM ada pungli di kelurahan", True, False, "ada pungli di kelurahan"),
        ("anonim, ada pungli", True, False, "ada pungli"),
        ("RAHASIA: ada pungli", False, True, "ada pungli"),
        ("ANONIM RAHASIA ada pungli", True, True, "ada pungli"),
        ("Anonim dan rahasia. Ada pungli", True, True, "Ada pungli"),
        ("rahasia+anonim ada pungli", True, True, "ada pungli"),
        ("[anonim] ada pungli", True, False, "ada pungli"),
        ("(Anonim, Rahasia) ada pungli", True, True, "ada pungli"),
        ("ada pungli #anonim", True, False, "ada pungli"),
        ("#rahasia #anonim ada pungli", True, True, "ada pungli"),
        ("ada pungli di loket. anonim", True, False, "ada pungli di loket."),
        ("ada pungli di loket\nRAHASIA", False, True, "ada pungli di loket"),
        ("ada pungli di loket ANONIM", True, False, "ada pungli di loket"),
        ("ada pungli di loket RAHASIA", False, True, "ada pungli di loket"),
        ("ada pungli di loket ANONIM RAHASIA.", True, True, "ada pungli di loket"),
        ("SAMARINDA ANONIM ada pungli", True, False, "SAMARINDA ada pungli"),
        ("anonymous: bribery at the counter", True, False, "bribery at the counter"),
    ],
)
def test_marks_are_obeyed_and_taken_out(
    text: str, anonymous: bool, confidential: bool, left: str
) -> None:
    assert read(text) == PrivacyMarks(anonymous, confidential, left)


@pytest.mark.parametrize(
    ("text", "anonymous", "confidential"),
    [
        ("Ada pungli. Mohon identitas saya dirahasiakan.", True, False),
        ("tolong nama saya jangan disebut ya pak", True, False),
        ("jangan sebut nama saya, ada pungli di sekolah", True, False),
        ("jangan sebarkan identitas kami", True, False),
        ("rahasiakan identitas saya", True, False),
        ("mohon rahasiakan nama pelapor", True, False),
        ("saya ingin melapor secara anonim", True, False),
        ("saya tidak mau menyebutkan nama", True, False),
        ("nomor hp saya mohon dirahasiakan", True, False),
        ("please keep me anonymous", True, False),
        ("do not mention my name", True, False),
        ("laporan ini mohon dirahasiakan", False, True),
        ("Laporan ini bersifat rahasia", False, True),
        ("mohon jangan dipublikasikan", False, True),
        ("ada pungli, mohon dirahasiakan", True, True),
    ],
)
def test_requests_in_prose_are_obeyed_and_stay(
    text: str, anonymous: bool, confidential: bool
) -> None:
    assert read(text) == PrivacyMarks(anonymous, confidential, text)


@pytest.mark.parametrize(
    "text",
    [
        "akun anonim menyebarkan berita bohong tentang kepala desa",
        "ada surat anonim yang menuduh warga",
        "sudah rahasia umum bahwa ada calo di loket",
        "Rahasia umum: calo di loket",
        "rahasia dagang perusahaan kami dibocorkan petugas",
        "dokumen rahasia bocor di media sosial",
        "kantor desa merahasiakan anggaran dana desa",
        "identitas pelaku pencurian belum diketahui",
        "pipa bocor di depan rumah, air terbuang",
        "Anonim itu menelepon saya setiap malam",
        "data warga disebar oleh oknum pinjol",
        "jalan rusak",
        "",
    ],
)
def test_the_words_in_ordinary_prose_are_no_marks(text: str) -> None:
    assert read(text) == PrivacyMarks(False, False, text)


@given(st.text())
def test_reading_never_fails_and_only_marks_go(text: str) -> None:
    wish = read(text)
    if not (wish.anonymous or wish.confidential):
        assert wish.text == text
    assert len(wish.text) <= len(text)
