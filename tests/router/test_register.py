import shutil
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from config import files
from normalizer.message import Level
from normalizer.report import AgencyId
from router.agencies import NationalRow
from router.assign import build
from router.data import DataError
from router.register import Register, RegisterError, Tier, government_name
from router.topics import Topics, TopicsError
from tests.router.making import gazetteer, router, shipped

register = router().register
GOVERNED: dict[Tier, tuple[Level, ...]] = {
    "province": (Level.PROVINCE,),
    "regency": (Level.REGENCY, Level.CITY),
    "district": (Level.DISTRICT,),
    "village": (Level.VILLAGE,),
}
EVERY: dict[Tier, int] = {"province": 1, "regency": 1, "district": 40, "village": 400}
"""Regions of a tier that are looked at: every n-th."""


def governments() -> list[str]:
    levels = (Level.PROVINCE, Level.REGENCY, Level.CITY)
    return [region.code for region in gazetteer().regions(*levels)]


def test_every_government_has_agencies_with_ids_and_names() -> None:
    valid = TypeAdapter(AgencyId)
    assert len(governments()) == 552
    for code in governments():
        for kind in register.kinds(code):
            id = valid.validate_python(f"{code.replace('.', '')}-{kind}")
            agency = register.agency(id)
            if code.startswith("31.") or agency is None:
                assert code.startswith("31."), id
                continue
            assert agency.id == id
            assert "{" not in agency.name


def test_every_topic_reaches_an_agency_in_every_region() -> None:
    for id, row in router().topics.rows.items():
        for competence in row.competence:
            if competence.level == "national":
                assert register.find("national", competence.agency), id
                continue
            regions = gazetteer().regions(*GOVERNED[competence.level])
            for region in islice(regions, 0, None, EVERY[competence.level]):
                found = register.find(competence.level, competence.agency, region.code, topic=id)
                assert found is not None, (id, region.code)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("6472-dinas-pu", "Dinas Pekerjaan Umum dan Penataan Ruang Kota Samarinda"),
        ("6402-dinas-pu", "Dinas Pekerjaan Umum dan Penataan Ruang Kabupaten Kutai Kartanegara"),
        ("52-dinas-pu", "Dinas Pekerjaan Umum dan Penataan Ruang Provinsi Nusa Tenggara Barat"),
        (
            "64-dinas-pu",
            "Dinas Pekerjaan Umum, Penataan Ruang, dan Perumahan Rakyat Provinsi Kalimantan Timur",
        ),
        ("3578-dinas-pu", "Dinas Sumber Daya Air dan Bina Marga Kota Surabaya"),
        ("6472-pdam", "Perumdam Tirta Kencana Kota Samarinda"),
        ("6472-dpmd", "Dinas Pemberdayaan Masyarakat Kota Samarinda"),
        ("6402-dpmd", "Dinas Pemberdayaan Masyarakat dan Desa Kabupaten Kutai Kartanegara"),
        ("11-dinas-pendidikan", "Dinas Pendidikan Aceh"),
        ("34-dinas-pendidikan", "Dinas Pendidikan Daerah Istimewa Yogyakarta"),
        ("31-dinas-pu", "Dinas Bina Marga Provinsi DKI Jakarta"),
        ("31-satpol-pp", "Satuan Polisi Pamong Praja Provinsi DKI Jakarta"),
        ("11-bpbd", "Badan Penanggulangan Bencana Aceh"),
        ("31-pasar-jaya", "Perumda Pasar Jaya"),
        ("96-dinas-kesehatan", "Dinas Kesehatan Provinsi Papua Barat Daya"),
        ("3374-pdam", "Perumda Tirta Moedal Kota Semarang"),
        ("1271-pdam", "Perumda Tirtanadi Sumatera Utara"),
        ("1275-pdam", "Perumda Air Minum Kota Binjai"),
        ("6201-pdam", "Perumda Tirta Arut Kabupaten Kotawaringin Barat"),
        ("6201-rsud", "RSUD Sultan Imanuddin Pangkalan Bun"),
        ("6201-dinas-perhubungan", "Dinas Perhubungan Kabupaten Kotawaringin Barat"),
        ("3578-bagian-hukum", "Bagian Hukum dan Kerjasama Kota Surabaya"),
        ("3273-dinas-pu", "Dinas Sumber Daya Air dan Bina Marga Kota Bandung"),
        ("3273-sekretariat-dprd", "Sekretariat Dewan Perwakilan Rakyat Daerah Kota Bandung"),
        ("6472-inspektorat", "Inspektorat Daerah Kota Samarinda"),
        ("357810-kecamatan", "Kecamatan Tambaksari Kota Surabaya"),
        ("3578101002-kelurahan", "Kelurahan Ploso Kota Surabaya"),
        ("620102-kecamatan", "Kecamatan Arut Selatan Kabupaten Kotawaringin Barat"),
        ("6201052007-desa", "Desa Sungai Rangit Jaya Kabupaten Kotawaringin Barat"),
        ("317405-kecamatan", "Kecamatan Kebayoran Lama Kota Administrasi Jakarta Selatan"),
        (
            "3174051001-kelurahan",
            "Kelurahan Kebayoran Lama Utara Kota Administrasi Jakarta Selatan",
        ),
        ("910301-kecamatan", "Distrik Sentani Kabupaten Jayapura"),
        ("9103013007-desa", "Desa Adat Yoboi Kabupaten Jayapura"),
        ("9401011001-kelurahan", "Kelurahan Wonorejo Kabupaten Nabire"),
        ("1171012001-desa", "Gampong Kampung Baru Kota Banda Aceh"),
        ("1306012001-desa", "Nagari Tiku Selatan Kabupaten Agam"),
        ("340401-kecamatan", "Kapanewon Gamping Kabupaten Sleman"),
        ("3404012001-desa", "Kalurahan Balecatur Kabupaten Sleman"),
        ("pln", "PT PLN (Persero)"),
        ("kementerian-haji", "Kementerian Haji dan Umrah"),
    ],
)
def test_an_agency_is_known_by_its_id(id: str, name: str) -> None:
    agency = register.agency(id)
    assert agency is not None
    assert (agency.id, agency.name) == (id, name)


@pytest.mark.parametrize(
    "id",
    [
        "3174-dinas-pu",  # Jakarta Selatan has no agencies of its own
        "3578-pdam",  # in Surabaya another office does this work
        "9999-dinas-pu",
        "6472-dinas-sihir",
        "647201-dinas-pu",
        "357810-kelurahan",
        "3578101002-desa",  # its code says kelurahan
        "3578101002-kecamatan",
        "3578101002-kelurahan-desa",  # only a question, never an agency
        "3578109999-kelurahan",
        "11-dinas-lingkungan-hidup",  # one office with the Dinas Kehutanan
        "64-72-dinas-pu",
        "kementerian-sihir",
        "",
    ],
)
def test_there_is_no_such_agency(id: str) -> None:
    assert register.agency(id) is None


@pytest.mark.parametrize("code", ["31", "31.74", "31.74.05", "31.01"])
def test_all_of_jakarta_is_answered_for_by_the_province(code: str) -> None:
    agency = register.find("regency", "dinas-pendidikan", code)
    assert agency is not None
    assert agency.id == "31-dinas-pendidikan"


@pytest.mark.parametrize(
    ("tier", "kind", "code", "id"),
    [
        ("district", "kecamatan", "35.78.10", "357810-kecamatan"),
        ("district", "kecamatan", "35.78.10.1002", "357810-kecamatan"),
        ("district", "kecamatan", "31.74.05.1001", "317405-kecamatan"),
        ("district", "kecamatan", "35.78", None),
        ("village", "kelurahan-desa", "35.78.10.1002", "3578101002-kelurahan"),
        ("village", "kelurahan-desa", "31.74.05.1001", "3174051001-kelurahan"),
        ("village", "kelurahan-desa", "62.01.05.2007", "6201052007-desa"),
        ("village", "kelurahan-desa", "91.03.01.3007", "9103013007-desa"),
        ("village", "kelurahan-desa", "35.78.10", None),
        ("village", "kelurahan-desa", "35.78.10.1999", None),
        ("province", "dinas-pendidikan", "35.78.10.1002", "35-dinas-pendidikan"),
        ("regency", "dinas-pendidikan", "35.78.10.1002", "3578-dinas-pendidikan"),
        ("province", "bpbd", "91.03.01", "91-bpbd"),
        ("regency", "dinas-perdagangan", "35.78", "3578-dinas-koperasi"),
        ("regency", "pdam", "35.78", "3578-bagian-perekonomian"),
        ("province", "bapenda", "11.71", "11-bpkad"),
        ("regency", "dinas-perikanan", "31.01", "31-dinas-ketahanan-pangan"),
        ("national", "pln", "", "pln"),
    ],
)
def test_a_tier_and_a_place_say_whose_office_it_is(
    tier: Tier, kind: str, code: str, id: str | None
) -> None:
    found = register.find(tier, kind, code)
    assert (found.id if found else None) == id


@pytest.mark.parametrize(
    ("tier", "code", "government"),
    [
        ("province", "35.78.10.1002", "35"),
        ("regency", "35.78.10.1002", "35.78"),
        ("district", "35.78.10.1002", "35.78.10"),
        ("village", "35.78.10.1002", "35.78.10.1002"),
        ("village", "35.78", None),
        ("regency", "31.74.05.1001", "31"),
        ("district", "31.74.05.1001", "31.74.05"),
    ],
)
def test_a_region_lies_under_one_government_of_each_tier(
    tier: Tier, code: str, government: str | None
) -> None:
    assert register.government(tier, code) == government


@given(st.sampled_from([r.code for r in gazetteer().regions(Level.DISTRICT, Level.VILLAGE)]))
def test_every_district_and_village_has_one_office_called_after_it(code: str) -> None:
    region = gazetteer().region(code)
    offices = [register.agency(f"{code.replace('.', '')}-{k}") for k in register.kinds(code)]
    assert region is not None
    assert [office and region.bare in office.name for office in offices] == [True]


@pytest.mark.parametrize(
    ("id", "short"),
    [
        ("kementerian-pu", "Kementerian PU"),
        ("bpjs-kesehatan", "BPJS Kesehatan"),
        ("6472-dinas-pu", "Dinas PUPR"),
        ("3578-dinas-pu", "DSDABM"),
        ("31-dinas-taman", "Distamhut"),
        ("34-inspektorat", "Inspektorat Daerah Istimewa Yogyakarta"),
        ("kementerian-sihir", ""),
    ],
)
def test_an_agency_has_a_short_name(id: str, short: str) -> None:
    assert register.short(id) == short


def test_a_name_ends_the_day_before_the_next_begins() -> None:
    for id, row in register.national.items():
        for former in row.former:
            assert row.since is None or former.until < row.since, id
        assert row.source, id


def test_the_cabinet_is_complete() -> None:
    begins = Counter(row.name.split()[1] == "Koordinator" for row in ministries())
    assert begins == {True: 7, False: 41}


def ministries() -> list[NationalRow]:
    return [row for row in register.national.values() if row.name.startswith("Kementerian ")]


def test_a_province_alone_does_not_say_which_regency() -> None:
    assert register.find("regency", "dinas-pu", "64") is None


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("Samarinda", Level.CITY, "Kota Samarinda"),
        ("Kota Samarinda", Level.CITY, "Kota Samarinda"),
        ("Kabupaten Administrasi Kepulauan Seribu", Level.REGENCY, None),
        ("Riau", Level.PROVINCE, "Provinsi Riau"),
        ("Daerah Istimewa Yogyakarta", Level.PROVINCE, None),
    ],
)
def test_a_government_is_called_by_its_level_once(
    name: str, level: Level, expected: str | None
) -> None:
    assert government_name(name, level) == (expected or name)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "overrides"
    folder.mkdir()
    return folder


def test_a_deployment_lays_its_override_over_the_shipped_one(own: Path) -> None:
    (own / "64.72.toml").write_text(
        '[rename]\ndinas-pu = "Dinas Jalan {government}"\n'
        '[add]\ndinas-kali = "Dinas Kali {government}"\n'
        '[move]\ndrainase-banjir = "dinas-kali"\n'
    )
    changed = Register.build(files.read(own), gazetteer())
    agency = changed.agency("6472-dinas-pu")
    assert agency is not None
    assert agency.name == "Dinas Jalan Kota Samarinda"
    assert changed.agency("6472-pdam") == register.agency("6472-pdam")
    moved = changed.find("regency", "dinas-pu", "64.72", topic="drainase-banjir")
    assert moved is not None
    assert moved.name == "Dinas Kali Kota Samarinda"


def test_the_tables_of_an_override_are_sorted() -> None:
    for code, table in shipped().overrides.items():
        assert table.values["source"], code
        for name, rows in table.values.items():
            assert not isinstance(rows, dict) or list(rows) == sorted(rows), (code, name)


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("64.72", '[rename]\ndinas-sihir = "X"\n', ("rename", "dinas-sihir")),
        ("64.72", '[replace]\npdam = "dinas-sihir"\n', ("replace", "pdam")),
        ("64.72", '[short]\ndinas-sihir = "X"\n', ("short", "dinas-sihir")),
        ("64.72", '[aliases]\ndinas-sihir = ["X"]\n', ("aliases", "dinas-sihir")),
        ("64.72", '[move]\nair-minum = "dinas-sihir"\n', ("move", "air-minum")),
        ("64.72", "surprise = 1\n", ("surprise",)),
        ("64.72", "single_tier = 'x'\n", ("single_tier",)),
        ("99.99", 'government = "X"\n', ()),
        ("64.72.01", 'government = "X"\n', ()),
    ],
)
def test_a_wrong_override_is_named_with_file_and_key(
    own: Path, name: str, text: str, keys: tuple[str, ...]
) -> None:
    (own / f"{name}.toml").write_text(text)
    with pytest.raises(RegisterError) as caught:
        Register.build(files.read(own), gazetteer())
    assert [(f.file.name, f.keys) for f in caught.value.faults] == [(f"{name}.toml", keys)]


def test_all_faults_of_all_files_are_told_at_once(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config"
    shutil.copytree(files.FOLDER / "agencies", folder / "agencies")
    for path in files.FOLDER.glob("accusation*.toml"):
        shutil.copy(path, folder)
    shutil.copy(files.FOLDER / "foreign.toml", folder)
    (folder / "topics.toml").write_text(
        '[groups.g]\nname = "G"\n'
        '[topics.a]\nname = "A"\ngroup = "g"\nphrases.sure = ["a b .. c", "!"]\n'
        'competence = [{ level = "regency", agency = "dinas-sihir" }]\n'
        '[topics.b]\nname = "B"\ngroup = "g"\nphrases.sure = ["b"]\n'
        'competence = [{ level = "national", agency = "pln", when = ["x"] }]\n'
    )
    (own / "64.72.toml").write_text('[rename]\nsihir = "X"\n[move]\nno-topic = "pdam"\n')
    monkeypatch.setattr(files, "FOLDER", folder)
    with pytest.raises(DataError) as caught:
        build(files.read(own), gazetteer(), router().rules, router().calendar)
    assert sorted(f.keys for f in caught.value.faults if f.keys[:1] != ("move",)) == [
        ("rename", "sihir"),
        ("topics", "a", "competence", "0", "agency"),
        ("topics", "a", "phrases", "sure"),
        ("topics", "a", "phrases", "sure"),
        ("topics", "b", "competence"),
    ]
    assert ("move", "no-topic") in [f.keys for f in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        (
            "national",
            '[agencies.b]\nname = "Badan A"\n[agencies.c]\nname = "C"\naliases = ["badan a"]\n',
            ("agencies", "c"),
        ),
        ("national", '[agencies.b]\nname = "B"\nsince = "x"\n', ("agencies", "b", "since")),
        ("village", '[agencies.desa]\nname = "X"\nwords = { 99 = "Y" }\n', None),
        ("regency", '[agencies.pdam]\nname = "X"\nnames = { "99.99" = "Y" }\n', None),
    ],
)
def test_a_wrong_table_of_agencies_is_named_with_file_and_key(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    keys: tuple[str, ...] | None,
) -> None:
    shutil.copytree(files.FOLDER / "agencies", tmp_path / "agencies")
    shutil.copy(files.FOLDER / "topics.toml", tmp_path)
    for path in files.FOLDER.glob("accusation*.toml"):
        shutil.copy(path, tmp_path)
    shutil.copy(files.FOLDER / "foreign.toml", tmp_path)
    (tmp_path / "agencies" / f"{name}.toml").write_text(text)
    shutil.rmtree(tmp_path / "agencies" / "overrides")
    (tmp_path / "agencies" / "overrides").mkdir()
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    with pytest.raises(RegisterError) as caught:
        Register.build(files.read(), gazetteer())
    (fault,) = caught.value.faults
    assert fault.file.name == f"{name}.toml"
    assert fault.keys == keys or (keys is None and fault.keys[-1] in ("99", "99.99"))


def test_a_topic_of_the_wrong_shape_is_a_fault_not_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config"
    shutil.copytree(files.FOLDER / "agencies", folder / "agencies")
    for path in files.FOLDER.glob("accusation*.toml"):
        shutil.copy(path, folder)
    shutil.copy(files.FOLDER / "foreign.toml", folder)
    (folder / "topics.toml").write_text("[topics.a]\nname = 7\ncompetence = []\n")
    monkeypatch.setattr(files, "FOLDER", folder)
    with pytest.raises(TopicsError) as caught:
        Topics.build(files.read(), Register.build(shipped(), gazetteer()))
    assert {f.keys for f in caught.value.faults} == {
        ("topics", "a", "name"),
        ("topics", "a", "group"),
        ("topics", "a", "phrases"),
        ("topics", "a", "competence"),
    }
