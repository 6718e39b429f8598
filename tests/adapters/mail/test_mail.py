"""What a mail becomes: who, when, what, which files, whether a person wrote it."""

import pickle
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from adapters.contract import Forged, Inbound, Malformed, Receipt, WebhookRequest
from adapters.load import load
from adapters.mail.channel import Mail, MailBlock, parse_mail
from normalizer.message import NoAnswerReason
from tests.adapters.mail.mails import (
    ADDRESS,
    CITIZEN,
    OUR_ID,
    TRACKING,
    mail,
    multipart,
    read,
    read_one,
    with_parts,
)

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


def channel(**block: object) -> Mail:
    found = load("email", {"type": "mail", "address": ADDRESS, **block}, public_url="https://x")
    assert isinstance(found, Mail)
    return found


def hook(raw: bytes, url: str = "smtp:", rcpt_to: str = ADDRESS) -> WebhookRequest:
    headers = {"x-mail-from": CITIZEN, "x-rcpt-to": rcpt_to, "x-peer": "127.0.0.1"}
    return WebhookRequest(url, headers, raw)


def test_a_plain_mail_is_read_wholly() -> None:
    raw = mail()
    [found] = channel().parse(hook(raw, rcpt_to=f"lain@lapor.localhost, {ADDRESS}"))
    assert found == Inbound(
        channel="email",
        account=ADDRESS,
        external_id="<m1@mail.example>",
        sender=found.sender if isinstance(found, Inbound) else pytest.fail("a receipt"),
        text="Jalan rusak di depan pasar.",
        raw=raw,
        subject="Jalan rusak",
        sent_at=datetime(2025, 11, 3, 10, tzinfo=timezone(timedelta(hours=7))),
    )
    assert (found.sender.address, found.sender.name) == (CITIZEN, "Siti Aminah")


def test_mail_posted_to_the_web_door_is_forged() -> None:
    door = channel()
    door.verify(hook(mail()))
    with pytest.raises(Forged):
        door.verify(hook(mail(), url=door.hook_url))


def test_the_channel_and_what_it_reads_go_to_a_worker_process_and_back() -> None:
    door = pickle.loads(pickle.dumps(channel(smtp_password="rahasia")))
    found = door.parse(hook(mail()))
    assert pickle.loads(pickle.dumps(found)) == found
    assert pickle.loads(pickle.dumps(parse_mail)) is parse_mail


@pytest.mark.parametrize(
    "address", ["", "lapor", "a@b@c", "lapor+1@x.id", "Lapor <a@b.id>", "a@b.id\r\nBcc: x@y.id"]
)
def test_an_address_we_could_not_use_is_a_wrong_setting(address: str) -> None:
    with pytest.raises(ValidationError):
        MailBlock(address=address)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["Message-ID: <a.b+c@mail.example>"], "<a.b+c@mail.example>"),
        (["Message-ID: tanpa.kurung@mail.example"], "<tanpa.kurung@mail.example>"),
        (["Message-ID: (komentar) <a@b.id>"], "<a@b.id>"),
        (["Message-ID: <>"], "sha256:"),
        (["Message-ID: <a b@c.id>"], "sha256:"),
        (["Message-ID: <" + "a" * 4000 + "@b.id>"], "sha256:"),
        (["Message-ID: [garis]"], "sha256:"),
        (["Message-ID:"], "sha256:"),
    ],
)
def test_every_mail_has_an_id_that_is_the_same_for_every_repeat(
    fields: list[str], expected: str
) -> None:
    raw = mail("isi", *fields)
    found = read_one(raw).external_id
    assert found.startswith(expected)
    assert found == read_one(raw).external_id
    if expected == "sha256:":
        assert found != read_one(raw + b"!").external_id


@pytest.mark.parametrize(
    ("written", "address", "name"),
    [
        ("Budi <budi@b.id>", "budi@b.id", "Budi"),
        ("budi@B.ID", "budi@b.id", None),
        ('"Dinas, PU" <pu@b.id>', "pu@b.id", "Dinas, PU"),
        ('"palsu <lurah@b.id>" <budi@b.id>', "budi@b.id", "palsu <lurah@b.id>"),
        ("=?utf-8?B?QnVkaSDinJQ=?= <budi@b.id>", "budi@b.id", "Budi ✔"),
        ("=?utf-8?Q?Siti=0D=0ABcc=3A_x?= <s@b.id>", "s@b.id", "Siti Bcc: x"),
        ("=?entah-1?Q?Siti_A?= <s@b.id>", "s@b.id", "Siti A"),
        ("Budi (di kantor) <budi@b.id>", "budi@b.id", "Budi (di kantor)"),
        ("budi@b.id, siti@b.id", "budi@b.id", None),
        ("Jürgen <j@b.id>", "j@b.id", "Jürgen"),
        ("用户@例え.jp", "用户@例え.jp", None),
        ("tak ada alamat", CITIZEN, None),
        ("<>", CITIZEN, None),
        ("(" * 5000 + " budi@b.id", "budi@b.id", None),
    ],
)
def test_the_sender_is_the_first_address_of_from(
    written: str, address: str, name: str | None
) -> None:
    sender = read_one(mail("isi", f"From: {written}")).sender
    assert (sender.address, sender.name) == (address, name)


def test_a_mail_of_nobody_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(mail("isi", "From: "), mail_from="")


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"\x00" * 99, b"\x89PNG\r\n\x1a\n\x00\x00\x01"])
def test_bytes_that_are_no_mail_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Mon, 3 Nov 2025 10:00:00 +0700", "2025-11-03T10:00:00+07:00"),
        ("3 Nov 2025 10:00:00 -0000", "2025-11-03T10:00:00+00:00"),
        ("Mon, 3 Nov 2025 10:00:00 +9999", None),
        ("Mon, 3 Nov 1970 10:00:00 +0000", None),
        ("Mon, 3 Nov 9999 10:00:00 +0000", None),
        ("Mon, 33 Nov 2025 10:00:00 +0000", None),
        ("kemarin sore", None),
        ("", None),
        ("0" * 5000, None),
    ],
)
def test_the_date_is_aware_or_unknown(written: str, expected: str | None) -> None:
    sent = read_one(mail("isi", f"Date: {written}")).sent_at
    assert (sent and sent.isoformat()) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("=?utf-8?B?TGFtcHUg?=\r\n =?utf-8?B?bWF0aQ==?=", "Lampu mati"),
        # a character cut in two between the words
        ("=?utf-8?B?4g==?= =?utf-8?B?nJQ=?=", "✔"),
        ("=?utf-8?Q?a=0D=0ABcc:_x@y.id?=", "a Bcc: x@y.id"),
        ("=?iso-8859-1?Q?caf=E9?= di =?utf-8?Q?kota?=", "café di kota"),
        ("=?utf-8?B?***?=", None),
        ("=?x?y?z?= biasa", "=?x?y?z?= biasa"),
        ("  Bls:   dua  ", "Bls:   dua"),
        ("", None),
    ],
)
def test_the_subject_is_one_clean_line(written: str, expected: str | None) -> None:
    assert read_one(mail("isi", f"Subject: {written}")).subject == expected


def test_raw_eight_bit_headers_are_read() -> None:
    raw = mail("isi").replace(b"Jalan rusak", b"Jalan caf\xe9")
    assert read_one(raw).subject == "Jalan café"
    assert read_one(mail("isi", "Subject: Jalan café ✔")).subject == "Jalan café ✔"


def test_the_thread_is_oldest_first_and_without_repeats() -> None:
    fields = ("References: <a@x> <b@x>\r\n <c@x> rusak", "In-Reply-To: <c@x>")
    assert read_one(mail("isi", *fields)).thread == ("<a@x>", "<b@x>", "<c@x>")


@pytest.mark.parametrize(
    ("rcpt_to", "to", "account", "token"),
    [
        ([f"lapor+{TRACKING}@lapor.localhost"], ADDRESS, ADDRESS, TRACKING),
        ([f"LAPOR+{TRACKING}@Lapor.Localhost"], ADDRESS, ADDRESS, TRACKING),
        (["lapor+4821-0937-5514@lapor.localhost"], ADDRESS, ADDRESS, TRACKING),
        (["x@y.id", f"lapor+{TRACKING}@lapor.localhost"], ADDRESS, ADDRESS, TRACKING),
        ([ADDRESS], f"Kanal <lapor+{TRACKING}@lapor.localhost>", ADDRESS, TRACKING),
        (["lapor+482109375515@lapor.localhost"], ADDRESS, ADDRESS, None),
        ([f"lapor+{TRACKING}@lain.example"], ADDRESS, "lapor@lain.example", None),
        ([f"xlapor+{TRACKING}@lapor.localhost"], ADDRESS, "xlapor@lapor.localhost", None),
        (["jalan@lapor.localhost"], ADDRESS, "jalan@lapor.localhost", None),
        ([], ADDRESS, ADDRESS, None),
    ],
)
def test_account_and_token_come_from_the_recipients(
    rcpt_to: list[str], to: str, account: str, token: str | None
) -> None:
    found = read_one(mail("isi", f"To: {to}"), rcpt_to=rcpt_to)
    assert (found.account, found.token) == (account, token)


@pytest.mark.parametrize(
    ("content_type", "body", "expected", "noted"),
    [
        ("text/plain; charset=utf-8", "jalan ✔".encode(), "jalan ✔", False),
        ("text/plain", "jalan ✔".encode(), "jalan ✔", False),
        ("text/plain; charset=us-ascii", "jalan ✔".encode(), "jalan ✔", False),
        ("text/plain; charset=iso-8859-1", "jalan ✔".encode(), "jalan ✔", False),
        ("text/plain; charset=iso-8859-1", b"caf\xe9 \x93x\x94", "café “x”", False),
        ("text/plain; charset=utf-8", b"caf\xe9", "café", True),
        ("text/plain; charset=entah-8", "jalan ✔".encode(), "jalan ✔", True),
        ("text/plain; charset=entah-8", b"caf\xe9", "café", True),
        ("text/plain; charset=base64", b"amFsYW4=", "amFsYW4=", True),
        ("text/plain; charset=punycode", b"jalan-", "jalan-", True),
        ("text/plain; charset=gb2312", "路灯坏了".encode("gb18030"), "路灯坏了", False),
        ("text/plain; charset=utf-16", "jalan".encode("utf-16"), "jalan", False),
        ('text/plain; charset="', b"jalan", "jalan", False),
        ("rusak; charset=utf-8", b"jalan", "jalan", False),
    ],
)
def test_text_is_decoded_whatever_its_label_says(
    content_type: str, body: bytes, expected: str, noted: bool
) -> None:
    found = read_one(mail(body, f"Content-Type: {content_type}"))
    assert found.text == expected
    assert bool(found.notes) == noted


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("base64", b"amFsYW4gcnVzYWs=", "jalan rusak"),
        ("base64", b"amFsYW4g\r\ncnVzYWs", "jalan rusak"),
        ("BASE64 ", b"amFsYW4!gcnVz*YWs=", "jalan rusak"),
        ("quoted-printable", b"jalan =\r\nrusak=20", "jalan rusak"),
        ("quoted-printable", b"jalan =ZZ", "jalan =ZZ"),
        ("8bit", "jalan ✔".encode(), "jalan ✔"),
        ("entah", b"jalan", "jalan"),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, body: bytes, expected: str) -> None:
    assert read_one(mail(body, f"Content-Transfer-Encoding: {encoding}")).text == expected


def test_flowed_text_is_joined() -> None:
    flowed = "Jalan di depan \r\npasar rusak \r\nberat.\r\n\r\n Baris dua."
    found = read_one(mail(flowed, "Content-Type: text/plain; format=flowed"))
    assert found.text == "Jalan di depan pasar rusak berat.\n\nBaris dua."


PLAIN = "Content-Type: text/plain; charset=utf-8\r\n\r\nLampu mati"
HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Lampu <b>mati</b> (html)</p>"
IMAGE = b"Content-Type: image/png; name=foto.png\r\n\r\n" + PNG
PDF = (
    b"Content-Type: application/octet-stream\r\n"
    b"Content-Disposition: attachment; filename=surat.pdf\r\n\r\n%PDF-1.4\n%%EOF"
)


@pytest.mark.parametrize(
    ("raw", "text", "names"),
    [
        (with_parts("alternative", PLAIN, HTML), "Lampu mati", []),
        (with_parts("alternative", HTML, PLAIN), "Lampu mati", []),
        (with_parts("alternative", "Content-Type: text/plain\r\n\r\n \r\n", HTML),
         "Lampu mati (html)", []),
        (with_parts("alternative", PLAIN, "Content-Type: text/x-amp-html\r\n\r\n<p>x"),
         "Lampu mati", []),
        (with_parts("related", HTML, IMAGE), "Lampu mati (html)", ["foto.png"]),
        (with_parts("mixed", PLAIN, IMAGE, PDF), "Lampu mati", ["foto.png", "surat.pdf"]),
        (with_parts("mixed", PLAIN, IMAGE, "\r\nsejak Senin"), "Lampu mati\nsejak Senin",
         ["foto.png"]),
        (with_parts("mixed", multipart("alternative", PLAIN, HTML, boundary="dalam"), PDF),
         "Lampu mati", ["surat.pdf"]),
        (with_parts("mixed", PLAIN, "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nisi"),
         "Lampu mati", ["lampiran-1.eml"]),
        (with_parts("mixed", "Content-Type: text/plain\r\nContent-Disposition: attachment; "
                    "filename=catatan.txt\r\n\r\ndari berkas"), "dari berkas", ["catatan.txt"]),
        (mail("<style>p{}</style><p>Air<br>keruh</p><script>x()</script>",
              "Content-Type: text/html"), "Air\nkeruh", []),
        (mail("<table><tr><td>Nama</td><td>Budi</td></tr></table>", "Content-Type: text/html"),
         "Nama Budi", []),
    ],
)  # fmt: skip
def test_the_writers_text_and_the_files_are_told_apart(
    raw: bytes, text: str, names: list[str]
) -> None:
    found = read_one(raw)
    assert found.text == text
    assert [f.name for f in found.files] == names
    assert not found.notes


def test_a_file_is_what_its_bytes_say() -> None:
    disguised = b"Content-Type: image/jpeg; name=foto.jpg\r\n\r\n%PDF-1.4\n"
    [picture, document] = read_one(with_parts("mixed", PLAIN, IMAGE, disguised)).files
    assert (picture.media_type, picture.content) == ("image/png", PNG)
    assert (document.name, document.media_type) == ("foto.jpg", "application/pdf")


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ('filename="foto jalan.png"', "foto jalan.png"),
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="C:\\\\temp\\\\foto.png"', "foto.png"),
        ("filename*=utf-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("filename*=utf-8''foto%20%E2%9C%94.png", "foto ✔.png"),
        ("filename*0=fo;\r\n filename*1=to.png", "foto.png"),
        ("filename*=entah''foto.png", "foto.png"),
        (f"filename*{'9' * 1000}=x", "x"),
        ('filename="=?utf-8?B?Zm90by5wbmc=?="', "foto.png"),
        ('filename="foto\u202egnp.exe"', "fotognp.exe"),
        ('filename=".bashrc"', "bashrc"),
        ('filename="..."', "lampiran-1.png"),
        ('filename="' + "a" * 300 + '.png"', "a" * 116 + ".png"),
        ("", "lampiran-1.png"),
    ],
)
def test_file_names_are_safe(parameter: str, expected: str) -> None:
    head = f"Content-Type: image/png\r\nContent-Disposition: attachment; {parameter}\r\n\r\n"
    [found] = read_one(with_parts("mixed", PLAIN, head.encode() + PNG)).files
    assert found.name == expected


SET_ASIDE, FILED, ANSWERED = "set aside", "filed", "answered"
"""What becomes of a mail that may be a machine's: not filed; filed and not answered; answered."""


def treated(found: Inbound) -> str:
    if found.automatic:
        return SET_ASIDE
    return ANSWERED if found.unanswered is None else FILED


OF_OURS = f"In-Reply-To: {OUR_ID}"


@pytest.mark.parametrize(
    ("field", "alone", "as_reply"),
    [
        ("Auto-Submitted: auto-replied", SET_ASIDE, SET_ASIDE),
        ("Auto-Submitted: auto-replied (vacation)", SET_ASIDE, SET_ASIDE),
        ("Auto-Submitted: auto-generated; owner-email=x", FILED, SET_ASIDE),
        ("Auto-Submitted: auto-notified", FILED, SET_ASIDE),
        ("Auto-Submitted: no", ANSWERED, ANSWERED),
        ("Auto-Submitted: No (orang)", ANSWERED, ANSWERED),
        ("Auto-Submitted: ", ANSWERED, ANSWERED),
        ("Precedence: bulk", FILED, FILED),
        ("Precedence: LIST", FILED, FILED),
        ("Precedence: auto_reply", FILED, SET_ASIDE),
        ("Precedence: first-class", ANSWERED, ANSWERED),
        ("X-Autoreply: yes", FILED, SET_ASIDE),
        ("X-Autoreply: no", ANSWERED, ANSWERED),
        ("X-Autorespond: ", FILED, SET_ASIDE),
        ("X-Auto-Response-Suppress: All", FILED, FILED),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", FILED, FILED),
        ("X-Auto-Response-Suppress: OOF", ANSWERED, ANSWERED),
        ("X-Auto-Response-Suppress: DR, RN, NRN", ANSWERED, ANSWERED),
        ("List-Id: <warga.rw.example>", FILED, FILED),
        ("List-Unsubscribe: <mailto:x@y.id>", FILED, FILED),
        ("List-Unsubscribe-Post: List-Unsubscribe=One-Click", FILED, FILED),
        ("X-Kanal-Loop: lapor@lain.example", SET_ASIDE, SET_ASIDE),
        ("X-Failed-Recipients: x@y.id", SET_ASIDE, SET_ASIDE),
        ("X-Mailer: Milis", ANSWERED, ANSWERED),
        ("From: MAILER-DAEMON@mail.example", SET_ASIDE, SET_ASIDE),
        ("From: no-reply@mail.example", FILED, FILED),
        ("From: noreply+77@mail.example", FILED, FILED),
        ("From: info-noreply@mail.example", FILED, FILED),
        ("From: tidakdibalas@mail.example", FILED, FILED),
        ("From: warga-bounces@mail.example", FILED, FILED),
        ("From: noreplyanto@mail.example", ANSWERED, ANSWERED),
        ("From: bounceng@mail.example", ANSWERED, ANSWERED),
        ("From: daemon.budi@mail.example", ANSWERED, ANSWERED),
        (f"From: Kanal <{ADDRESS}>", SET_ASIDE, SET_ASIDE),
        ("Subject: Automatic reply: Jalan rusak", FILED, SET_ASIDE),
        ("Subject: Balasan otomatis: cuti", FILED, SET_ASIDE),
        ("Subject: Di luar kantor: sampah menumpuk", FILED, SET_ASIDE),
        ("Subject: Di luar kantor lurah banyak sampah", ANSWERED, ANSWERED),
        ("Subject: Out of office hours the pump is off", ANSWERED, ANSWERED),
    ],
)
def test_machines_are_told_from_people(field: str, alone: str, as_reply: str) -> None:
    found = read_one(mail("isi", field))
    assert (treated(found), found.text) == (alone, "isi")
    assert treated(read_one(mail("isi", field, OF_OURS))) == as_reply
    assert treated(read_one(mail("isi", field, "In-Reply-To: <x@lain.example>"))) == alone
    assert alone == SET_ASIDE or bool(found.notes) == (alone == FILED)


@pytest.mark.parametrize("envelope", ["", "<>"])
def test_an_empty_envelope_sender_is_filed_and_never_answered(envelope: str) -> None:
    assert treated(read_one(mail("isi"), mail_from=envelope)) == FILED
    returned = mail("isi", "Subject: Undelivered Mail Returned to Sender")
    assert treated(read_one(returned, mail_from=envelope)) == SET_ASIDE
    assert treated(read_one(mail("isi", "From: postmaster@x.example"), mail_from="")) == SET_ASIDE


def test_of_two_signs_the_surer_one_decides() -> None:
    fields = ("List-Id: <x.example>", "Auto-Submitted: auto-replied")
    assert treated(read_one(mail("isi", *fields))) == SET_ASIDE
    lonely = read_one(mail("isi", "List-Id: <x.example>", "From: no-reply@mail.example"))
    assert lonely.unanswered is NoAnswerReason.MACHINE


def test_a_report_of_no_known_kind_is_filed() -> None:
    raw = with_parts("report", "Content-Type: text/plain\r\n\r\nSalinan laporan warga")
    assert treated(read_one(raw)) == FILED


def test_a_read_receipt_is_set_aside() -> None:
    notice = "Content-Type: message/disposition-notification\r\n\r\nDisposition: manual; displayed"
    found = read_one(with_parts("report", "Content-Type: text/plain\r\n\r\nDibaca", notice))
    assert found.automatic == "read_receipt"


FORMS = ["no-reply@mail.example", ADDRESS, f"lapor+{TRACKING}@lapor.localhost"]


@pytest.mark.parametrize("form", FORMS)
def test_a_web_form_is_the_mail_of_whom_it_names(form: str) -> None:
    asks = "Reply-To: Warga <asli@rumah.example>"
    found = read_one(mail("isi", f"From: {form}", asks), mail_from=form)
    assert treated(found) == FILED
    assert (found.sender.address, found.sender.name) == ("asli@rumah.example", "Warga")
    assert found.sender.shared
    assert found.unanswered is NoAnswerReason.AUTOMATIC_HEADERS


def dsn(status: str, returned: str, kind: str = "message/rfc822") -> bytes:
    report = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n" + status
    return with_parts(
        "report; report-type=delivery-status",
        "Content-Type: text/plain\r\n\r\nYour message could not be delivered.",
        report,
        *([f"Content-Type: {kind}\r\n\r\n{returned}"] if returned else []),
        fields=["From: MAILER-DAEMON@mx.example", "Auto-Submitted: auto-replied"],
    )


RETURNED = f"From: {ADDRESS}\r\nMessage-ID: {OUR_ID}\r\n\r\nisi"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no", "failed"),
        ("Action: FAILED\r\nStatus: 4.4.7", "failed"),
        ("Action: delayed\r\nStatus: 4.4.1", "sent"),
        ("Action: delivered\r\nStatus: 2.0.0", "delivered"),
        ("Action: relayed\r\nStatus: 2.0.0", "sent"),
        ("Status: 2.1.5", "delivered"),
        ("Action: entah\r\nStatus: 5.0.0", "failed"),
        ("Action: delivered\r\nStatus: 2.0.0\r\n\r\nAction: failed\r\nStatus: 5.0.0", "failed"),
    ],
)
@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_bounce_is_a_receipt_of_our_mail(status: str, state: str, kind: str) -> None:
    [found] = read(dsn(status, RETURNED, kind), mail_from="")
    assert isinstance(found, Receipt)
    assert (found.channel, found.provider_id, found.state) == ("email", OUR_ID, state)


def test_a_receipt_says_why_without_the_address() -> None:
    said = (
        f"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n <{CITIZEN}>: no"
    )
    [found] = read(dsn(said, RETURNED), mail_from="")
    assert isinstance(found, Receipt)
    assert found.detail.startswith("5.1.1 smtp; 550 5.1.1")
    assert "@" not in found.detail


def test_one_bounce_can_be_about_several_mails() -> None:
    other = "Content-Type: message/rfc822\r\n\r\nMessage-ID: <0198-bb@lapor.localhost>\r\n\r\nx"
    status = "Content-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.0.0"
    raw = with_parts("report", status, f"Content-Type: message/rfc822\r\n\r\n{RETURNED}", other)
    ids = [r.provider_id for r in read(raw, mail_from="") if isinstance(r, Receipt)]
    assert ids == [OUR_ID, "<0198-bb@lapor.localhost>"]


def test_old_servers_bounce_in_plain_text() -> None:
    text = f"Hi. This is the mail program.\r\n\r\n--- Below is a copy.\r\nMessage-ID: {OUR_ID}\r\n"
    raw = mail(text, "From: MAILER-DAEMON@mx.example")
    [found] = read(raw, mail_from="")
    assert isinstance(found, Receipt)
    assert (found.provider_id, found.state) == (OUR_ID, "failed")


@pytest.mark.parametrize(
    "returned", ["", "Message-ID: <x@lain.example>\r\n\r\nisi", "Subject: tanpa id\r\n\r\nisi"]
)
def test_a_bounce_about_no_mail_of_ours_is_kept_and_not_answered(returned: str) -> None:
    found = read_one(dsn("Action: failed\r\nStatus: 5.0.0", returned), mail_from="")
    assert found.automatic == "bounce"


def test_a_forwarded_bounce_is_a_citizens_mail() -> None:
    inner = dsn("Action: failed\r\nStatus: 5.0.0", RETURNED).replace(b"batas", b"dalam")
    raw = with_parts("mixed", PLAIN, b"Content-Type: message/rfc822\r\n\r\n" + inner)
    found = read_one(raw)
    assert (found.text, found.automatic, len(found.files)) == ("Lampu mati", None, 1)


@pytest.mark.parametrize(
    ("results", "noted"),
    [
        ("mx.lapor.example; spf=pass; dmarc=fail header.from=b.id", True),
        ("mx.lapor.example; dmarc=pass", False),
        ("mx.palsu.example; dmarc=fail", False),
        ("", False),
    ],
)
def test_a_failed_dmarc_check_of_our_own_server_is_noted(results: str, noted: bool) -> None:
    raw = mail("isi", f"Authentication-Results: {results}")
    [found] = channel(authserv_id="mx.lapor.example").parse(hook(raw))
    assert isinstance(found, Inbound)
    assert bool(found.notes) == noted
