"""What the writer of a reply added, without the mail it quotes. One pass, linear in the text.

Knows the forms that Indonesian and English mail programs write. A forwarded mail is the writer's
evidence and is kept whole.
"""

import re

REPLY_MARKER = "--- Balas di atas garis ini ---"
"""The first line of every mail we send: whatever stands below it in a reply is ours."""

_DIVIDERS = (
    "pesan asli",
    "pesan semula",
    "pesan awal",
    "email asli",
    "original message",
    "original appointment",
    "reply message",
)
_FORWARDS = (
    "forwarded message",
    "begin forwarded message",
    "forwarded by",
    "pesan terusan",
    "pesan yang diteruskan",
    "pesan diteruskan",
    "mulai pesan terusan",
    "memulai pesan terusan",
    "mulai meneruskan pesan",
    "diteruskan oleh",
)
_FROM = {"dari", "from", "pengirim"}
_SENT = {"dikirim", "terkirim", "sent", "date", "tanggal", "tgl"}
_TO = {"kepada", "to", "untuk", "ke"}
_HEADER_LINES = 10
"""Lines in which From, Sent and To must stand together, blank ones counted."""

_OPENS = re.compile(r"(pada|on|tanggal)\b", re.IGNORECASE)
_CLOSES = re.compile(r"(menulis|menuliskan|wrote|writes)\s{0,5}:$", re.IGNORECASE)
_DATED = re.compile(r"@|\d{1,2}[.:]\d{2}")
_ATTRIBUTION_LINES = 4
_PRODUCT = (
    r"(iphone|ipad|android|samsung|galaxy|yahoo|outlook|gmail|mail|ponsel|hp|smartphone|telepon"
    r"|xiaomi|redmi|poco|oppo|vivo|realme|huawei|blackberry|perangkat|tablet|windows|my)"
)
_ADVERT = re.compile(
    rf"((di|ter)kirim (dari|dengan|melalui|menggunakan)|sent (from|with|via)|dapatkan|get)"
    rf" .{{0,30}}?\b{_PRODUCT}\b.{{0,40}}$",
    re.IGNORECASE,
)
_SHORT_SIGNATURE = 10


def strip(text: str, *, reply: bool) -> str:
    """Return ``text`` without quoted mail, signature and "sent from my phone".

    ``reply`` says that the mail's own headers call it an answer; without that, lines that only
    look quoted (">5 hari") and letter heads ("Dari: ... Kepada: ...") are the writer's.
    The result is empty when everything looked quoted: then keep the whole.
    """
    lines = text.split("\n")
    kept: list[str] = []
    at, quoting = 0, reply
    while at < len(lines):
        line = lines[at].strip()
        if _is_forward(line):
            kept += lines[at:]
            break
        if _ends_writing(lines, at, reply):
            break
        if skip := _attribution(lines, at):
            at, quoting = at + skip, True
            if not _next_written(lines, at).startswith(">"):
                break
            continue
        if not (quoting and line.startswith(">")) and not _is_advert(line):
            kept.append(lines[at].rstrip())
        at += 1
    return "\n".join(kept).strip().rstrip("_").rstrip()


def _ends_writing(lines: list[str], at: int, reply: bool) -> bool:
    line = lines[at].strip()
    return (
        line.startswith(REPLY_MARKER)
        or _is_divider(line)
        or _is_signature(lines, at, reply)
        or _is_header_block(lines, at, reply)
    )


def _core(line: str) -> str:
    return line[:120].strip("-_*=>: \t").lower()


def _is_divider(line: str) -> bool:
    return line[:2] in ("--", "__", "**", "==") and _core(line).startswith(_DIVIDERS)


def _is_forward(line: str) -> bool:
    ruled = line[:2] in ("--", "__", "**", "==") or line.endswith(":")
    return ruled and not line.startswith(">") and _core(line).startswith(_FORWARDS)


def _is_signature(lines: list[str], at: int, reply: bool) -> bool:
    """A line of "-- " (RFC 3676 4.3); "--" without the space only near the end of a reply.

    In a first report what follows "--" may be the very place it is about.
    """
    line = lines[at].rstrip("\r\n")
    return line == "-- " or (reply and line == "--" and len(lines) - at <= _SHORT_SIGNATURE)


def _is_advert(line: str) -> bool:
    return len(line) <= 90 and bool(_ADVERT.match(line))


def _key(line: str) -> str:
    return line[:40].partition(":")[0].strip("*> \t").lower() if ":" in line[:40] else ""


def _is_header_block(lines: list[str], at: int, reply: bool) -> bool:
    if _key(lines[at]) not in _FROM:
        return False
    block = lines[at : at + _HEADER_LINES]
    keys = {_key(line) for line in block}
    mailed = reply or any("@" in line[:300] for line in block)
    return mailed and bool(keys & _SENT) and bool(keys & _TO)


def _attribution(lines: list[str], at: int) -> int:
    """Count the lines of "Pada Sen, 3 Nov 2025 pukul 10.00 X menulis:" at ``at``; 0 if none."""
    if not _OPENS.match(lines[at].strip()[:20]):
        return 0
    for length in range(1, _ATTRIBUTION_LINES + 1):
        joined = " ".join(line.strip()[:300] for line in lines[at : at + length])
        if _CLOSES.search(joined[-30:].rstrip()):
            return length if _DATED.search(joined) else 0
    return 0


def _next_written(lines: list[str], at: int) -> str:
    following = (line.strip() for line in lines[at : at + 5])
    return next((line for line in following if line), "")
