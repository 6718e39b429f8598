"""The official regions and what people call them: a dictionary of names, read once at the start.

Names are looked up without spaces, so that "Pangkal Pinang", "pangkalpinang" and "gunung kidul"
need no list of variants. Villages are in the table but not read yet; a third of their names are
shared and many are everyday words.
"""

import csv
import gzip
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from normalizer.report import Level

TABLE = "regions.csv.gz"
ALIASES = "aliases.toml"
PREFIX = 8

Kind = Literal["typed", "name", "alias", "district"]

_TITLES = {Level.PROVINCE: "Provinsi", Level.DISTRICT: "Kecamatan"}
_TYPED = {
    Level.PROVINCE: ("provinsi", "propinsi", "prov", "prop", "pemprov", "gubernur"),
    Level.REGENCY: ("kabupaten", "kab", "pemkab", "bupati", "kabupatenadministrasi"),
    Level.CITY: ("kota", "kotamadya", "kodya", "pemkot", "walikota", "kotaadministrasi"),
}
"""Words before a name that say which level is meant, without spaces."""
_TYPED_AFTER = {Level.PROVINCE: ("prov",), Level.REGENCY: ("kab",), Level.CITY: ("kota",)}
_OFFICIAL = re.compile(r"^(?:Kabupaten|Kota)(?: Administrasi)? ")
_ISLANDS = ("kepulauan ", "pulau ")


class GazetteerError(Exception):
    """The regions cannot be read; ``faults`` holds (file, line, message), line 0 if unknown."""

    def __init__(self, faults: Iterable[tuple[str, int, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            "\n".join(f"{f}:{n}: {m}" if n else f"{f}: {m}" for f, n, m in self.faults)
        )


@dataclass(frozen=True, slots=True)
class Region:
    """An official region: its dotted code and its name as an officer writes it."""

    code: str
    name: str
    level: Level
    bare: str
    """The name without "Kabupaten", "Kota", "Provinsi", "Kecamatan"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning of a name: the region, and what kind of name it is."""

    region: Region
    kind: Kind


def squash(words: str) -> str:
    """Fold a name to its letters and digits in lower case: the key of every look-up."""
    lowered = words.lower()
    return lowered if lowered.isalnum() else "".join(filter(str.isalnum, lowered))


@dataclass(slots=True)
class Gazetteer:
    """Look up regions by code, by name and by SMS keyword."""

    by_code: dict[str, Region] = field(default_factory=dict)
    names: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    """Provinces, regencies and cities, by squashed name."""
    districts: dict[str, tuple[Region, ...]] = field(default_factory=dict)
    keywords: dict[str, Region] = field(default_factory=dict)
    """SMS keywords that no name makes, in capitals."""
    ordinary: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """Names that are everyday words: always (None), or beside one of these words."""
    starts: frozenset[str] = frozenset()
    """The first 1 to ``PREFIX`` letters of every name: where no name begins, none is looked up."""
    district_starts: frozenset[str] = frozenset()

    @classmethod
    def load(cls, folder: Path) -> "Gazetteer":
        """Read ``config/regions``. Raises ``GazetteerError`` with every fault found."""
        made = cls()
        for region in _regions(folder / TABLE):
            made._add(region)
        _Aliases(folder / ALIASES, made).apply()
        made.starts, made.district_starts = _starts(made.names), _starts(made.districts)
        return made

    def region(self, code: str) -> Region | None:
        """Return the region of a dotted code, None if there is none (or it is a village)."""
        return self.by_code.get(code)

    def parents(self, code: str) -> tuple[Region, ...]:
        """Return the regions that contain ``code``, nearest first."""
        parts = code.split(".")
        above = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
        return tuple(self.by_code[c] for c in above if c in self.by_code)

    def named(self, words: str) -> tuple[Region, ...]:
        """Return the provinces, regencies and cities that ``words`` may mean, likeliest first."""
        return tuple(entry.region for entry in self.names.get(squash(words), ()))

    def keyword(self, word: str) -> Region | None:
        """Return the one region a 1708 keyword stands for, None if none or several."""
        if word.upper() in self.keywords:
            return self.keywords[word.upper()]
        meant = self.names.get(squash(word), ())
        return meant[0].region if len(meant) == 1 else None

    def regions(self, *levels: Level) -> Iterator[Region]:
        """Yield the regions of these levels in the order of the table; of all without any."""
        return (r for r in self.by_code.values() if not levels or r.level in levels)

    def put(self, key: str, region: Region, kind: Kind) -> None:
        """Let ``key`` mean ``region`` too; the first meaning put is the likeliest."""
        known = self.names.get(key, ())
        if all(entry.region is not region for entry in known):
            self.names[key] = (*known, Entry(region, kind))

    def _add(self, region: Region) -> None:
        self.by_code[region.code] = region
        if region.level is Level.DISTRICT:
            key = squash(region.bare)
            self.districts[key] = (*self.districts.get(key, ()), region)
            return
        for key, kind in _keys(region):
            if region.level is Level.CITY and kind == "name":
                # A bare "Bandung" means the city more often than the regency around it.
                self.names[key] = (Entry(region, kind), *self.names.get(key, ()))
            else:
                self.put(key, region, kind)


def _starts(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(key[:n] for key in keys for n in range(1, PREFIX + 1))


def _keys(region: Region) -> Iterator[tuple[str, Kind]]:
    bare = squash(region.bare)
    yield bare, "name"
    for word in _TYPED[region.level]:
        yield word + bare, "typed"
    for word in _TYPED_AFTER[region.level]:
        yield bare + word, "typed"
    for prefix in _ISLANDS:
        if region.level is not Level.PROVINCE and region.bare.lower().startswith(prefix):
            yield bare.removeprefix(squash(prefix)), "alias"


def _region(code: str, official: str, level: Level) -> Region:
    bare = _OFFICIAL.sub("", official) if level in (Level.REGENCY, Level.CITY) else official
    title = "Distrik" if level is Level.DISTRICT and code[0] == "9" else _TITLES.get(level)
    # "Daerah Istimewa Yogyakarta" already says what it is.
    named = official if title is None or official.startswith("Daerah ") else f"{title} {official}"
    return Region(code, named, level, bare)


def _regions(file: Path) -> list[Region]:
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            rows = csv.reader(lines)
            if next(rows, None) != ["code", "name", "level"]:
                raise GazetteerError([(str(file), 1, "the columns must be code, name, level")])
            wanted = takewhile(lambda row: row[-1:] != [Level.VILLAGE.value], rows)
            return [_row(file, number, row) for number, row in enumerate(wanted, 2)]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise GazetteerError([(str(file), 0, f"cannot be read: {error}")]) from None


def _row(file: Path, line: int, row: list[str]) -> Region:
    try:
        code, name, level = row
        return _region(code, name, Level(level))
    except ValueError as error:
        raise GazetteerError([(str(file), line, f"not a region: {error}")]) from None


class _Aliases:
    """The hand-written list, checked against the table as it is put in."""

    def __init__(self, file: Path, into: Gazetteer) -> None:
        self.file, self.into = file, into
        self.faults: list[tuple[str, int, str]] = []
        try:
            self.text = file.read_text("utf-8")
            self.tables: dict[str, Any] = tomllib.loads(self.text)
        except (OSError, UnicodeDecodeError) as error:
            raise GazetteerError([(str(file), 0, f"cannot be read: {error}")]) from None
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"at line (\d+)", str(error))
            raise GazetteerError([(str(file), int(at[1]) if at else 0, str(error))]) from None

    def apply(self) -> None:
        for name, codes in self._table("aliases").items():
            for region in self._meant("aliases", name, codes):
                self.into.put(squash(name), region, "alias")
        for name, codes in self._table("keywords").items():
            for region in self._meant("keywords", name, codes):
                self.into.keywords[name.upper()] = region
        for name, beside in self._table("ordinary").items():
            self._ordinary(name, beside)
        if self.faults:
            raise GazetteerError(self.faults)

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self.tables.get(name, {})
        if isinstance(table, dict):
            return table
        self._fault(name, name, "must be a table")
        return {}

    def _meant(self, table: str, name: str, codes: object) -> Iterator[Region]:
        for code in codes if isinstance(codes, list) else [codes]:
            region = self.into.by_code.get(code) if isinstance(code, str) else None
            if region is None:
                self._fault(table, name, f"{name}: there is no region {code!r}")
            else:
                yield region

    def _ordinary(self, name: str, beside: object) -> None:
        key = squash(name)
        if key not in self.into.names:
            self._fault("ordinary", name, f"{name}: no region is called so")
        elif beside == "always":
            self.into.ordinary[key] = None
        elif isinstance(beside, list) and all(isinstance(word, str) for word in beside):
            self.into.ordinary[key] = frozenset(beside)
        else:
            self._fault("ordinary", name, f'{name}: write "always" or a list of words')

    def _fault(self, table: str, key: str, message: str) -> None:
        inside = False
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[(\w+)\]", line):
                inside = header[1] == table
            elif inside and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
                self.faults.append((str(self.file), number, message))
                return
        self.faults.append((str(self.file), 0, message))
