"""How the router's data files are checked: every fault at once, each with file and key.

DataError               the data files are wrong; faults says what, where
├── RegisterError       the agencies or their overrides are wrong
└── TopicsError         the topics are wrong
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from normalizer.message import Level


@dataclass(frozen=True, slots=True)
class DataFault:
    """One thing wrong: the file, the path of keys in it, and what is wrong, in words."""

    file: Path
    keys: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join(self.keys)}: {self.message}"


class DataError(Exception):
    """The data files are wrong; ``faults`` says what, where."""

    def __init__(self, faults: list[DataFault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class DataTable(Protocol):
    """A data file as read: its path and its values."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What it says."""


class DataFiles(Protocol):
    """All the files the router is built from; ``config.files.Files`` is one."""

    @property
    def topics(self) -> DataTable:
        """What reports are about and whose affair each is."""

    @property
    def accusations(self) -> DataTable:
        """Who may be accused of what, and who oversees whom."""

    @property
    def foreign(self) -> DataTable:
        """Texts that are no report."""

    @property
    def national(self) -> DataTable:
        """The national bodies."""

    @property
    def province(self) -> DataTable:
        """The templates of a province's agencies."""

    @property
    def regency(self) -> DataTable:
        """The templates of a regency's or city's agencies."""

    @property
    def district(self) -> DataTable:
        """The template of a district's office."""

    @property
    def village(self) -> DataTable:
        """The templates of a village's office."""

    @property
    def overrides(self) -> Mapping[str, DataTable]:
        """How single governments differ, by region code."""


class NamedRow(Protocol):
    """An official region; ``normalizer.gazetteer.Region`` is one."""

    @property
    def code(self) -> str:
        """The official code, dotted."""

    @property
    def name(self) -> str:
        """The official name."""

    @property
    def level(self) -> Level:
        """What kind of region it is."""

    @property
    def bare(self) -> str:
        """The name without "Kabupaten", "Kota", "Kecamatan"."""


class Regions(Protocol):
    """Where regions are looked up; ``normalizer.gazetteer.Gazetteer`` is one."""

    def region(self, code: str, /) -> NamedRow | None:
        """Return the region of an official code."""

    def regions(self, *levels: Level) -> Iterable[NamedRow]:
        """Yield all regions of these levels."""

    def named(self, words: str, /) -> Sequence[NamedRow]:
        """Return the provinces, regencies and cities that a name may mean."""


class DataRow(BaseModel):
    """A table of a data file; an unknown key in it is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=DataRow)


def read(row: type[R], table: DataTable, faults: list[DataFault], empty: Callable[[], R]) -> R:
    """Check a whole file against ``row``; on faults note them and return ``empty()``."""
    try:
        return row.model_validate(dict(table.values))
    except ValidationError as error:
        for e in error.errors():
            faults.append(DataFault(table.path, tuple(map(str, e["loc"])), e["msg"]))
        return empty()
