"""Rows to learn from: a CSV of texts and who dealt with them, oldest first."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Purpose = Literal["agency", "kind"]
PURPOSES: tuple[Purpose, ...] = ("agency", "kind")
_LONGEST_FIELD = 1_000_000


class RowsError(Exception):
    """The rows cannot be learned from; the message says which file, line and why."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One text, its label (an agency's name or id, or the kind of message), and its region."""

    text: str
    label: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a source, oldest first, and what their labels are."""

    purpose: Purpose
    rows: tuple[TrainingRow, ...]

    def split(self, newest: float) -> tuple["Rows", "Rows"]:
        """Split into the older rows and the ``newest`` part (0 to 1)."""
        cut = len(self.rows) - round(len(self.rows) * newest)
        return Rows(self.purpose, self.rows[:cut]), Rows(self.purpose, self.rows[cut:])


def read(path: Path, *, region: str = "", address: bool = False) -> Rows:
    """Read a CSV with a header: text, agency or kind[, topic, region, address, received].

    Rows are sorted by ``received`` (ISO 8601) where every row has one, else taken in file order.
    ``region`` stands in where a row names none. ``address=True`` adds that column to the text.
    Rows without a text or a label are left out. Raises ``RowsError``.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            purpose = _purpose(path, reader.fieldnames or ())
            found = [
                (row.get("received") or "", _row(row, purpose, region, address)) for row in reader
            ]
    except OSError as error:
        raise RowsError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RowsError(f"{path}: not UTF-8 at byte {error.start}") from None
    except csv.Error as error:
        raise RowsError(f"{path}: line {reader.line_num}: {error}") from None
    rows = tuple(row for row in _oldest_first(found) if row.text.strip() and row.label)
    if not rows:
        raise RowsError(f"{path}: no row has both text and {purpose}")
    return Rows(purpose, rows)


def _purpose(path: Path, columns: Iterable[str]) -> Purpose:
    known = set(columns)
    if "text" not in known:
        raise RowsError(f"{path}: line 1: there is no column text")
    for purpose in PURPOSES:
        if purpose in known:
            return purpose
    raise RowsError(f"{path}: line 1: there is no column agency (or kind)")


def _row(
    row: Mapping[str, str | None], purpose: Purpose, region: str, address: bool
) -> TrainingRow:
    text = row["text"] or ""
    where = (row.get("address") or "") if address else ""
    return TrainingRow(
        text=f"{text}\n{where}" if where else text,
        label=" ".join((row[purpose] or "").split()),
        region=(row.get("region") or "").strip() or region,
    )


def _oldest_first(found: Sequence[tuple[str, TrainingRow]]) -> list[TrainingRow]:
    moments = [_moment(received) for received, _ in found]
    if None in moments:
        return [row for _, row in found]
    dated = zip((moment for moment in moments if moment), found, strict=True)
    return [row for _, (_, row) in sorted(dated, key=lambda pair: pair[0])]


def _moment(received: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(received)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
