import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.command import leading_keyword, read
from normalizer.gazetteer import Gazetteer
from normalizer.message import Intent
from normalizer.tracking import compose, format_number

NUMBER = next(made for n in range(48_210_937_551, 48_210_938_551) if (made := compose(n)))
WRITTEN = format_number(NUMBER)
WRONG = NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10)


@pytest.mark.parametrize(
    "text",
    [
        "STATUS", "status", "Status?", "cek status", "CEK", "status laporan saya",
        "gimana status laporan saya min?", "mau tanya status laporan", f"STATUS {NUMBER}",
        f"CEK {WRITTEN}", f"status {WRITTEN.replace('-', ' ')}", f"{WRITTEN}", f"#{NUMBER}",
        f"bagaimana laporan {WRITTEN} pak", "STATUS 123", f"status {WRONG}",
        f"STATUS {WRITTEN.replace('-', '–')}", f"{WRITTEN.replace('-', ' / ')}",
        f"status no. {WRITTEN.replace('-', '/')}", f"{format_number(WRONG).replace('-', '–')} pak",
        f"Selamat pagi, status laporan nomor {WRITTEN} sudah sampai mana?", "lacak laporan saya",
    ],
)  # fmt: skip
def test_status(text: str) -> None:
    assert read(text).intent is Intent.STATUS


@pytest.mark.parametrize(
    "text",
    ["BANTUAN", "help", "Info", "INFO?", "menu", "cara lapor", "bagaimana cara melapor?", "LAPOR",
     "format lapor", "halo, bantuan", "/start"],
)  # fmt: skip
def test_help(text: str) -> None:
    assert read(text).intent is Intent.HELP


@pytest.mark.parametrize(
    "text",
    ["PRIVASI", "privasi", "Privasi?", "PRIVACY", "prifasi", "privasy", "balas PRIVASI",
     "info privasi", "kebijakan privasi", "privacy policy", "mau tanya privasi",
     "bagaimana privasi saya pak?",
     "Privasi: balas PRIVASI", "tolong info tentang privasi data pribadi saya", "bantuan privasi"],
)  # fmt: skip
def test_privacy(text: str) -> None:
    assert read(text).intent is Intent.PRIVACY


@pytest.mark.parametrize(
    "text",
    ["halo", "Selamat pagi", "assalamualaikum wr wb", "pagi min", "Hi!", "P", "tes", "terima kasih",
     "Makasih banyak pak", "ok"],
)  # fmt: skip
def test_greeting(text: str) -> None:
    assert read(text).intent is Intent.GREETING


@pytest.mark.parametrize(
    "text",
    [
        "", "...", "12345",
        "status tanah saya di BPN tidak jelas sudah dua tahun",
        "STATUS jalan rusak di Samarinda",
        "tolong cek lampu jalan mati di jl Pahlawan",
        "Info jadwal SIM keliling hari ini",
        "info ada pohon tumbang di jalan Ahmad Yani",
        "bantuan sosial belum cair",
        "data pribadi saya bocor",
        "privasi warga dilanggar CCTV tetangga",
        "petugas loket tidak menjaga privasi pasien",
        "bantuan beras belum sampai ke warga",
        "selamat pagi pak jalan rusak",
        "tolong banjir",
        "air mati",
        "halo halo bandung macet",
        "cara kerja petugas loket lambat sekali",
        f"laporan {WRITTEN} belum ditangani, jalan masih rusak parah",
        "menu makan siang gratis di sekolah kami basi",
    ],
)  # fmt: skip
def test_report(text: str) -> None:
    assert read(text).intent is Intent.REPORT


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("LAPOR jalan rusak", "jalan rusak"),
        ("#lapor jalan rusak", "jalan rusak"),
        ("#LAPOR1708: jalan rusak", "jalan rusak"),
        ("lapor: jalan rusak", "jalan rusak"),
        ("LAPOR! jalan rusak", "jalan rusak"),
        ("Lapor pak, jalan rusak", "Lapor pak, jalan rusak"),
        ("laporan saya belum dijawab oleh siapa pun", "laporan saya belum dijawab oleh siapa pun"),
        ("jalan rusak #lapor", "jalan rusak #lapor"),
    ],
)
def test_the_command_word_is_taken_off(text: str, left: str) -> None:
    assert read(text).text == left


def test_numbers_are_found_once_and_wrong_ones_not() -> None:
    assert read(f"laporan {WRITTEN} dan {NUMBER} jalan masih rusak").refers_to == (NUMBER,)
    assert read(f"status {WRONG}").refers_to == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SAMARINDA jalan rusak", "64.72"), ("TANGKAB air mati", "36.03"),
        ("MADIUNKOTA lampu mati", "35.77"), ("KOTAMADIUN lampu mati", "35.77"),
        ("MADIUNKAB lampu mati", "35.19"), ("KABMADIUN lampu mati", "35.19"),
        ("BANJARBARU macet", "63.72"), ("KALTIM jalan provinsi rusak", "64"),
        ("DIY parkir liar", "34"), ("BATU sampah menumpuk", "35.79"),
        ("TANGKAB AIR MATI", "36.03"), ("TANGKAB", "36.03"), ("#SAMARINDA jalan rusak", "64.72"),
        ("MADIUN lampu mati", None), ("Samarinda jalan rusak", None), ("JALAN rusak", None),
        ("SAMARINDA JALAN RUSAK", None), ("SAMARINDA", None), ("", None), ("!", None),
        ("ada SAMARINDA", None),
    ],
)  # fmt: skip
def test_leading_keyword(text: str, code: str | None, gazetteer: Gazetteer) -> None:
    found = leading_keyword(text, gazetteer)
    assert (found.code if found else None) == code


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    asked = read(text)
    assert asked.intent is Intent.REPORT or asked.text == text
