"""Hides one-time codes, which open somebody's account, as a message is read."""

import re

from normalizer.masking import HIDDEN
from normalizer.text import has_any

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


def without_codes(text: str) -> str:
    """Return ``text`` without codes that open somebody's account; what is said of them stays."""
    lowered = text.lower()
    if has_any(_CODE_CUES, lowered):
        for pattern in _CODES:
            text = pattern.sub(rf"\1{HIDDEN}\2", text)
    return text
