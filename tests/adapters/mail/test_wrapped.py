"""The same words come out of whatever they are packed in, and however the packing is called."""

import re
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mail import notes
from tests.adapters.mail import wrapped
from tests.adapters.mail.mails import mail, multipart, read_one, with_parts
from tests.adapters.mail.wrapped import CONTAINERS, ENTITY, SENTENCE


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_words_come_out_of_every_container(name: str) -> None:
    found = read_one(CONTAINERS[name]())
    assert found.text == SENTENCE
    assert found.subject == "Jalan rusak"


UNREMARKABLE = {"signed beside", "multipart with a preamble", "words that call themselves a page"}


@pytest.mark.parametrize("name", sorted(CONTAINERS.keys() - UNREMARKABLE))
def test_what_was_opened_or_guessed_is_noted(name: str) -> None:
    assert read_one(CONTAINERS[name]()).notes


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name.startswith("signed, ")])
def test_a_signature_that_nobody_checked_is_called_so(name: str) -> None:
    assert notes.UNVERIFIED in read_one(CONTAINERS[name]()).notes


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["smime", "pieces", "mixed", "base64", "zip", "rfc822"]), max_size=6)
)
def test_containers_in_containers(layers: list[str]) -> None:
    inside = ENTITY
    for level, layer in enumerate(layers):
        match layer:
            case "smime":
                inside = wrapped.packed("application/pkcs7-mime", wrapped.signed(inside))
            case "pieces":
                inside = wrapped.packed("application/pkcs7-mime", wrapped.in_pieces(inside))
            case "zip":
                inside = wrapped.packed("application/pkcs7-mime", wrapped.compressed(inside))
            case "mixed":
                inside = multipart("mixed", inside, boundary=f"lapis{level}")
            case "base64":
                head, _, body = multipart("mixed", inside, boundary=f"b{level}").partition(
                    b"\r\n\r\n"
                )
                inside = head + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                inside += wrapped.b64(body)
            case _:
                inside = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" + inside
    head, _, body = inside.partition(b"\r\n\r\n")
    assert read_one(mail(body, *head.decode().split("\r\n"))).text == SENTENCE


@pytest.mark.parametrize("encoding", wrapped.ENCODED)
def test_a_transfer_encoding_is_known_under_every_decoration(encoding: str) -> None:
    for written in wrapped.decorations(encoding):
        fields = (wrapped.PLAIN, f"Content-Transfer-Encoding: {written}")
        assert read_one(mail(wrapped.ENCODED[encoding], *fields)).text == SENTENCE, written


@pytest.mark.parametrize(("encoding", "body"), wrapped.LIES)
def test_a_transfer_encoding_that_is_not_true_is_not_believed(encoding: str, body: bytes) -> None:
    found = read_one(mail(body, wrapped.PLAIN, f"Content-Transfer-Encoding: {encoding}"))
    assert SENTENCE in found.text
    assert notes.ENCODING in found.notes


WORDS = st.lists(
    st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCJLMT"), min_size=1, max_size=12),
    min_size=2,
    max_size=40,
).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(WORDS)
def test_words_that_call_themselves_base64_stay_words(said: str) -> None:
    assert read_one(mail(said, "Content-Transfer-Encoding: base64")).text == said


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1))
def test_base64_of_any_words_is_read(said: str) -> None:
    fields = (wrapped.PLAIN, "Content-Transfer-Encoding: base64")
    found = read_one(mail(wrapped.b64(said.encode()), *fields))
    assert found.text == read_one(mail(said, wrapped.PLAIN)).text


@pytest.mark.parametrize("kind", wrapped.TYPES)
@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_words_are_read_whatever_type_they_are_given(kind: str, encoding: str) -> None:
    body = wrapped.ENCODED[encoding]
    found = read_one(mail(body, f"Content-Type: {kind}", f"Content-Transfer-Encoding: {encoding}"))
    assert found.text == SENTENCE


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/markdown"])
def test_a_type_is_known_under_every_decoration(kind: str) -> None:
    for written in wrapped.decorations(kind):
        assert read_one(mail(SENTENCE, f"Content-Type: {written}")).text == SENTENCE, written


@pytest.mark.parametrize("label", wrapped.CHARSETS)
def test_a_charset_is_known_under_every_decoration(label: str) -> None:
    found = read_one(mail(SENTENCE, f"Content-Type: text/plain; charset={label}"))
    assert found.text == SENTENCE


@pytest.mark.parametrize("kind", wrapped.RENDERED)
def test_every_kind_of_text_is_read_where_it_is_all_there_is(kind: str) -> None:
    assert read_one(mail(wrapped.RENDERED[kind], f"Content-Type: {kind}")).text == SENTENCE
    part = wrapped.entity(f"Content-Type: {kind}", body=wrapped.RENDERED[kind])
    assert read_one(with_parts("alternative", wrapped.STUB, part)).text == SENTENCE


@pytest.mark.parametrize(
    "label", ["windows1252", "ISO8859_1", "cp-1252", "latin1 (x)", '"cp1252;"']
)
def test_a_decorated_label_of_western_text_is_known(label: str) -> None:
    raw = mail("café".encode("latin-1"), f"Content-Type: text/plain; charset={label}")
    assert read_one(raw).text == "café"


STUBS = [
    "This message contains HTML. Please use a mail program that shows it.",
    "Pesan ini berisi HTML. Gunakan program surat yang dapat menampilkannya.",
    "Ihr E-Mail-Programm kann keine HTML-Nachrichten anzeigen.",
    "Votre messagerie n'affiche pas le HTML.",
    "お使いのメールソフトはHTMLメールに対応していません。",
    "[image: foto.jpg]",
    "[cid:image001.png@01D]",
    "\u200b\u200c\u00a0\u2060\ufeff",
    "-- \r\n",
    "...",
    "",
]


@pytest.mark.parametrize("stub", STUBS)
def test_a_plain_text_that_says_nothing_gives_way_to_the_page(stub: str) -> None:
    plain = wrapped.entity(wrapped.PLAIN, body=stub)
    page = wrapped.entity("Content-Type: text/html; charset=utf-8", body=f"<p>{SENTENCE}</p>")
    for parts in ((plain, page), (page, plain)):
        assert read_one(with_parts("alternative", *parts)).text == SENTENCE
    related = multipart("related", page, boundary="dalam")
    assert read_one(with_parts("alternative", plain, related)).text == SENTENCE


def alternative(plain: str, page: str) -> str:
    parts = (
        wrapped.entity(wrapped.PLAIN, body=plain),
        wrapped.entity("Content-Type: text/html; charset=utf-8", body=page),
    )
    return read_one(with_parts("alternative", *parts)).text


def test_the_plain_text_is_taken_where_it_says_the_same() -> None:
    style = "<style>p { color: red }</style>" * 50
    assert alternative(SENTENCE, f"<html>{style}<p>{SENTENCE}</p></html>") == SENTENCE
    quoted = f"<p>{SENTENCE}</p><div class=gmail_quote>{'lama sekali ' * 200}</div>"
    assert alternative(SENTENCE, quoted) == SENTENCE
    assert alternative("👍", "<p>👍</p>") == "👍"


def test_two_different_texts_that_call_themselves_alternatives_are_both_kept() -> None:
    said = alternative("Lampu padam di gang mawar", "<p>Sampah menumpuk sejak Senin</p>")
    assert "Lampu padam" in said
    assert "Sampah menumpuk" in said


def test_the_beginning_of_a_text_gives_way_to_all_of_it() -> None:
    assert alternative("Jalan...", f"<p>{SENTENCE} {SENTENCE}</p>").startswith(SENTENCE)


def files_of(raw: bytes) -> list[tuple[str, bytes | None]]:
    return [(each.name, each.content) for each in read_one(raw).files]


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256))


def test_files_inside_containers_come_along_by_their_names() -> None:
    told = wrapped.properties(
        wrapped.prop(0x1F, 0x3707, "foto é.jpg".encode("utf-16-le")),
    )
    old = (
        wrapped.attribute(0x9002, b"\x01"),
        wrapped.attribute(0x8010, b"FOTO~1.JPG\x00"),
        wrapped.attribute(0x800F, JPEG),
        wrapped.attribute(0x9005, told),
    )
    dat = wrapped.packed("application/ms-tnef; name=winmail.dat", wrapped.winmail(*old))
    assert files_of(with_parts("mixed", ENTITY, dat)) == [("foto é.jpg", JPEG)]
    uu = SENTENCE.encode() + b"\r\n\r\n" + wrapped.uuencoded(JPEG, "foto jalan.jpg")
    assert files_of(mail(uu, wrapped.PLAIN)) == [("foto jalan.jpg", JPEG)]
    assert read_one(mail(uu, wrapped.PLAIN)).text == SENTENCE
    yenc = SENTENCE.encode() + b"\r\n" + wrapped.yencoded(JPEG, "foto.jpg")
    assert files_of(mail(yenc, wrapped.PLAIN)) == [("foto.jpg", JPEG)]


def test_a_text_beside_winmail_is_not_said_twice() -> None:
    dat = wrapped.packed("application/ms-tnef", wrapped.WINMAIL["plain"])
    assert read_one(with_parts("mixed", ENTITY, dat)).text == SENTENCE


def test_a_forwarded_mail_is_read_below_the_note_above_it_with_its_files() -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\nSubject: Jalan\r\n" + multipart(
        "mixed", ENTITY, wrapped.packed("image/jpeg; name=foto.jpg", JPEG), boundary="d"
    )
    found = read_one(
        with_parts("mixed", "\r\nMohon ditindaklanjuti.", inner, fields=["Subject: Fwd: Jalan"])
    )
    assert found.text == f"Mohon ditindaklanjuti.\n\n{SENTENCE}"
    assert [each.media_type for each in found.files] == ["message/rfc822", "image/jpeg"]
    assert "mail_opened: rfc822" in found.notes


@pytest.mark.parametrize(
    "raw",
    [
        lambda: wrapped.single("application/pkcs7-mime", wrapped.enveloped()),
        lambda: wrapped.single("application/octet-stream; name=smime.p7m", wrapped.enveloped()),
        lambda: with_parts("encrypted", wrapped.packed("application/pgp-encrypted", b"Version: 1"),
                           wrapped.packed("application/octet-stream", b"\x85\x01")),
        lambda: mail("-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----"),
    ],
    ids=["smime", "smime by name", "pgp/mime", "inline pgp"],
)  # fmt: skip
def test_what_is_encrypted_is_called_so(raw: object) -> None:
    found = read_one(raw())  # type: ignore[operator]
    assert notes.ENCRYPTED in found.notes
    assert SENTENCE not in found.text


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(CONTAINERS)), st.data())
def test_damaged_containers_are_read_or_kept(name: str, data: st.DataObject) -> None:
    raw = bytearray(CONTAINERS[name]())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    found = read_one(bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]))
    assert found.raw


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["pkcs7", "tnef", "rtf"]))
def test_any_bytes_may_call_themselves_a_container(raw: bytes, what: str) -> None:
    kinds = {
        "pkcs7": ("application/pkcs7-mime", b"\x30\x80" + raw),
        "tnef": ("application/ms-tnef", wrapped.winmail(raw)),
        "rtf": ("text/rtf", b"{\\rtf1" + raw),
    }
    assert read_one(wrapped.single(*kinds[what])).raw


def test_bombs_end_early() -> None:
    bomb = zlib.compress(b"\n" * 40_000_000)
    data = wrapped.value(
        0x30, wrapped.value(6, wrapped.DATA_ID), wrapped.value(0xA0, wrapped.value(4, bomb))
    )
    body = wrapped.value(0x30, wrapped.value(2, b"\x00"), data)
    raw = wrapped.value(0x30, wrapped.value(6, wrapped.COMPRESSED_ID), wrapped.value(0xA0, body))
    found = read_one(wrapped.single("application/pkcs7-mime", raw))
    assert any(re.match("mail_(opened|damaged): smime", note) for note in found.notes)
    assert not found.text
