"""Districts and villages: what must be found, and what must not fool the search."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer.gazetteer import Gazetteer
from normalizer.message import Coordinates, Level, Place
from normalizer.places import find
from tests.normalizer.conftest import REGIONS

REAL = Gazetteer.load(REGIONS)
ASSERTED = 0.5


def asserted(text: str, context: str | None = None) -> dict[str, Place]:
    found = find(text, REAL, context=context)
    return {p.code: p for p in found if p.confidence >= ASSERTED and p.found_by != "context"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("got mampet di Kel. Sempaja Selatan, Samarinda", "64.72.05.1002"),
        ("GOT MAMPET DI KEL SEMPAJA SELATAN SAMARINDA", "64.72.05.1002"),
        ("got mampet ds. Teluk Bogam kab Kobar", "62.01.01.2005"),
        ("jembatan putus di Teluk Bogam, Kumai, Kobar", "62.01.01.2005"),
        ("desa sungai rangit jaya belum ada listrik", "62.01.05.2007"),
        ("desa Sukamaju kecamatan Cilodong banjir", "32.76.08.1001"),
        ("Sukatani, Tapos: lampu jalan padam", "32.76.10.1003"),
        ("dikecamatan tapos kel sukatani lampu padam", "32.76.10.1003"),
        ("Desa Tolong, Kec. Lede, Kab. Pulau Taliabu", "82.08.03.2003"),
        ("desa Sidondo 2 kab Sigi gelap", "72.10.01.2001"),
        ("gampong Lamteh, Banda Aceh", "11.71.09.2002"),
        ("nagari Sungai Pua kab. Agam", "13.06.12.2002"),
        ("kepala desa Kapur, Kubu Raya tidak ada", "61.12.01.2008"),
        ("Jl. Melati 3, Kapur, Kubu Raya", "61.12.01.2008"),
        ("lapor pak camat Kalideres pungli", "31.73.06"),
        ("Distrik Kenyam, Nduga tidak ada dokter", "95.08.01"),
    ],
)
def test_the_deepest_place_without_a_door(text: str, code: str) -> None:
    found = asserted(text)
    assert max(found, key=len) == code
    assert found[code].confidence >= 0.7


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kel ploso banjir lagi", "35.78.10.1002"),
        ("dikelurahanploso air mati", "35.78.10.1002"),
        ("banjir di Jemur Wonosari gang 3", "35.78.02.1004"),
        ("banjir di jemurwonosari gang 3", "35.78.02.1004"),
        ("kel. jemurwonsari banjir", "35.78.02.1004"),
        ("kec. tambaksarii banjir", "35.78.10"),
        ("kantor kecamatantandes tutup", "35.78.14"),
        ("puskesmas Tandes antre panjang", "35.78.14"),
        ("warga RT 2 RW 05 Mojo minta paving", "35.78.08.1002"),
    ],
)
def test_the_deepest_place_inside_a_door(text: str, code: str) -> None:
    found = asserted(text, "35.78")
    assert max(found, key=len) == code
    assert find(text, REAL, context="35.78")[-1].code == "35.78", "the door stands behind it"


@pytest.mark.parametrize(
    "text",
    [
        "mohon tolong perbaiki jalan", "pasar baru kotor sekali", "kampung baru kami banjir",
        "semoga makmur dan jaya selalu", "kelurahan namun lama sekali", "kelurahan bisa bantu?",
        "kelurahan yang lama", "sudah lapor kelurahan sudah lapor kecamatan", "desa kami gelap",
        "suka maju mundur di jalan", "bener bener parah", "teriak teriak tengah malam",
        "toko buku itu tutup", "sawah dan kebun rusak", "harapan kami jalan mulus",
        "di sini gelap, di sana terang", "kec. Sukorejo",
    ],
)  # fmt: skip
@pytest.mark.parametrize("door", [None, "35.78", "32.73", "62.01"])
def test_everyday_words_and_shared_names_are_no_places(text: str, door: str | None) -> None:
    assert asserted(text, door) == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("soto ayam Lamongan basi", "35.24"),
        ("Jl. Demak macet, Demak jaya juga", "33.21"),
        ("Jl. Poros Malino, Kec. Somba Opu, Gowa", "73.06.04"),
        ("warga Sidoarjo jatuh di Surabaya", "35.15"),
        ("pindah dari Kediri ke Surabaya", "35.71"),
        ("tol Surabaya-Gresik macet", "35.25"),
        ("TTL Madiun. Kel. Wonorejo, Kec. Tegalsari", "35.19"),
        ("Pulosari gang 1, Gunungsari, Dukuh Pakis", "36.01"),
    ],
)
def test_a_name_that_is_something_else_is_not_asserted(text: str, wrong: str) -> None:
    assert [code for code in asserted(text) if code.startswith(wrong)] == []


def test_a_district_beats_the_birthplace() -> None:
    found = asserted("TTL Madiun. Kel. Wonorejo, Kec. Tegalsari")
    assert set(found) == {"35.78.05.1005", "35.78.05"}


def test_of_two_villages_of_one_name_the_door_chooses() -> None:
    assert asserted("warga desa Sukamaju", "32.01") == {}, "the regency has several"
    assert set(asserted("warga desa Sukamaju", "32.01.26")) == {"32.01.26.2001"}


def test_a_cued_place_elsewhere_displaces_the_door() -> None:
    found = find("desa Sungai Rangit Jaya gelap", REAL, context="35.78")
    assert [p.code for p in found] == ["62.01.05.2007", "35.78"]
    assert found[1].confidence < ASSERTED


@pytest.mark.parametrize("text", ["jl ketintang rusak", "Jalan Ketintang rusak"])
def test_a_street_named_after_a_village_says_little(text: str) -> None:
    found = find(text, REAL, context="35.78")
    assert [p.code for p in found] == ["35.78", "35.78.22.1004"]
    assert found[1].confidence <= ASSERTED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kota probolingo banjir", "35.74"),
        ("banjarmsin banjir", "63.71"),
        ("kab. karanganyr gelap", "33.13"),
    ],
)
def test_a_regency_with_a_letter_wrong_is_found_where_something_says_it_is_one(
    text: str, code: str
) -> None:
    assert next(iter(asserted(text))) == code


@pytest.mark.parametrize("text", ["parkir sembarang", "buang sampah di sembarang tempat"])
def test_a_word_that_looks_like_a_regency_is_none(text: str) -> None:
    assert asserted(text) == {}


def test_coordinates_stand_in_and_confirm() -> None:
    here = Coordinates(latitude=-7.25, longitude=112.77)
    (only,) = find("jalan rusak", REAL, context=None, coordinates=here)
    assert (only.code, only.found_by) == ("35.78", "coordinates")
    first, second = find("kel ploso rusak", REAL, context="32.73", coordinates=here)[:2]
    assert {first.code, second.code} == {"35.78", "35.78.10.1002"}


def test_the_place_of_an_earlier_report_helps_but_is_not_asserted() -> None:
    (only,) = find("jalan rusak", REAL, context=None, earlier="35.78.10")
    assert (only.code, only.found_by) == ("35.78.10", "earlier")
    assert only.confidence < ASSERTED
    found = find("kel ploso rusak", REAL, context=None, earlier="35.78.10")
    assert found[0].code == "35.78.10.1002"


@pytest.mark.parametrize("code", ["11.71", "35.78", "53.15", "62.01", "82.08", "95.08"])
def test_every_village_of_a_regency_is_found_by_its_full_address(code: str) -> None:
    regency = REAL.region(code)
    assert regency
    for village in REAL.regions(Level.VILLAGE):
        if village.code.startswith(f"{code}."):
            district = REAL.region(village.code[:8])
            assert district
            check(f"Jalan rusak di {village.name}, {district.name}, {regency.name}", village.code)


def check(text: str, code: str) -> None:
    chain = [p.code for p in find(text, REAL, context=None) if code.startswith(p.code)]
    assert code in chain, text


_PARTS = st.sampled_from(
    ["di", "kel.", "desa", "kec", "jl", "kota", "kab", "RT 01", "Ploso", "Sukamaju", "Mojo", "Baru",
     "Tegal Timur", "Surabaya", "Bandung", "pasar", ",", "-", "’", "İ", "_"]
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(_PARTS | st.text(max_size=8), max_size=30).map(" ".join),
    st.sampled_from([None, "35", "35.78", "35.78.10", "35.78.10.1002", "91"]),
)
def test_any_text_is_read_and_the_words_are_in_it(text: str, door: str | None) -> None:
    for place in find(text, REAL, context=door):
        assert place.words in text.replace("_", " ")
        assert REAL.region(place.code)
