"""Words of machines: automatic replies, and what we said ourselves.

Nothing here decides alone that a message is not read. What sounds like an automatic reply is filed
as any report, and its sender is not answered: two machines that answer each other never end.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from zlib import crc32

from normalizer.text import vocabulary

_LONGEST = 400
"""Characters that an automatic reply has at most: a longer text has something to say."""
_NEAR = 36
"""Characters from the beginning within which it says what it is."""
_BUSY = (
    r"(rapat|meeting|menyetir|mengemudi|nyetir|berkendara|cuti|di luar (kantor|kota)|sibuk"
    r"|tidak di tempat|tidak (bisa|dapat) (menerima|menjawab|membalas)|offline|libur|istirahat"
    r"|s(h|y)?[ao]lat)"
)
_WE = r"(saya|aku|kami|kita|admin|cs|tim( kami)?|petugas kami|customer service|operator)"
_PATTERNS = (
    # thanks for the message
    r"(terima ?kasih|makasih|trims|thank you|thanks)\b.{0,40}\b(menghubungi|kontak|contacting"
    r"|reaching out|your (message|e?-?mail|inquiry)|pesan (anda|kamu|bapak|ibu|saudara))\b",
    r"\b(pesan|sms|e-?mail|surat|chat|wa) (anda|kamu|bapak|ibu|saudara|bpk)\b.{0,30}"
    r"\b((di|ter)?terima|(di)?balas|(di)?proses|(di)?tanggapi|(di)?baca|masuk)\b",
    rf"\b{_WE} akan (segera )?"
    r"(membalas|menghubungi|merespon|menjawab|menanggapi|balas|respon|hubungi)",
    r"\b(your|the) (message|e-?mail|request) (has been|was|is) (received|queued)",
    r"\bwe('ve| have)? received your\b|\bwe('ll| will) (get back|respond|reply|be in touch)",
    # away
    rf"^(mohon )?(maaf|sorry|pardon)\b\W*(pak|bu|kak|mas|mbak)?\W*{_WE}?\W*"
    rf"(masih |sedang |lagi |saat ini |sekarang )+{_BUSY}",
    rf"^{_WE}?\W*(masih |sedang |lagi |saat ini )+{_BUSY}\b.{{0,60}}$",
    r"\bi('m| am) (currently )?(driving|in a meeting|away|out of (the )?office|on (leave|vacation)"
    r"|unavailable)",
    r"\bout of (the )?office\b|\bauto(matic|mated)?[- ]?(reply|response|responder)\b",
    # says so itself
    r"\b(balasan|jawaban|pesan|respon|tanggapan) otomatis\b|\bautoreply\b",
    r"\bjangan (di)?balas (pesan|sms|e-?mail|surat) ini\b",
    r"\b(do not|don't) reply (to this|directly)",
    r"\bpesan ini (dikirim|dibuat|dihasilkan) (secara )?otomatis\b",
    r"\bnomor ini tidak (menerima|melayani|dapat menerima)\b",
    r"\b(jam|waktu) (kerja|operasional|layanan|pelayanan) kami\b",
)
_REPLIES = re.compile("|".join(f"(?:{each})" for each in _PATTERNS), re.IGNORECASE)


def sounds_automatic(text: str) -> bool:
    """Tell whether a text sounds like an automatic reply, or like the note of somebody away."""
    line = " ".join(text[: _LONGEST + 1].split())
    if not line or len(line) > _LONGEST:
        return False
    found = _REPLIES.search(line[:_LONGEST])
    return found is not None and found.start() <= _NEAR


# what was said before

Sketch = tuple[int, ...]
"""The words of a text in order, each as a short hash: enough to know it again, not to read it."""
_MOST_WORDS = 60
_WORD = re.compile(r"[^\W_]{1,60}")
_QUOTING = vocabulary(
    """re fw fwd bls balas balasan trs terusan diteruskan forwarded message pesan dari from kepada
    to auto echo kutipan quote quoted wrote menulis pada on at kirim dikirim sent asli original
    diterima received sms wa reply garis ini atas di"""
)
"""Words that stand around a text that somebody's machine sends back."""
_ALIKE = 0.8
_SURE = 3
"""Pairs of words that must be ours before a text is taken for one of ours."""


def sketch(text: str) -> Sketch:
    """Return the words of a text, without what changes each time: numbers, times, tokens."""
    words = (word.casefold() for word in _WORD.findall(text[:4_000]))
    plain = [word for word in words if not any(map(str.isdigit, word))]
    return tuple(crc32(word.encode("utf-8", "replace")) for word in plain[:_MOST_WORDS])


_QUOTING_WORDS = frozenset(crc32(word.encode()) for word in _QUOTING)


def same(one: Sketch, other: Sketch) -> bool:
    """Tell whether two texts say the same but for a few words; texts without words are the same."""
    if one == other:
        return True
    words, others = set(one), set(other)
    shared, all_ = len(words & others), len(words | others)
    return all_ > 0 and shared / all_ >= _ALIKE and shared >= _SURE


def find_echo(sketch: Sketch, ours: Sequence[Sketch]) -> str:
    """Tell whether a text is one of ours that came back: "sure", "perhaps", or "" for no.

    Perhaps where a few more words stand around it than machines add: it may be an answer.
    """
    return max(
        (_echoed(sketch, each) for each in ours), key=("", "perhaps", "sure").index, default=""
    )


def _echoed(sketch: Sketch, ours: Sketch) -> str:
    pairs, known = list(pairwise(sketch)), set(pairwise(ours))
    shared = sum(pair in known for pair in pairs)
    if shared < _SURE or not pairs:
        return ""
    whole = len(set(pairs) & known) >= _ALIKE * len(known)
    part = shared >= 2 * _SURE and shared >= 0.9 * len(pairs)
    if not (whole or part):
        return ""
    added = [word for word in sketch if word not in set(ours) | _QUOTING_WORDS]
    if not added:
        return "sure"
    return "perhaps" if len(added) <= max(4, len(ours) // 4) else ""


__all__ = ["Sketch", "find_echo", "same", "sketch", "sounds_automatic"]
