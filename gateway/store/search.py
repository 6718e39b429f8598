"""Reports by their words: PostgreSQL's text search, and FTS5 of SQLite.

Both are given the very same plain words, so that neither reads syntax in what somebody typed. The
table is no part of the metadata, of backups or of the hot path: ``ReportIndexer`` fills it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    bindparam,
    cast,
    column,
    literal,
    literal_column,
    select,
    table,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import Database
from gateway.store.leases import LeaseClock
from gateway.store.queries import Queries
from gateway.store.tables import reports
from gateway.wire.events import for_agency
from normalizer.report import Report

SEARCH = "search"
"""What the cursor is called that says how far reports were indexed."""
LONGEST_WORD = 40
MOST_WORDS = 3_000
"""Different words of one report that are indexed."""
MOST_ASKED = 8
"""Words of one search that count."""
SPARE = 1.0
"""Seconds beyond those that a transaction may take."""
_BEGINS = 3
"""Letters a word needs to stand for all that begin so."""
_WORD = re.compile(r"[^\W_]+")
_INDEX = table("report_search", column("report_id", String), column("words"))
_PUT = {
    "sqlite": text(
        "INSERT OR REPLACE INTO report_search (rowid, report_id, words) VALUES (:row, :id, :words)"
    ),
    "postgresql": text(
        "INSERT INTO report_search (report_id, words) "
        "VALUES (:id, array_to_tsvector(string_to_array(:words, ' '))) "
        "ON CONFLICT (report_id) DO UPDATE SET words = excluded.words"
    ),
}


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """How far reports were indexed: the last one's time of change and id."""

    changed_at: float = -1.0
    id: str = ""

    @classmethod
    def read(cls, written: str) -> "IndexPlace":
        """Read a place as ``str`` writes it; "" is the beginning."""
        seconds, _, id = written.partition(" ")
        return cls(float(seconds), id) if seconds else cls()

    def __str__(self) -> str:
        return f"{self.changed_at!r} {self.id}"


class SearchRepository:
    """The index in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, words_by_id: Mapping[str, Sequence[str]]) -> None:
        """Let reports be found by these words and no others."""
        rows = [
            {"row": _row(id), "id": id, "words": " ".join(words)}
            for id, words in words_by_id.items()
        ]
        if self._connection.dialect.name != "sqlite":
            rows = [{"id": row["id"], "words": row["words"]} for row in rows]
        if rows:
            await self._connection.execute(_PUT[self._connection.dialect.name], rows)


class SearchQueries(Queries):
    """Reads of the index, and of the reports that are to be put into it."""

    def __init__(self, database: Database, leases: LeaseClock) -> None:
        super().__init__(database)
        self._leases = leases

    async def changed(
        self, place: IndexPlace, *, most: int, settled: float | None = None
    ) -> list[tuple[IndexPlace, Report]]:
        """List reports that changed behind a place, but for the last ``settled`` seconds.

        Without them it is as long as a transaction may take: none is committed later.
        """
        late = self._database.timeout + SPARE if settled is None else settled
        query = changed_behind(place).where(
            reports.c.changed_at < self._leases.seconds() - literal(late)
        )
        return [
            (IndexPlace(row.changed_at, row.id), Report.model_validate_json(row.body))
            for row in await self._all(query.limit(most))
        ]

    def has_words(self, words: Sequence[str]) -> ColumnElement[bool]:
        """Return the condition that a row of ``reports`` has all of some words, or their rest."""
        return reports.c.id.in_(self.ids_with(words))

    def ids_with(self, words: Sequence[str]) -> Select[tuple[str]]:
        """Select the ids of reports that have all of some words."""
        found = select(_INDEX.c.report_id)
        if self._database.is_sqlite:
            asked = " AND ".join(f'"{word}"{"*" * _is_open(word)}' for word in words)
            return found.where(
                literal_column("report_search").op("MATCH")(bindparam(None, asked, String))
            )
        asked = " & ".join(f"'{word}'{':*' * _is_open(word)}" for word in words)
        return found.where(_INDEX.c.words.op("@@")(cast(bindparam(None, asked, String), TSQUERY)))


def changed_behind(place: IndexPlace) -> Select[tuple[str, float, str]]:
    """Select the reports that changed behind a place, in the order of their changes."""
    key = tuple_(reports.c.changed_at, reports.c.id)
    query = select(reports.c.id, reports.c.changed_at, reports.c.body)
    query = query.where(key > tuple_(literal(place.changed_at), literal(place.id)))
    return query.order_by(reports.c.changed_at, reports.c.id)


def plain_words(said: str) -> list[str]:
    """Split a text into words without case and accents: nothing but letters and digits."""
    folded = unicodedata.normalize("NFKD", said.casefold())
    whole = "".join(each for each in folded if not unicodedata.combining(each))
    return [word[:LONGEST_WORD] for word in _WORD.findall(whole)]


def asked_words(query: str) -> tuple[str, ...]:
    """Return the words of a search that count."""
    return tuple(dict.fromkeys(plain_words(query)))[:MOST_ASKED]


def words_of(report: Report) -> list[str]:
    """Return the different words that a report is found by: its messages', and its places'.

    Of an anonymous one those that its agency reads: who may not read a name finds nothing by it.
    """
    said: list[str] = []
    report = for_agency(report) if report.anonymous else report
    for each in report.messages:
        said += (each.title, each.text, each.address)
    said += (place.name for place in report.places)
    return _first(word for part in said for word in plain_words(part))


def _first(words: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for word in words:
        found[word] = None
        if len(found) >= MOST_WORDS:
            break
    return list(found)


def _is_open(word: str) -> bool:
    return len(word) >= _BEGINS


def _row(id: str) -> int:
    """Return the row of a report in FTS5, which deletes by nothing else without a look at all."""
    return int.from_bytes(blake2b(id.encode(), digest_size=8).digest()) >> 1
