"""The official regions and what people call them: a dictionary of names, read once at the start.

Names are looked up without spaces, so that "Pangkal Pinang", "pangkalpinang" and "gunung kidul"
need no list of variants. The 83,762 villages stay packed as the lines of the table and become
regions when they are asked for; the names inside a regency are indexed when it is first spoken of.
"""

import csv
import gzip
import re
import tomllib
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, takewhile
from pathlib import Path
from sys import intern
from typing import Any, Literal

from normalizer.coordinates import Points
from normalizer.message import Level
from normalizer.spelling import alike, deletions, sound
from normalizer.text import vocabulary

TABLE = "regions.csv.gz"
ALIASES = "aliases.toml"
POINTS = "points.csv.gz"
PREFIX = 8
NEARBY = 5
"""The same, for the names inside one regency, of which there are few."""
LONG = 7
"""Letters the name of a regency needs before a letter of it may be wrong."""
HEAD = 4
"""Letters at its beginning that must be right."""

Kind = Literal["typed", "name", "alias", "district"]

_TITLES = {Level.PROVINCE: "Provinsi", Level.DISTRICT: "Kecamatan"}
_VILLAGE_TITLES = {"1": "Kelurahan", "2": "Desa"}
_TYPED = {
    Level.PROVINCE: ("provinsi", "propinsi", "prov", "prop", "pemprov", "gubernur"),
    Level.REGENCY: ("kabupaten", "kab", "pemkab", "bupati", "kabupatenadministrasi"),
    Level.CITY: ("kota", "kotamadya", "kodya", "pemkot", "walikota", "kotaadministrasi"),
}
"""Words before a name that say which level is meant, without spaces."""
_TYPED_AFTER = {Level.PROVINCE: ("prov",), Level.REGENCY: ("kab",), Level.CITY: ("kota",)}
_OFFICIAL = re.compile(r"^(?:Kabupaten|Kota)(?: Administrasi)? ")
_ISLANDS = ("kepulauan ", "pulau ")
_VILLAGE = f",{Level.VILLAGE.value}"
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
_VARIANTS = re.compile(r"\s*[/()]\s*")
"""What stands between two names of one place: "Pasar Panas/Taniran"."""


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
    """The name without "Kabupaten", "Kota", "Provinsi", "Kecamatan", "Kelurahan", "Desa"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning of a name: the region, and what kind of name it is."""

    region: Region
    kind: Kind


def squash(words: str) -> str:
    """Fold a name to its letters and digits in lower case: the key of every look-up."""
    lowered = words.lower()
    return lowered if lowered.isalnum() else "".join(filter(str.isalnum, lowered))


@dataclass(frozen=True)
class Inside:
    """The districts and villages of one regency or city, by squashed name."""

    names: dict[str, tuple[str, ...]]
    """The codes a name may mean, district before villages."""
    starts: frozenset[str]
    """The first 3 to ``NEARBY`` letters of every name, and the first words of one or two."""

    @cached_property
    def sounds(self) -> dict[str, tuple[str, ...]]:
        """The names that sound alike, by ``spelling.sound``."""
        alike: dict[str, tuple[str, ...]] = {}
        for key in self.names:
            alike[sound(key)] = (*alike.get(sound(key), ()), key)
        return alike


@dataclass(slots=True, repr=False)
class Gazetteer:
    """Look up regions by code, by name and by SMS keyword."""

    by_code: dict[str, Region] = field(default_factory=dict)
    """Every region but the villages."""
    names: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    """Provinces, regencies and cities, by squashed name."""
    districts: dict[str, tuple[Region, ...]] = field(default_factory=dict)
    keywords: dict[str, Region] = field(default_factory=dict)
    """SMS keywords that no name makes, in capitals."""
    ordinary: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """Names that are everyday words: always (None), or beside one of these words."""
    starts: frozenset[str] = frozenset()
    """The first 1 to ``PREFIX`` letters of every name: where no name begins, none is looked up."""
    district_heads: Set[str] = frozenset()
    """What longer names of districts begin with, and the distinctive names as one word."""
    slips: dict[str, str] = field(default_factory=dict)
    """Long names and what is left of them without one letter → the name."""
    slip_heads: frozenset[str] = frozenset()
    everyday: frozenset[str] = frozenset()
    """Words that names of districts and villages are made of and that mean something else."""
    points: Points = field(default_factory=Points)
    marks: dict[str, int] = field(default_factory=dict)
    """What words that were seen may be: kept by ``words``."""
    _villages: list[str] = field(default_factory=list)
    """The lines of the table that hold villages, in the order of their codes."""
    _village_names: dict[str, int | tuple[int, ...]] = field(default_factory=dict)
    """Squashed names → where their lines are."""
    _districts: dict[str, list[Region]] = field(default_factory=dict)
    _inside: dict[str, Inside] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Gazetteer":
        """Read ``config/regions``. Raises ``GazetteerError`` with every fault found."""
        made = cls()
        regions, made._villages = _table(folder / TABLE)
        for region in regions:
            made._add(region)
        made._village_names = _indexed(made._villages)
        _Aliases(folder / ALIASES, made).apply()
        made.starts = _starts(made.names)
        made.district_heads = _heads(made)
        made.slips, made.slip_heads = _slips(made)
        made.points = _points(folder / POINTS)
        return made

    def region(self, code: str) -> Region | None:
        """Return the region of a dotted code, a village's too; None if there is none."""
        return self.by_code.get(code) or self._village(code)

    def villages(self, key: str) -> tuple[str, ...]:
        """Return the codes of all villages of a squashed name."""
        at = self._village_names.get(key)
        if at is None:
            return ()
        return tuple([_code(self._villages[n]) for n in (at if isinstance(at, tuple) else (at,))])

    def is_distinctive(self, key: str) -> bool:
        """Tell whether a squashed name is neither an everyday word nor a government's."""
        return key not in self.everyday and key not in self.names

    def slip(self, word: str) -> str | None:
        """Return the one long name that ``word`` is with a letter wrong, None if there is none."""
        near = {self.slips[part] for part in (word, *deletions(word)) if part in self.slips}
        close = [name for name in near if alike(word, name)]
        return close[0] if len(close) == 1 else None

    def inside(self, regency: str) -> Inside:
        """Return the names inside a regency or city, indexed when first asked for."""
        known = self._inside.get(regency)
        if known is None:
            known = self._inside[regency] = _index(self._below(regency))
        return known

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
        wanted = levels or tuple(Level)
        yield from (r for r in self.by_code.values() if r.level in wanted)
        if Level.VILLAGE in wanted:
            yield from map(_village, self._villages)

    def put(self, key: str, region: Region, kind: Kind) -> None:
        """Let ``key`` mean ``region`` too; the first meaning put is the likeliest."""
        known = self.names.get(key, ())
        if all(entry.region is not region for entry in known):
            self.names[key] = (*known, Entry(region, kind))

    def _village(self, code: str) -> Region | None:
        at = bisect_left(self._villages, f"{code},")
        found = self._villages[at : at + 1]
        return _village(found[0]) if found and _code(found[0]) == code else None

    def _below(self, regency: str) -> Iterator[tuple[str, str]]:
        for district in self._districts.get(regency, ()):
            yield district.bare, district.code
        first = bisect_left(self._villages, f"{regency}.")
        for line in self._villages[first : bisect_left(self._villages, f"{regency}/")]:
            village = _village(line)
            yield village.bare, village.code

    def _add(self, region: Region) -> None:
        self.by_code[region.code] = region
        if region.level is Level.DISTRICT:
            self._districts.setdefault(region.code[:5], []).append(region)
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


def _heads(gazetteer: Gazetteer) -> Set[str]:
    named = (region.bare.split() for regions in gazetteer.districts.values() for region in regions)
    alone = filter(gazetteer.is_distinctive, gazetteer.districts)
    within = {one for one, other in pairwise(sorted(gazetteer.districts)) if other.startswith(one)}
    return within.union(alone, (squash(name[0]) for name in named if len(name) > 1))


def _slips(gazetteer: Gazetteer) -> tuple[dict[str, str], frozenset[str]]:
    names = [squash(r.bare) for r in gazetteer.by_code.values() if r.level is not Level.DISTRICT]
    long = [name for name in names if len(name) >= LONG]
    slips = {part: name for name in long for part in deletions(name) if part not in gazetteer.names}
    slips |= {name: name for name in long}
    return slips, frozenset(name[:HEAD] for name in long)


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


def _table(file: Path) -> tuple[list[Region], list[str]]:
    """Return the regions down to the districts, and the lines of the villages."""
    try:
        text = gzip.decompress(file.read_bytes()).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise GazetteerError([(str(file), 0, f"cannot be read: {error}")]) from None
    lines = text.splitlines()
    if lines[:1] != ["code,name,level"]:
        raise GazetteerError([(str(file), 1, "the columns must be code, name, level")])
    upper = [*takewhile(lambda line: not line.endswith(_VILLAGE), lines[1:])]
    villages = lines[len(upper) + 1 :]
    for number, line in enumerate(villages, len(upper) + 2):
        if len(line) < 23 or line[13] != "," or not line.endswith(_VILLAGE):
            raise GazetteerError([(str(file), number, f"not a village: {line}")])
    return [_row(file, number, row) for number, row in enumerate(csv.reader(upper), 2)], villages


def _points(file: Path) -> Points:
    try:
        return Points.load(file)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise GazetteerError([(str(file), 0, f"cannot be read: {error}")]) from None


def _row(file: Path, line: int, row: list[str]) -> Region:
    try:
        code, name, level = row
        return _region(code, name, Level(level))
    except ValueError as error:
        raise GazetteerError([(str(file), line, f"not a region: {error}")]) from None


def _code(line: str) -> str:
    return line[:13]


def _village(line: str) -> Region:
    official = line[14 : -len(_VILLAGE)]
    if official[0] == '"':
        official = next(csv.reader([official]))[0]
    title = _VILLAGE_TITLES.get(line[9], "Desa")
    return Region(_code(line), f"{title} {official}", Level.VILLAGE, official)


def _indexed(villages: list[str]) -> dict[str, int | tuple[int, ...]]:
    """Index the lines by squashed name, all names folded at once: 84,000 single calls are slow."""
    whole = "\n".join(line[14 : -len(_VILLAGE)] for line in villages).lower()
    dropped = {ord(c): None for c in set(whole) if not c.isalnum() and c != "\n"}
    found: dict[str, int | tuple[int, ...]] = {}
    for at, key in enumerate(whole.translate(dropped).split("\n")):
        known = found.setdefault(key, at)
        if known != at:
            found[key] = (*known, at) if isinstance(known, tuple) else (known, at)
    return found


def _numbered(bare: str) -> str:
    """Write the Roman number at the end of a name as people do: "Sidondo II" is "Sidondo 2"."""
    head, _, number = bare.rpartition(" ")
    return f"{head} {_ROMAN.index(number) + 1}" if head and number in _ROMAN else bare


def _index(named: Iterable[tuple[str, str]]) -> Inside:
    names: dict[str, tuple[str, ...]] = {}
    short: set[str] = set()
    for bare, code in named:
        head = squash(bare.split()[0])
        if len(head) < 3:
            short.add(head)
        for key in dict.fromkeys(map(squash, (bare, *_VARIANTS.split(bare), _numbered(bare)))):
            if key:
                names[key] = (*names.get(key, ()), code)
    starts = {intern(key[:n]) for key in names for n in range(3, NEARBY + 1)}
    return Inside(names, frozenset(starts | short))


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
        self._everyday(self.tables.get("everyday", ""))
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

    def _everyday(self, words: object) -> None:
        if isinstance(words, str):
            self.into.everyday = vocabulary(words)
        else:
            self.faults.append((str(self.file), 0, "everyday: write words with spaces between"))

    def _fault(self, table: str, key: str, message: str) -> None:
        inside = False
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[(\w+)\]", line):
                inside = header[1] == table
            elif inside and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
                self.faults.append((str(self.file), number, message))
                return
        self.faults.append((str(self.file), 0, message))
