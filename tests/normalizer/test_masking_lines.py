"""What identifies people is found, as it is written: names, homes, numbers, accounts.

``masking.csv`` (half, first, kind, text) holds lines in which ``[[...]]`` marks what must be
hidden, and lines in which nothing must. The rules were written with the half "before". "after" was
written when they were frozen, "blind" by somebody who had not seen them; ``first`` says what the
frozen rules made of those two, before anything was mended. Only that counts as trust.
"""

import csv
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from normalizer.masking import HIDDEN, KINDS, TRUSTED, masked_all, masked_self, personal_spans
from tests.normalizer.test_work import calls, filled

ENOUGH = 0.98
"""Recall from which a kind is trusted."""
FEWEST = 10
"""Unseen lines without which nothing is known about a kind."""
LEAST_RECALL, LEAST_PRECISION = 0.98, 0.98
A_CHARACTER = 30
"""Calls that a character may cost, whatever it repeats."""
_MARK = re.compile(r"\[\[|\]\]")


class Line(NamedTuple):
    half: str
    first: str
    kind: str
    marked: str

    @property
    def text(self) -> str:
        return _MARK.sub("", self.marked)

    @property
    def secrets(self) -> list[tuple[int, int]]:
        ends = [match.start() - 2 * nth for nth, match in enumerate(_MARK.finditer(self.marked))]
        return list(zip(ends[::2], ends[1::2], strict=True))


def _lines() -> list[Line]:
    path = Path(__file__).with_name("masking.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        return [
            Line(r["half"], r["first"], r["kind"], r["text"].replace(r"\n", "\n")) for r in rows
        ]


LINES = _lines()
UNSEEN = [line for line in LINES if line.half != "before" and line.secrets]


def _missed(line: Line) -> list[str]:
    """Return the secrets of which a letter or a figure stays."""
    covered = {at for each in personal_spans(line.text) for at in range(each.start, each.end)}
    return [
        line.text[start:end]
        for start, end in line.secrets
        if any(line.text[at].isalnum() and at not in covered for at in range(start, end))
    ]


def test_the_table_is_as_large_as_it_says() -> None:
    assert len(LINES) >= 300
    assert len([line for line in LINES if line.half != "before"]) >= len(LINES) / 2
    assert {line.kind for line in LINES} == {*KINDS, "none"}
    assert all(line.first in ("found", "missed") for line in UNSEEN)
    assert all(bool(line.secrets) == (line.kind != "none") for line in LINES)


def test_trust_is_what_unseen_lines_showed_at_first() -> None:
    shown = set()
    for kind in KINDS:
        firsts = [line.first for line in UNSEEN if line.kind == kind]
        if len(firsts) >= FEWEST and firsts.count("found") >= ENOUGH * len(firsts):
            shown.add(kind)
    assert shown == TRUSTED


def test_what_was_found_at_first_is_found() -> None:
    lost = {
        line.text: missed for line in UNSEEN if line.first == "found" and (missed := _missed(line))
    }
    assert lost == {}


def test_most_is_found_and_little_else() -> None:
    secrets = sum(len(line.secrets) for line in LINES)
    missed = [each for line in LINES for each in _missed(line)]
    assert len(missed) <= (1 - LEAST_RECALL) * secrets, missed
    places = [(line, each) for line in LINES for each in personal_spans(line.text)]
    wrong = [
        line.text[each.start : each.end]
        for line, each in places
        if not any(each.start < end and start < each.end for start, end in line.secrets)
    ]
    assert len(wrong) <= (1 - LEAST_PRECISION) * len(places), wrong


@pytest.mark.parametrize("kind", sorted(TRUSTED))
def test_a_trusted_kind_is_still_found(kind: str) -> None:
    lines = [line for line in LINES if line.kind == kind]
    missed = [line.text for line in lines if _missed(line)]
    assert len(missed) <= (1 - ENOUGH) * len(lines), missed


def test_an_agency_still_reads_whom_an_anonymous_report_is_about() -> None:
    text = (
        "Pak lurah Joko Susilo minta uang. Nama saya Budi, istri saya Sari. Rumah kami kebanjiran"
    )
    told = masked_self(text)
    assert told.startswith(f"Pak lurah Joko Susilo minta uang. Nama saya {HIDDEN}, istri saya")
    assert "Sari" not in told
    assert told.endswith("Rumah kami kebanjiran")
    assert "Joko" not in masked_all(text)


@pytest.mark.parametrize(
    "piece",
    ["nama saya ", "Budi ", "budi siti ", "pak ", "bapak/ibu ", "jl mawar ", "rt 1 ", "0812 ",
     "nol ",
     "lahir ", "salam ", "terima kasih ya ", "a@b.c ", "ig saya ", "B 1 A ", "\n", " ", "- ", "((",
     "alamat: ", "saya tinggal di ", "lurah ", "A. ", "jalan Budi "],
)  # fmt: skip
def test_masking_costs_by_the_length(piece: str) -> None:
    for mask in (masked_self, masked_all):
        text = filled(piece, 8_000)
        mask(text)
        assert calls(mask, text) < A_CHARACTER * len(text)
