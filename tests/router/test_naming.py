"""Agencies by what people, exports and old rows call them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.message import Level
from router.naming import words
from tests.router.making import gazetteer, router

register = router().register


def named(label: str, within: str | None = None) -> str | None:
    found = register.named(label, within=within)
    return found.id if found else None


@pytest.mark.parametrize(
    ("label", "within", "id"),
    [
        ("Dinas Sumber Daya Air dan Bina Marga", "35.78", "3578-dinas-pu"),
        ("DINAS SUMBER DAYA AIR & BINA MARGA", "35.78", "3578-dinas-pu"),
        ("Dinas Sumber Daya Air dan Bina Marga Kota Surabaya", None, "3578-dinas-pu"),
        ("Dinas Perhubungan", "62.01", "6201-dinas-perhubungan"),
        ("Dishub", "62.01.02.1001", "6201-dinas-perhubungan"),
        ("Dishub Kab. Kotawaringin Barat", None, "6201-dinas-perhubungan"),
        ("Satpol PP Kobar", None, "6201-satpol-pp"),
        ("Disdukcapil Kab Sleman", "35.78", "3404-dinas-dukcapil"),
        ("Dinas Pendidikan Provinsi Jawa Timur", "35.78", "35-dinas-pendidikan"),
        ("Dinas Kehutanan", "35.78", "35-dinas-kehutanan"),
        ("Samsat", "64.72", "64-bapenda"),
        ("DLHK Aceh", None, "11-dinas-kehutanan"),
        ("Dinas Pertamanan dan Hutan Kota", "31.74", "31-dinas-taman"),
        ("Dinas Perikanan", "31", "31-dinas-ketahanan-pangan"),
        ("PDAM", "35.78", "3578-bagian-perekonomian"),
        ("PDAM Surya Sembada", "35.78", "3578-bagian-perekonomian"),
        ("PDAM Tirta Kencana", "64.72", "6472-pdam"),
        ("Perumda Tirta Pakuan", "32.71", "3271-pdam"),
        ("Pemkot Bandung", None, "3273-pemerintah"),
        ("Pemerintah Kabupaten Bandung", "32.73", "3204-pemerintah"),
        ("Inspektorat Daerah Kota Samarinda", None, "6472-inspektorat"),
        ("Pemerintah Kota Samarinda - Dinas Perhubungan", None, "6472-dinas-perhubungan"),
        ("Dinas Perhubungan, Pemerintah Kota Samarinda", None, "6472-dinas-perhubungan"),
        ("Pemerintah Provinsi Jawa Timur / Bapenda", "64.72", "35-bapenda"),
        ("DKRTH", "35.78", "3578-dinas-lingkungan-hidup"),
        ("Puskesmas Baqa", "64.72", "6472-dinas-kesehatan"),
        ("Badan Kepegawaian, Pendidikan, dan Pelatihan", "64.72", "6472-bkpsdm"),
        ("Dinas Perindustrian dan Perdagangan", "33.71", "3371-dinas-perdagangan"),
        ("Dinas Perdagangan, Koperasi dan UKM", "33.71", "3371-dinas-perdagangan"),
        ("Dinas Tenaga Kerja dan Transmigrasi", "33.71", "3371-dinas-tenaga-kerja"),
        ("Badan Kepegawaian Negara", "33.71", "bkn"),
        ("PUPR", "33.71", "3371-dinas-pu"),
        ("Dinas Kebudayaan dan Pariwisata", "33.71", "3371-dinas-pariwisata"),
        ("Dinas Sosial, Pemberdayaan Perempuan dan KB", "33.71", "3371-dinas-sosial"),
        ("Dinas Kesehatan Surabaya", None, "3578-dinas-kesehatan"),
        ("Dinas Kesehatan Bandung", "32.04", "3204-dinas-kesehatan"),
        ("Suku Dinas Pendidikan Jakarta Selatan", None, "31-dinas-pendidikan"),
        ("Sudin SDA Jakarta Timur", None, "31-dinas-sda"),
        ("UPTD Puskesmas Baqa", "64.72", "6472-dinas-kesehatan"),
        ("SMAN 2 Balikpapan", "64.71", "64-dinas-pendidikan"),
        ("SMPN 2 Balikpapan", "64.71", "6471-dinas-pendidikan"),
        ("3578-dinas-pu", None, "3578-dinas-pu"),
    ],
)
def test_an_office_of_a_government_is_known_by_its_names(
    label: str, within: str | None, id: str
) -> None:
    assert named(label, within) == id


@pytest.mark.parametrize(
    ("label", "within", "id"),
    [
        ("Kelurahan Ploso", "35.78", "3578101002-kelurahan"),
        ("kel. ploso", "35.78", "3578101002-kelurahan"),
        ("Kantor Kelurahan Ploso Kec. Tambaksari Kota Surabaya", None, "3578101002-kelurahan"),
        ("Kelurahan Pacar Kembang", "35.78", "3578101004-kelurahan"),
        ("Kelurahan Wonorejo - Rungkut", "35.78", "3578031005-kelurahan"),
        ("Kelurahan Wonorejo-Tegalsari", "35.78", "3578051005-kelurahan"),
        ("Kelurahan Wonorejo", "35.78", None),
        ("Kelurahan Wonorejo", "35.78.03", "3578031005-kelurahan"),
        ("Kecamatan Tambaksari", "35.78", "357810-kecamatan"),
        ("Kecamatan Samarinda Kota", "64.72", "647209-kecamatan"),
        ("Desa Sungai Rangit Jaya Kab. Kotawaringin Barat", None, "6201052007-desa"),
        ("Distrik Sentani", "91.03", "910301-kecamatan"),
        ("Kapanewon Gamping Kabupaten Sleman", None, "340401-kecamatan"),
        ("Kecamatan Kebayoran Lama", "31", "317405-kecamatan"),
        ("Kelurahan Ploso", None, None),
        ("Kelurahan Sihir", "35.78", None),
    ],
)
def test_the_office_of_a_district_or_village_is_known_by_its_place(
    label: str, within: str | None, id: str | None
) -> None:
    assert named(label, within) == id


@pytest.mark.parametrize(
    ("label", "id"),
    [
        ("Kemendikbudristek", "kementerian-dikdasmen"),
        ("Kementerian Pendidikan dan Kebudayaan", "kementerian-dikdasmen"),
        ("Kementerian Pekerjaan Umum dan Perumahan Rakyat", "kementerian-pu"),
        ("Kementerian PUPR", "kementerian-pu"),
        ("Kemenkumham", "kementerian-hukum"),
        ("KLHK", "kementerian-lh"),
        ("Kementerian Kominfo", "kementerian-komdigi"),
        ("Kemenkominfo", "kementerian-komdigi"),
        ("Kementerian Komunikasi & Informatika RI", "kementerian-komdigi"),
        ("Kementerian BUMN", "bp-bumn"),
        ("LIPI", "brin"),
        ("BP Haji", "kementerian-haji"),
        ("Kementerian Kesehatan Republik Indonesia", "kementerian-kesehatan"),
        ("PLN UP3 Samarinda", "pln"),
        ("BPJS Kesehatan Cabang Surabaya", "bpjs-kesehatan"),
        ("KPU Kota Samarinda", "kpu"),
        ("Kantor Pertanahan Kabupaten Kotawaringin Barat", "kementerian-atr-bpn"),
        ("Polresta Samarinda", "polri"),
        ("Kejaksaan Negeri Surabaya", "kejaksaan"),
        ("KUA Kecamatan Rungkut", "kementerian-agama"),
        ("Lapas Kelas IIA Samarinda", "kementerian-imipas"),
        ("Kementerian Sihir", None),
        ("tambak", None),
        ("", None),
        ("...", None),
    ],
)
@pytest.mark.parametrize("within", [None, "64.72"])
def test_a_national_body_is_known_by_old_and_short_names(
    label: str, id: str | None, within: str | None
) -> None:
    assert named(label, within) == id


def test_national_bodies_are_found_by_whatever_they_are_called() -> None:
    for id, row in register.national.items():
        for name in filter(None, (row.name, row.short, *row.aliases)):
            assert named(name) == id, name
        for former in row.former:
            heir = named(former.name)
            assert heir == id or not former.heir, former.name


@pytest.mark.parametrize("code", ["11", "31", "35.78", "62.01", "64", "64.72", "94.04"])
def test_all_offices_of_a_government_are_found_by_their_names(code: str) -> None:
    for kind in register.kinds(code):
        agency = register.agency(f"{code.replace('.', '')}-{kind}")
        assert agency is not None
        assert register.named(agency.name) == agency, agency.name
        assert register.named(agency.name, within=code) == agency


@given(st.sampled_from([r.code for r in gazetteer().regions(Level.DISTRICT)]))
def test_every_district_office_is_found_by_its_name_and_government(code: str) -> None:
    office = register.find("district", "kecamatan", code)
    assert office is not None
    assert register.named(office.name, within=code) == office


@given(st.text(max_size=60), st.sampled_from([None, "31", "35.78", "64", "xx", "99.99"]))
def test_any_text_is_a_label(label: str, within: str | None) -> None:
    found = register.named(label, within=within)
    assert found is None or register.agency(found.id) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dinas Sosial & Tenaga Kerja", "dinas sosial dan tenaga kerja"),
        ("Kab. Sleman", "Kabupaten Sleman"),
        ("Pemkot Surabaya", "Pemerintah Kota Surabaya"),
        ("Kel. Ploso, Kec. Tambaksari", "Kelurahan Ploso Kecamatan Tambaksari"),
    ],
)
def test_spellings_of_one_name_are_the_same_words(one: str, other: str) -> None:
    assert words(one) == words(other)
