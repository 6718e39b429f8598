"""Hides what identifies a person from texts that anybody may read."""

import re

from normalizer.text import has_any

# ruff: noqa: E501 - a pattern is easier to read on one line

HIDDEN = "[disembunyikan]"
"""Stands where an address, a number or an account name stood."""

_MAIL = r"(?<![\w.+-])[\w.+-]+\s?@\s?[\w-]+(?:\s?\.\s?[\w-]+)+"
_ACCOUNT = r"(?<![\w@])@\w[\w.]*"
_LINK = r"(?:https?://|www\.|wa\.me/|t\.me/)\S+"
_NUMBER = r"(?<!\d)\+?\(?\d(?:[\s().,/–-]{0,3}\d){7,}"
"""Eight digits and more, however they are grouped: telephones, NIK, NPWP, KK, bank accounts, and
now and then a sum of money or a date, which is the cheaper mistake."""
_PLATE = r"\b(?!RT|RW|KM|NO|GG|JL|SD|DI|KE|PT|CV)[A-Z]{1,2}\s?\d{1,4}\s?[A-Z]{2,3}\b"
_FOUND = re.compile("|".join((_LINK, _MAIL, _ACCOUNT, _NUMBER, _PLATE)))


_PERSON = r"(?!(?i:warga|mau|ingin|lapor|melapor|tidak|dari|tinggal|sudah|mohon|minta|melihat)\b)[A-Z][\w'’.]*(?:[ ]+(?:bin|binti|[A-Z][\w'’.]*)){0,3}"
_CUE = (
    r"(?i:\b(?:nama\s+(?:lengkap\s+)?(?:saya|sy|aku|kami|pelapor)(?:\s+adalah)?|perkenalkan,?\s+(?:nama\s+)?saya"
    r"|a\.?n\.|atas\s+nama|ttd\.?|hormat\s+(?:saya|kami),?|salam,|nami\s+(?:kula|abdi)"
    r"|jenengku|namaku|ngaran\s+abdi|ngaran\s+ulun|namo\s+ambo|my\s+name\s+is|regards,"
    r"|anak\s+saya|istri\s+saya|suami\s+saya|saya|aku|ulun|abdi|kula|ambo)[\s:,=]{1,3})"
)
_NAMED = re.compile(rf"({_CUE})({_PERSON})")
_SMALL_NAMED = re.compile(
    r"(\b(?:nama\s+(?:saya|sy|aku|pelapor)|namaku|my\s+name\s+is)[\s:=]{1,3})"
    r"(?!(?:tidak|tdk|tak|ga|gak|belum|blm|jangan|jgn|mohon|tolong|di\w+|ter\w+|salah|ada|sudah|masih|dan|yang|yg|ini|itu|hilang)\b)"
    r"([^\W\d_]{2,20}(?:[ ](?!(?:umur|warga|dari|tinggal|rumah|nik|hp|no|mau|ingin|melapor\w*|lapor\w*|di|usia|alamat)\b)[^\W\d_]{2,20})?)",
    re.I,
)
_SIGNED = re.compile(
    r"(\n[ ]{0,5}(?:--|(?i:hormat[ ]\w{1,10}|salam|terima[ ]kasih|regards))[,.]?[ ]{0,5}\n\s{0,5})([^\n]{2,60})"
)
_HOME = re.compile(
    r"\b(?i:jl|jln|jalan|gg|gang|perum|perumahan|komplek|blok)\b\.?[ ]{1,3}[\w .]{1,40}?[ ,]{1,3}(?i:(?:no|nomor)\b\.?[ ]?)?\d{1,4}[a-zA-Z]?\b"
    r"|\b(?i:rt)\b[ .]*\d{1,3}[ /,]*(?i:rw)\b[ .]*\d{1,3}"
    r"|\b(?i:rumah|tinggal)[ ](?i:saya|sy|kami|di|samping|depan|dekat|belakang)[ ][^.,;\n]{1,40}"
)
_CODE = (
    r"(?:otp|(?:kode|code)\s(?:otp|verifikasi|konfirmasi|keamanan|aktivasi|akses|login|masuk|rahasia|anda|is|adalah)"
    r"|(?:verification|security|login|confirmation|authentication|whatsapp|your)\scode|passcode|pin\s(?:anda|sementara|atm))"
)
_NUMERALS = r"(?<![\d-])(?:\d{3}[ -]\d{3}|\d{4,8})(?!\d|-\d)"
_GAP = r"(?:(?!sejak|tahun|tgl|tanggal|jam|pukul|\brp)[^\d\n]){0,25}?"
_CODES = (
    re.compile(rf"(\b{_CODE}\b{_GAP}){_NUMERALS}()", re.I),
    re.compile(
        rf"(){_NUMERALS}(\s(?:adalah|is|sebagai|untuk|utk|to)\b[^\d\n]{{0,20}}?\b(?:{_CODE}|code|kode|otp|masuk|login|verify))",
        re.I,
    ),
    re.compile(
        rf"((?:<#>|\b(?:gunakan|masukkan|use)\s(?:kode\s)?)){_NUMERALS}(\s[^\d\n]{{0,20}}?\b(?:code|kode|masuk|login|verify|aplikasi|konfirmasi))",
        re.I,
    ),
    re.compile(r"(\b[A-Z]-)\d{4,8}(\b[^\d\n]{0,20}?\bcode)"),
)
_CODE_CUES = ("otp", "kode", "code", "verify", "pin ", "gunakan", "login")
_LONGEST = 20_000


def masked(text: str) -> str:
    """Return ``text`` without mail addresses, links, account names, long numbers and plates.

    Names of people stay: see ``masked_self`` for what a reporter says of themselves.
    """
    return _FOUND.sub(HIDDEN, text)


def masked_self(text: str) -> str:
    """Return ``text`` without what its writer says of themselves: name, home, numbers, accounts.

    Names are found only after the usual cues and in signatures.
    """
    hidden = _SIGNED.sub(rf"\1{HIDDEN}", text[:_LONGEST])
    hidden = _NAMED.sub(rf"\1{HIDDEN}", hidden)
    hidden = _SMALL_NAMED.sub(rf"\1{HIDDEN}", hidden)
    return masked(_HOME.sub(HIDDEN, hidden))


def without_codes(text: str) -> str:
    """Return ``text`` without codes that open somebody's account; what is said of them stays."""
    lowered = text.lower()
    if has_any(_CODE_CUES, lowered):
        for pattern in _CODES:
            text = pattern.sub(rf"\1{HIDDEN}\2", text)
    return text


def names_reporter(text: str) -> bool:
    """Tell whether a text says who wrote it."""
    return masked_self(text) != text[:_LONGEST]
