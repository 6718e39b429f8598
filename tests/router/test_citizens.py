"""Tables of messages in citizens' style, and the agency each must reach out of the box.

``citizens.csv`` was written for this test, without looking at the phrases of the topics. Its
columns: the text, the region of the door it came through (or none), the expected agency (several
acceptable ones are joined by "|"), LAPOR!'s topic group, and why a known miss is missed.

``hotlines.csv`` (text, region, agency) was written the same way, in the mixture that a city, a
province and a ministry see, and is harder: letters of many sentences, words of many regions,
matters whose body few people know. docs/learning.md says what of it was reached before the phrases
were mended.
"""

import csv
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from normalizer import message as normalised
from normalizer.inbound import Author, Inbound
from normalizer.message import Intent, Level, Reporter
from normalizer.normalize import Normalizer
from normalizer.report import Report
from tests.router.making import RECEIVED, gazetteer, router

SHARE = 0.95
"""The share of the messages that must reach their agency."""
HOTLINES = 0.9
"""The same for the harder table."""
GROUPS = frozenset(
    {
        "Agama",
        "Bantuan Sosial",
        "Corona Virus",
        "Ekonomi dan Keuangan",
        "Kekerasan di satuan Pendidikan",
        "Kependudukan",
        "Kesehatan",
        "Kesetaraan Gender dan Sosial Inklusif",
        "Ketenagakerjaan",
        "Ketenteraman, Ketertiban Umum, dan Pelindungan Masyarakat",
        "Layanan Air Minum",
        "Lingkungan Hidup dan Kehutanan",
        "Pekerjaan Umum dan Penataan Ruang",
        "Pembangunan Desa, Daerah Tertinggal, dan Transmigrasi",
        "Pendidikan dan Kebudayaan",
        "Perhubungan",
        "Perlindungan Konsumen",
        "Pertambangan",
        "Pertanian dan Peternakan",
        "Politik dan Hukum",
        "Program Makan Bergizi Gratis (MBG)",
        "SRGI",
        "Seleksi Calon Hakim Agung RI",
        "Sosial dan Kesejahteraan",
        "Teknologi Informasi dan Komunikasi",
    }
)
"""The 25 topic groups of LAPOR!."""


@dataclass(frozen=True, slots=True)
class Message:
    """One row of the table."""

    line: int
    text: str
    region: str
    agencies: tuple[str, ...]
    group: str


def messages(name: str) -> list[Message]:
    """Read a table of this folder."""
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as lines:
        return [
            Message(
                n, r["text"], r["region"], tuple(r["agency"].split("|")), r.get("topic_hint", "")
            )
            for n, r in enumerate(csv.DictReader(lines), start=2)
        ]


MESSAGES, HARDER = messages("citizens.csv"), messages("hotlines.csv")


@cache
def normalizer() -> Normalizer:
    return Normalizer(gazetteer())


def said(text: str, region: str = "") -> normalised.Message:
    """Read a text as it comes through a door of a region."""
    return normalizer().normalize(
        Inbound("sms", "", "1", Author("test"), text, b""),
        id="018f0000-0000-7000-8000-000000000001",
        tracking="123456789018",
        received_at=RECEIVED,
        reporter=Reporter(ref="", sealed=""),
        context=region or None,
    )


def reached(message: Message) -> str:
    """The agency a message is given to, or the likeliest one of those it could be given to."""
    read = said(message.text, message.region)
    if read.intent is not Intent.REPORT:
        return f"({read.intent.value})"
    made = router().decide(Report.open(read), at=RECEIVED).assignment
    first = [made.agency] if made.agency else [c.agency for c in made.alternatives[:1]]
    return first[0].id if first else "-"


@pytest.mark.parametrize(("table", "least"), [(MESSAGES, SHARE), (HARDER, HOTLINES)])
def test_citizens_reach_their_agency(table: list[Message], least: float) -> None:
    missed = [
        f"line {m.line}: {'|'.join(m.agencies)} not {got}: {m.text[:90]}"
        for m in table
        if (got := reached(m)) not in m.agencies
    ]
    share = 1 - len(missed) / len(table)
    sys.stdout.write(f"\n{share:.1%} of {len(table)} messages reach their agency\n")
    assert share >= least, "\n".join([f"{share:.1%}", *missed])


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len(MESSAGES) >= 400
    assert len({m.text for m in MESSAGES + HARDER}) == len(MESSAGES) + len(HARDER)
    assert sum(not m.region for m in MESSAGES) >= 0.6 * len(MESSAGES)


def test_every_topic_group_is_covered() -> None:
    assert {m.group for m in MESSAGES} == GROUPS


def test_every_province_is_covered_six_times() -> None:
    homes = [m.agencies[0][:2] for m in MESSAGES]
    provinces = [region.code for region in gazetteer().regions(Level.PROVINCE)]
    assert {code for code in provinces if homes.count(code) < 6} == set()


def test_every_level_is_covered() -> None:
    digits = {len(id) - len(id.lstrip("0123456789")) for m in MESSAGES for id in m.agencies}
    assert digits == {0, 2, 4, 6, 10}
    assert any(id.endswith("-pdam") for m in MESSAGES for id in m.agencies)


def test_the_expected_agencies_and_doors_exist() -> None:
    register = router().register
    every = MESSAGES + HARDER
    unknown = {id for m in every for id in m.agencies if register.agency(id) is None}
    assert unknown == set()
    assert {m.region for m in every if m.region and not gazetteer().region(m.region)} == set()
