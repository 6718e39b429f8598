"""Mail written to hang, crash or flood the reader: it is accepted, cut and noted, in short time."""

import contextlib
import importlib
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Inbound, Malformed, Receipt
from adapters.mail import html
from adapters.mail.files import MAX_FILES, TOO_MANY_FILES
from adapters.mail.notes import LONG_HEADER, TOO_DEEP, TOO_LONG, TOO_MANY_PARTS
from tests.adapters.mail.mails import ADDRESS, CITIZEN, OUR_ID, mail, read, read_one
from tests.adapters.mail.wrapped import attribute, in_pieces, prop, properties, single, winmail

SECONDS = 2.0
"""Every hostile mail takes under 0.6 s on a quiet core; the rest is for a busy test machine."""


def many_parts(count: int, head: bytes, body: bytes = b"x") -> bytes:
    part = b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n"
    return mail(part * count + b"--b--\r\n", "Content-Type: multipart/mixed; boundary=b")


def nested(depth: int, fill: bytes = b"") -> bytes:
    raw = mail(b"").removesuffix(b"\r\n\r\n") + b"\r\n"
    for level in range(depth):
        boundary = b"b" * (level % 60 + 1)
        raw += b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n--'
        raw += boundary + b"\r\n"
    return raw + b"\r\nisi\r\n" + fill


def alternatives(depth: int, text: bytes) -> bytes:
    head = text
    for level in range(depth):
        boundary = b"batas%d" % level
        head = (
            b"Content-Type: multipart/alternative; boundary=" + boundary + b"\r\n\r\n--" + boundary
        ) + (b"\r\n" + head + b"\r\n--" + boundary + b"--")
    return mail(b"").removesuffix(b"\r\n\r\n") + b"\r\n" + head


def page(body: bytes) -> bytes:
    return mail(body, "Content-Type: text/html")


def field(line: bytes) -> bytes:
    return line + b"\r\n" + mail()


def packed(content: bytes, kind: str = "pkcs7-mime") -> bytes:
    return single(f"application/{kind}", content)


REPEATED = struct.pack("<II4sI", 9_000_000, 9_000_000, b"LZFu", 0) + b"\xff\x00\x0f" * 3_000_000

HOSTILE = {
    "subject of 400 KB": field(b"Subject: " + b"a" * 400_000),
    "subject of encoded words": field(b"Subject: " + b"=?utf-8?q?a?= " * 30_000),
    "subject of word beginnings": field(b"Subject: " + b"=?a?q?" * 30_000),
    "parentheses in From": field(b"From: " + b"(" * 5_000),
    "quotes in From": field(b"From: " + b'"\\' * 4_000),
    "commas in From": field(b"From: " + b"," * 8_000),
    "10 MB of newlines": mail(b"\n" * 10_000_000),
    "3 million headers": mail(b"").removesuffix(b"\r\n") + b"a:\n" * 3_000_000,
    "2 million continuations": field(b"X: a\r\n" + b" b\r\n" * 2_000_000 + b"Y: a"),
    "100,000 parts": many_parts(100_000, b"Content-Type: text/plain"),
    "5,000 levels": nested(5_000),
    "25 levels, full of near boundaries": nested(25, (b"--" + b"b" * 70 + b"X\n") * 130_000),
    "20 levels of dashes": nested(20, b"--" * 5_000_000),
    "3 million near boundaries": many_parts(1, b"", b"\n--" * 3_000_000),
    "semicolons": many_parts(100, b"Content-Type: text/plain" + b";" * 2_000),
    "quoted parameters": many_parts(100, b"Content-Type: text/plain" + b';a="b\\"' * 500),
    "parameter sections": many_parts(
        100, b"Content-Type: a/b" + b"".join(b"; a*%d=x" % i for i in range(200))
    ),
    "headers in parts": many_parts(100, b"a:\n" * 8_000 + b"a: b"),
    "quoted lines": mail(b">\n" * 130_000),
    "attributions": mail(b"Pada 10:00 @\n" * 20_000),
    "header blocks": mail(b"Dari:\n" * 40_000),
    "advertisements": mail(b"Sent from my my my my my my my my my\n" * 7_000),
    "spaces": mail(b" " * 260_000 + b"x"),
    "paragraphs": page(b"<p>a" * 65_000),
    "breaks": page(b"<br>" * 65_000),
    "nested lists": page(b"<ol><li>a" * 30_000),
    "a wide cell over many rows": page(
        b"<table><tr><td>" + b"a " * 50_000 + b"</td></tr>" + b"<tr><td>" * 18_000
    ),
    "styles that ask for room": page(b"<p style='margin-top:9999999em'>a" * 3_000),
    "50,000 deep": page(b"<div>" * 50_000 + b"pesan"),
    "less-than signs": page(b"<" * 262_000),
    "pages in parts": many_parts(90, b"Content-Type: text/html", b"<p>a" * 600),
    "10 MB of base64": mail(b"QUFB\n" * 2_000_000, "Content-Transfer-Encoding: base64"),
    "10 MB of =41": mail(b"=41" * 3_300_000, "Content-Transfer-Encoding: quoted-printable"),
    "20 alternatives around 10 MB": alternatives(
        20, b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUFB\n" * 2_000_000
    ),
    "punycode": mail(b"a" * 1_000_000 + b"-9", "Content-Type: text/plain; charset=punycode"),
    "files of text": many_parts(99, b"Content-Type: a/b; name=a", b"a" * 100_000),
    "files of brackets": many_parts(99, b"Content-Type: a/b; name=a", b'{"a":[' * 17_000),
    "status groups": mail(
        b"--b\r\nContent-Type: message/delivery-status\r\n"
        + b"\r\n\r\nAction: failed\r\n" * 300_000
        + b"--b--",
        "Content-Type: multipart/report; boundary=b",
    ),
    "bad lines among headers": b"bukan kepala\r\nX-A: b\r\n" * 200_000 + mail(),
    "names without colons": b"From\r\n" * 200_000 + mail(),
    "headers by CR": b"a\rX-B: c" * 400_000 + mail(),
    "header blocks again and again": mail(b"Received: a\r\nX-B: c\r\n\r\n" * 200_000),
    "boundaries nobody announced": mail(
        b"--a\r\ncontent-type: a\r\n" * 200_000, "Content-Type: multipart/mixed; boundary=b"
    ),
    "beginnings of uuencode": mail(b"begin 644 a\r\nMMM\r\n" * 400_000),
    "uuencode without an end": mail(b"begin 644 a\r\n" + b"!80  \r\n" * 1_200_000),
    "beginnings of yEnc": mail(b"=ybegin line=1 name=a\r\n" * 300_000),
    "escapes of yEnc": mail(b"=ybegin name=a\r\n" + b"=a" * 4_000_000 + b"\r\n=yend\r\n"),
    "signed messages of PGP": mail(
        b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: a\r\n\r\na\r\n" * 5_000
    ),
    "mails in mails": mail(b"") + b"Content-Type: message/rfc822\r\n\r\nSubject: a\r\n" * 100_000,
    "a hundred mails": many_parts(100, b"Content-Type: message/rfc822", b"X: y\r\n" * 15_000),
    "words or base64": mail(b"aGVq aGVq " * 900_000, "Content-Transfer-Encoding: base64"),
    "base64 in crumbs": mail(b"QQ==\r\n" * 1_300_000, "Content-Transfer-Encoding: base64"),
    "nested BER": packed(b"\x30\x80" * 400_000),
    "strings of BER in crumbs": packed(in_pieces(b"a" * 400_000, 1)),
    "attributes of winmail.dat": packed(winmail(attribute(0x9002, b"") * 300_000), "ms-tnef"),
    "properties of winmail.dat": packed(
        winmail(attribute(0x9003, properties(*[prop(0x1F, 0x1000, b"")] * 300_000))), "ms-tnef"
    ),
    "rich text that repeats": packed(
        winmail(attribute(0x9003, properties(prop(0x102, 0x1009, REPEATED)))), "ms-tnef"
    ),
    "open groups of rich text": mail(b"{" * 2_000_000, "Content-Type: text/rtf"),
    "enriched marks": mail(b"<param>" * 400_000, "Content-Type: text/enriched"),
    "a plain text and a page of tags": mail(
        b"--b\r\n\r\na b c\r\n--b\r\nContent-Type: text/html\r\n\r\n" + b"<a<head " * 30_000,
        "Content-Type: multipart/alternative; boundary=b",
    ),
    "calendar": mail(b"SUMMARY;a:b\r\n" * 100_000, "Content-Type: text/calendar"),
    "a date": field(b"Date: " + b"1:11 (" * 1_300),
    "id lines": mail(b"> > message-id: <a\n" * 400_000, "X-Failed-Recipients: x"),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_read_in_short_time(raw: bytes) -> None:
    began = time.process_time()
    found = read_one(raw)
    assert time.process_time() - began < SECONDS
    assert found.raw == raw
    assert len(found.text) <= 600_000
    assert len(found.files) <= MAX_FILES


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("subject of 400 KB", LONG_HEADER),
        ("3 million headers", LONG_HEADER),
        ("2 million continuations", LONG_HEADER),
        ("headers in parts", LONG_HEADER),
        ("100,000 parts", TOO_MANY_PARTS),
        ("5,000 levels", TOO_DEEP),
        ("3 million near boundaries", TOO_LONG),
        ("10 MB of base64", TOO_LONG),
        ("paragraphs", TOO_LONG),
        ("files of text", TOO_MANY_FILES),
    ],
)
def test_what_was_cut_is_said(name: str, note: str) -> None:
    assert note in read_one(HOSTILE[name]).notes


def test_of_too_many_parts_the_text_is_kept_and_the_files_left_in_the_raw_mail() -> None:
    found = read_one(many_parts(200, b"Content-Type: text/plain", b"tolong"))
    assert found.text.startswith("tolong")
    assert not found.files


def test_a_header_after_an_overlong_one_is_still_read() -> None:
    found = read_one(field(b"X-Junk: " + b"a" * 20_000))
    assert (found.subject, found.text) == ("Jalan rusak", "Jalan rusak di depan pasar.")


def test_the_body_after_an_overlong_header_block_is_still_read() -> None:
    raw = b"From: a@b.id\r\n" + b"X: y\r\n" * 20_000 + b"\r\nJalan rusak"
    found = read_one(raw)
    assert (found.sender.address, found.text) == ("a@b.id", "Jalan rusak")


def survives(raw: bytes, mail_from: str = CITIZEN) -> None:
    began = time.process_time()
    with contextlib.suppress(Malformed):
        found = read(raw, mail_from=mail_from)
        assert found
        assert all(isinstance(f, Inbound | Receipt) for f in found)
    assert time.process_time() - began < SECONDS


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4_000))
def test_arbitrary_bytes_are_a_message_or_malformed(raw: bytes) -> None:
    survives(raw)
    survives(mail(raw))
    survives(b"Subject: " + raw, mail_from="")


FRAGMENTS = st.sampled_from(
    [
        b"\r\n", b"\r\n\r\n", b"\n", b"--b", b"--b--", b"--", b" ", b";", b":", b"\x00", b"\xff",
        b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html; charset=",
        b"Content-Type: multipart/alternative; boundary=b", b"Content-Type: message/rfc822",
        b"Content-Type: multipart/report; boundary=b", b"Content-Type: message/delivery-status",
        b"Content-Disposition: attachment; filename*0*=", b"utf-8''%2F", b"utf-16", b"idna",
        b"Content-Transfer-Encoding: base64", b"From: (((", b"<a@b.id>", b"Date: 1 Jan 99999",
        b"Subject: =?utf-8?b?4g==?=", b"Message-ID: <", b"Action: failed", b"> ", b"<div><p>",
        b"<blockquote type=cite>", b"Pada 1.00 a@b menulis:", b"Dari: a@b", b"Dikirim:", b"-- ",
        f"Message-ID: {OUR_ID}".encode(), b"References: ", b"format=flowed",
        b"=?", b"?=", b"tolong",
    ]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(FRAGMENTS, max_size=60).map(b"".join))
def test_mail_made_of_pieces_of_mail_is_a_message_or_malformed(raw: bytes) -> None:
    survives(raw)
    survives(mail(raw))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=2_000))
def test_any_page_is_text_without_exceptions(source: str) -> None:
    assert isinstance(html.to_text(source), str)
    assert isinstance(html.to_text(f"<p>{source}</p>", quotes=True), str)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1))
def test_nothing_a_citizen_writes_disappears(text: str) -> None:
    found = read_one(mail(text, "Content-Type: text/plain; charset=utf-8"))
    assert bool(found.text) == bool(text.strip())


def corpus() -> list[Path]:
    try:
        folder = Path(str(importlib.import_module("test.test_email").__file__)).parent / "data"
    except ImportError:
        folder = Path("nowhere")
    if not folder.is_dir():
        pytest.skip("NO MAIL CORPUS HERE: this Python was installed without its test suite")
    return sorted(folder.iterdir())


def test_the_mail_corpus_of_cpython_passes_and_none_is_lost() -> None:
    files = corpus()
    read_in_full, malformed = [], []
    for path in files:
        raw = path.read_bytes()
        began = time.process_time()
        try:
            [found] = read(raw, mail_from="siapa@mail.example", rcpt_to=[ADDRESS])
        except Malformed:
            malformed.append(path.name)
        else:
            assert isinstance(found, Inbound)
            assert found.raw == raw
            read_in_full.append(path.name)
        assert time.process_time() - began < SECONDS
    assert len(read_in_full) + len(malformed) == len(files) >= 40
    # all that is mail is read; only the pictures and sounds beside it are not
    assert not [name for name in malformed if name.startswith("msg_")]
