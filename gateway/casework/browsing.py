"""The list of all reports that somebody may see: filters, views, pages, and what was searched for.

What is typed is never refused: it finds something, or nothing.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.access.roles import Actor, Right
from gateway.casework.directory import Directory
from gateway.casework.ended import WIB
from gateway.store.listing import (
    COUNTED,
    SORTS,
    STATES,
    ListedReport,
    ListFilter,
    ListPlace,
    Sort,
    place_of,
)
from gateway.store.search import asked_words
from gateway.store.store import Store
from normalizer import tracking
from normalizer.gazetteer import Gazetteer
from normalizer.message import Level
from router.register import Register

PAGE = 50
LONGEST = 200
"""Characters of a field that are read."""
FLAGS = ("urgent", "overdue", "unread", "refused", "escalated", "today")
FIELDS = ("q", "state", "region", "agency", "topic", "channel", "sort", *FLAGS)
"""What an address may ask for."""
VIEWS: Mapping[str, Mapping[str, str]] = {
    "all": {},
    "waiting": {"state": "waiting"},
    "unread": {"unread": "1"},
    "overdue": {"overdue": "1", "sort": "due"},
    "refused": {"refused": "1", "state": "open"},
    "urgent": {"urgent": "1", "state": "open"},
    "today": {"today": "1"},
}
"""Filters that are asked for often, by name."""
Unmet = Literal["number", "digits", "words", "region", "agency", ""]
"""Why nothing can be found: no such number, a mistyped one, no words, no such region or agency."""
_CODE = re.compile(r"\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_ENDING = 4
_OFFICES = 40
"""Agencies of a typed name whose reports are listed."""


@dataclass(frozen=True, slots=True)
class ReportListing:
    """A page of the list, as it was asked for."""

    asked: Mapping[str, str]
    """What was asked for, as it was typed; only ``FIELDS`` that are not empty."""
    rows: tuple[ListedReport, ...]
    total: int
    is_counted: bool
    """The total is exact."""
    number: int
    """Of the first row of the page, counted from 1."""
    before: str
    """Where the page before this one ends; "" where there is none."""
    after: str
    unmet: Unmet
    today: str
    names: Mapping[str, str]
    """What typed places and agencies were taken for, by field."""


class ReportBrowser:
    """Lists and finds reports. ``topics`` are names by id, ``channels`` the ids of channels."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        register: Register,
        gazetteer: Gazetteer,
        topics: Mapping[str, str],
        channels: tuple[str, ...],
    ) -> None:
        self._store = store
        self._directory = directory
        self._register = register
        self._gazetteer = gazetteer
        self.topics = topics
        self.channels = channels

    async def locate(self, actor: Actor, typed: str) -> str | None:
        """Return the id of the report whose number was typed; None where it is no such number.

        The number of a message that was added to a report leads to the report.
        """
        scope, said = actor.scope(Right.READ), _clean(typed)
        whole = tracking.bare(said)
        for number in dict.fromkeys((*tracking.mentions(said), whole)):
            if tracking.is_valid(number):
                file = await self._store.reports.file(tracking=number)
                if file is not None and scope.covers(file.report):
                    return file.report.id
        return None

    async def listing(
        self, actor: Actor, given: Mapping[str, str], *, after: str, before: str, number: int
    ) -> ReportListing:
        """Return a page of what is asked for. Raises ``Unavailable``."""
        asked = {n: said for n in FIELDS if (said := _clean(given.get(n, "")))}
        now = self._store.now().astimezone(WIB)
        today = now.date().isoformat()
        wanted, unmet, names = await asyncio.to_thread(self._read, asked, now)
        sort: Sort = next((each for each in SORTS if each == asked.get("sort")), "newest")
        if unmet:
            return ReportListing(asked, (), 0, True, 1, "", "", unmet, today, names)
        found = await self._store.listing.page(
            actor.scope(Right.READ),
            wanted,
            today,
            sort,
            most=PAGE,
            after=place_of(after),
            before=place_of(before),
        )
        rows, is_counted = found.rows, found.total <= COUNTED
        return ReportListing(
            asked,
            rows,
            min(found.total, COUNTED),
            is_counted,
            min(max(1, number), found.total) if found.has_before else 1,
            _written(rows[0].place) if found.has_before and rows else "",
            _written(rows[-1].place) if found.has_after and rows else "",
            "",
            today,
            names,
        )

    def _read(
        self, asked: Mapping[str, str], now: datetime
    ) -> tuple[ListFilter, Unmet, Mapping[str, str]]:
        said, names = asked.get("q", ""), dict[str, str]()
        words, ending, unmet = _sought(said)
        regions = self._regions(asked.get("region", ""), names)
        agencies = self._agencies(asked.get("agency", ""), regions, names)
        if regions == ():
            unmet = "region"
        elif agencies == ():
            unmet = "agency"
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        state, topic, channel = (asked.get(name, "") for name in ("state", "topic", "channel"))
        wanted = ListFilter(
            state=state if state in STATES else "",
            regions=regions,
            agencies=agencies,
            topic=topic if _ID.fullmatch(topic) else "",
            channel=channel if _ID.fullmatch(channel) else "",
            since=midnight if asked.get("today") else None,
            words=words,
            ending=ending,
            urgent="urgent" in asked,
            overdue="overdue" in asked,
            unread="unread" in asked,
            refused="refused" in asked,
            escalated="escalated" in asked,
        )
        return wanted, unmet, names

    def _regions(self, said: str, names: dict[str, str]) -> tuple[str, ...] | None:
        """Return the codes of the regions that somebody means; None for anywhere."""
        if not said:
            return None
        if _CODE.fullmatch(said):
            region = self._gazetteer.region(said)
            found = [region] if region else []
        else:
            found = [*self._gazetteer.named(said)] or [
                each
                for each in self._gazetteer.regions(Level.DISTRICT)
                if each.bare.casefold() == said.casefold()
                or each.name.casefold() == said.casefold()
            ]
        names["region"] = ", ".join(each.name for each in found[:3])
        return tuple(each.code for each in found[:20])

    def _agencies(
        self, said: str, regions: tuple[str, ...] | None, names: dict[str, str]
    ) -> tuple[str, ...] | None:
        """Return the ids of the agencies that somebody means; None for any."""
        if not said:
            return None
        exact = self._register.agency(said)
        near = regions[0][:5] if regions else None
        found = [exact] if exact else self._directory.search(said, near, _OFFICES)
        names["agency"] = ", ".join(each.name for each in found[:3])
        return tuple(each.id for each in found)


def _sought(said: str) -> tuple[tuple[str, ...] | None, str, Unmet]:
    """Return the words and the last digits that are searched for, or why nothing can be found."""
    if not said:
        return None, "", ""
    digits = tracking.bare(said)
    is_number = not any(each.isalpha() for each in said)
    if is_number and len(digits) == _ENDING:
        return None, digits, ""
    if is_number and len(digits) >= 11:
        return None, "", "number" if tracking.is_valid(digits) else "digits"
    words = asked_words(said)
    return (words, "", "") if words else (None, "", "words")


def _clean(said: str) -> str:
    return "".join(each if each.isprintable() else " " for each in said[:LONGEST]).strip()


def _written(place: ListPlace) -> str:
    return f"{place.value}~{place.id}"
