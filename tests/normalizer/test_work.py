"""Work is bounded, not only bytes: what a text costs grows with its length, whatever it repeats.

Counted are calls of functions, Python's and built-in ones: the same on every machine.
"""

import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from types import FrameType
from typing import Any

import pytest

from normalizer import privacy
from normalizer.gazetteer import Gazetteer
from normalizer.inbound import Author, Inbound
from normalizer.message import Reporter
from normalizer.normalize import Normalizer
from normalizer.places import READ
from normalizer.report import Report
from normalizer.wish_evidence import features
from normalizer.wish_rules import ANONYMOUS, BOTH, CONFIDENTIAL, OPENED
from normalizer.wish_signs import words_of_signs
from normalizer.wish_tokens import tokens
from normalizer.wish_words import words_of
from normalizer.wishes import LONGEST
from tests.router.making import RECEIVED, gazetteer, router

MOST_AMBIGUOUS = 20
A_NAME = ("{0} ", "desa {0} ", "kec {0} kel {0} ", "di {0}, kota {0}; ", "warga {0} ke {0}-{0} ")
"""How a name is repeated: bare, behind a cue, as a pair, as a regency, as the ends of a road."""
STAGES = (
    "1234-5678-9012 ", "0812 3456 7890 ", "a.b@c.d ", "https://maps.example/?q=-6.1,106.8 ",
    "-6.123456, 106.123456 ", "tgl 12 desember 2025 jam 12.30 ", "kemarin malam ", "12/12/25 ",
    "tolong jangan sebut nama saya ", "rahasiakan identitas saya ", "anonim rahasia ",
    "nama saya ", "petugas minta uang ", "lurah dimintai uang oleh oknum ", "korupsi ",
    "mohon info bagaimana cara ", "apakah ? ", "usul tolong dibangunkan ", "jalan rusak ",
    "lapor status ", "yg sdh blm tdk krn ", "jalaaaaan ", "2x ", "((([[[<<<", "\"' ", "--- ",
    "\n\n", "\t \t", "Ã©Ã¢â‚¬â„¢ ", "a\u0301\u0302", "\u200b\u00a0", "\u202e", "𝗝𝗮𝗹𝗮𝗻 ",
    "ＪＡＬＡＮ ", "😀", "a", "ab", "kelurahansukamaju ", "ja'lan ", "a_b_",
    "kel. smarnda kec. sngai ", "rt 01 rw 02 ", "kebakaran tolong ", "guru memukul murid ",
    "dinas puskesmas sekolah polisi ", "kode otp ", "kode otp 123 ", "gunakan 123456 untuk masuk ",
    "promo diskon klik wa 0812 ", "selamat anda terpilih ",
)  # fmt: skip
"""What makes each stage of reading and routing look closer."""
A_CHARACTER = 60
"""Calls that a character may cost; everyday reports cost fifteen to twenty-five."""
MERGED = frozenset({"OWN", "WONT"})
"""Kinds that several words make."""
LONG = 4 * READ // 2
"""Characters: twice what is searched for places."""


def calls(function: Callable[[str], object], text: str) -> int:
    """Count the calls that a function makes for a text."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function(text)
    finally:
        sys.setprofile(None)
    return count


def costs_less(function: Callable[[str], object], text: str, most: int) -> bool:
    """Count a first look, and a second one where words had to be remembered in the first."""
    return calls(function, text) < most or calls(function, text) < most


def read(text: str) -> Report:
    """Read a text as a door does."""
    inbound = Inbound("paper", "1708", "1", Author("a"), text, b"")
    message = Normalizer(gazetteer()).normalize(
        inbound,
        id="018f0000-0000-7000-8000-000000000001",
        tracking="482109375516",
        received_at=datetime(2026, 11, 20, tzinfo=UTC),
        reporter=Reporter(ref="r", sealed="s"),
        context="64.72",
    )
    return Report.open(message)


def whole_way(text: str) -> None:
    """Read a text and decide about it."""
    router().decide(read(text), at=RECEIVED)


def ambiguous(known: Gazetteer) -> list[str]:
    """Return the names that most places share, the most shared first, then the regencies'."""
    shared = {name: len(known.villages(name)) for name in known._village_names}
    most = sorted(shared, key=lambda name: -shared[name])[:MOST_AMBIGUOUS]
    return [*most, "samarinda", "bandung", "malang", "karanganyar"]


def filled(piece: str, length: int) -> str:
    """Repeat a piece up to a length."""
    return (piece * (length // len(piece) + 1))[:length]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Let what is built at first use be built before anything is counted."""
    whole_way("jalan rusak di desa sukamaju kec sukajadi kota bandung")


@pytest.mark.parametrize("name", ambiguous(gazetteer()))
def test_a_repeated_name_costs_by_its_length(name: str) -> None:
    for shape in A_NAME:
        text = filled(shape.format(name), READ)
        assert costs_less(whole_way, text, A_CHARACTER * READ), shape


def test_many_names_cost_by_their_length() -> None:
    known = gazetteer()
    villages = ambiguous(known)
    regencies = [r.bare for r in known.regions() if len(r.code) == 5]
    for names in (villages, regencies, [*chain(*zip(villages, regencies, strict=False))]):
        for shape in A_NAME:
            text = filled("".join(map(shape.format, names)), READ)
            assert costs_less(whole_way, text, A_CHARACTER * READ), shape


@pytest.mark.parametrize("piece", STAGES)
def test_every_stage_costs_by_the_length(piece: str) -> None:
    text = filled(piece, LONG)
    assert costs_less(whole_way, text, A_CHARACTER * LONG)


def wishful() -> list[str]:
    """Return texts that keep the rules of wishes busy: each rule's own words, with and without."""
    rules = (*ANONYMOUS, *CONFIDENTIAL, *BOTH, *OPENED)
    kinds = {kind for rule in rules for _, _, step in rule.steps for kind in step} - MERGED
    texts = [f"{word} " for kind in sorted(kinds) for word in words_of(kind)[:1]]
    for rule in rules:
        words = [
            words_of(min(step - MERGED))[0] if step - MERGED else "nama saya"
            for *_, step in rule.steps
        ]
        texts.append(" x ".join(words) + " x ")
    return [text for text in texts if text.strip()]


def test_wishes_cost_by_the_length() -> None:
    """Whatever a text repeats of the words of which wishes are made."""
    for piece in (
        *wishful(),
        "nmr ",
        "nmr nmr hp ",
        "jangan nama saya ",
        "anonim",
        "(anonim ",
        "\n",
    ):
        text = filled(piece, LONGEST)
        assert calls(privacy.read, text) < A_CHARACTER * LONGEST, piece


def test_weighing_wishes_costs_by_the_length() -> None:
    """Words of the most signs, alone and beside each other: each is seen with its next few only."""
    most = sorted(words_of_signs(), key=lambda word: -len(features(tokens(word))) / len(word))
    for piece in (*(f"{word} " for word in most[:6]), " ".join(most[:40]) + " "):
        text = filled(piece, LONGEST)
        assert calls(lambda said: features(tokens(said)), text) < A_CHARACTER * LONGEST, piece
        assert calls(privacy.read, text) < A_CHARACTER * LONGEST, piece


@pytest.mark.parametrize(
    "pattern", [p for p in vars(privacy).values() if isinstance(p, re.Pattern)]
)
def test_patterns_of_marks_cost_by_the_length(pattern: re.Pattern[str]) -> None:
    """A pattern is one call however long it works: it is timed, four times the text at once."""

    def took(text: str) -> float:
        begun = time.thread_time()
        pattern.findall(text)
        return time.thread_time() - begun

    for piece in (
        "anonim ",
        "rahasia",
        "[anonim ",
        "( ",
        "[ \t",
        ", ",
        ". ",
        "\n",
        "ANONIM RAHASIA ",
        "A9 ",
    ):
        short, long = (min(took(filled(piece, n) + "x") for _ in range(3)) for n in (200, 800))
        assert long < 16 * short + 0.002, (pattern.pattern, piece)


def test_twice_the_text_costs_twice_the_work() -> None:
    for piece in ("desa tanjung ", "samarinda ", "kec sukamaju kel sukamaju "):
        short, long = (calls(read, filled(piece, n)) for n in (READ // 2, READ))
        assert long < 2.5 * short, piece
