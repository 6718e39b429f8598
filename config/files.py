"""The data files a deployment edits (topics, agencies, overrides), read but not interpreted.

What they mean is decided where they are used: ``router/register.py`` and
``router/topics.py``. ``read`` raises ``SettingsError`` with the faults of every file at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import Fault, SettingsError, merge, read_toml

FOLDER = Path(__file__).parent
REGIONS = FOLDER / "regions"


@dataclass(frozen=True, slots=True)
class ConfigTable:
    """One TOML file: its values and the path that a fault is shown with."""

    path: Path
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Everything the router is built from; ``overrides`` by region code ("35.78")."""

    topics: ConfigTable
    accusations: ConfigTable
    foreign: ConfigTable
    national: ConfigTable
    province: ConfigTable
    regency: ConfigTable
    district: ConfigTable
    village: ConfigTable
    overrides: Mapping[str, ConfigTable]
    regions: Path


def read(overrides: Path | None = None) -> ConfigFiles:
    """Read the data files that ship with Kanal, then ``overrides``, a folder of ``<code>.toml``.

    A deployment's override of a region is laid over the shipped one, table by table.
    Raises ``SettingsError``.
    """
    faults: list[Fault] = []
    agencies = FOLDER / "agencies"
    files = ConfigFiles(
        topics=_table(FOLDER / "topics.toml", faults),
        accusations=_accusations(faults),
        foreign=_table(FOLDER / "foreign.toml", faults),
        national=_table(agencies / "national.toml", faults),
        province=_table(agencies / "province.toml", faults),
        regency=_table(agencies / "regency.toml", faults),
        district=_table(agencies / "district.toml", faults),
        village=_table(agencies / "village.toml", faults),
        overrides=_all_overrides(agencies / "overrides", overrides, faults),
        regions=REGIONS,
    )
    if faults:
        raise SettingsError(faults)
    return files


def _accusations(faults: list[Fault]) -> ConfigTable:
    """Read who may be accused, in what words, and what the words weigh."""
    found = _table(FOLDER / "accusations.toml", faults)
    for name in ("accusation_words", "accusation_weights"):
        found = ConfigTable(
            found.path, {**_table(FOLDER / f"{name}.toml", faults).values, **found.values}
        )
    return found


def _all_overrides(shipped: Path, own: Path | None, faults: list[Fault]) -> dict[str, ConfigTable]:
    special = dict(_overrides(shipped, faults))
    for code, table in _overrides(own, faults) if own else ():
        special[code] = _laid_over(special.get(code), table)
    return special


def _overrides(folder: Path, faults: list[Fault]) -> Iterator[tuple[str, ConfigTable]]:
    if not folder.is_dir():
        faults.append(Fault(str(folder), 0, "no such folder of overrides"))
    for path in sorted(folder.glob("*.toml")):
        yield path.stem, _table(path, faults)


def _table(path: Path, faults: list[Fault]) -> ConfigTable:
    try:
        return ConfigTable(path, read_toml(path))
    except SettingsError as error:
        faults.extend(error.faults)
        return ConfigTable(path, {})


def _laid_over(shipped: ConfigTable | None, own: ConfigTable) -> ConfigTable:
    values: dict[str, Any] = {}
    for table in (shipped, own):
        merge(values, table.values if table else {})
    return ConfigTable(own.path, values)


def abbreviations() -> Mapping[str, str]:
    """Read what people type for words in the names of agencies. Raises ``SettingsError``."""
    words: Mapping[str, str] = read_toml(FOLDER / "agencies" / "abbreviations.toml")["words"]
    return words
