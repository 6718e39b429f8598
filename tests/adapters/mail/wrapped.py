"""One known sentence in everything that mail programs pack words in, and under every decoration."""

import base64
import binascii
import datetime
import quopri
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from tests.adapters.mail.mails import mail, multipart, with_parts

SENTENCE = "Jalan berlubang di depan pasar, café ✔ sudah dua bulan."
ENTITY = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{SENTENCE}\r\n".encode()
INNER = (
    b"From: Tetangga <tetangga@mail.example>\r\nTo: warga@mail.example\r\nSubject: Jalan\r\n"
    b"Date: Sun, 2 Nov 2025 09:00:00 +0700\r\n"
) + ENTITY
STUB = "Content-Type: text/plain\r\n\r\n\r\n"


def entity(*fields: str, body: bytes | str = SENTENCE) -> bytes:
    """Write a part."""
    raw = body if isinstance(body, bytes) else body.encode()
    return "".join(f"{each}\r\n" for each in fields).encode() + b"\r\n" + raw


def b64(raw: bytes) -> bytes:
    """Write bytes as base64 in lines, as mailers do."""
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def packed(kind: str, content: bytes, *fields: str) -> bytes:
    """Write a part in base64."""
    head = (f"Content-Type: {kind}", "Content-Transfer-Encoding: base64", *fields)
    return entity(*head, body=b64(content))


# --- S/MIME -----------------------------------------------------------------------------------


@cache
def _signer() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(key, key), key


def _certificate(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "warga")])
    began = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(began)
        .not_valid_after(began + datetime.timedelta(days=9_000))
        .sign(by, hashes.SHA256())
    )


@cache
def signed(content: bytes = ENTITY) -> bytes:
    """Sign as a whole, in DER."""
    certificate, key = _signer()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


@cache
def enveloped(content: bytes = ENTITY) -> bytes:
    """Encrypt, in DER."""
    key = rsa.generate_private_key(65_537, 2_048)
    certificate = _certificate(key, _signer()[1])
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    return builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def value(tag: int, *inside: bytes) -> bytes:
    """Write a BER value of definite length."""
    body = b"".join(inside)
    return bytes([tag]) + _length(len(body)) + body


def _length(size: int) -> bytes:
    return bytes([size]) if size < 128 else b"\x84" + size.to_bytes(4, "big")


def open_value(tag: int, *inside: bytes) -> bytes:
    """Write a BER value whose end is marked."""
    return bytes([tag, 0x80]) + b"".join(inside) + b"\x00\x00"


SIGNED_ID = bytes.fromhex("2a864886f70d010702")
DATA_ID = bytes.fromhex("2a864886f70d010701")
COMPRESSED_ID = bytes.fromhex("2a864886f70d0109100109")


def in_pieces(content: bytes = ENTITY, size: int = 10) -> bytes:
    """Sign as Outlook does: lengths that are not definite, and the words in pieces."""
    pieces = [value(4, content[at : at + size]) for at in range(0, len(content), size)]
    data = open_value(0x30, value(6, DATA_ID), open_value(0xA0, open_value(0x24, *pieces)))
    algorithms = open_value(0x31, value(0x30, value(6, bytes.fromhex("608648016503040201"))))
    body = open_value(0x30, value(2, b"\x01"), algorithms, data, value(0x31))
    return open_value(0x30, value(6, SIGNED_ID), open_value(0xA0, body))


def compressed(content: bytes = ENTITY) -> bytes:
    """Write compressed data, RFC 3274."""
    data = value(0x30, value(6, DATA_ID), value(0xA0, value(4, zlib.compress(content))))
    zlib_id = value(0x30, value(6, bytes.fromhex("2a864886f70d0109100308")))
    body = value(0x30, value(2, b"\x00"), zlib_id, data)
    return value(0x30, value(6, COMPRESSED_ID), value(0xA0, body))


# --- winmail.dat ------------------------------------------------------------------------------


def attribute(name: int, content: bytes, level: int = 1) -> bytes:
    """Write one attribute of TNEF, with its sum."""
    head = struct.pack("<BHHI", level, name, 6, len(content))
    return head + content + struct.pack("<H", sum(content) % 65_536)


def prop(kind: int, name: int, content: bytes) -> bytes:
    """Write one property whose value has a length."""
    padding = b"\x00" * (-len(content) % 4)
    return struct.pack("<HHII", kind, name, 1, len(content)) + content + padding


def properties(*found: bytes) -> bytes:
    """Write a list of properties."""
    return struct.pack("<I", len(found)) + b"".join(found)


def winmail(*attributes: bytes) -> bytes:
    """Write ``winmail.dat``."""
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def rtf_of(text: str) -> bytes:
    """Write rich text."""
    said = "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in text)
    return rf"{{\rtf1\ansi{{\fonttbl{{\f0 Arial;}}}}\f0 {said}\par }}".encode()


def lzfu(raw: bytes) -> bytes:
    """Pack rich text as Outlook does, without ever finding a repetition."""
    out = b"".join(b"\x00" + raw[at : at + 8] for at in range(0, len(raw), 8))
    return struct.pack("<II4sI", len(out) + 12, len(raw), b"LZFu", 0) + out


FLAG = struct.pack("<HHI", 0x03, 0x0E07, 5)
NAMED = (
    struct.pack("<HH", 0x1F, 0x8001) + b"\x00" * 16 + struct.pack("<II", 1, 6)
    + b"a\x00b\x00\x00\x00\x00\x00" + struct.pack("<II", 1, 4) + b"x\x00\x00\x00"
)  # fmt: skip
WINMAIL: Mapping[str, bytes] = {
    "plain": winmail(attribute(0x800C, SENTENCE.encode() + b"\x00")),
    "property": winmail(
        attribute(0x9003, properties(FLAG, NAMED, prop(0x1F, 0x1000, SENTENCE.encode("utf-16-le"))))
    ),
    "page": winmail(
        attribute(0x9003, properties(prop(0x102, 0x1013, f"<p>{SENTENCE}</p>".encode())))
    ),
    "rich": winmail(attribute(0x9003, properties(prop(0x102, 0x1009, lzfu(rtf_of(SENTENCE)))))),
}


def uuencoded(raw: bytes, name: str) -> bytes:
    """Write a file the way ``uuencode`` does."""
    lines = [binascii.b2a_uu(raw[at : at + 45]) for at in range(0, len(raw), 45)]
    return b"begin 644 " + name.encode() + b"\r\n" + b"".join(lines) + b"`\r\nend\r\n"


def yencoded(raw: bytes, name: str) -> bytes:
    """Write a file in yEnc."""
    out = bytearray()
    for each in raw:
        moved = (each + 42) % 256
        out += bytes([61, (moved + 64) % 256]) if moved in (0, 10, 13, 61) else bytes([moved])
    head = f"=ybegin line=999 size={len(raw)} name={name}\r\n".encode()
    return head + bytes(out) + f"\r\n=yend size={len(raw)}\r\n".encode()


def clear_signed(text: str) -> str:
    """Write what PGP signs in the clear."""
    return (
        "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n"
        f"{text}\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQEzBAEBCAAdFiEE\r\n=abcd\r\n"
        "-----END PGP SIGNATURE-----\r\n"
    )


# --- all of them ------------------------------------------------------------------------------

QP = quopri.encodestring(SENTENCE.encode())
BODY = multipart("mixed", ENTITY).partition(b"\r\n\r\n")[2]
PLAIN = "Content-Type: text/plain; charset=utf-8"
MIXED = "Content-Type: multipart/mixed; boundary=batas"

CONTAINERS: Mapping[str, Callable[[], bytes]] = {
    "signed": lambda: single("application/pkcs7-mime; smime-type=signed-data", signed()),
    "signed, old name": lambda: single("application/x-pkcs7-mime", signed()),
    "signed, by file name": lambda: single("application/octet-stream; name=smime.p7m", signed()),
    "signed, in pieces": lambda: single("application/pkcs7-mime; name=smime.p7m", in_pieces()),
    "signed twice": lambda: single(
        "application/pkcs7-mime", signed(packed("application/pkcs7-mime", signed()))
    ),
    "signed multipart": lambda: single(
        "application/pkcs7-mime", signed(multipart("mixed", ENTITY, boundary="dalam"))
    ),
    "signed mail": lambda: single(
        "application/pkcs7-mime", signed(b"Content-Type: message/rfc822\r\n\r\n" + INNER)
    ),
    "signed below a list's footer": lambda: with_parts(
        "mixed", packed("application/pkcs7-mime", signed()), STUB
    ),
    "compressed": lambda: single("application/pkcs7-mime", compressed()),
    "signed and compressed": lambda: single(
        "application/pkcs7-mime", signed(packed("application/pkcs7-mime", compressed()))
    ),
    "mail alone": lambda: mail(INNER, "Content-Type: message/rfc822"),
    "mail below nothing": lambda: with_parts(
        "mixed", STUB, b"Content-Type: message/rfc822\r\n\r\n" + INNER
    ),
    "mail in base64": lambda: with_parts("mixed", STUB, packed("message/rfc822", INNER)),
    "mail in a mail": lambda: mail(
        b"Subject: a\r\nContent-Type: message/rfc822\r\n\r\n" + INNER,
        "Content-Type: message/rfc822",
    ),
    "digest": lambda: mail(
        multipart("digest", b"\r\n" + INNER).partition(b"\r\n\r\n")[2],
        "Content-Type: multipart/digest; boundary=batas",
    ),
    "winmail, plain": lambda: winmail_mail("plain"),
    "winmail, property": lambda: winmail_mail("property"),
    "winmail, page": lambda: winmail_mail("page"),
    "winmail, rich": lambda: winmail_mail("rich"),
    "winmail by file name": lambda: with_parts(
        "mixed", STUB, packed("application/octet-stream; name=winmail.dat", WINMAIL["plain"])
    ),
    "uuencode": lambda: mail(
        uuencoded(SENTENCE.encode(), "pesan.txt"), PLAIN, "Content-Transfer-Encoding: x-uuencode"
    ),
    "uuencode in the text": lambda: mail(uuencoded(SENTENCE.encode(), "pesan.txt"), PLAIN),
    "yenc in the text": lambda: mail(yencoded(SENTENCE.encode(), "pesan.txt"), PLAIN),
    "multipart in base64": lambda: mail(b64(BODY), MIXED, "Content-Transfer-Encoding: base64"),
    "multipart in quoted-printable": lambda: mail(
        quopri.encodestring(BODY), MIXED, "Content-Transfer-Encoding: quoted-printable"
    ),
    "multipart without an end": lambda: mail(BODY.replace(b"--batas--", b""), MIXED),
    "multipart with another boundary": lambda: mail(
        BODY, "Content-Type: multipart/mixed; boundary=lain"
    ),
    "multipart with no boundary": lambda: mail(BODY, "Content-Type: multipart/mixed"),
    "multipart nobody announced": lambda: mail(BODY),
    "multipart with a preamble": lambda: mail(b"Ini surat MIME.\r\n\r\n" + BODY, MIXED),
    "inline PGP": lambda: mail(clear_signed(SENTENCE), PLAIN),
    "signed beside": lambda: with_parts(
        "signed", ENTITY, packed("application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----")
    ),
    "page in plain text": lambda: mail(f"<html><body><p>{SENTENCE}</p></body></html>", PLAIN),
    "words that call themselves a page": lambda: mail(
        SENTENCE, "Content-Type: text/html; charset=utf-8"
    ),
    "headers twice": lambda: mail(
        b"From: Siti Aminah <warga@mail.example>\r\nSubject: Jalan rusak\r\n"
        b"MIME-Version: 1.0\r\n" + ENTITY
    ),
    "headers in two halves": lambda: mail(
        b"MIME-Version: 1.0\r\n" + MIXED.encode() + b"\r\n\r\n" + BODY
    ),
}  # fmt: skip
"""Mails whose only words are the sentence."""


def single(kind: str, content: bytes) -> bytes:
    """Write a mail of one part in base64."""
    head, _, body = packed(kind, content).partition(b"\r\n\r\n")
    return mail(body, *head.decode().split("\r\n"))


def winmail_mail(form: str) -> bytes:
    """Write a mail of ``winmail.dat`` alone."""
    return single("application/ms-tnef; name=winmail.dat", WINMAIL[form])


def decorations(token: str) -> Iterator[str]:
    """Write a token of a header in all the ways that were seen."""
    yield from (token, token.upper(), token.title(), f" {token} ", f"{token};", f'"{token}"')
    yield from (f"{token} (keterangan)", f"(x) {token}", f"'{token}'", f"{token}; x=y", f"{token},")
    yield from (f"\t{token}\t", f"{token} ;", f"{token}\r\n ", f"=?utf-8?Q?{token}?=")


ENCODED: Mapping[str, bytes] = {
    "base64": b64(SENTENCE.encode()),
    "base-64": b64(SENTENCE.encode()),
    "base 64": b64(SENTENCE.encode()),
    "base_64": b64(SENTENCE.encode()),
    "b64": b64(SENTENCE.encode()),
    "quoted-printable": QP,
    "quoted/printable": QP,
    "quoted_printable": QP,
    "quoted printable": QP,
    "QuotedPrintable": QP,
    "8bit": SENTENCE.encode(),
    "8-bit": SENTENCE.encode(),
    "binary": SENTENCE.encode(),
    "x-uuencode": uuencoded(SENTENCE.encode(), "a"),
    "uuencode": uuencoded(SENTENCE.encode(), "a"),
    "x-uue": uuencoded(SENTENCE.encode(), "a"),
    "entah": SENTENCE.encode(),
    "utf-8": SENTENCE.encode(),
}
"""Names of transfer encodings, and the sentence in what they mean."""

LIES: Sequence[tuple[str, bytes]] = [
    ("base64", SENTENCE.encode()),
    ("base64", b"Lapor. " + SENTENCE.encode()),
    ("base64", QP),
    ("quoted-printable", b64(SENTENCE.encode())),
    ("7bit", b64(SENTENCE.encode())),
    ("entah", b64(SENTENCE.encode())),
    ("entah", QP),
    ("7bit", QP),
    ("base64", b64(SENTENCE.encode()) + b"_______________\r\nMilis warga, lihat https://x.example\r\n"),
]  # fmt: skip
"""What parts say of their encoding, and what they are."""

TYPES = (
    "text/plain", "plain/text", "application/plain", "text", "plain", "text/txt", "TEXT/PLAIN",
    "text / plain", "text\\plain", "text/markdown", "text/x-markdown", "text/entah", "text/x-log",
    "application/text", "text-plain", "text/plain charset=utf-8", "application/x-entah",
    "application/octet-stream", "x", "/", "text/plain; charset", "text/plain;;", "text/plain; ; x",
)  # fmt: skip
"""What the sentence as it stands may be called."""

CHARSETS = (
    "utf-8", '"utf-8"', "'utf-8'", "UTF8", "utf_8", "utf-8;", "utf-8 (x)", "=utf-8", "x-utf-8",
    "charset=utf-8", "utf-8//TRANSLIT", "utf-8, format=flowed", '"utf-8', "us-ascii", "iso-8859-1",
    "unknown-8bit", "default", "utf 8", "entah", "",
)  # fmt: skip

RENDERED: Mapping[str, bytes] = {
    "text/html": f"<p>{SENTENCE}</p>".encode(),
    "html": f"<p>{SENTENCE}</p>".encode(),
    "html/text": f"<p>{SENTENCE}</p>".encode(),
    "application/xhtml+xml": f"<html><body><p>{SENTENCE}</p></body></html>".encode(),
    "text/x-amp-html": f"<!doctype html><html><body>{SENTENCE}</body></html>".encode(),
    "text/enriched": f"<bold>{SENTENCE[:5]}</bold>{SENTENCE[5:]}".encode(),
    "text/richtext": f"<italic>{SENTENCE}</italic><nl>".encode(),
    "text/rtf": rtf_of(SENTENCE),
    "application/rtf": rtf_of(SENTENCE),
    "text/calendar": f"BEGIN:VEVENT\r\nSUMMARY:{SENTENCE[:20]}\r\n {SENTENCE[20:]}\r\n".replace(
        ", ", "\\, "
    ).encode(),
}
"""Kinds of text with marks of their own."""


def every_mail() -> Iterator[tuple[str, bytes]]:
    """Write the sentence in every container, encoding and type of this file."""
    for name, write in CONTAINERS.items():
        yield name, write()
    for encoding, body in ENCODED.items():
        for written in decorations(encoding):
            yield repr(written), mail(body, PLAIN, f"Content-Transfer-Encoding: {written}")
    for kind in TYPES:
        yield repr(kind), mail(SENTENCE, f"Content-Type: {kind}")
    for kind, body in RENDERED.items():
        yield repr(kind), mail(body, f"Content-Type: {kind}")
