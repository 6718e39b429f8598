"""The register of agencies: checked as it is read, and asked by id, by place or by name."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from normalizer.message import Level
from normalizer.report import Agency
from router.agencies import Kind, National, Override, Templates, Tier, government_name
from router.data import DataError, DataFault, DataFiles, DataTable, NamedRow, Regions, read
from router.naming import Names, Words, beginning, place_words, words
from router.offices import DIGITS, VILLAGE_OFFICE, Offices, id_of

__all__ = ["DIGITS", "Kind", "Register", "RegisterError", "Tier", "government_name"]


class RegisterError(DataError):
    """The agencies or their overrides are wrong."""


class Register(Offices):
    """Looks agencies up by id, by government and kind, or by name. Build with ``build``."""

    @classmethod
    def build(cls, files: DataFiles, regions: Regions) -> "Register":
        """Check the agency files and build the register. Raises ``RegisterError``."""
        register, faults = cls.check(files, regions)
        if faults:
            raise RegisterError(faults)
        return register

    @classmethod
    def check(cls, files: DataFiles, regions: Regions) -> tuple["Register", list[DataFault]]:
        """Build the register from what can be read, and list everything that is wrong."""
        faults: list[DataFault] = []
        national = read(National, files.national, faults, National)
        tables: dict[Tier, DataTable] = {
            "province": files.province,
            "regency": files.regency,
            "district": files.district,
            "village": files.village,
        }
        templates = {t: read(Templates, table, faults, Templates) for t, table in tables.items()}
        overrides = {
            code: read(Override, table, faults, Override) for code, table in files.overrides.items()
        }
        register = cls(national, templates, overrides, regions)
        faults.extend(register._clashes(files.national))
        for tier, table in tables.items():
            faults.extend(register._unknown_regions(tier, table))
        for code, table in files.overrides.items():
            faults.extend(register._faults_of(code, table))
        return register, faults

    def named(self, label: str, *, within: str | None = None) -> Agency | None:
        """Return the agency that a label means: an id, a name, a short, former or other name.

        ``within`` is the region whose offices are meant where the label names no government. A
        longer name than any that is known counts by its beginning.
        """
        if exact := self.agency(label):
            return exact
        spoken = words(label)
        here = [self._names_of(seat).exactly(spoken) for seat in self._seats(within or "")[:1]]
        if known := _first(here):
            return self.agency(known)
        office, code = self._apart(spoken, within or "")
        offices = [self._names_of(seat) for seat in self._seats(code)] or [Names()]
        id = (
            self._place_office(spoken, within or "")
            or self._place_office(office, code)
            or _first(beginning(office, names, self._own_names) for names in offices)
            or self._own_names.exactly(spoken)
        )
        return self.agency(id) if id else None

    def _apart(self, spoken: Words, within: str) -> tuple[Words, str]:
        """Split a label into the office and the code of the government after or before it."""
        for size in range(1, len(spoken)):
            if code := self._government_called(spoken[size:], within):
                return spoken[:size], code
        if spoken[:1] == ("pemerintah",):
            for size in range(2, len(spoken)):
                if code := self._governments.exactly(spoken[1:size]):
                    return spoken[size:], code
        return spoken, within

    def _government_called(self, spoken: Words, within: str) -> str | None:
        if code := self._governments.exactly(spoken):
            return code
        meant = [r.code for r in self.regions.named("".join(spoken)) if len(r.code) <= 5]
        own = [code for code in meant if f"{within}.".startswith(f"{code}.")]
        return _first(own) or (meant[0] if len(meant) == 1 else None)

    def _seats(self, code: str) -> list[str]:
        """The governments whose offices a label within a region may mean, nearest first."""
        tiers: tuple[Tier, ...] = ("regency", "province")
        seats = dict.fromkeys(self.government(tier, code) for tier in tiers)
        return [seat for seat in seats if seat and self.regions.region(seat)]

    @cached_property
    def _governments(self) -> Names:
        names = Names()
        for region in self.regions.regions(Level.PROVINCE, Level.REGENCY, Level.CITY):
            names.add(self.government_name(region.code), region.code)
        return names

    @cached_property
    def _own_names(self) -> Names:
        """Names that need no government beside them: national bodies, "Perumda Pasar Jaya"."""
        names = Names()
        for name, id in self._national_names():
            names.add(name, id)
        for code, override in self.overrides.items():
            for kind, name in (override.rename | override.add).items():
                if "{government}" not in name:
                    names.add(name, id_of(code, kind))
        return names

    def _national_names(self) -> Iterator[tuple[str, str]]:
        """What the national bodies are called, the present names first."""
        for id, row in self.national.items():
            called = dict.fromkeys((row.name, row.short, *row.aliases))
            yield from ((name, id) for name in called if name)
        for id, row in self.national.items():
            heirlooms = (former for former in row.former if former.heir)
            yield from ((n, id) for former in heirlooms for n in (former.name, former.short) if n)

    def _names_of(self, code: str) -> Names:
        if (known := self._offices.get(code)) is None:
            known = self._offices[code] = Names()
            for name, kind in self.office_names(code):
                known.add(name.replace("{government}", ""), id_of(code, kind))
        return known

    @cached_property
    def _offices(self) -> dict[str, Names]:
        return {}

    def office_names(self, code: str) -> Iterator[tuple[str, str]]:
        """What the offices of a government are called, with their kinds; the surest first."""
        override = self.override(code)
        rows = [row for tier in self.tiers(code) for row in self.templates[tier].items()]
        yield from ((self.office_name(code, kind), kind) for kind in self.kinds(code))
        yield from ((short, kind) for kind, short in override.short.items())
        yield from ((alias, kind) for kind, more in override.aliases.items() for alias in more)
        for kind, row in rows:
            does = override.replace.get(kind, kind)
            yield from ((name, does) for name in (row.name, row.city_name, row.short) if name)
        for kind, row in rows:
            does = override.replace.get(kind, kind)
            yield from ((alias, does) for alias in row.aliases)

    def _place_office(self, office: Words, within: str) -> str | None:
        place = place_words(office) if within else None
        if place is None:
            return None
        level, name = place
        names = self._names_under(within, level)
        code = names.exactly(name) or names.nearly(name)
        kind = VILLAGE_OFFICE if level is Level.VILLAGE else "kecamatan"
        return id_of(code, kind) if code else None

    def _names_under(self, within: str, level: Level) -> Names:
        """The districts or villages in a region, by name or by name and district, if only one."""
        if (known := self._places.get((within, level))) is None:
            known = self._places[within, level] = Names()
            meant: dict[str, list[str]] = {}
            for region in self.regions.regions(level):
                if region.code.startswith(within):
                    for name in self._spellings(region):
                        meant.setdefault("".join(words(name)), []).append(region.code)
            for key, codes in meant.items():
                if len(codes) == 1:
                    known.add(key, codes[0])
        return known

    @cached_property
    def _places(self) -> dict[tuple[str, Level], Names]:
        return {}

    def _spellings(self, region: NamedRow) -> Iterator[str]:
        yield region.bare
        if above := self.regions.region(region.code[: DIGITS["district"]]):
            yield f"{region.bare} {above.bare}"
            yield f"{region.bare} Kecamatan {above.bare}"

    def _clashes(self, table: DataTable) -> Iterator[DataFault]:
        """National bodies that claim a name which another one has."""
        names = Names()
        for name, id in self._national_names():
            if (other := names.add(name, id)) != id:
                yield DataFault(table.path, ("agencies", id), f"{name!r} already means {other}")

    def _unknown_regions(self, tier: Tier, table: DataTable) -> Iterator[DataFault]:
        for kind, row in self.templates[tier].items():
            for field in ("names", "words"):
                for code in getattr(row, field):
                    if self.regions.region(code) is None:
                        keys = ("agencies", kind, field, code)
                        yield DataFault(table.path, keys, f"there is no region {code}")

    def _faults_of(self, code: str, table: DataTable) -> Iterator[DataFault]:
        override = self.overrides[code]
        if self.regions.region(code) is None or len(code) > DIGITS["regency"]:
            yield DataFault(table.path, (), f"{code} is no province, regency or city")
            return
        known = set(override.add).union(*(self.templates[t] for t in self.tiers(code)))
        for field in ("rename", "short", "aliases"):
            for kind in getattr(override, field):
                if kind not in known:
                    yield DataFault(table.path, (field, kind), f"no agency {kind} to name")
        for field in ("replace", "move"):
            for key, kind in getattr(override, field).items():
                if kind not in known or kind in override.replace:
                    yield DataFault(table.path, (field, key), f"no agency {kind} in {code}")


def _first(found: Iterable[str | None]) -> str | None:
    return next(filter(None, found), None)
