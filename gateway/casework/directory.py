"""Find agencies by name: every one of the register, for the operator's search box."""

from functools import cached_property

from normalizer.gazetteer import Gazetteer
from normalizer.message import Level
from normalizer.report import Agency
from router.register import Register, Tier

_TIERS: dict[Level, Tier] = {
    Level.PROVINCE: "province",
    Level.REGENCY: "regency",
    Level.CITY: "regency",
}


class Directory:
    """All agencies, listed at the first search (some 16,000)."""

    def __init__(self, register: Register, gazetteer: Gazetteer) -> None:
        self._register = register
        self._gazetteer = gazetteer

    @cached_property
    def _all(self) -> list[tuple[str, Agency]]:
        ids = list(self._register.national)
        for region in self._gazetteer.regions(*_TIERS):
            own = region.code.replace(".", "")
            ids += [f"{own}-{kind}" for kind in self._register.kinds(region.code)]
        found = (self._register.agency(id) for id in ids)
        return [(f"{agency.name} {agency.id}".casefold(), agency) for agency in found if agency]

    def search(self, query: str, region: str | None = None, limit: int = 12) -> list[Agency]:
        """Return agencies whose name has every word of ``query``, those of ``region`` first."""
        words = query.casefold().split()
        if not words:
            return []
        near = (region or "").replace(".", "")[:4]
        found = [agency for name, agency in self._all if all(word in name for word in words)]
        found.sort(key=lambda agency: (not near or not agency.id.startswith(near), agency.name))
        return found[:limit]
