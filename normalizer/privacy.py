"""Privacy marks: *anonim* hides who wrote, *rahasia* hides the report from the public."""

import re
from dataclasses import dataclass

from normalizer import wishes
from normalizer.text import has_any

_MARK = r"(?:anonim|anonymous|rahasia|confidential)"
_AND = r"[\s,;:+/&.\-]{0,5}(?:dan\b|and\b)?[\s,;:+/&.\-]{0,5}"

# Command-like marks: taken out of the text, since they are said to the gateway.
_TAGS = re.compile(rf"#{_MARK}\b|[\[(]\s*{_MARK}(?:{_AND}{_MARK})?\s*[\])]", re.I)
_LAST = re.compile(rf"(?:^|[\n.!?;,])\s*({_MARK}(?:{_AND}{_MARK})?)[\s.!]*$", re.I)
_LAST_IN_CAPITALS = re.compile(r"\s((?:ANONIM|RAHASIA)(?:[\s,+&/]+(?:ANONIM|RAHASIA))?)[\s.!]*$")
"""Our own help text says to add ANONIM or RAHASIA: as last word in capitals it needs no comma."""
_FIRST = re.compile(rf"^\W*({_MARK}(?:{_AND}{_MARK})?)\b{_AND}", re.I)
_AFTER_KEYWORD = re.compile(
    r"^(\W*[A-Z0-9]{3,20}\s+)((?:ANONIM|RAHASIA)(?:\s+(?:ANONIM|RAHASIA))?)\b"
)
_PROSE = re.compile(
    r"(?:umum|dagang|negara|bank|perusahaan|dapur|bahwa|ini|itu|yang|yg|jabatan|medis|keluarga"
    r"|pribadi|adalah|telah|sudah|sering|tersebut|men\w+|mem\w+|ber\w+)\b",
    re.I,
)
"""Next words that make a leading "rahasia" or "anonim" the subject of a sentence."""

# Requests in prose: they set the flag and stay, since an officer should read them.
_WHO = (
    r"(?:identitas|nama|data\s+diri|data\s+pribadi|jati\s*diri"
    r"|no(?:mor)?\s*(?:hp|wa|telepon|telp)?)"
)
_MINE = r"(?:\s+(?:diri|lengkap|saya|sy|kami|aku|pelapor|pengirim|gue|gw|ini|kita))"
_HIDE = (
    r"(?:(?:di)?rahasia(?:kan)?|disembunyikan|disamarkan|dilindungi|dijaga\s+kerahasiaan\w*"
    r"|(?:jangan|tidak|tdk|tak)\s+(?:di)?(?:sebut|cantum|sebar|bocor|publikasi|ungkap|tampil|buka)\w*)"
)
_ASK = r"(?:mohon|tolong|harap|minta|agar|supaya|pls|please)"
_LINK = r"(?:\s+(?:mohon|tolong|harap|agar|supaya|untuk|bisa|dapat|dan|juga|ya|tetap))"
_ANONYMOUS = re.compile(
    rf"\b{_WHO}{_MINE}+{_LINK}*\s+{_HIDE}"
    rf"|\b{_ASK}\s+(?:untuk\s+)?{_WHO}{_MINE}*{_LINK}*\s+{_HIDE}"
    rf"|\b(?:jangan|tidak\s+(?:mau|ingin|usah|perlu)|tdk\s+(?:mau|ingin)|tanpa)\s+(?:di)?"
    rf"(?:meny?ebut|sebut|mencantum|cantum|sebar|bocor|publikasi|ungkap|tampil)\w*\s+{_WHO}{_MINE}*"
    rf"|\b(?:rahasiakan|sembunyikan|lindungi|samarkan|jaga\s+kerahasiaan)\s+{_WHO}{_MINE}"
    rf"|\b(?:saya|kami|sy)\s+(?:ingin|mau|mohon|minta|lapor|melapor|memilih)\s*"
    rf"(?:melapor|lapor|tetap|jadi|menjadi)?\s*(?:secara\s+|sebagai\s+)?anonim\b"
    rf"|\b(?:lapor(?:an)?|melapor|pelapor|kirim)(?:\s+(?:ini|saya))?\s+(?:secara\s+|sebagai\s+)?anonim\b"
    r"|\b(?:keep|stay|remain|be)\s+(?:me\s+)?anonymous\b"
    r"|\b(?:do\s+not|don'?t)\s+(?:mention|disclose|reveal|share|publish)\s+my\s+(?:name|identity)\b",
    re.I,
)
_CONFIDENTIAL = re.compile(
    rf"\b(?:laporan|aduan|pengaduan|pesan)(?:\s+(?:ini|saya|kami))*{_LINK}*"
    rf"(?:\s+(?:bersifat|sifatnya|ber\s*status))?\s+{_HIDE}"
    rf"|\b(?:jangan|tidak\s+(?:usah|perlu)|mohon\s+tidak)\s+(?:di)?publikasi\w*"
    rf"(?:\s+(?:laporan|aduan)\w*)?(?=\W*$|[.,;!\n])"
    r"|\b(?:rahasiakan|sembunyikan)\s+(?:laporan|aduan|pengaduan)\b"
    r"|\bkeep\s+(?:this|it|my\s+report)\s+confidential\b",
    re.I,
)
_BOTH = re.compile(
    rf"(?:^|[.,;!\n]|\bdan)\s*{_ASK}\s+(?:untuk\s+)?(?:di)?rahasia(?:kan)?\b"
    rf"(?!\s+{_WHO}|\s+(?:laporan|aduan|umum))",
    re.I,
)
"""Nothing says what is to be kept secret: the cautious reading is both."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """What the reporter asked to be hidden, and the text without the marks."""

    anonymous: bool
    confidential: bool
    text: str
    unhide: bool = False
    """Whether the reporter says that they may be known again."""


_ASIDE = 2
"""Words beside a withdrawal; with more of them the text is about something else."""


def read(text: str) -> Privacy:
    """Find privacy marks in ``text`` (repaired, without a leading LAPOR)."""
    marks = _marks_in(text)
    anonymous, both = wishes.found(marks.text)
    if not anonymous and wishes.withdrawn(text) and wishes.words_beside(text) <= _ASIDE:
        return Privacy(False, False, text, unhide=True)
    if both and marks.confidential and not marks.anonymous:
        return marks
    return Privacy(marks.anonymous or anonymous, marks.confidential or both, marks.text)


def _marks_in(text: str) -> Privacy:
    lowered = text.lower()
    if not has_any(_STEMS, lowered):
        return Privacy(False, False, text)
    marked = has_any(_MARKS, lowered)
    marks, rest = _take_marks(text) if marked else ([], text)
    said = " ".join(marks).lower()
    both = marked and _BOTH.search(rest) is not None
    return Privacy(
        "anon" in said or both or _asks(_ANONYMOUS, _NAMED, lowered, rest),
        "rahasia" in said or "confid" in said or both or _asks(_CONFIDENTIAL, _SENT, lowered, rest),
        rest,
    )


def _asks(pattern: re.Pattern[str], cues: tuple[str, ...], lowered: str, text: str) -> bool:
    """Tell whether a text asks for it; the pattern is slow and only tried where a cue is."""
    return has_any(cues, lowered) and pattern.search(text) is not None


_MARKS = ("anonim", "anonym", "rahasia", "confid")
"""Without one of these nothing is said to the gateway; the rest is said to officers."""
_STEMS = (
    *_MARKS, "ebut", "cantum", "sebar", "bocor", "ungkap", "tampil", "sembunyi", "samarkan",
    "lindung", "reveal", "disclose", "mention", "share", "buka", "publi",
)  # fmt: skip
"""Without one of these there is no mark: most messages end here."""
_NAMED = ("identi", "nama", "data", "jati", "no", "anonim", "anonym", "my name")
_SENT = ("lapor", "adu", "pesan", "publikasi", "confid")


def _take_marks(text: str) -> tuple[list[str], str]:
    marks = _TAGS.findall(text)
    rest = _TAGS.sub(" ", text).strip() if marks else text
    if keyword := _AFTER_KEYWORD.match(rest):
        marks.append(keyword[2])
        rest = keyword[1] + rest[keyword.end() :].lstrip(" ,.:;-")
    if (first := _FIRST.match(rest)) and not _PROSE.match(rest[first.end() :]):
        marks.append(first[1])
        rest = rest[first.end() :]
    if last := _LAST.search(rest) or _LAST_IN_CAPITALS.search(rest):
        marks.append(last[1])
        rest = rest[: last.start(1)].rstrip(" \n,;")
    return marks, " ".join(rest.split("  ")).strip() if marks else rest
