"""One damaged line decides about itself alone: the others are read, and what was done is noted."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mail import dates, notes
from tests.adapters.mail import wrapped
from tests.adapters.mail.mails import CITIZEN, mail, multipart, read_one, with_parts
from tests.adapters.mail.wrapped import ENTITY, SENTENCE

WHOLE = mail(SENTENCE, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8")
LINES = WHOLE.partition(b"\r\n\r\n")[0].split(b"\r\n")


def damaged(at: int, *lines: bytes) -> bytes:
    """Put lines among the headers of an ordinary mail."""
    return b"\r\n".join([*LINES[:at], *lines, *LINES[at:], b"", SENTENCE.encode()])


def is_whole(raw: bytes) -> None:
    found = read_one(raw, mail_from="amplop@lain.example")
    assert found.text == SENTENCE
    assert found.sender.address == CITIZEN
    assert found.external_id == "<m1@mail.example>"
    assert (found.subject or "").startswith("Jalan rusak")
    assert found.sent_at is not None


BAD_LINES = [
    b"Baris yang rusak",
    b"X",
    b"garis | tegak",
    b"Nama kepala: dengan spasi",
    b": tanpa nama",
    b"<b>HTML</b>",
    b"From warga@mail.example Mon Nov  3 10:00:00 2025",
    b">From warga@mail.example Mon Nov  3 10:00:00 2025",
    b"--batas",
    b"=20",
    b"\xff\xfe\x00",
    "Jalan é ✔ rusak".encode(),
    b"by mx.example with ESMTP id 1",
    b"a" * 2_000,
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_header_does_not_end_the_headers(line: bytes) -> None:
    for at in range(len(LINES)):
        raw = damaged(at, line)
        is_whole(raw)
        if at or not line.startswith((b"From ", b">From ")):
            assert notes.HEADER_LINE in read_one(raw).notes


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1),
            st.text(st.characters(codec="utf-8", exclude_characters=":\r\n"), min_size=1),
        ),
        max_size=4,
    )
)
def test_several_bad_lines_do_no_more_harm_than_one(bad: list[tuple[int, str]]) -> None:
    lines = list(LINES)
    for at, line in sorted(bad, reverse=True):
        if line.strip() and not line[0].isspace():
            lines.insert(at, line.encode())
    is_whole(b"\r\n".join([*lines, b"", SENTENCE.encode()]))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"   \r\n\t\r\n" + raw,
        lambda raw: b"\r\n\r\n" + raw,
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: b"From warga@mail.example Mon Nov  3 10:00:00 2025\r\n" + raw,
        lambda raw: b" \r\nFrom warga@mail.example Mon Nov  3 10:00:00 2025\r\n" + raw,
        lambda raw: raw.replace(b"\r\n", b"\n"),
        lambda raw: raw.replace(b"\r\n", b"\r"),
        lambda raw: raw.replace(b"\r\n", b"\r\r\n"),
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\r").replace(b"\r\n", b"\r"),
        lambda raw: raw.replace(b": ", b" : "),
        lambda raw: raw.replace(b": ", b":"),
        lambda raw: raw.replace(b": ", b":\t"),
        lambda raw: raw.replace(b": ", b":\r\n "),
        lambda raw: raw.replace(b"From: ", b"From\r\n : "),
        lambda raw: raw.replace(b"Subject: ", b"Subject\r\n\t: "),
        lambda raw: raw.replace(b"Subject", b"SUBJECT").replace(b"From", b"from"),
        lambda raw: raw.replace(b"Subject: ", b" \r\nSubject: "),
        lambda raw: raw.replace(b"Jalan rusak", b"Jalan rusak\r\nparah sekali"),
        lambda raw: raw.replace(b"text/plain;", b"text/plain;\r\n"),
        lambda raw: raw.replace(b"text/plain; ", b"text/plain;\r\n"),
        lambda raw: raw.replace(b"\r\n\r\n", b"\r\n \t \r\n", 1),
        lambda raw: raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + raw,
        lambda raw: raw.replace(b"To: ", b"To: undisclosed-recipients:;\r\nTo: "),
        lambda raw: raw.replace(b"MIME-Version", b"\r\nMIME-Version", 1),
    ],
)  # fmt: skip
def test_headers_are_read_whatever_was_done_to_their_lines(
    change: Callable[[bytes], bytes],
) -> None:
    is_whole(change(WHOLE))


def test_a_subject_that_was_broken_in_two_is_read_whole() -> None:
    raw = WHOLE.replace(b"Jalan rusak", b"Jalan rusak\r\nparah sekali")
    assert read_one(raw).subject == "Jalan rusak parah sekali"


@pytest.mark.parametrize(
    "text",
    [
        "Jalan rusak di depan pasar.",
        "Lokasi: Jalan Mawar 3\r\nJalan rusak.",
        "Yth. Bapak,\r\nLokasi: Jalan Mawar 3\r\n\r\nDari: Siti",
        "Berikut surat itu:\r\nFrom: Lurah <lurah@kel.example>\r\nTo: saya\r\n\r\nuang 200 ribu",
        "Jalan rusak\r\n\r\nSubject: bukan kepala surat",
    ],
)
def test_without_the_blank_line_no_word_of_the_text_is_lost(text: str) -> None:
    raw = mail("").removesuffix(b"\r\n\r\n") + b"\r\n" + text.encode()
    found = read_one(raw)
    assert found.text == text.replace("\r\n", "\n")
    assert notes.NO_BLANK_LINE in found.notes


@pytest.mark.parametrize(
    "text",
    [
        "From: Lurah <lurah@kel.example>\r\nTo: warga\r\nSubject: Uang\r\n\r\n200 ribu",
        "Message-ID: <x@y.example>\r\nFrom: Lurah <lurah@kel.example>\r\n\r\n200 ribu",
        "Subject: dua\r\nMessage-ID: <x@y.example>\r\n\r\nisi",
        "Lokasi: Jalan Mawar\r\nContent-Type: entah\r\n\r\nisi",
    ],
)
def test_a_mail_that_somebody_pasted_stays_text(text: str) -> None:
    raw = mail(text, "Content-Type: text/plain")
    assert read_one(raw).text == text.replace("\r\n", "\n")
    assert read_one(raw).sender.address == CITIZEN


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_line_in_the_headers_of_a_part_ends_nothing(line: bytes) -> None:
    if line.startswith(b"--"):
        return
    head, _, body = ENTITY.partition(b"\r\n\r\n")
    part = line + b"\r\n" + head + b"\r\n\r\n" + body
    assert read_one(with_parts("mixed", part)).text == SENTENCE


def test_a_part_without_headers_and_blank_line_is_text() -> None:
    raw = with_parts("mixed", "Yth. Bapak\r\nSubject: Jalan\r\nrusak")
    assert read_one(raw).text == "Yth. Bapak\nSubject: Jalan\nrusak"


@pytest.mark.parametrize(
    "boundary",
    ["batas", '"batas"', "batas;", '"batas', "'batas'", "batas (x)", "BATAS", "", "lain",
     '"batas "', "batas; charset=utf-8", '"batas" ; x', "=batas"],
)  # fmt: skip
@pytest.mark.parametrize("closing", [b"--batas--", b"--batas", b"", b"--batas-- \r\n\r\nkaki"])
def test_a_boundary_is_found_however_it_is_written(boundary: str, closing: bytes) -> None:
    body = b"--batas\r\n" + ENTITY + b"--batas\r\n" + ENTITY + closing
    raw = mail(body, f"Content-Type: multipart/mixed; boundary={boundary}")
    assert read_one(raw).text.split("\n") == [SENTENCE, SENTENCE]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("=?utf-8?B?SmFsYW4gcnVzYWs=", "Jalan rusak"),
        ("=?utf-8?B?SmFsYW4gcnVzYWs", "Jalan rusak"),
        ("=?utf-8?Q?Jalan_rusak", "Jalan rusak"),
        ("=?utf-8?Q?Jalan rusak?=", "Jalan rusak"),
        ("=??Q?Jalan_rusak?=", "Jalan rusak"),
        ("=? utf-8 ?B? SmFsYW4gcnVzYWs= ?=", "Jalan rusak"),
        ("=?utf-8?B?SmFsYW4gcnVz\r\n YWs=?=", "Jalan rusak"),
        ("=?utf-8?Q?Jalan_?==?utf-8?Q?rusak?=", "Jalan rusak"),
        ("Jalan=?utf-8?Q?_rusak?=", "Jalan rusak"),
        ("Apakah =? begini?", "Apakah =? begini?"),
    ],
)
def test_broken_encoded_words_are_read(written: str, said: str) -> None:
    assert read_one(mail("isi", f"Subject: {written}")).subject == said


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("=?utf-8?Q?Dinas:_PU?= <budi@b.id>", "Dinas: PU"),
        ("=?utf-8?Q?Dinas:_PU <budi@b.id>", "Dinas: PU"),
        ("=?utf-8?B?QnVkaQ== <budi@b.id>", "Budi"),
        ('"=?utf-8?Q?Dinas=2C_PU:?=" <budi@b.id>', "Dinas, PU:"),
        ("Dinas: PU <budi@b.id>;", "Dinas: PU"),
        ("=?utf-8?Q?palsu_=3Clurah@b.id=3E?= <budi@b.id>", "palsu <lurah@b.id>"),
    ],
)
def test_whom_from_names_is_read_from_broken_words(written: str, name: str) -> None:
    sender = read_one(mail("isi", f"From: {written}")).sender
    assert (sender.address, sender.name) == ("budi@b.id", name)


ZONES = {
    "+07:00": "WIB|wib|GMT+7|GMT+07|GMT+0700|GMT+07:00|UTC+7|UT +7|+7|+07|+07:00|(WIB)|+0700 (WIB)"
    "|SE Asia Standard Time|Asia/Jakarta|Asia/Pontianak|Waktu Indonesia Barat|\"WIB\"|WIB."
    "|GMT+0700 (Western Indonesia Time)|Western Indonesia Time|ICT",
    "+08:00": "WITA|GMT+8|UTC+08:00|+8|Singapore Standard Time|Asia/Makassar|SGT|(WITA)"
    "|Central Indonesia Time",
    "+09:00": "WIT|GMT+9|UTC+9|Tokyo Standard Time|Asia/Jayapura|JST|Eastern Indonesia Time",
    "-05:00": "EST|GMT-5|-0500",
    "+00:00": "GMT|UTC|Z|UT|-0000|GMT+0|entah|",
}  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "offset"), [(z, offset) for offset, zones in ZONES.items() for z in zones.split("|")]
)
@pytest.mark.parametrize(
    "form",
    ["Mon, 3 Nov 2025 10:00:00 {}", "3 Nov 2025 10:00:00 {}", "Sen, 3 Nov 2025 10:00 {}",
     "Senin, 3 November 2025 10.00.00 {}", "Mon Nov 3 10:00:00 {} 2025"],
)  # fmt: skip
def test_the_zones_of_indonesia_are_known_by_every_name(zone: str, offset: str, form: str) -> None:
    if "2025" in form[-5:] and "(" in zone:
        return  # a comment stands last
    found, _ = dates.read(form.format(zone))
    assert found is not None
    assert found.isoformat() == f"2025-11-03T10:00:00{offset}"


@pytest.mark.parametrize(
    "month",
    [
        "Jan",
        "Feb",
        "Mar",
        "Apr",
        "Mei",
        "Jun",
        "Jul",
        "Agu",
        "Agt",
        "Sep",
        "Okt",
        "Nov",
        "Nop",
        "Des",
    ],
)
def test_indonesian_months_are_known(month: str) -> None:
    found, _ = dates.read(f"3 {month} 2025 10:00:00 WIB")
    assert found is not None


def test_a_zone_that_mail_does_not_know_is_noted() -> None:
    assert notes.ZONE in read_one(mail("isi", "Date: Mon, 3 Nov 2025 10:00:00 WIB")).notes
    assert notes.ZONE not in read_one(mail("isi")).notes


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=120))
def test_any_date_is_a_time_or_none(written: str) -> None:
    found, _ = dates.read(written)
    assert found is None or found.tzinfo is not None


def test_every_note_of_the_reader_is_in_one_table() -> None:
    codes = [value for name, value in vars(notes).items() if name.isupper()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("mail_[a-z_]+", code) for code in codes)


def test_nested_and_encoded_multiparts_are_read() -> None:
    inner = multipart("mixed", ENTITY, boundary="dalam").partition(b"\r\n\r\n")[2]
    part = wrapped.packed("multipart/mixed; boundary=dalam", inner)
    assert read_one(with_parts("mixed", part)).text == SENTENCE
