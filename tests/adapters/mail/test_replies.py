"""What is left of a reply when the quoted mail, the signature and the advertisement are gone."""

import pytest

from adapters.mail import html
from adapters.mail.body import ALL_QUOTED
from adapters.mail.channel import REPLY_MARKER
from tests.adapters.mail.mails import ADDRESS, CITIZEN, mail, read_one, with_parts

REPLY = ("Subject: Bls: Laporan Anda", "In-Reply-To: <0198-aa@lapor.localhost>")
OURS = f"{REPLY_MARKER}\n\nDi kelurahan mana?"
QUOTED = "\n".join(f"> {line}" for line in OURS.split("\n"))
ANSWER = "Di Kelurahan Mendawai,\ndekat pasar."

TAILS = {
    "gmail id": f"Pada Sen, 3 Nov 2025 pukul 10.00 Kanal <{ADDRESS}> menulis:\n\n{QUOTED}",
    "gmail id, wrapped": "Pada tanggal Sen, 3 Nov 2025 pukul 10.00 Kanal Pengaduan Kota <\n"
    f"lapor+482109375514@lapor.localhost> menulis:\n\n{QUOTED}",
    "gmail en": f"On Mon, Nov 3, 2025 at 10:00 AM Kanal <lapor@lapor.localhost> wrote:\n\n{QUOTED}",
    "gmail en, wrapped": "On Mon, Nov 3, 2025 at 10:00 AM Kanal Pengaduan Kota\n"
    f"<lapor@lapor.localhost>\nwrote:\n\n{QUOTED}",
    "yahoo id": "Pada Senin, 3 November 2025 pukul 10.00.00 WIB, Kanal menulis: \n\n " + OURS,
    "yahoo en": "On Monday, November 3, 2025 at 10:00:00 AM GMT+7, Kanal wrote:\n\n" + OURS,
    "outlook id": "________________________________\nDari: Kanal <lapor@lapor.localhost>\n"
    f"Dikirim: Senin, 03 November 2025 10:00\nKepada: Siti <{CITIZEN}>\nSubjek: x\n\n{OURS}",
    "outlook en": "From: Kanal <lapor@lapor.localhost>\nSent: Monday, November 3, 2025 10:00 AM\n"
    f"To: Siti <warga@mail.example>\nSubject: x\n\n{OURS}",
    "outlook bold": f"*From:* Kanal\n*Sent:* Monday\n*To:* Siti\n*Subject:* x\n\n{OURS}",
    "outlook old": f"-----Pesan Asli-----\nDari: Kanal\nIsi lama\n{OURS}",
    "outlook old en": f"-----Original Message-----\nFrom: Kanal\nIsi lama\n{OURS}",
    "samsung": f"-------- Pesan asli --------Dari: Kanal Tanggal: 03/11/25 10.00\n{OURS}",
    "no attribution": QUOTED,
    "marker alone": OURS,
    "marker cut short": f"{REPLY_MARKER} lapor.localhost\nisi",
    "signature": "-- \nSiti Aminah\nRT 03",
    "signature, space lost": "--\nSiti Aminah",
    "phone": "Dikirim dari iPhone saya",
    "phone en": "Sent from my iPhone",
    "android": "Dikirim dari Yahoo Mail di Android",
    "outlook app": "Dapatkan Outlook untuk Android",
    "phone, then quote": f"Dikirim dari HP Samsung Galaxy saya\n\n{QUOTED}",
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
def test_only_the_answer_is_left(tail: str) -> None:
    found = read_one(mail(f"{ANSWER}\n\n{tail}\n".replace("\n", "\r\n"), *REPLY))
    assert found.text == ANSWER
    assert not found.notes


def test_an_answer_below_the_quoted_mail_is_found() -> None:
    text = f"{TAILS['gmail id']}\n\n{ANSWER}"
    assert read_one(mail(text, *REPLY)).text == ANSWER


def test_an_answer_between_the_quoted_lines_is_found() -> None:
    text = f"{TAILS['gmail id']}\nMendawai.\n> Dan RT berapa?\nRT 03."
    assert read_one(mail(text, *REPLY)).text.split() == ["Mendawai.", "RT", "03."]


KEPT = {
    "a letter's head": "Salam\nDari: Budi\nTanggal: 3 November\nKepada: Bupati\nJalan rusak",
    "a number of days": "Lampu mati:\n>5 hari di Jalan Melati\n>3 hari di Jalan Mawar",
    "a sentence": "Pada hari Senin saya menulis:\njalan rusak, belum dibalas.",
    "dashes": "Jalan rusak.\n---\nLampu juga mati.",
    "two dashes": "Jalan rusak.\n--\nTempat: RT 03 Mendawai",
    "sent from": "Limbah dikirim dari gudang PT Sumber.\nDikirim dari gudang itu juga.",
    "forwarded": "Mohon dibantu.\n\n---------- Forwarded message ---------\n"
    "Dari: RT 03 <rt@mail.example>\nDate: Sen, 3 Nov 2025 10.00\nTo: Siti <s@b.id>\n\nAir mati.",
    "terusan": "Tolong.\n------ Pesan terusan ------\nDari: RT\nPada 10.00 x@y menulis:\nisi",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_a_citizen_wrote_is_not_taken_for_a_quote(text: str) -> None:
    assert read_one(mail(text)).text == text


def test_a_forwarded_mail_is_kept_whole() -> None:
    text = f"Tolong.\n{TAILS['outlook id']}"
    assert read_one(mail(text, "Subject: Fwd: jalan")).text == text


@pytest.mark.parametrize("tail", [TAILS["gmail id"], TAILS["outlook id"], TAILS["outlook old"]])
def test_when_nothing_is_left_the_whole_is_kept_and_noted(tail: str) -> None:
    found = read_one(mail(tail, *REPLY))
    assert "Di kelurahan mana?" in found.text
    assert found.notes == (ALL_QUOTED,)


HTML_TAILS = {
    "gmail": '<div class="gmail_quote gmail_quote_container"><div class="gmail_attr">Pada Sen, '
    "menulis:</div><blockquote>Lama</blockquote></div>",
    "apple": "<br><blockquote type='cite'><div>Lama</div></blockquote>",
    "yahoo": '<div id="y1" class="ym yahoo_quoted"><div>Lama</div></div>',
    "thunderbird": '<div class="moz-cite-prefix">On 3/11/25 10:00, x wrote:</div>'
    '<blockquote type="cite">Lama</blockquote>',
    "outlook web": '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg">Dari: Kanal</div>'
    "<div>Lama</div>",
    "outlook": "<div><b>Dari:</b> Kanal &lt;lapor@x.id&gt;<br><b>Dikirim:</b> Senin<br>"
    "<b>Kepada:</b> Siti<br></div><p>Lama</p>",
    "hidden": '<div style="display: none">Lama</div>',
}


@pytest.mark.parametrize("tail", HTML_TAILS.values(), ids=HTML_TAILS.keys())
def test_quoted_html_is_left_out(tail: str) -> None:
    body = f"<html><body><div>Di Kelurahan <b>Men</b>dawai.</div>{tail}</body></html>"
    found = read_one(mail(body, "Content-Type: text/html; charset=utf-8", *REPLY))
    assert found.text == "Di Kelurahan Mendawai."


def test_html_forwarded_by_a_citizen_is_kept() -> None:
    body = (
        '<div>Tolong</div><div class="gmail_quote">---------- Forwarded message ---------<br>'
        "Air mati di RT 03.</div>"
    )
    assert "Air mati di RT 03." in read_one(mail(body, "Content-Type: text/html")).text


def test_html_of_nothing_but_a_quote_is_kept_and_noted() -> None:
    found = read_one(mail(HTML_TAILS["yahoo"], "Content-Type: text/html", *REPLY))
    assert (found.text, found.notes) == ("Lama", (ALL_QUOTED,))


def test_plain_text_wins_over_html_and_is_stripped() -> None:
    plain = f"Content-Type: text/plain\r\n\r\n{ANSWER}\n\n{TAILS['gmail id']}"
    raw = with_parts("alternative", plain, "Content-Type: text/html\r\n\r\n<p>x", fields=REPLY)
    assert read_one(raw).text == ANSWER


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Satu</p><p>Dua</p>", "Satu\n\nDua"),
        ("Satu<br><br/>Dua", "Satu\n\nDua"),
        ("<ul><li>Satu</li><li>Dua</li></ul>", "* Satu\n* Dua"),
        ("A &amp; B &lt;c&gt;&nbsp;d", "A & B <c> d"),
        ("<?xml version='1.0' encoding='utf-16'?><p>Satu", "Satu"),
        ("<p style='margin-left:9999em'>Satu</p>", "Satu"),
        ("<!-- lama -->Satu<!-- x", "Satu"),
        ("tanpa tanda", "tanpa tanda"),
        ("", ""),
    ],
)
def test_html_reads_like_the_page(source: str, expected: str) -> None:
    assert html.to_text(source) == expected


def test_html_too_deep_for_the_parser_still_gives_its_words() -> None:
    assert html.to_text("<div>" * 20_000 + "pesan", quotes=True) == "pesan"
