"""What became of what was sent: counted in tables, in queues and at the other ends.

The gateway's own words count for nothing here: a number that a sender put into a text is looked for
in every report, every delivery and every answer.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import psycopg

from faults.doubles import Call, Text, delivery_in, number_in
from faults.senders import Sent

OPEN = {
    "not routed": "SELECT count(*) FROM messages WHERE routed_at IS NULL",
    "not delivered": "SELECT count(*) FROM deliveries WHERE state = 'pending'",
    "not answered": "SELECT count(*) FROM notifications WHERE state IN ('waiting', 'sending')",
    "on the queue": "SELECT count(*) FROM queue WHERE state = 'ready'",
}
"""What is still to be done."""
FOR_AGENCIES = " AND queue NOT LIKE 'agency.%'"
"""Leaves out what waits for agencies to fetch it, where the table is the queue itself."""
TAKEN = ("placed", "fetched", "read")
UNCERTAIN = (
    "SELECT (SELECT coalesce(sum(doubts), 0) FROM notifications)"
    " + (SELECT coalesce(sum(doubts), 0) FROM deliveries)"
)
DEAD = "SELECT count(*) FROM queue WHERE state = 'dead'"


class Database:
    """Reads the gateway's tables, by a connection of its own each time."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query. Raises ``OSError`` while the database is away."""
        url = self._url()
        if url.startswith("sqlite"):
            return self._sqlite(Path(url.partition(":///")[2]), query)
        try:
            with psycopg.connect(url, connect_timeout=3) as connection:
                connection.execute("SET statement_timeout = '20s'")
                return connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise ConnectionError(type(error).__name__) from error

    def one(self, query: str) -> int:
        """Run a query that counts. Raises ``OSError``."""
        return int(self.rows(query)[0][0])

    def _sqlite(self, path: Path, query: str) -> list[tuple[Any, ...]]:
        try:
            connection = sqlite3.connect(path, timeout=10)
            try:
                return connection.execute(query).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise ConnectionError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Placed:
    """A report that an agency has, by whatever way."""

    agency: str
    number: int
    id: str


@dataclass(frozen=True, slots=True)
class Before:
    """Where the counting began."""

    messages: int
    uncertain: int
    dead: int


@dataclass
class Verdict:
    """What was counted of one row; ``broken`` says what must not be."""

    sent: int = 0
    accepted: int = 0
    assigned: int = 0
    delivered: int = 0
    notified: int = 0
    to_notify: int = 0
    doubled_reports: int = 0
    doubled_deliveries: int = 0
    repeated_deliveries: int = 0
    """The same delivery with the same id again, which an agency can tell."""
    doubled_answers: int = 0
    most_answers: int = 1
    uncertain: int = 0
    parked: int = 0
    lost: set[int] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    @property
    def doubled(self) -> int:
        """Return how much was done twice that must be done once."""
        return self.doubled_reports + self.doubled_deliveries + self.doubled_answers


class Checker:
    """Counts. ``answers`` and ``calls`` look at the doubles."""

    def __init__(
        self,
        database: Database,
        *,
        answers: Callable[[], Iterable[Text]],
        calls: Callable[[], Sequence[Call]],
        queues: Callable[[], str] | None,
    ) -> None:
        self.database = database
        self._answers, self._calls, self._queues = answers, calls, queues
        self._reports: dict[str, tuple[int | None, str]] = {}
        self._fetched: list[Placed] = []

    def begin(self) -> Before:
        """Note where a row begins. Raises ``OSError``."""
        return Before(
            self.database.one("SELECT count(*) FROM messages"),
            self.database.one(UNCERTAIN),
            self.database.one(DEAD),
        )

    def open(self, before: Before, accepted: int) -> dict[str, int]:
        """Return what is still to be done, by its kind. Raises ``OSError``."""
        missing = before.messages + accepted - self.database.one("SELECT count(*) FROM messages")
        found = {name: self.database.one(query) for name, query in OPEN.items()}
        if self._queues is None:
            found["on the queue"] = self.database.one(OPEN["on the queue"] + FOR_AGENCIES)
        found["not stored"] = max(0, missing)
        return {name: count for name, count in found.items() if count}

    async def fetch(self, queues: Sequence[str]) -> None:
        """Take what waits for agencies on RabbitMQ's queues, as they would."""
        if self._queues is None:
            return
        async with await aio_pika.connect(self._queues()) as connection:
            for name in queues:
                channel = await connection.channel()
                try:
                    queue = await channel.get_queue(name)
                except aio_pika.exceptions.ChannelClosed:
                    continue  # nothing was placed there yet
                while (message := await queue.get(fail=False)) is not None:
                    body = message.body.decode()
                    number = number_in(body)
                    if number is not None:
                        agency = name.removeprefix("agency.")
                        self._fetched.append(Placed(agency, number, delivery_in(body)))
                    await message.ack()

    def verdict(
        self, before: Before, sent: Sequence[Sent], *, hard: bool, parks: bool = False
    ) -> Verdict:
        """Count what became of ``sent``. Raises ``OSError``.

        ``hard``: something was killed that may have been sending; what it sent is uncertain and may
        have been sent once more, and no more often than that. ``parks``: something was put in that
        belongs among the dead letters.
        """
        numbers = {each.number for each in sent}
        accepted = {each.number: each for each in sent if each.accepted}
        reports = self._reports_of(numbers)
        placed = self._placed(numbers)
        told = self._told(sent)
        delivered = {
            each.number
            for each in accepted.values()
            if any(p.agency == each.agency for p in placed.get(each.number, ()))
        }
        to_notify = {n for n, each in accepted.items() if each.reader}
        notified = {n for n in to_notify if told[n]}
        found = Verdict(
            sent=len(sent),
            accepted=len(accepted),
            assigned=sum(any(agency for _, agency in reports[n]) for n in accepted),
            delivered=len(delivered),
            notified=len(notified),
            to_notify=len(to_notify),
            doubled_reports=sum(len(reports[n]) - 1 for n in numbers if reports[n]),
            uncertain=self.database.one(UNCERTAIN) - before.uncertain,
            parked=self.database.one(DEAD) - before.dead,
        )
        for n in numbers:
            by_agency = Counter(p.agency for p in set(placed.get(n, ())))
            found.doubled_deliveries += sum(count - 1 for count in by_agency.values())
            found.repeated_deliveries += len(placed.get(n, ())) - len(set(placed.get(n, ())))
            for count in told[n].values():
                found.doubled_answers += count - 1
                found.most_answers = max(found.most_answers, count)
        found.lost = (
            {n for n in accepted if not reports[n]}
            | (accepted.keys() - delivered)
            | (to_notify - notified)
        )
        found.broken = list(_broken(found, accepted, reports, hard=hard, parks=parks))
        return found

    def _reports_of(self, numbers: set[int]) -> dict[int, list[tuple[str, str]]]:
        ids = {row[0] for row in self.database.rows("SELECT id FROM reports")}
        unseen = sorted(ids - {i for i, (_, agency) in self._reports.items() if agency})
        for begin in range(0, len(unseen), 400):
            names = ", ".join(f"'{each}'" for each in unseen[begin : begin + 400])
            query = f"SELECT id, body, coalesce(agency_id, '') FROM reports WHERE id IN ({names})"
            for id, body, agency in self.database.rows(query):
                self._reports[id] = number_in(body), agency
        found: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for id, (number, agency) in self._reports.items():
            if number in numbers:
                found[number].append((id, agency))
        return found

    def _placed(self, numbers: set[int]) -> dict[int, list[Placed]]:
        found: dict[int, list[Placed]] = defaultdict(list)
        for each in (*self._fetched, *self._called(), *self._embedded(), *self._in_the_inbox()):
            if each.number in numbers:
                found[each.number].append(each)
        return found

    def _called(self) -> Iterable[Placed]:
        for call in self._calls():
            number = number_in(call.body)
            if call.taken and number is not None:
                yield Placed("3578-dinas-perhubungan", number, call.id)

    def _embedded(self) -> Iterable[Placed]:
        query = "SELECT queue, message_id, body FROM queue WHERE queue LIKE 'agency.%'"
        if self._queues is None:
            for queue, id, body in self.database.rows(query):
                if (number := number_in(bytes(body).decode())) is not None:
                    yield Placed(queue.removeprefix("agency."), number, id)

    def _in_the_inbox(self) -> Iterable[Placed]:
        states = ", ".join(f"'{state}'" for state in TAKEN)
        query = (
            "SELECT agency_id, report_id, id FROM deliveries"
            f" WHERE method = 'inbox' AND state IN ({states})"
        )
        for agency, report, id in self.database.rows(query):
            number, _ = self._reports.get(report, (None, ""))
            if number is not None:
                yield Placed(agency, number, id)

    def _told(self, sent: Sequence[Sent]) -> dict[int, Counter[str]]:
        readers = {each.reader: each.number for each in sent if each.reader}
        told: dict[int, Counter[str]] = defaultdict(Counter)
        for text in self._answers():
            number = readers.get((text.channel, text.to))
            if number is not None:
                told[number][text.body] += 1
        return told


def _broken(
    found: Verdict,
    accepted: dict[int, Sent],
    reports: dict[int, list[tuple[str, str]]],
    *,
    hard: bool,
    parks: bool,
) -> Iterable[str]:
    if found.lost:
        some = sorted(found.lost)[:5]
        doors = sorted({accepted[n].door for n in found.lost})
        yield f"{len(found.lost)} accepted messages are lost (by {', '.join(doors)}): {some}"
    for name in ("doubled_reports", "doubled_deliveries"):
        if count := getattr(found, name):
            yield f"{name.replace('_', ' ')}: {count}"
    if found.doubled_answers > (found.uncertain if hard else 0):
        yield f"{found.doubled_answers} answers too many, of which {found.uncertain} are uncertain"
    if found.most_answers > 2:
        yield f"a citizen was told the same {found.most_answers} times"
    if found.parked > 0 and not parks:
        yield f"{found.parked} dead letters"
    wrong = [n for n, each in accepted.items() if {a for _, a in reports[n]} - {each.agency}]
    if wrong:
        yield f"{len(wrong)} reports are with another agency: {wrong[:5]}"
