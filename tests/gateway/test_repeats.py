"""What is said again keeps what is new in it, and what says nothing costs nothing.

The property: whatever a person's messages bring, their reports together have all of it, and no wish
to be hidden is dropped.
"""

import tempfile
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access.roles import system
from gateway.platform.identity import opened_reporter
from normalizer.message import NoAnswerReason
from normalizer.report import Report, Status
from tests.gateway import making, migrated
from tests.gateway.making import LAMP, NOWHERE, OTHER, ROAD, WHERE, WHO, House, note

POINT = (-7.31, 112.73)
PHOTO: dict[str, Any] = {"files": [("foto.jpg", "a photo")]}


async def send(house: House, text: str = "", who: str = WHO, **more: Any) -> list[str]:
    """Let a citizen write, work on it, and return what they are told, if anything."""
    before = len(house.paper.told(who))
    await house.take(note(text, who, **more))
    assert await house.work_all() == {}
    return house.paper.told(who)[before:]


async def reports(house: House) -> list[Report]:
    return [*reversed(await house.store.reports.latest(50))]


# What a resend brings (the first message is ROAD, which is forwarded at once).

BRINGS = [
    ("a photo", ROAD, PHOTO, lambda r: len(r.attachments) == 1),
    ("a forgotten file", ROAD, {"files": [("bukti.txt", "x")]}, lambda r: len(r.attachments) == 1),
    ("a place", ROAD, {"point": POINT}, lambda r: r.coordinates is not None),
    ("anonymity before", f"ANONIM {ROAD}", {}, lambda r: r.anonymous),
    ("secrecy before", f"RAHASIA {ROAD}", {}, lambda r: r.confidential),
    ("anonymity after", f"{ROAD}. ANONIM", {}, lambda r: r.anonymous),
    ("secrecy after", f"{ROAD} (rahasia)", {}, lambda r: r.confidential),
    ("anonymity alone", "ANONIM", {}, lambda r: r.anonymous),
    ("a photo and anonymity", "ANONIM", PHOTO, lambda r: r.anonymous and r.attachments),
    ("a point and anonymity", "ANONIM", {"point": POINT}, lambda r: r.anonymous and r.coordinates),
    ("a day", ROAD, {"day": "2026-02-20"}, lambda r: r.occurred_on == date(2026, 2, 20)),
    ("another heading", ROAD, {"subject": "Ban pecah"}, lambda r: "Ban pecah" in repr(r.messages)),
]


@pytest.mark.parametrize(
    ("text", "more", "has"), [b[1:] for b in BRINGS], ids=[b[0] for b in BRINGS]
)
async def test_what_a_resend_brings_is_added_and_the_agency_hears_of_it(
    lite: House, text: str, more: dict[str, Any], has: Any
) -> None:
    await send(lite, ROAD)
    lite.clock.pass_(minutes=5)
    await send(lite, text, **more)
    (report,) = await reports(lite)
    assert has(report)
    file = await lite.newest()
    sent = await lite.handed_over(file)
    assert [event["type"].rpartition(".")[2] for event in sent] == ["assigned", "followed_up"]
    shown = sent[-1]["data"]
    assert (shown["anonymous"], shown["confidential"]) == (report.anonymous, report.confidential)
    assert (shown["reporter"]["ref"] == "") == report.anonymous


async def test_a_name_and_a_contact_are_added_and_an_operator_opens_them(lite: House) -> None:
    await send(lite, ROAD)
    await send(lite, ROAD, name="Pelapor", contact="pelapor@warga.example")
    (report,) = await reports(lite)
    opened = await lite.services.operators.unseal(
        report.id, actor=system("sari"), reason="dihubungi"
    )
    assert (opened.address, opened.name, opened.contact) == (
        WHO,
        "Pelapor",
        "pelapor@warga.example",
    )


@pytest.mark.parametrize("more", [{}, PHOTO], ids=["words", "words and a photo"])
@pytest.mark.parametrize("stored", [False, True], ids=["at once", "once files are stored"])
async def test_a_pure_repeat_stays_one(lite: House, more: dict[str, Any], stored: bool) -> None:
    await send(lite, ROAD, **more)
    if stored:
        await lite.work("media", lite.media)
    (told,) = await send(lite, f"{ROAD.upper()}!", **more)
    assert "Laporan yang sama" in told
    assert await send(lite, ROAD, **more) == [], "the same text is not answered for ever"
    assert len(await reports(lite)) == 1
    assert [each.event.rpartition(".")[2] for each in (await lite.newest()).deliveries].count(
        "followed_up"
    ) == 0


async def test_after_a_merged_repeat_the_next_is_a_repeat_again(lite: House) -> None:
    await send(lite, ROAD)
    await send(lite, ROAD, **PHOTO)
    await send(lite, ROAD)
    assert [event.kind for event in (await lite.newest()).events][-1] == "repeated"
    await send(lite, f"ANONIM {ROAD}")
    (report,) = await reports(lite)
    assert report.anonymous
    assert len(report.attachments) == 1


async def test_the_same_words_of_another_place_are_a_matter_of_their_own(lite: House) -> None:
    await send(lite, "lampu jalan mati sudah seminggu", point=POINT)
    await send(lite, "lampu jalan mati sudah seminggu", point=(-6.2, 106.8))
    assert len(await reports(lite)) == 2


@pytest.mark.parametrize("apart", [1, 120])
async def test_four_photos_without_words_are_four_photos(lite: House, apart: int) -> None:
    for number in range(4):
        await send(lite, files=[(f"{number}.jpg", str(number))])
        lite.clock.pass_(seconds=apart)
    (report,) = await reports(lite)
    assert len(report.attachments) == 4
    assert report.status is Status.WAITING_FOR_REPORTER, "the question stays open"
    assert len(lite.paper.told()) == (1 if apart == 1 else 3), "the same text is not said for ever"


# Photos and points around the words, whatever comes first (bug reports A2).

PIECES: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    ("photo, then text", [("", PHOTO), (ROAD, {})]),
    ("text, then photo", [(ROAD, {}), ("", PHOTO)]),
    ("point, then text", [("", {"point": POINT}), (ROAD, {})]),
    ("text, photo, point", [(ROAD, {}), ("", PHOTO), ("", {"point": POINT})]),
    ("asked where, photo, point", [(NOWHERE, {}), ("", PHOTO), ("", {"point": POINT})]),
    ("asked where, photo, place", [(NOWHERE, {}), ("", PHOTO), (WHERE, {})]),
    ("asked where, sent again, place", [(NOWHERE, {}), (NOWHERE, PHOTO), (WHERE, {})]),
    ("photo, point, text", [("", PHOTO), ("", {"point": POINT}), (ROAD, {})]),
    ("photo, text without place, place", [("", PHOTO), (NOWHERE, {}), (WHERE, {})]),
]


@pytest.mark.parametrize("pieces", [p[1] for p in PIECES], ids=[p[0] for p in PIECES])
async def test_pieces_make_one_report_that_reaches_its_agency(
    lite: House, pieces: list[tuple[str, dict[str, Any]]]
) -> None:
    for text, more in pieces:
        await send(lite, text, **more)
        lite.clock.pass_(minutes=2)
    (report,) = await reports(lite)
    assert report.status is Status.FORWARDED
    assert len(report.attachments) == sum("files" in more for _, more in pieces)
    assert bool(report.coordinates) == any("point" in more for _, more in pieces)


async def test_a_photo_long_after_is_a_report_of_its_own(lite: House) -> None:
    await send(lite, ROAD)
    lite.clock.pass_(hours=3)
    await send(lite, **PHOTO)
    assert len(await reports(lite)) == 2


# Nothing at all.

NOTHING = ["", "👍", "🙏🙏", ".", "?", "!!!", "@lapor", "@lapor 👍", "\u200b\u200b\u2060", "…", "—"]


@pytest.mark.parametrize("text", NOTHING)
async def test_no_words_open_nothing_and_cost_nothing(lite: House, text: str) -> None:
    assert await send(lite, text) == []
    assert await reports(lite) == []
    asked = await lite.report(NOWHERE)
    assert await send(lite, text) == []
    (report,) = await reports(lite)
    assert report.status is Status.WAITING_FOR_REPORTER
    file = await lite.newest()
    assert [event.kind for event in file.events][-1] == "acknowledged"
    await send(lite, WHERE)
    assert (await lite.file(asked.report.tracking)).report.status is Status.FORWARDED


@pytest.mark.parametrize("text", ["12345", "7", "08 12"])
async def test_figures_alone_open_nothing_and_may_be_a_house(lite: House, text: str) -> None:
    assert await send(lite, text) == []
    assert await reports(lite) == []
    await lite.report(ROAD)
    await send(lite, text)
    assert any(text in each.text for report in await reports(lite) for each in report.messages)


@pytest.mark.parametrize("text", ["terima kasih", "siap", "ok pak", "Makasih banyak min 🙏", "sip"])
async def test_thanks_for_a_receipt_cost_no_help(lite: House, text: str) -> None:
    (helped,) = await send(lite, text, OTHER)
    assert helped
    for first in (ROAD, NOWHERE):
        before = (await lite.report(first)).report.status
        assert await send(lite, text) == []
        assert (await lite.newest()).report.status is before


async def test_who_greets_anew_is_still_helped(lite: House) -> None:
    await lite.report(ROAD)
    assert len(await send(lite, "halo selamat pagi")) == 1


async def test_a_repeated_advert_is_noted_and_nobody_is_written_to(lite: House) -> None:
    for _ in range(3):
        assert await send(lite, "Promo lampu diskon 70%, klik toko.example") == []
    (report,) = await reports(lite)
    assert report.unanswered is NoAnswerReason.FOREIGN_TEXT


# The property.

WORDS = {"": "", "road": ROAD, "nowhere": NOWHERE, "lamp": LAMP}
PIECE = st.fixed_dictionaries(
    {
        "words": st.sampled_from(["", "road", "road", "nowhere", "lamp"]),
        "file": st.sampled_from(["", "", "one", "two"]),
        "point": st.booleans(),
        "anonymous": st.booleans(),
        "confidential": st.booleans(),
        "contact": st.sampled_from(["", "", "a@warga.example"]),
        "day": st.sampled_from(["", "", "2026-02-20"]),
        "later": st.sampled_from([1, 300, 7_200]),
    }
)


def as_note(piece: dict[str, Any]) -> dict[str, Any]:
    marks = [word for mark, word in MARKS.items() if piece[mark]]
    more: dict[str, Any] = {"text": " ".join((*marks, WORDS[piece["words"]]))}
    if piece["file"]:
        more["files"] = [(f"{piece['file']}.jpg", piece["file"])]
    if piece["point"]:
        more["point"] = POINT
    if piece["words"]:  # who gives a day or a contact fills in a form
        more |= {name: piece[name] for name in ("contact", "day") if piece[name]}
    return more


MARKS = {"anonymous": "ANONIM", "confidential": "RAHASIA"}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PIECE, min_size=2, max_size=3))
async def test_the_reports_of_a_person_have_all_that_the_messages_brought(
    pieces: list[dict[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"{migrated.SQLITE}{Path(folder) / 'kanal.sqlite3'}"
        async with making.house(url, Path(folder)) as house:
            for piece in pieces:
                await send(house, **as_note(piece))
                house.clock.pass_(seconds=piece["later"])
            found = await reports(house)
            said = [message for report in found for message in report.messages]
            for piece in pieces:
                sent = as_note(piece)
                assert WORDS[piece["words"]] in "\n".join(message.text for message in said)
                for name, _ in sent.get("files", ()):
                    assert name in {f.name for report in found for f in report.attachments}
                if "day" in sent:
                    assert date(2026, 2, 20) in {message.occurred_on for message in said}
                if "contact" in sent:
                    opened = [opened_reporter(house.seal, m.id, m.reporter.sealed) for m in said]
                    assert sent["contact"] in {each.get("contact") for each in opened}
            if any(piece["point"] for piece in pieces):
                assert any(report.coordinates for report in found)
            for mark in MARKS:
                if any(piece[mark] for piece in pieces):
                    assert any(getattr(report, mark) for report in found)
            assert len(found) <= len({p["words"] for p in pieces}) + sum(
                p["later"] > 1_800 and not q["words"] for p, q in pairwise(pieces)
            )
