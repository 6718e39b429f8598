from pathlib import Path

import pytest

from config import files
from config.settings import SettingsError, line_of


def test_the_shipped_files_are_found_wherever_kanal_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = files.read()
    assert {"31", "35.78", "64.72"} <= set(found.overrides)
    assert found.regions.is_dir()
    for table in (found.topics, found.national, found.province, found.regency):
        assert table.values


def test_an_own_override_is_laid_over_the_shipped_one_and_shown_with_its_own_path(
    tmp_path: Path,
) -> None:
    own = tmp_path / "64.72.toml"
    own.write_text('[rename]\ndinas-pu = "X"\n')
    (tmp_path / "12.71.toml").write_text('government = "Kota Medan"\n')
    found = files.read(tmp_path)
    assert found.overrides["64.72"].path == own
    rename = found.overrides["64.72"].values["rename"]
    assert rename["dinas-pu"] == "X"
    assert "pdam" in rename
    assert "dinas-pu" not in files.read().overrides["64.72"].values["rename"]
    assert found.overrides["12.71"].values == {"government": "Kota Medan"}


def test_all_unreadable_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "11.toml").write_text("a = \n")
    (tmp_path / "12.toml").write_text("\n\n[x\n")
    with pytest.raises(SettingsError) as caught:
        files.read(tmp_path)
    assert [(Path(f.file).name, f.line) for f in caught.value.faults] == [
        ("11.toml", 1),
        ("12.toml", 3),
    ]


def test_a_folder_of_overrides_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        files.read(tmp_path / "nowhere")
    assert "nowhere" in str(caught.value)


def test_a_fault_in_a_topic_can_be_shown_with_its_line() -> None:
    path = files.read().topics.path
    line = line_of(path, ("topics", "sampah", "phrases", "sure"))
    assert path.read_text("utf-8").splitlines()[line - 1].startswith("phrases.sure")


@pytest.mark.parametrize("name", ["national", "province", "regency"])
def test_the_tables_are_sorted(name: str) -> None:
    agencies = list(getattr(files.read(), name).values["agencies"])
    assert agencies == sorted(agencies)


def test_the_topics_are_sorted() -> None:
    topics = list(files.read().topics.values["topics"])
    assert topics == sorted(topics)


def test_the_slang_is_sorted_and_every_line_of_it_says_something() -> None:
    slang = files.read().topics.values["slang"]
    assert list(slang) == sorted(slang)
    assert [word for word, meaning in slang.items() if word == meaning] == []
