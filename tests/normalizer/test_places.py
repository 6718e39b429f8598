import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer.gazetteer import Gazetteer, Region
from normalizer.message import Level
from normalizer.places import find
from tests.normalizer.conftest import REGIONS

REAL = Gazetteer.load(REGIONS)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("jalan rusak di Samarinda", "64.72"),
        ("jalan rusak di samarinda kalimantan timur", "64.72"),
        ("lampu jln mati dpn psr Palagan pangkalan bun kobar udh 2 mgg", "62.01"),
        ("banjir di Kab. Kutai Kartanegara", "64.02"),
        ("banjir di kukar", "64.02"),
        ("sampah numpuk di jaksel", "31.74"),
        ("macet di Jakarta Selatan", "31.74"),
        ("banjir jakarta", "31"),
        ("air mati di Tangsel", "36.74"),
        ("Kota Bandung macet", "32.73"),
        ("pemkot bandung tolong", "32.73"),
        ("bupati bandung mana?", "32.04"),
        ("kab.bandung banjir", "32.04"),
        ("bandung barat longsor", "32.17"),
        ("kabupatenbogor jalan rusak", "32.01"),
        ("#kotabogor angkot ngetem", "32.71"),
        ("banjir di banjar, jawa barat", "32.79"),
        ("jalan rusak di kab banjar kalsel", "63.03"),
        ("kab. tasik jembatan putus", "32.06"),
        ("kota batu macet", "35.79"),
        ("wisata di Batu Jatim kotor", "35.79"),
        ("jalan rusak di aceh barat daya", "11.12"),
        ("di gunung kidul kekeringan", "34.03"),
        ("toli-toli mati lampu", "72.04"),
        ("tolitoli mati lampu", "72.04"),
        ("pare pare banjir", "73.72"),
        ("provinsi jambi", "15"),
        ("gubernur Gorontalo tolong", "75"),
        ("kabupaten gorontalo tolong", "75.01"),
        ("DI Yogyakarta", "34"),
        ("Wali Kota Solo tolong", "33.72"),
        ("jl raya Demak no 212 Surabaya lampu mati", "35.78"),
        ("Kabupaten Administrasi Kepulauan Seribu", "31.01"),
        ("banjir di bogor cibinong", "32.01"),
        ("pegunungan bintang papua pegunungan", "95.02"),
    ],
)
def test_the_best_place(text: str, code: str) -> None:
    best = find(text, REAL, context=None)[0]
    assert best.code == code
    assert best.confidence >= 0.85
    assert best.words


@pytest.mark.parametrize(
    "text",
    [
        "", "jalan rusak", "ada batu besar di jalan", "batu di tengah jalan",
        "batu bara tumpah di jalan", "sungai penuh sampah", "tebing tinggi rawan longsor",
        "anak saya disorong dari motor", "para pati tni", "nasi padang basi",
        "sate madura sate padang",
        "soto lamongan enak", "seribu rupiah", "diserang anjing liar", "serang warga pakai batu",
        "memburu babi", "kota baru", "pasar baru",
        "mobil metro mini ugal-ugalan", "pohon ketapang roboh",
        "harga tahu sumedang naik", "batang pohon menghalangi jalan", "dari sabang sampai merauke",
        "landak masuk rumah",
        "nasib malang keluarga kami", "kuningan dicuri dari gudang",
        "klu bisa sbb ktt", "rantau", "anaknya bima kena demam",
    ],
)  # fmt: skip
def test_everyday_words_are_no_places(text: str) -> None:
    assert [p.name for p in find(text, REAL, context=None) if p.confidence >= 0.3] in (
        [],
        ["Kabupaten Merauke"],
    )


@pytest.mark.parametrize("name", ["Bandung", "Bogor", "Madiun", "Kediri", "Jayapura", "Gorontalo"])
def test_a_shared_name_gives_every_meaning_less_sure(name: str) -> None:
    found = find(f"sampah menumpuk di {name}", REAL, context=None)
    assert {p.level for p in found} >= {Level.CITY, Level.REGENCY}
    assert all(p.confidence < 0.6 for p in found)
    assert found[0].level is Level.CITY


@pytest.mark.parametrize(
    ("context", "code"), [("32.04", "32.04"), ("32.73", "32.73"), ("32.04.05", "32.04")]
)
def test_the_context_decides_a_shared_name(context: str, code: str) -> None:
    best = find("banjir di bandung", REAL, context=context)[0]
    assert best.code == code
    assert best.confidence >= 0.6


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("kec. Tebet, Jakarta Selatan", ["31.74.01", "31.74"]),
        ("Tebet Jakarta Selatan banjir", ["31.74.01", "31.74"]),
        ("di kec Sungai Pinang samarinda", ["64.72.08", "64.72"]),
        ("kecamatan cilodong banjir", ["32.76.08"]),
        ("cilodong banjir", []),
        ("kec. Sukorejo", []),
        ("tebet bandung", ["32.73", "32.04"]),
    ],
)
def test_districts_count_where_something_confirms_them(text: str, codes: list[str]) -> None:
    assert [place.code for place in find(text, REAL, context=None)] == codes


def test_a_name_of_several_places_is_offered_but_never_asserted() -> None:
    (mojosari,) = find("tukang gigi liar di Mojosari", REAL, context=None)
    assert mojosari.code == "35.16.08"
    assert mojosari.confidence < 0.5
    two = find("angkot ngetem di ciledug", REAL, context=None)
    assert {place.code[:5] for place in two} == {"32.09", "36.71"}
    assert all(place.confidence < 0.5 for place in two)


def test_nothing_is_offered_beside_a_place_that_is_known() -> None:
    assert [p.code for p in find("tukang gigi di Mojosari", REAL, context="64.72")] == ["64.72"]


def test_a_district_of_a_shared_name_decides(gazetteer: Gazetteer) -> None:
    best = find("di kecamatan Coblong Bandung banjir", gazetteer, context=None)
    assert best[0].code == "32.73.02"
    assert best[1].code == "32.73"
    assert best[1].confidence > 0.6 > best[-1].confidence


@pytest.mark.parametrize("text", ["jalan rusak", "", "batu besar di jalan"])
def test_the_context_stands_in_when_the_text_names_no_place(text: str) -> None:
    (only,) = find(text, REAL, context="64.72")
    assert (only.code, only.found_by, only.words) == ("64.72", "context", "")
    assert 0.5 <= only.confidence <= 0.7


def test_a_place_in_the_text_beats_the_context() -> None:
    first, *rest = find("jalan rusak di Balikpapan", REAL, context="64.72")
    assert first.code == "64.71"
    assert [(p.code, p.found_by) for p in rest] == [("64.72", "context")]
    assert rest[0].confidence < 0.5


def test_a_district_in_the_text_confirms_the_context() -> None:
    found = find("banjir di kec. sungai pinang", REAL, context="64.72")
    assert [p.code for p in found] == ["64.72.08", "64.72"]
    assert found[1].confidence >= 0.7


def test_a_context_nobody_knows_is_ignored() -> None:
    assert find("jalan rusak", REAL, context="00.99") == ()


def test_the_province_does_not_decide_between_its_city_and_its_regency() -> None:
    found = find("jalan rusak di Serang, Banten", REAL, context=None)
    assert found[0].code == "36"
    assert all(p.confidence < 0.6 for p in found[1:])


def test_streets_named_after_a_region_say_little() -> None:
    (place,) = find("lampu mati di jalan Palembang", REAL, context=None)
    assert place.confidence <= 0.3


@pytest.mark.parametrize("level", [Level.PROVINCE, Level.REGENCY, Level.CITY])
def test_every_region_is_found_by_its_full_name(level: Level) -> None:
    for region in REAL.regions(level):
        check_full_name(region)


def check_full_name(region: Region) -> None:
    for text in (
        f"Jalan rusak di {region.name}.",
        f"lapor jalan rusak di {region.name.lower()} pak",
    ):
        best = find(text, REAL, context=None)[0]
        assert best.code == region.code, text
        assert best.confidence >= 0.9


_NAMES = st.sampled_from([*REAL.names])


@settings(max_examples=200)
@given(
    st.lists(_NAMES | st.text() | st.sampled_from(["di", "kab", "kota", "kec."])),
    st.none() | st.sampled_from([*REAL.by_code]),
)
def test_places_are_ranked_and_each_is_there_once(words: list[str], context: str | None) -> None:
    found = find(" ".join(words), REAL, context=context)
    assert len({p.code for p in found}) == len(found)
    assert [p.confidence for p in found] == sorted((p.confidence for p in found), reverse=True)
