"""What partners and the public can see of reports, and what a partner can add to its own.

What the public sees stands in ``gateway.casework.visibility``. A partner sees what it sent itself,
in full.
"""

import hmac
from collections.abc import Mapping, Sequence
from functools import cached_property

from adapters.contract import Service, VisibleReport
from gateway.casework import visibility
from gateway.casework.directory import Directory
from gateway.casework.visibility import Public
from gateway.platform.identity import opened_reporter
from gateway.platform.numbers import page_secret
from gateway.platform.seal import Seal
from gateway.store.public import PublicQueries
from gateway.store.store import Store
from normalizer.gazetteer import Gazetteer, Region
from normalizer.message import Level
from normalizer.report import Agency, Report
from normalizer.tracking import is_valid
from router.topics import Topics

_MOST_KEYWORDS = 12


class PartnerService:
    """What channels for other programs read: a ``PartnerReader``."""

    def __init__(
        self, store: Store, seal: Seal, topics: Topics, directory: Directory, gazetteer: Gazetteer
    ) -> None:
        self.wall = store.wall
        self.public = Public(topics.sensitive, gazetteer)
        self.window = PublicQueries(store, self.public.sensitive)
        self._seal = seal
        self._topics = topics
        self._directory = directory
        self._gazetteer = gazetteer

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """Everything that can be reported, by its code."""
        return {
            code: Service(
                code,
                row.name,
                row.group,
                self._topics.groups[row.group].name if row.group else "",
                _keywords(row.phrases.sure),
            )
            for code, row in sorted(self._topics.rows.items())
        }

    def agencies(self, query: str, limit: int) -> list[Agency]:
        """Search the register."""
        return self._directory.search(query, limit=limit)

    def regions(self, query: str, limit: int) -> list[Region]:
        """Search provinces, regencies, cities and districts by the words of their names."""
        words = query.casefold().split()
        found = (region for name, region in self._regions if all(word in name for word in words))
        return [region for region, _ in zip(found, range(limit), strict=False)] if words else []

    @cached_property
    def _regions(self) -> list[tuple[str, Region]]:
        levels = (Level.PROVINCE, Level.REGENCY, Level.CITY, Level.DISTRICT)
        return [(r.name.casefold(), r) for level in levels for r in self._gazetteer.regions(level)]

    def opens(self, number: str, secret: str) -> bool:
        """Tell whether a secret belongs to a tracking number. Takes the same time for all."""
        known = page_secret(self._seal, number)
        return is_valid(number) and hmac.compare_digest(
            known.encode(), secret.strip().lower().encode("utf-8", "replace")
        )

    def visible(self, reports: Sequence[VisibleReport]) -> list[VisibleReport]:
        """Return what anybody may see of several reports."""
        return [each for each in map(self.public.public_view, reports) if each]

    async def counts(self) -> list[tuple[Region, int]]:
        """Count the reports of sensitive topics per regency, five and more."""
        counted = await self.window.counts()
        found = ((self._gazetteer.region(code), count) for code, count in counted)
        return [(region, count) for region, count in found if region]

    def reasons(self, report: Report) -> str:
        """Say why a report went where it went, without quoting anybody."""
        return visibility.reasons(report)

    def contact(self, report: VisibleReport, partner: str) -> str:
        """Return by what a partner's own reporter is known to it, for what is added."""
        to: str = opened_reporter(self._seal, report.report.id, report.report.reporter.sealed)["to"]
        return to.removeprefix(f"{partner}/")


def _keywords(phrases: Sequence[str]) -> tuple[str, ...]:
    """Choose phrases that stand as keywords; clients read meaning into three of them."""
    taken = {"private", "inactive", "staff"}
    plain = (p for p in phrases if ".." not in p and "," not in p and p not in taken)
    return tuple(plain)[:_MOST_KEYWORDS]
