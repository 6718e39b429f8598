"""What a message wants: to report, to ask about a report, to learn how, or just to say hello.

A message is a command only when nothing else is in it: "status" inside a complaint is a complaint.
"""

import re
from dataclasses import dataclass

from normalizer.gazetteer import Gazetteer, Region
from normalizer.message import Intent
from normalizer.text import vocabulary
from normalizer.tracking import is_nearly_one, mentions

_STATUS = vocabulary("status stts cek check lacak tracking perkembangan progres progress")
_READ = vocabulary("baca bacakan read")
_HELP = vocabulary("bantuan help info menu petunjuk panduan format cara lapor melapor start")
_PRIVACY = vocabulary(
    "privasi privacy privasy privaci prifasi prifacy pripasi privesi prvasi privas privasinya"
)
_ABOUT_PRIVACY = vocabulary(
    "kebijakan pemberitahuan perlindungan aturan policy notice statement data pribadi balas ketik "
    "kirim baca tentang soal informasi dan about read tell me apakah bagaimanakah"
)
_GREETING = vocabulary(
    "halo hallo hello hai hi hey assalamualaikum assalamu alaikum ass aslm wr wb "
    "warahmatullahi wabarakatuh waalaikumsalam salam selamat pagi siang sore malam malem "
    "permisi punten misi test tes testing p ping makasih terima kasih trima trims thanks "
    "thank you tq ok oke baik siap morning good afternoon evening om swastiastu shalom "
    "sampurasun okay okey sip nuhun suwun matur hatur"
)
_THANKS = vocabulary(
    "makasih terima kasih trima trims thanks thank you tq ok oke okay okey baik siap sip nuhun "
    "suwun matur hatur"
)
_FILLER = vocabulary(
    "pak bapak bu ibu min admin kak mas mbak bang bro gan saya sy aku kami laporan laporannya "
    "lapor aduan pengaduan tiket keluhan no nomor nomer nmr id kode dari untuk dong ya yah "
    "nih kah tolong mohon minta mau ingin tanya gimana bagaimana bgmn apa sudah udah sdh "
    "sampai mana yang ini itu di my report please of the is what semua kasih kawan sekalian "
    "sp4n kanal 1708 banyak sangat to how"
)
_LAPOR = re.compile(
    r"^\W*(?:#lapor(?:1708)?\b!?|LAPOR(?:1708)?\b!?|lapor1708\b|lapor(?=\s*[:!#]))[\s:!,.\-]*"
)
_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"[a-z2-7]{8}")
"""What opens the page of a number; said beside it, it proves whose the report is."""
_LONGEST = 12
"""Words a command may have; anything longer is somebody's report."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a message wants, and its text without the command words at its head."""

    intent: Intent
    text: str
    refers_to: tuple[str, ...] = ()


def read(text: str) -> Command:
    """Tell what ``text`` (repaired) wants; the tracking numbers in it come along, each once."""
    intent = _intent(text)
    called = _LAPOR.match(text) if intent is Intent.REPORT else None
    stripped = text[called.end() :] if called else text
    return Command(intent, stripped or text, tuple(dict.fromkeys(mentions(text))))


def is_thanks(text: str) -> bool:
    """Tell whether a greeting only thanks, or says that it is well."""
    words = set(_WORD.findall(text.lower()))
    return bool(words & _THANKS) and words <= _THANKS | _FILLER


def leading_keyword(text: str, gazetteer: Gazetteer) -> Region | None:
    """Return the region of a 1708 keyword: a first word in capitals before words that are not.

    In a text all in capitals the first word proves nothing, unless it is a registered keyword.
    """
    first = _WORD.search(text)
    if first is None or first.start() > 2 or not first[0].isupper() or len(first[0]) < 3:
        return None
    if first[0] in gazetteer.keywords:
        return gazetteer.keywords[first[0]]
    rest = text[first.end() :]
    return gazetteer.keyword(first[0]) if rest.strip() and not rest.isupper() else None


def _intent(text: str) -> Intent:
    if len(text) > 200 or sum(map(str.isalpha, text.split())) > _LONGEST:
        return Intent.REPORT
    found = _WORD.findall(text.lower())
    words = [word for word in found if not word.isdigit()]
    if not found or len(words) > _LONGEST:
        return Intent.REPORT
    numbered = next(mentions(text), None) is not None or is_nearly_one(text)
    rest = set(words) - _FILLER
    if numbered and rest & (_STATUS | _READ):
        rest -= set([word for word in words if _is_code(word)][:1])
    if rest & _READ and rest <= _READ | _GREETING and (numbered or len(words) == 1):
        return Intent.READ
    if rest <= _STATUS | _GREETING and (rest & _STATUS or numbered):
        return Intent.STATUS
    if not (
        set(words) - _GREETING - {"pak", "bu", "min", "admin", "kak", "bapak", "ibu", "banyak"}
    ):
        return Intent.GREETING if words else Intent.REPORT
    if set(words) & _PRIVACY and rest <= _PRIVACY | _ABOUT_PRIVACY | _HELP | _GREETING:
        return Intent.PRIVACY
    if len(words) <= 6 and set(words) & _HELP and rest <= _HELP | _GREETING:
        return Intent.HELP
    return Intent.REPORT


def _is_code(word: str) -> bool:
    return _CODE.fullmatch(word) is not None and word not in _STATUS | _READ | _GREETING | _FILLER
