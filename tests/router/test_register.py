import shutil
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from config import files
from normalizer.report import AgencyId, Level
from router.assign import build
from router.data import DataError
from router.register import Register, RegisterError, Tier, government_name
from router.topics import Topics, TopicsError
from tests.router.making import gazetteer, router, shipped

register = router().register
GOVERNED: dict[Tier, tuple[Level, ...]] = {
    "province": (Level.PROVINCE,),
    "regency": (Level.REGENCY, Level.CITY),
}


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
            for region in gazetteer().regions(*GOVERNED[competence.level]):
                found = register.find(competence.level, competence.agency, region.code, topic=id)
                assert found is not None, (id, region.code)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("6472-dinas-pu", "Dinas Pekerjaan Umum dan Penataan Ruang Kota Samarinda"),
        ("6402-dinas-pu", "Dinas Pekerjaan Umum dan Penataan Ruang Kabupaten Kutai Kartanegara"),
        ("64-dinas-pu", "Dinas Pekerjaan Umum dan Penataan Ruang Provinsi Kalimantan Timur"),
        ("3578-dinas-pu", "Dinas Sumber Daya Air dan Bina Marga Kota Surabaya"),
        ("6472-pdam", "Perumdam Tirta Kencana Kota Samarinda"),
        ("6472-dpmd", "Dinas Pemberdayaan Masyarakat Kota Samarinda"),
        ("6402-dpmd", "Dinas Pemberdayaan Masyarakat dan Desa Kabupaten Kutai Kartanegara"),
        ("11-dinas-pendidikan", "Dinas Pendidikan Aceh"),
        ("34-dinas-pendidikan", "Dinas Pendidikan Daerah Istimewa Yogyakarta"),
        ("31-dinas-pu", "Dinas Bina Marga Provinsi DKI Jakarta"),
        ("31-satpol-pp", "Satuan Polisi Pamong Praja Provinsi DKI Jakarta"),
        ("pln", "PT PLN (Persero)"),
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


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("64.72", '[rename]\ndinas-sihir = "X"\n', ("rename", "dinas-sihir")),
        ("64.72", '[replace]\npdam = "dinas-sihir"\n', ("replace", "pdam")),
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
    (folder / "topics.toml").write_text(
        '[topics.a]\nname = "A"\nphrases.sure = ["a b .. c", "!"]\n'
        'competence = [{ level = "regency", agency = "dinas-sihir" }]\n'
        '[topics.b]\nname = "B"\nphrases.sure = ["b"]\n'
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


def test_a_topic_of_the_wrong_shape_is_a_fault_not_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config"
    shutil.copytree(files.FOLDER / "agencies", folder / "agencies")
    (folder / "topics.toml").write_text("[topics.a]\nname = 7\ncompetence = []\n")
    monkeypatch.setattr(files, "FOLDER", folder)
    with pytest.raises(TopicsError) as caught:
        Topics.build(files.read(), Register.build(shipped(), gazetteer()))
    assert {f.keys for f in caught.value.faults} == {
        ("topics", "a", "name"),
        ("topics", "a", "phrases"),
        ("topics", "a", "competence"),
    }
