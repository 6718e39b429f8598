"""The register of agencies: national bodies, and those that templates give every government.

An agency of a regional government has the id ``<code>-<kind>``, the code without dots:
``6472-dinas-pu`` is the public works office of Kota Samarinda (64.72). Nothing is generated until
it is asked for: 552 governments times some thirty kinds cost nothing at start-up.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from normalizer.report import Agency, Level
from router.data import DataError, Fault, Files, Regions, Row, Table, read

Tier = Literal["national", "province", "regency"]
"""Whose affair something is; ``regency`` stands for regencies and cities alike."""
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
DIGITS: dict[Tier, int] = {"national": 0, "province": 2, "regency": 5}
"""Characters of the region code that name the government of a tier."""
_TITLES = {Level.PROVINCE: "Provinsi", Level.REGENCY: "Kabupaten", Level.CITY: "Kota"}
_TITLED = (*_TITLES.values(), "Daerah Istimewa")
_REGIONAL_ID = re.compile(r"(\d\d)(\d\d)?-(.+)")


class RegisterError(DataError):
    """The agencies or their overrides are wrong."""


class FormerName(Row):
    """What a body was called until (and including) a day."""

    name: str
    until: date


class NationalRow(Row):
    """``[agencies.ID]`` of national.toml."""

    name: str
    short: str = ""
    aliases: tuple[str, ...] = ()
    since: date | None = None
    former: tuple[FormerName, ...] = ()


class National(Row):
    """national.toml."""

    agencies: dict[Kind, NationalRow] = {}


class TemplateRow(Row):
    """``[agencies.KIND]`` of province.toml or regency.toml; ``{government}`` is filled in."""

    name: str
    city_name: str = ""
    short: str = ""


class Templates(Row):
    """province.toml or regency.toml."""

    agencies: dict[Kind, TemplateRow] = {}


class Override(Row):
    """How one government differs from the templates: ``overrides/<code>.toml``."""

    source: str = ""
    government: str = ""
    """What the government calls itself, where that is not its level and name."""
    single_tier: bool = False
    """The province answers for its regencies too: they have no agencies of their own."""
    rename: dict[Kind, str] = {}
    add: dict[Kind, str] = {}
    replace: dict[Kind, Kind] = {}
    """Kind of the template → the kind that does its work here."""
    move: dict[Kind, Kind] = {}
    """Topic → the kind that answers for it here."""


_PLAIN = Override()


class Register:
    """Looks agencies up by id, or by government and kind. Build with ``Register.build``."""

    def __init__(
        self,
        national: National,
        templates: dict[Tier, Templates],
        overrides: dict[str, Override],
        regions: Regions,
    ) -> None:
        self.national = national.agencies
        self.overrides = overrides
        self._templates = {tier: table.agencies for tier, table in templates.items()}
        self._regions = regions
        self._known: dict[str, Agency] = {}

    @classmethod
    def build(cls, files: Files, regions: Regions) -> "Register":
        """Check the agency files and build the register. Raises ``RegisterError``."""
        register, faults = cls.check(files, regions)
        if faults:
            raise RegisterError(faults)
        return register

    @classmethod
    def check(cls, files: Files, regions: Regions) -> tuple["Register", list[Fault]]:
        """Build the register from what can be read, and list everything that is wrong."""
        faults: list[Fault] = []
        national = read(National, files.national, faults, National)
        province = read(Templates, files.province, faults, Templates)
        regency = read(Templates, files.regency, faults, Templates)
        overrides = {
            code: read(Override, table, faults, Override) for code, table in files.overrides.items()
        }
        register = cls(national, {"province": province, "regency": regency}, overrides, regions)
        for code, table in files.overrides.items():
            faults.extend(register._faults_of(code, table))
        return register, faults

    def agency(self, id: str) -> Agency | None:
        """Return the agency of an id, or None if there is no such agency."""
        known = self._known.get(id)
        if known is None and (known := self._make(id)):
            self._known[id] = known
        return known

    def government(self, tier: Tier, code: str) -> str | None:
        """Return the code of the government of ``tier`` that a region lies under, if it says."""
        if self.overrides.get(code[:2], _PLAIN).single_tier:
            return code[:2]
        size = DIGITS[tier]
        return code[:size] if len(code) >= size else None

    def find(self, tier: Tier, kind: str, code: str = "", *, topic: str = "") -> Agency | None:
        """Return the agency of ``kind`` at ``tier`` for a region, after its overrides.

        None says that the region is unknown or does not reach down to the tier.
        """
        if tier == "national":
            return self.agency(kind)
        government = self.government(tier, code)
        if government is None:
            return None
        override = self.overrides.get(government, _PLAIN)
        kind = override.move.get(topic, kind)
        return self.agency(f"{government.replace('.', '')}-{override.replace.get(kind, kind)}")

    def has(self, tier: Tier, kind: str) -> bool:
        """Tell whether the national bodies or the templates of a tier know ``kind``."""
        return kind in (self.national if tier == "national" else self._templates[tier])

    def kinds(self, government: str) -> Iterator[str]:
        """List the kinds of agency a government has."""
        override = self.overrides.get(government, _PLAIN)
        kinds = dict.fromkeys(override.add)
        for tier in self._tiers(government):
            kinds |= dict.fromkeys(self._templates[tier])
        yield from (kind for kind in kinds if kind not in override.replace)

    def _make(self, id: str) -> Agency | None:
        match = _REGIONAL_ID.fullmatch(id)
        if match is None:
            row = self.national.get(id)
            return Agency(id=id, name=row.name) if row else None
        code = ".".join(part for part in match.groups()[:2] if part)
        name = self._name(code, match[3])
        return Agency(id=id, name=name) if name else None

    def _name(self, code: str, kind: str) -> str | None:
        region = self._regions.region(code)
        override = self.overrides.get(code, _PLAIN)
        if region is None or kind in override.replace or self._is_governed_above(code):
            return None
        own = override.rename.get(kind) or override.add.get(kind)
        government = override.government or government_name(region.name, region.level)
        for tier in self._tiers(code):
            template = self._templates[tier].get(kind)
            if own is None and template:
                city = region.level == Level.CITY and template.city_name
                own = city or template.name
        return own.replace("{government}", government) if own else None

    def _tiers(self, code: str) -> tuple[Tier, ...]:
        if len(code) == DIGITS["regency"]:
            return ("regency",)
        both = self.overrides.get(code, _PLAIN).single_tier
        return ("province", "regency") if both else ("province",)

    def _is_governed_above(self, code: str) -> bool:
        return len(code) > 2 and self.overrides.get(code[:2], _PLAIN).single_tier

    def _faults_of(self, code: str, table: Table) -> Iterator[Fault]:
        override = self.overrides[code]
        if self._regions.region(code) is None or len(code) > DIGITS["regency"]:
            yield Fault(table.path, (), f"{code} is no province, regency or city")
            return
        known = set(override.add).union(*(self._templates[t] for t in self._tiers(code)))
        for kind in override.rename:
            if kind not in known:
                yield Fault(table.path, ("rename", kind), f"no agency {kind} to rename")
        for field in ("replace", "move"):
            for key, kind in getattr(override, field).items():
                if kind not in known or kind in override.replace:
                    yield Fault(table.path, (field, key), f"no agency {kind} in {code}")


def government_name(name: str, level: Level) -> str:
    """Return what a government is called: "Kota Samarinda", "Provinsi Kalimantan Timur"."""
    title = _TITLES.get(level, "")
    return name if name.startswith(_TITLED) else f"{title} {name}".strip()
