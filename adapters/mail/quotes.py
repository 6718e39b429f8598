"""What the writer of a reply to us added, without what the reply repeats. Linear in the text.

Only a reply is read here: of a first mail every line is the writer's. What is left out is not
lost, the message keeps the whole beside it; and where it is not plain whose a line is, it is the
writer's. Knows the forms that mail programs write.
"""

import re

from normalizer.reply import MARKER as REPLY_MARKER

_DIVIDERS = (
    "pesan asli",
    "pesan semula",
    "pesan awal",
    "pesan balasan",
    "email asli",
    "surel asli",
    "original message",
    "original appointment",
    "original mail",
    "reply message",
    "ursprüngliche nachricht",
    "message d'origine",
    "mensaje original",
    "oorspronkelijk bericht",
)
_FORWARDS = (
    "forwarded message",
    "begin forwarded message",
    "forwarded by",
    "forwarded mail",
    "pesan terusan",
    "pesan yang diteruskan",
    "pesan diteruskan",
    "mulai pesan terusan",
    "memulai pesan terusan",
    "mulai meneruskan pesan",
    "diteruskan oleh",
)
_FROM = {"dari", "from", "pengirim", "von", "de", "van"}
_SENT = {"dikirim", "terkirim", "sent", "date", "tanggal", "tgl", "gesendet", "envoyé", "enviado"}
_TO = {"kepada", "to", "untuk", "ke", "an", "à", "para", "aan"}
_HEADER_LINES = 10
"""Lines in which From, Sent and To must stand together, blank ones counted."""

_WROTE = (
    r"(?:menulis(?:kan)?|wrote|writes|schrieb|écrit|escribió|escreveu|scritto|schreef|skrev|"
    r"ha scritto|написала?|写道)"
)
_OPENS = re.compile(r"(?:pada|on|tanggal|tgl|am|le|el|em|il|op|den)\b", re.IGNORECASE)
_ATTRIBUTION = re.compile(rf"(?<!\w){_WROTE}(?!\w)[^:]{{0,120}}:?\s*$", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-\d\d-\d\d\b.*>\s*:\s*$")
"""How Gmail began a quoted mail: "2016-10-24 15:36 GMT+07:00 Budi <budi@mail.example>:"."""
_ADDRESS = re.compile(r"[^\s<>@]@[^\s<>@]")
_DATED = re.compile(r"\d{1,2}[.:]\d{2}|\b(?:19|20)\d\d\b")
_ATTRIBUTION_LINES = 4
_LINE = 300
"""Characters of a line that are looked at."""
_PRODUCT = (
    r"(iphone|ipad|android|samsung|galaxy|yahoo|outlook|gmail|mail|ponsel|hp|smartphone|telepon"
    r"|xiaomi|redmi|poco|oppo|vivo|realme|huawei|blackberry|perangkat|tablet|windows|my|k-9"
    r"|mailbox|aqua|proton|phone)"
)
_ADVERT = re.compile(
    rf"((di|ter)kirim (dari|dengan|melalui|menggunakan)|sent (from|with|via)|dapatkan|get)"
    rf" .{{0,30}}?\b{_PRODUCT}\b.{{0,40}}$",
    re.IGNORECASE,
)
_LONGEST_ADVERT = 90
_SIGNATURE_LINES = 10
"""A longer text below "-- " is more than a signature."""
_RULE = frozenset("-_*=")


def strip_quotes(text: str) -> str:
    """Return what the writer of a reply added; "" when all of it looks repeated."""
    reading = _Reading(text.split("\n"))
    return "\n".join(reading.kept()).strip().rstrip("_").rstrip()


class _Reading:
    """One reply, line by line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def kept(self) -> list[str]:
        """List the lines of the writer."""
        found: list[str] = []
        at = 0
        while at < len(self.lines):
            line = self.lines[at].strip()
            if line.startswith(REPLY_MARKER):
                break
            if _is_forward(line):
                return found + self.lines[at:]
            after = self.repeated(at)
            if after == at:
                found.append(self.lines[at].rstrip())
                after += 1
            at = after
        return found

    def repeated(self, at: int) -> int:
        """Return the line after what is repeated at ``at``; ``at`` where nothing is."""
        line = self.lines[at].strip()
        if line.startswith(">"):
            return at + 1
        if after := self.opening(at) or self.signature(at):
            return after
        advert = len(line) <= _LONGEST_ADVERT and _ADVERT.match(line)
        return at + 1 if advert and self.ends(at + 1) else at

    def opening(self, at: int) -> int:
        """Return the line after a quoted letter that is announced at ``at``; 0 if none is.

        Where the letter itself is not marked, only its first paragraph is taken for it: what
        follows may be the answer.
        """
        if after := self.attribution(at):
            return self.letter(after)
        if _is_divider(self.lines[at].strip()):
            after = self.blanks(at + 1)
            headed = after < len(self.lines) and self.is_header_block(after)
            return self.letter(self.paragraph(after) if headed else after)
        return self.letter(self.paragraph(at)) if self.is_header_block(at) else 0

    def letter(self, at: int) -> int:
        """Return the line after the quoted letter that begins at ``at``."""
        return at if self.is_marked(at) else self.paragraph(self.blanks(at))

    def attribution(self, at: int) -> int:
        """Return the line after "Pada Sen, 3 Nov 2025 pukul 10.00 X menulis:"; 0 if none.

        Without an address it is one only above a letter that is marked as quoted or as ours.
        """
        said = ""
        most = _ATTRIBUTION_LINES if _OPENS.match(self.lines[at].strip()[:20].lstrip("-*_ ")) else 1
        for after in range(at + 1, min(at + most, len(self.lines)) + 1):
            piece = self.lines[after - 1].strip()[:_LINE]
            if not piece or piece.startswith((">", REPLY_MARKER)):
                return 0
            said = f"{said} {piece}".strip()
            core = said.strip("-_*= \t")
            if _ISO.match(core) or _ATTRIBUTION.search(core[-160:]):
                named = bool(_ADDRESS.search(core))
                dated = named or bool(_DATED.search(core))
                return after if named or (dated and self.is_marked(after)) else 0
        return 0

    def is_header_block(self, at: int) -> bool:
        """Tell whether the head of a letter begins here: From, Sent and To."""
        if _key(self.lines[at]) not in _FROM:
            return False
        keys = {_key(line) for line in self.lines[at : at + _HEADER_LINES]}
        return bool(keys & _SENT) and bool(keys & _TO)

    def signature(self, at: int) -> int:
        """Return the line after a signature (RFC 3676 4.3, its space lost or not); 0 if none."""
        if self.lines[at].rstrip() != "--":
            return 0
        for after in range(at + 1, min(at + 1 + _SIGNATURE_LINES, len(self.lines)) + 1):
            if after >= len(self.lines) or self.starts_quote(after):
                return after
            if self.lines[after].rstrip() == "--":
                return 0
        return 0

    def ends(self, at: int) -> bool:
        """Tell whether the writer's words end above ``at``."""
        after = self.blanks(at)
        return (
            after >= len(self.lines)
            or self.starts_quote(after)
            or self.lines[after].rstrip() == "--"
        )

    def starts_quote(self, at: int) -> bool:
        line = self.lines[at].strip()
        return (
            line.startswith((">", REPLY_MARKER))
            or _is_divider(line)
            or self.is_header_block(at)
            or self.attribution(at) > 0
        )

    def is_marked(self, at: int) -> bool:
        """Tell whether the next line is quoted by a sign, or is our own."""
        after = self.blanks(at)
        return after < len(self.lines) and self.lines[after].strip().startswith((">", REPLY_MARKER))

    def blanks(self, at: int) -> int:
        """Return the first line from ``at`` on that is not blank."""
        while at < len(self.lines) and not self.lines[at].strip():
            at += 1
        return at

    def paragraph(self, at: int) -> int:
        """Return the line after the paragraph at ``at``; our own line ends one, too."""
        while at < len(self.lines):
            line = self.lines[at].strip()
            if not line or line.startswith((">", REPLY_MARKER)):
                break
            at += 1
        return at


def _core(line: str) -> str:
    return line[:120].strip("-_*=>: \t").lower()


def _is_ruled(line: str) -> bool:
    return len(line) >= 2 and set(line[:2]) <= _RULE


def _is_divider(line: str) -> bool:
    return _is_ruled(line) and _core(line).startswith(_DIVIDERS)


def _is_forward(line: str) -> bool:
    ruled = _is_ruled(line) or line.endswith(":")
    return ruled and not line.startswith(">") and _core(line).startswith(_FORWARDS)


def _key(line: str) -> str:
    return line[:40].partition(":")[0].strip("*> \t").lower() if ":" in line[:40] else ""


__all__ = ["REPLY_MARKER", "strip_quotes"]
