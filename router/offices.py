"""Every agency by its id, and whose office it is by tier, kind and region.

An agency of a regional government has the id ``<code>-<kind>``, the code without dots:
``6472-dinas-pu`` is the public works office of Kota Samarinda (64.72), ``647201-kecamatan`` the
office of one of its districts. Nothing is generated until it is asked for: 552 governments times
some thirty kinds, and 91,047 districts and villages, cost nothing at start-up.
"""

import re
from collections.abc import Iterator, Mapping

from normalizer.message import Level
from normalizer.report import Agency
from router.agencies import (
    PLAIN,
    National,
    Override,
    TemplateRow,
    Templates,
    Tier,
    government_name,
)
from router.data import NamedRow, Regions

DIGITS: dict[Tier, int] = {"national": 0, "province": 2, "regency": 5, "district": 8, "village": 13}
"""Characters of the region code that name the government of a tier."""
VILLAGE_OFFICE = "kelurahan-desa"
"""The office of a village, whichever of the two kinds its code says it is."""
_REMEMBERED = 20_000
"""Answers of ``find`` that are remembered."""
_TIER_OF: dict[int, Tier] = {size: tier for tier, size in DIGITS.items()}
_REGIONAL_ID = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(\d{4})?)?)?-(.+)")


class Offices:
    """Looks agencies up by id, or by government and kind."""

    def __init__(
        self,
        national: National,
        templates: dict[Tier, Templates],
        overrides: dict[str, Override],
        regions: Regions,
    ) -> None:
        self.national = national.agencies
        self.overrides = overrides
        self.templates = {tier: table.agencies for tier, table in templates.items()}
        self.regions = regions
        self._single_tier = {code for code, own in overrides.items() if own.single_tier}
        self._known: dict[str, Agency] = {}
        self._found: dict[tuple[Tier, str, str, str], Agency | None] = {}

    def agency(self, id: str) -> Agency | None:
        """Return the agency of an id, or None if there is no such agency."""
        known = self._known.get(id)
        if known is None and (known := self._make(id)):
            self._known[id] = known
        return known

    def adopt(self, bodies: Mapping[str, str]) -> None:
        """Make known bodies that no file names, by id and name: a trained model brings its own."""
        self._known.update({id: Agency(id=id, name=name) for id, name in bodies.items()})
        self._found.clear()

    def government(self, tier: Tier, code: str) -> str | None:
        """Return the code of the government of ``tier`` that a region lies under, if it says."""
        size = DIGITS[tier]
        if code[:2] in self._single_tier and size <= DIGITS["regency"]:
            return code[:2]
        return code[:size] if len(code) >= size else None

    def find(self, tier: Tier, kind: str, code: str = "", *, topic: str = "") -> Agency | None:
        """Return the agency of ``kind`` at ``tier`` for a region, after its overrides.

        None says that the region is unknown or does not reach down to the tier.
        """
        asked = (tier, kind, code, topic)
        try:
            return self._found[asked]
        except KeyError:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[asked] = self._find(tier, kind, code, topic)
            return found

    def _find(self, tier: Tier, kind: str, code: str, topic: str) -> Agency | None:
        if tier == "national":
            return self.agency(kind)
        government = self.government(tier, code)
        if government is None:
            return None
        override = self.override(government)
        kind = override.move.get(topic, kind)
        kind = override.replace.get(kind, kind)
        return self.agency(id_of(government, kind))

    def short(self, id: str) -> str:
        """Return the short name of an agency where it has one, else its name; "" if unknown."""
        agency = self.agency(id)
        if agency is None:
            return ""
        if row := self.national.get(id):
            return row.short or row.name
        code, kind = _split(id)
        override = self.override(code)
        template = None if kind in override.rename else self.template(code, kind)
        return override.short.get(kind) or (template and template.short) or agency.name

    def has(self, tier: Tier, kind: str) -> bool:
        """Tell whether the national bodies or the templates of a tier know ``kind``."""
        if tier == "village" and kind == VILLAGE_OFFICE:
            return True
        return kind in (self.national if tier == "national" else self.templates[tier])

    def kinds(self, government: str) -> Iterator[str]:
        """List the kinds of agency a government (or district, or village) has."""
        if len(government) == DIGITS["village"]:
            yield _village_office(government)
            return
        override = self.override(government)
        kinds = dict.fromkeys(override.add)
        for tier in self.tiers(government):
            kinds |= dict.fromkeys(self.templates[tier])
        yield from (kind for kind in kinds if kind not in override.replace)

    def override(self, code: str) -> Override:
        """Return how a government differs from the templates."""
        return self.overrides.get(code, PLAIN)

    def tiers(self, code: str) -> tuple[Tier, ...]:
        """List the tiers whose templates a government follows."""
        if len(code) == DIGITS["province"] and self.override(code).single_tier:
            return ("province", "regency")
        return (_TIER_OF[len(code)],)

    def template(self, code: str, kind: str) -> TemplateRow | None:
        """Return the template of a kind of agency of a government."""
        rows = (self.templates[tier].get(kind) for tier in self.tiers(code))
        return next(filter(None, rows), None)

    def office_name(self, code: str, kind: str) -> str:
        """Return what an office is called, with ``{government}`` and so on not yet filled in."""
        override = self.override(code)
        own = override.rename.get(kind) or override.add.get(kind)
        template = self.template(code, kind)
        if own or template is None:
            return own or ""
        region = self.regions.region(code)
        is_city = region is not None and region.level == Level.CITY
        return template.names.get(code) or (is_city and template.city_name) or template.name

    def government_name(self, code: str) -> str:
        """Return what a government calls itself; "" if there is none."""
        region = self.regions.region(code)
        named = government_name(region.name, region.level) if region else ""
        return self.override(code).government or named

    def _make(self, id: str) -> Agency | None:
        if row := self.national.get(id):
            return Agency(id=id, name=row.name)
        code, kind = _split(id)
        region = self.regions.region(code) if code else None
        if region is None or self._is_governed_above(code) or kind not in self.kinds(code):
            return None
        return Agency(id=id, name=self._name(region, kind))

    def _name(self, region: NamedRow, kind: str) -> str:
        seat = region.code[: DIGITS["regency"]]
        name = self.office_name(region.code, kind)
        name = name.replace("{government}", self.government_name(seat))
        return name.replace("{word} {region}", self._called(region, kind))

    def _called(self, region: NamedRow, kind: str) -> str:
        """A district or village with its word, unless its name says it: "Desa Adat Yoboi"."""
        template = self.template(region.code, kind)
        if template is None or region.bare.startswith(f"{template.word} "):
            return region.bare
        own = (template.words.get(region.code[:size]) for size in (5, 2))
        return f"{next(filter(None, own), template.word)} {region.bare}"

    def _is_governed_above(self, code: str) -> bool:
        return len(code) == DIGITS["regency"] and self.override(code[:2]).single_tier


def id_of(code: str, kind: str) -> str:
    """Return the id of an agency of a region: "64.72", "dinas-pu" → "6472-dinas-pu"."""
    kind = _village_office(code) if kind == VILLAGE_OFFICE else kind
    return f"{code.replace('.', '')}-{kind}"


def _split(id: str) -> tuple[str, str]:
    """Split an id into region code and kind; a national body has no code."""
    match = _REGIONAL_ID.fullmatch(id)
    if match is None:
        return "", id
    return ".".join(part for part in match.groups()[:4] if part), match[5]


def _village_office(code: str) -> str:
    return "kelurahan" if code[DIGITS["district"] + 1 :].startswith("1") else "desa"
