"""Wishes not to be known, in people's own words: slang, English and regional languages.

Tables of words and a few orders in which they stand. A wish is about who wrote: "dana rahasia",
"surat anonim" and "nama saya tidak ada di DTKS" are matters, not wishes.
"""

import re

# ruff: noqa: E501 - a pattern is easier to read on one line

_LONGEST = 4_000
"""Characters of a text that are looked through."""

_W = r"(?:[^\W_][\w'’-]*\s+)"
_NAME = (
    r"(?:nama|nm|name|namo|ngaran|jeneng|nami|nyama(?:na)?|adan|wastan|aseng|areng|identitas"
    r"|identity|data\s+diri|jati\s?diri|(?:no(?:mor|mer)?|nmr)\s*(?:hp|wa|telp\w*|telepon)?)"
)
_NAME_MINE = r"(?:namaku|namaq|jenengku|asekku|arengku|ngaranku|namana\s+abdi|identitasku|nomorku)"
_ME = (
    r"(?:saya|sy|sya|aku|ak|gue|gua|gw|kami|abdi|kula|kulo|ulun|unda|ambo|den|aye|engko['’]?"
    r"|kaula|tiange?|titiang|iya['’]|nakke|sa|beta|kita|torang|me|i|pelapor\w*|pengirim\w*"
    r"|(?:kita|sa|sy|torang|beta)\s+pe?u?)"
)
_MINE = rf"(?:{_NAME_MINE}|{_NAME}\s+{_ME}|(?:kita|sa|beta|torang)\s+p[eu]\s+nama|my\s+(?:name|identity|number))"
_NOT = (
    r"(?:jangan|jgn|jng|jngn|jan|jang|aja|ojo|ampun|sampun|ulah|tong|eda|da|sampunang|ja['’]|aja['’]"
    r"|teaki|tea|(?:tidak|tdk|tak|gak|ga|nggak|ngga|ndak)\s+(?:usah|perlu|mau|ingin)|tanpa"
    r"|don['’]?t|do\s+not|never)"
)
_SAY = (
    r"(?:(?:di|me|ny|man|mu|ka)?(?:sebut|sabuik|nyebut|yebut|nyebat|nyambat|manyambat|sambat|ambat|nyebbut|teppu)\w*"
    r"|(?:di|men|me|ny)?(?:cantum|sebar|bocor|publikasi|ungkap|tampil|buka|tulis|pidang|umbar)\w*"
    r"|(?:di|me)?(?:kasih?|kase|beri)\s?(?:tau|tahu)\w*|bilang\w*|(?:di)?bilangin|ngomong\w*|omong\w*"
    r"|(?:di)?beja\w*|kandha\w*|kondo|ngandhani|(?:di)?padah\w*|(?:di)?kecek\w*|mupau|pau|upau|ka['’]?oca['’]?"
    r"|tell|mention|reveal|disclose|publish|share|say)"
)
_REPORTS = r"(?:me?l|mal|ma?ll|ng)?(?:lapor|apor|aduan|adu|ngadu)\w*|report\w*"
_WHO_REPORTS = (
    rf"(?:dari\s+{_ME}|{_ME}\s+(?:(?:yang|yg|sing|ingkang|nu|nang|nan|nyang|se|who)\s+)?(?:{_REPORTS})"
    r"|(?:siapa|sapa|sopo|saha|sia)[\w-]*|anyone|anybody|it\s+was\s+me|who\s+i\s+am)"
)
_HIDE = (
    r"(?:(?:di|tipun|dipun)?(?:rahasia|rusiah|rasio)\w*|(?:di)?(?:sembunyi|umpet|suruak|suruk|engkeb|cokko"
    r"|subbu|samar|pundhelik|dhelik|simpan\s+rapat)\w*|dilindungi|dijaga|secret|private|hidden|hide)"
)
_HIDING = (
    r"(?:(?:rahasia(?:kan|in|ken|['’]?aghi|ang|kangi|akan|kanlah)|(?:di)?rahasiakke|rusiahkeun|rahasiaakan"
    r"|rasioan|sembunyi(?:kan|in|akan)|umpetin|suruakan|engkebang|cokkoi|subbui|samarkan|lindungi|hide)"
    r"|(?:kase|kasi|kasih)\s+(?:rahasia|sembunyi))"
)
_FEAR = (
    r"(?:takut(?:an)?|tkt|takuik|wedi|ajrih|sieun|tako['’]?|jejeh|metau\w*|mallaka\w*|khawatir|kuatir|ngeri"
    r"|afraid|scared|(?:jgn|jangan|jan|jang|ulah|ojo|aja)\s+(?:sampai|sampe|smpe|nepi\s+ka))"
)
_KNOWN = (
    r"(?:ketahuan\w*|ketauan\w*|ktauan|ketawan|konangan|kanyahoan|katahuan\w*|katauan|tau|tahu|tw|ngerti|etemmo\w*|tawang\w*"
    r"|naisseng|naasseng|dikenali?|dibalas|diintimidasi|diancam|didatangi|found\s+out|know\w*|exposed)"
)
_SOFT = (
    r"(?:pak|bapak|bpk|bu|ibu|min|admin|kak|mas|mbak|bang|gan|om|ya|y|yah|ye|yo|nya|nya['’]|nggih|nah|neh|e"
    r"|lah|dong|donk|aja|aje|ae|wae|we|bae|gen|haja|ja|saja|sj|jo|mi|ji|ki|sudah|please|pls|plis|tolong|mohon|kalau\s+bisa"
    r"|klo\s+bisa|makasih|mksh|terima\s+kasih|suwun|nuhun|thanks|thank\s+you|untuk\s+saya|laporan\s+(?:ini|saya))"
)
_END = rf"(?=(?:\s+{_SOFT}\b){{0,6}}+\s*(?:[.,;!?\n)]|$))"
_ASK = r"(?:tolong|tlg|tlong|mohon|mhn|minta|harap|pls|plis|please|tulung|punten|saya|sy|aku|gue|gw|mau|ingin|pengen|pilih|biar|ini|jadi|lapor|laporan)"

_ANONYMOUS = re.compile(
    rf"\b{_MINE}\s+{_W}{{0,3}}?(?:{_NOT}\s+{_W}{{0,2}}?{_SAY}|{_HIDE})"
    rf"|\b{_NOT}\s+{_W}{{0,2}}?{_SAY}\s+{_W}{{0,3}}?(?:{_MINE}|{_NAME}{_END})"
    rf"|\b{_NOT}\s+{_W}{{0,2}}?{_SAY}\s+{_W}{{0,4}}?{_WHO_REPORTS}"
    rf"|\b(?:{_HIDING}|keep)\s+{_W}{{0,2}}?(?:{_MINE}|{_NAME}\s+pelapor)(?:\s+(?:secret|private|hidden|out\b\w*))?"
    rf"|\b{_HIDE}\s+{_W}{{0,1}}?(?:{_MINE}|{_NAME}(?:nya)?{_END}|identitas\w*)"
    rf"|\b(?:identitas(?:nya)?|nama(?:nya)?|nama\s+pelapor)\s+(?:{_ASK}\s+|di)?{_HIDE}"
    rf"|\b(?<!warga ){_FEAR}\s+(?!warga|masyarakat|anak|karena|kalau\s+tidak)(?:(?!tidak|tdk|belum|warga)[^\W_][\w'’-]*\s+){{0,3}}?{_KNOWN}\b"
    rf"|\b(?<!atas nama )(?:dari\s+)?hamba\s+allah\b"
    rf"|\b{_ASK}\s+(?:(?:{_SOFT}|{_ASK})\s+){{0,4}}+(?:secara\s+|sebagai\s+|di)?anonim(?:kan|in)?\b(?!\s+(?:yang|yg|ber|me)\w*)"
    rf"|(?:^|[.,;!?\n])\s*(?:(?:{_SOFT}|{_ASK})\s+){{0,4}}+(?:anonim(?:kan|in)?|anonymous|tanpa\s+nama){_END}"
    rf"|(?<!surat )(?<!akun )(?<!pesan )(?<!nomor )(?<!telepon )(?<!donatur )(?<!grup )\banonim(?:kan|in)?(?:\s+{_SOFT}\b){{1,4}}+\s*(?=[.,;!?\n)]|$)"
    r"|\b(?:stay|remain|be|keep\s+me)\s+anonymous\b|\bdon['’]?t\s+use\s+my\s+name\b"
    r"|\bwithout\s+(?:my\s+)?name\b",
    re.I,
)
_BOTH = re.compile(
    rf"\b(?<!tidak )(?<!bukan )(?:{_HIDING}|dirahasia(?:kan|in)){_END}"
    rf"|\bini\s+rahasia{_END}|(?:^|[.,;!?\n])\s*(?:(?:tolong|mohon|minta|tlg|please)\s+){{1,4}}+(?:di)?rahasia\w*{_END}",
    re.I,
)
_OPEN = re.compile(
    rf"\b(?:buka|tampilkan|munculkan|sebut(?:kan)?|cantumkan|pakai|tunjukkan)\s+{_W}{{0,2}}?{_MINE}"
    rf"|\b(?:tidak|tdk|tak|gak|ga|nggak|ngga|ndak|ora|teu|kada|indak|batal|batalkan|cabut|hapus)\s+"
    rf"(?:(?:usah|perlu|jadi|sah|kedah|status)\s+)?(?:di)?(?:anonim|rahasia)\w*(?:\s+lagi)?"
    rf"|\b(?:boleh|silakan|gapapa|tidak\s+apa)\s+{_W}{{0,1}}?(?:di)?(?:sebut|tampil|buka)\w*\s+{_MINE}"
    rf"|\b{_MINE}\s+(?:boleh|silakan|bisa)\s+{_W}{{0,1}}?(?:di)?(?:sebut|tampil|buka)\w*"
    r"|\b(?:show|use)\s+my\s+name\b|\bno\s+longer\s+anonymous\b",
    re.I,
)
_FOREIGN = re.compile(
    r"\bnama\s+\w+\s+(?:tidak|tdk|tak|ga|gak|nggak|belum|blm)\s+(?:ter|di)?(?:cantum|daftar|muncul"
    r"|tampil|ada|masuk|tercantum|terdaftar)\w*(?=\s+(?:di|dalam|pada|sebagai|dpt|dtks|daftar))"
    rf"|\b{_NOT}\s+{_W}{{0,1}}?{_SAY}\s+(?:dinas|kantor|pemerintah|pemda|kalau\s+tidak|nanti|sedang)\b",
    re.I,
)
"""What looks like a wish and is a complaint."""
_COURTESY = re.compile(
    rf"\b(?:{_SOFT}|{_ASK}|{_ME}|laporan\w*|gapapa|anonim\w*|rahasia\w*|dan|soalnya|karena|krn|soale)\b",
    re.I,
)
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+")
_STEMS = (
    "anonim", "anonym", "rahasia", "rusiah", "rasio", "sebut", "nyeb", "nyambat", "ambat", "sabuik",
    "sembunyi", "umpet", "suruak", "engkeb", "cokko", "subbu", "samar", "dhelik", "allah", "nama",
    "name", "takut", "tkt", "takuik", "wedi", "ajrih", "sieun", "tako", "jejeh", "metau", "mallaka",
    "bilang", "tau", "tahu", "beja", "kandh", "kondo", "padah", "kecek", "pau", "teppu", "oca",
    "tell", "anyone", "secret", "afraid", "scared", "sampe", "sampai", "identi", "cantum",
    "hide", "ngomong", "omong", "lindung",
)  # fmt: skip


def _head(text: str) -> str:
    """Return what is looked through, with single spaces: runs of them cost patterns dearly."""
    return _SPACES.sub(lambda run: "\n" if "\n" in run[0] else " ", text[:_LONGEST])


def found(text: str) -> tuple[bool, bool]:
    """Tell whether a text asks to hide who wrote, and whether to hide the report too."""
    head = _head(text)
    lowered = head.lower()
    if not any(stem in lowered for stem in _STEMS):
        return False, False
    named, number = _ANONYMOUS.subn(" ", _FOREIGN.sub(" ", head))
    both = _BOTH.search(named) is not None
    return both or number > 0, both


def withdrawn(text: str) -> bool:
    """Tell whether a text says that its writer may be known again."""
    return _OPEN.search(_ANONYMOUS.sub(" ", _FOREIGN.sub(" ", _head(text)))) is not None


def words_beside(text: str) -> int:
    """Count the words of a text that belong neither to a wish nor to courtesy."""
    rest = _head(text)
    for pattern in (_ANONYMOUS, _BOTH, _OPEN, _COURTESY):
        rest = pattern.sub(" ", rest)
    return len(_WORD.findall(rest))
