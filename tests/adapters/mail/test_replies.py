"""What is left of a reply when the quoted mail, the signature and the advertisement are gone."""

import time
from collections import Counter
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mail import html, quotes
from adapters.mail.body import ALL_QUOTED
from adapters.mail.channel import REPLY_MARKER
from tests.adapters.mail.mails import ADDRESS, CITIZEN, TRACKING, mail, read_one, with_parts

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


FORMS = {
    "zoho": f"---- On Mon, 03 Nov 2025 10:00:00 +0700 Kanal <{ADDRESS}> wrote ----\n\n{{}}",
    "zoho id": f"---- Pada Sen, 03 Nov 2025 10.00 Kanal <{ADDRESS}> menulis ----\n\n{{}}",
    "gmail iso": f"2016-10-24 15:36 GMT+07:00 Kanal <{ADDRESS}>:\n{{}}",
    "no verb before": f"Some One <{ADDRESS}> wrote:\n\n{{}}",
    "german": f"Am 03.11.2025 um 10:00 schrieb Kanal <{ADDRESS}>:\n{{}}",
    "french": f"Le lun. 3 nov. 2025 à 10:00, Kanal <{ADDRESS}> a écrit :\n{{}}",
    "bold divider": "*-------- Original Message --------*\n*From:* x\n*Date:* y\n*To:* z\n\n{}",
    "divider alone": "-----Pesan Asli-----\n{}",
}
UNMARKED = "Laporan Anda kami terima."


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("letter", [UNMARKED, f"> {UNMARKED}", f"> {UNMARKED}\n> Di mana?"])
def test_what_a_quoted_letter_is_called_in_every_program(form: str, letter: str) -> None:
    quoted = form.format(letter)
    for body in (f"{ANSWER}\n\n{quoted}", f"{ANSWER}\n{quoted}", f"{quoted}\n\n{ANSWER}"):
        found = read_one(mail(body, *REPLY))
        assert found.text == ANSWER
        assert found.whole.split() == body.split()


def test_a_letter_that_nobody_marked_as_quoted_takes_no_answer_with_it() -> None:
    place = "Lokasinya di Jl Pahlawan Samarinda, jalan rusak."
    letter = f"Pada Sen, 3 Nov 2025 pukul 10.00 Kanal <{ADDRESS}> menulis:\n{UNMARKED}"
    found = read_one(mail(f"Terima kasih\n\n{letter}\n\n{place}", *REPLY))
    assert found.text.split() == f"Terima kasih {place}".split()


def test_in_a_reply_too_a_time_and_a_verb_alone_are_no_quotation() -> None:
    said = (
        "Saya ke loket lagi.\nPada 12 November 2026 pukul 09.15 petugas loket menulis:\n"
        "blangko habis.\nSaya dimintai uang."
    )
    assert read_one(mail(said, *REPLY)).text == said


@pytest.mark.parametrize(
    "fields",
    [
        ("In-Reply-To: <x@lapor.localhost>",),
        ("References: <a@mail.example>\r\n <x@lapor.localhost>",),
        (f"To: lapor+{TRACKING}@lapor.localhost",),
        ("Subject: Re: Laporan 4821-0937-5514",),
        ("Subject: [EXTERNAL] Bls: Laporan 4821-0937-5514",),
    ],
)
def test_a_reply_to_us_is_known_by_its_headers(fields: tuple[str, ...]) -> None:
    body = f"{ANSWER}\n\n> {UNMARKED}"
    assert read_one(mail(body, *fields)).text == ANSWER


@pytest.mark.parametrize(
    "fields",
    [
        ("Subject: Re: jalan rusak",),
        ("In-Reply-To: <lain@mail.example>", "Subject: Re: jalan"),
        ("In-Reply-To: <x@lapor.localhost>", "Subject: Fwd: Laporan Anda"),
        ("In-Reply-To: <x@lapor.localhost>", "Subject: [EXTERNAL] Fw : [Fwd: Laporan Anda]"),
        ("Subject: Laporan 4821-0937-5514",),
    ],
)
def test_a_reply_to_others_is_a_first_mail_to_us(fields: tuple[str, ...]) -> None:
    body = f"Ini balasan dinas:\n\n> {UNMARKED}\n\n-- \nSiti"
    found = read_one(mail(body, *fields))
    assert (found.text, found.whole) == (body, "")


KEPT = {
    "a letter's head": "Salam\nDari: Budi\nTanggal: 3 November\nKepada: Bupati\nJalan rusak",
    "a number of days": "Lampu mati:\n>5 hari di Jalan Melati\n>3 hari di Jalan Mawar",
    "a sentence": "Pada hari Senin saya menulis:\njalan rusak, belum dibalas.",
    "dashes": "Jalan rusak.\n---\nLampu juga mati.",
    "two dashes": "Jalan rusak.\n--\nTempat: RT 03 Mendawai",
    "sent from": "Limbah dikirim dari gudang PT Sumber.\nDikirim dari gudang itu juga.",
    "forwarded": "Mohon dibantu.\n\n---------- Forwarded message ---------\n"
    "Dari: RT 03 <rt@mail.example>\nDate: Sen, 3 Nov 2025 10.00\nTo: Siti <s@b.id>\n\nAir mati.",
    "a scribe": "Pada 12 November 2026 pukul 09.15 petugas loket menulis:\nblangko habis.\nLapor.",
    "a scribe, short": "Tanggal 3/11 jam 09.15 lurah menulis:\nbesok\nTidak dikerjakan.",
    "a scribe, English": "On the wall at 10:30 somebody wrote:\nuang dulu\nMohon dicek.",
    "a divider": "Mohon ditindak:\n\n-----Pesan Asli-----\nDari: Budi\nAir mati 3 hari",
    "a letter with addresses": "Surat:\nDari: a@b.example\nTanggal: 1\nKepada: x\n\nIsi.\nMohon.",
    "a place below a rule": "Jalan rusak.\n-- \nLokasi: Jl Pahlawan, Samarinda",
    "phones": "Dapatkan HP saya yang dicuri\nDikirim dengan HP, lokasi Jl Juanda 12\nTolong",
    "everything quoted": "> Jalan rusak\n> di Mendawai",
    "adverts at the end": "Jalan rusak.\n\nDikirim dari iPhone saya",
    "outlook": f"Mohon ditindak\n\n{TAILS['outlook id'].replace(OURS, 'Air mati')}",
    "terusan": "Tolong.\n------ Pesan terusan ------\nDari: RT\nPada 10.00 x@y menulis:\nisi",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_a_citizen_wrote_is_not_taken_for_a_quote(text: str) -> None:
    assert read_one(mail(text)).text == text


TRAPS = [
    *(line for text in KEPT.values() for line in text.split("\n")),
    *(line for text in FORMS.values() for line in text.format(UNMARKED).split("\n")),
    *(line for tail in TAILS.values() for line in tail.split("\n")),
    "", "> ", "--", "___", "Jl Juanda 12", "menulis:", "<b>tebal</b>",
]  # fmt: skip
LINES = st.lists(st.sampled_from(sorted(set(TRAPS))), max_size=15)


def words_in(text: str) -> Counter[str]:
    return Counter(text.split())


@settings(max_examples=150, deadline=None)
@given(lines=LINES, subject=st.sampled_from(["Laporan", "Re: x", "Fwd: x", "TR: x", "[Fwd: x]"]))
def test_no_word_of_a_first_mail_is_left_out(lines: list[str], subject: str) -> None:
    body = "\n".join(line for line in lines if REPLY_MARKER not in line)
    found = read_one(mail(body, f"Subject: {subject}"))
    assert (words_in(found.text), found.whole) == (words_in(body), "")


@settings(max_examples=150, deadline=None)
@given(lines=LINES)
def test_every_word_of_a_reply_is_in_its_text_or_beside_it(lines: list[str]) -> None:
    body = "\n".join(lines)
    found = read_one(mail(body, *REPLY))
    assert words_in(found.whole or found.text) == words_in(body)
    assert words_in(found.text) <= words_in(body)


@settings(max_examples=50, deadline=None)
@given(lines=LINES, reply=st.booleans())
def test_no_word_of_html_is_left_out(lines: list[str], reply: bool) -> None:
    tails = list(HTML_TAILS.values())
    body = "".join(f"<p>{escape(line)}</p>{tails[n % 6]}" for n, line in enumerate(lines))
    found = read_one(
        mail(body, "Content-Type: text/html; charset=utf-8", *(REPLY if reply else ()))
    )
    if not any(REPLY_MARKER in line for line in lines):
        assert reply or not found.whole
    kept = words_in(found.whole or found.text)
    assert words_in(" ".join(lines)) <= kept
    assert kept["Lama"] >= len(lines)


LONG = [
    "Dari: a\n", "--\n", "-----Pesan Asli-----\n", "Dikirim dari HP\n\n\n", "On 2025 a@b wrote:\n",
    "Pada Sen 10.00 \n", "x 2025 menulis:\n\n\n\n\n\n", "> x\n", "2016-10-24 " + "> " * 140 + "\n",
    "Dari: a\nTanggal: b\nKepada: c\n--\nOn x@y wrote:\n\n", "a" * 5_000 + " wrote 2025:\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_twice_the_text_takes_about_twice_the_time(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        began = time.process_time()
        quotes.strip_quotes(text)
        return time.process_time() - began

    small = min(seconds(20_000) for _ in range(3))
    assert seconds(80_000) < 12 * small + 0.05


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


BETWEEN = (
    '<div class="gmail_quote"><div class="gmail_attr">On Mon, Kanal wrote:</div>'
    '<blockquote class="gmail_quote">Di mana?</blockquote><div>Mendawai</div>'
    '<blockquote class="gmail_quote">RT berapa?</blockquote><div>RT 3</div></div>'
)
BELOW = (
    f'<div class="gmail_extra">On Mon, Kanal &lt;{ADDRESS}&gt; wrote:<br>'
    "<blockquote>Di mana?</blockquote></div><div>Mendawai</div><div>RT 3</div>"
)


@pytest.mark.parametrize("body", [BETWEEN, BELOW])
def test_html_between_and_below_what_is_quoted_is_an_answer(body: str) -> None:
    found = read_one(mail(body, "Content-Type: text/html", *REPLY))
    assert found.text.split() == ["Mendawai", "RT", "3"]
    assert "Di mana?" in found.whole


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
