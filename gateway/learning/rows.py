"""Rows to learn from: a CSV of texts and who dealt with them, oldest first.

It is read as offices have it: in UTF-8, or in UTF-16 with a byte order mark; its columns separated
by a comma, a semicolon (what Excel writes where numbers have the comma), a tab or a bar; and called
what they are called in Indonesian too.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Literal

Purpose = Literal["agency", "kind"]
PURPOSES: tuple[Purpose, ...] = ("agency", "kind")
_LONGEST_FIELD = 1_000_000
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "text": (
        *("text", "teks", "isi", "isi laporan", "isi aduan", "isi pengaduan", "isi keluhan"),
        *("isi pesan", "uraian", "uraian laporan", "uraian aduan", "uraian pengaduan"),
        *("deskripsi", "deskripsi laporan", "laporan", "aduan", "pengaduan", "keluhan", "pesan"),
        *("description", "message", "report"),
    ),
    "agency": (
        *("agency", "instansi", "nama instansi", "instansi tujuan", "instansi terdisposisi"),
        *("instansi penerima", "perangkat daerah", "opd", "nama opd", "opd tujuan", "skpd"),
        *("dinas", "unit kerja", "satuan kerja", "satker", "disposisi"),
    ),
    "kind": ("kind", "jenis", "jenis pesan", "jenis laporan", "klasifikasi"),
    "region": ("region", "region code", "wilayah", "kode wilayah", "kode daerah"),
    "received": (
        *("received", "received at", "tanggal", "tanggal laporan", "tanggal masuk"),
        *("tanggal diterima", "waktu", "waktu laporan", "tgl", "tgl laporan", "diterima", "date"),
    ),
    "address": ("address", "alamat", "lokasi", "lokasi kejadian", "alamat kejadian", "location"),
}
"""What each column may be called, our own name first: the first that is there is taken."""
DELIMITERS: Mapping[str, str] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The line by which Excel says what separates columns."""


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
    separated_by: str = ""
    """What separated the columns of the file they come from, in words."""

    def split(self, newest: float) -> tuple["Rows", "Rows"]:
        """Split into the older rows and the ``newest`` part (0 to 1)."""
        cut = len(self.rows) - round(len(self.rows) * newest)
        return Rows(self.purpose, self.rows[:cut]), Rows(self.purpose, self.rows[cut:])


def read(path: Path, *, region: str = "", address: bool = False) -> Rows:
    """Read a CSV with a header: text, agency or kind[, region, address, received].

    Rows are sorted by ``received`` (ISO 8601) where every row has one, else taken in file order.
    ``region`` stands in where a row names none. ``address=True`` adds that column to the text.
    Rows without a text or a label are left out. Raises ``RowsError``.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    encoding = _encoding(path)
    line = 0
    try:
        with path.open(encoding=encoding, newline="") as file:
            table = _Table(file)
            purpose = _purpose(path, table)
            found = []
            for row in table:
                line = table.line
                found.append((row.get("received", ""), _row(row, purpose, region, address)))
    except OSError as error:
        raise RowsError(f"{path}: {error.strerror or error}") from None
    except UnicodeError as error:
        name = "UTF-16" if encoding == "utf-16" else "UTF-8"
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise RowsError(f"{path}: not {name}{where}") from None
    except csv.Error as error:
        raise RowsError(f"{path}: line {line + 1}: {error}") from None
    rows = tuple(row for row in _oldest_first(found) if row.text.strip() and row.label)
    if not rows:
        raise RowsError(f"{path}: no row has both text and {purpose}")
    return Rows(purpose, rows, table.separated_by)


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise RowsError(f"{path}: {error.strerror or error}") from None
    return "utf-16" if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


class _Table:
    """The rows of a CSV by our names of its columns. Raises ``csv.Error`` and ``UnicodeError``."""

    def __init__(self, lines: Iterator[str]) -> None:
        header = next(lines, "")
        told = _SEPARATOR.fullmatch(header)
        if told:
            header = next(lines, "")
        delimiter = told[1] if told else max(DELIMITERS, key=lambda each: len(_known(header, each)))
        self.separated_by = DELIMITERS.get(delimiter, repr(delimiter))
        self._before = 1 if told else 0
        self._rows = csv.reader(chain([header], lines), delimiter=delimiter)
        self.columns = _places(next(self._rows, []))

    @property
    def line(self) -> int:
        """The line of the file that was read last."""
        return self._rows.line_num + self._before

    def __iter__(self) -> Iterator[dict[str, str]]:
        for cells in self._rows:
            yield {name: cells[at] for name, at in self.columns.items() if at < len(cells)}


def _known(header: str, delimiter: str) -> dict[str, int]:
    return _places(next(csv.reader([header], delimiter=delimiter), []))


def _places(header: Sequence[str]) -> dict[str, int]:
    """Return where each of our columns stands."""
    named = [" ".join(re.split(r"[\s_]+", name.strip().casefold())) for name in header]
    return {
        column: named.index(found)
        for column, names in COLUMNS.items()
        if (found := next((name for name in names if name in named), None))
    }


def _purpose(path: Path, table: _Table) -> Purpose:
    said = f"(columns are separated by {table.separated_by})"
    if "text" not in table.columns:
        raise RowsError(f"{path}: line 1: there is no column text {said}")
    for purpose in PURPOSES:
        if purpose in table.columns:
            return purpose
    raise RowsError(f"{path}: line 1: there is no column agency (or kind) {said}")


def _row(row: Mapping[str, str], purpose: Purpose, region: str, address: bool) -> TrainingRow:
    text = row.get("text", "")
    where = row.get("address", "") if address else ""
    return TrainingRow(
        text=f"{text}\n{where}" if where else text,
        label=" ".join(row.get(purpose, "").split()),
        region=row.get("region", "").strip() or region,
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
