"""Hides what identifies a person from texts that others read.

Every rule is a row of ``RULES``: a kind, and a pattern whose whole match is hidden. Names are found
in ``normalizer.persons``.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from normalizer.persons import Span, lower_in_place, names

# ruff: noqa: E501 - a pattern is easier to read on one line

HIDDEN = "[disembunyikan]"
"""Stands where a name, an address, a number or an account stood."""
_LONGEST = 20_000

KINDS = (
    "name", "person", "signature", "address", "nik", "kk", "phone",
    "plate", "account", "email", "handle", "birth", "document",
)  # fmt: skip
"""What may identify somebody in a text; ``config/labels`` has what people call it."""
TRUSTED = frozenset({"nik", "phone", "plate", "document"})
"""Kinds of which at least 98 % were hidden at first sight in lines that the rules had not seen;
``tests/normalizer/test_masking.py`` counts them. Lines that rules were mended for prove nothing."""
UNTRUSTED = tuple(kind for kind in KINDS if kind not in TRUSTED)
"""While there is one, no text is public: any text may hold what is not found."""


class MaskedSpan(NamedTuple):
    """A place in a text that names somebody, and the kind of rule that found it."""

    start: int
    end: int
    kind: str


def _any(pattern: str) -> re.Pattern[str]:
    """Compile what is asked of a text in small letters: several times as fast as to ignore case."""
    return re.compile(pattern.replace("A-Z", "a-z"))


_MAIL = _any(
    r"(?<![\w.+-])[\w.+-]+\s?@\s?[\w-]+(?:\s?\.\s?[\w-]+)+"
    r"|(?<![\w.+-])[\w.+-]{2,40}(?:\s(?:dot|titik)\s\w{2,20})?\s?(?:[(\[{]\s?(?:at|et|a)\s?[)\]}]|\s(?:at|et)\s)\s?[\w-]{2,30}(?:\s?(?:\.|[(\[{]?\s?\b(?:dot|titik)\b\s?[)\]}]?)\s?(?:com|co|id|net|org|go|ac|sch|my)\b){1,3}"
    r"|(?<![\w.+-])[\w.+-]{2,40}\s(?:gmail|yahoo|ymail|hotmail|outlook|icloud)\s?(?:\.|\stitik\s|\sdot\s)\s?(?:com|co\.id|id)\b"
)
_LINK = _any(r"(?:https?://|www\.|wa\.me/|t\.me/)\S+")
_AT_NAME = _any(r"(?<![\w@.])@\w[\w.]*")
_SERVICE = r"(?:ig|insta|instagram|fb|facebook|tiktok|tik\s?tok|twitter|telegram|tele|line|id\s?line|threads|youtube|linkedin|akun|username|user|medsos|discord|michat)"
_HANDLE = _any(
    rf"\b{_SERVICE}(?:nya|ku)?(?:\s(?:saya|sy|aku|kami|dia|pelaku|korban|penjual|penipu|atas\snama|bernama|namanya|dgn\snama|dengan\snama|nama|id|ig|fb)){{0,3}}\s?[:=]\s?@?(?P<hide>[\w.]{{3,40}}(?:[ ][A-Z]\w{{1,20}}){{0,3}})"
    rf"|\b{_SERVICE}(?:nya|ku)?(?:\s(?:saya|sy|aku|kami|dia|pelaku|korban|penjual|penipu|atas\snama|bernama|namanya|dgn\snama|dengan\snama|nama|id|ig|fb)){{0,3}}\s@?(?P<more>(?=[\w.]{{0,30}}[\d_.]\w)[a-z][\w.]{{2,40}})"
)
_PAGE = re.compile(
    r"\b(?i:ig|instagram|fb|facebook|tiktok|twitter|telegram|akun)(?:\s?ku|nya|\s(?:saya|sy|dia|atas nama|bernama))\s(?P<hide>[A-Z]\w{1,20}(?:[ ][A-Z]\w{1,20}){0,4})"
)
_DIGIT = r"(?:[\dol]|nol|kosong|satu|dua|tiga|empat|lima|enam|tujuh|delapan|lapan|sembilan|sepuluh|sebelas|belas|puluh|zero|one|two|three|four|five|six|seven|eight|nine|double|dobel)"
_NUMBER = _any(
    rf"(?<![^\W_])\+?\(?{_DIGIT}(?:[\s().,/–—‐‑_*:|~\-\ufe0f\u20e3]{{0,3}}{_DIGIT}){{7,40}}(?![^\W\d_]{{2}})"
)
"""Eight digits and more, in figures or words, however they are grouped: telephones, NIK, NPWP, KK,
bank accounts, and now and then a code, which is the cheaper mistake."""
_PLATE_AREA = r"(?:A[ABDEG]?|B[ABDEGHKLMNP]?|D[ABCDEGHKLMNRST]?|E[ABD]?|F|G|H|K[BHTU]?|L|M|N|P[ABGSTY]?|R[IF]?|S|T|W|Z|DW|CD|CC)".lower()
_UNIT = r"(?:cm|km|kg|kk|rb|jt|mm|ml|an|rt|rw|no|dan|di|ke|org|ha|lt|th|thn|bln|hr|jam|m|x|kv|kva|va|wat|l|yg|dr|tp|pm|am|wib)"
_PLATE = _any(
    rf"(?<![^\W_]){_PLATE_AREA}[\s.\-]?(?:(?<=\W)\d{{1,4}}|(?<=[a-z])\d{{2,4}})[\s.\-]?(?!{_UNIT}\b)[A-Z]{{2,3}}(?![^\W_])"
    rf"|\b(?:plat|pelat|nopol|nomor\s+polisi|no\.?\s?pol(?:isi)?|bernopol|berplat)(?:\s(?:nomor|no|mobil|motor|nya|kendaraan|truk))?[\s.:]{{1,3}}(?P<hide>{_PLATE_AREA}[\s.\-]?\d{{1,4}}(?:[\s.\-]?(?!{_UNIT}\b)[A-Z]{{1,3}})?)\b"
)
_SHORT_PLATE = re.compile(
    rf"(?<![^\W_])(?:{_PLATE_AREA.upper()}[ ]\d{{3,4}}|{_PLATE_AREA.upper()}(?<=[A-Z]{{2}})[ ]\d{{1,2}})[ ][A-Z](?![^\W_])"
)
_CUED_NUMBER = _any(
    r"\b(?:no(?:mor|mer)?\.?\s?)?(?:hp|wa|whats?app|telp|tlp|telpon|telepon|telephone|phone|kontak|hub(?:ungi)?|call|sms|rek(?:ening)?|norek|bca|bri|bni|mandiri|bsi|btn|cimb|danamon|permata|bjb|dana|ovo|gopay|shopeepay|va|nik|kk|ktp|npwp|sim(?:\s[abc]\d?)?|paspor|passport|pasport|bpjs|nip|nisn|nis|nim|nrp|kitas|stnk|bpkb|identitas|id\s?pel(?:anggan)?|pelanggan|polis|meteran|rekam\s?medis|rm)\b"
    r"(?:nya|ku)?[^\d\n]{0,25}?(?P<hide>(?<![^\W_])(?:(?!rp)[A-Z]{1,3}[ -]?)?\d(?:[ .\-/]{0,2}\d){4,}[A-Z]?)"
)
_PASSPORT = _any(r"(?<![^\W_])[A-Z]{1,2}[ ]?\d{6,7}(?![^\W_])")
_MONTH = r"(?:jan(?:uari|uary)?|feb(?:ruari|ruary|uari)?|pebruari|mar(?:et|ch)?|apr(?:il)?|mei|may|jun[ie]?|jul[iy]?|agu?s?(?:tus)?|aug(?:ust)?|sept?(?:ember)?|okt(?:ober)?|oct(?:ober)?|nov(?:ember)?|nopember|des(?:ember)?|dec(?:ember)?)"
_DATE = rf"(?:\d{{1,2}}[\s./-]{{1,3}}(?:\d{{1,2}}|{_MONTH})[\s./,-]{{1,3}}(?:\d{{4}}|\d{{2}})|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}|{_MONTH}\s\d{{1,2}},?\s\d{{4}}|\d{{1,2}}\s{_MONTH}|\d{{8}}|\d{{6}}|(?:19|20)\d\d)"
_BIRTH = _any(
    rf"\b(?:(?:tempat\s?(?:dan|,|/|&)?\s?)?(?:tanggal|tgl)\.?\s?(?:lahir|lhr)|ke?lahir(?:an|ku)?|lahir|lahia|lair|lhr|t\.?\s?t\.?\s?l\.?|ulang\s?tahun|ultah|born|d\.?o\.?b\.?|birth\s?(?:day|date)?)\b(?P<hide>[^\d\n]{{0,45}}?(?<!\d){_DATE}(?:[^\d\n]{{1,40}}?{_DATE}(?!\d))?)(?!\d)"
)
_NO = r"(?:no|nomor|nomer|nmr|kav|kavling|unit|#)"
_HOUSE = r"(?:[ivx]{1,5}\s?/\s?\d{1,4}[A-Z]?|[A-Z]{0,2}[\s.-]?\d{1,4}[A-Z]?(?:\s?[/-]\s?(?:[A-Z]{0,2}\s?)?\d{1,4}[A-Z]?|\s?[/-]\s?[A-Z])?)(?![^\W_])"
_MANY = r"(?:hari|minggu|bulan|bln|tahun|thn|th|kali|x|km|kilo\w*|meter|mtr|m|cm|orang|org|jam|menit|titik|lubang|lobang|lampu|rumah|kk|unit|buah|jt|juta|rb|ribu|ton|persen|arah|lajur|%|\w*an)"
_NOT_STREET = r"(?:rusak|sudah|sdh|udah|berlubang|bolong|di|yang|yg|selama|sejak|dari|ada|km|kilometer|macet|banjir|gelap|mati|parah|ini|itu|dan|tidak|belum|tutup|ditutup|sekitar|hampir|lebih|sampai|menuju|ke|jam|pukul|tanggal|tgl|hancur|amblas|longsor|sepanjang|dekat|depan|pada|lebar\w*|panjang\w*|kira|cuma|hanya|butuh|setiap|lewat|saat|waktu|tahun|bulan|rt|rw|lingkar|tol)"
_STREET = r"(?:jl|jln|jalan|gg|gang|lrg|lorong|perum|perumahan|prm|komp|komplek|kompleks|cluster|klaster|asrama|apartemen|apt|rusun|rusunawa|villa|vila|griya|graha|puri|taman|kp|kampung|kmp|dusun|dsn|ds|kost|kos|kosan|kontrakan|ruko|mess|btn|jorong|banjar|br|tower)"
_BLOCK = rf"\bblo[ck]k?[\s.:]{{1,2}}[A-Z]{{1,3}}[\s.-]?\d{{0,3}}[A-Z]?(?![^\W_])(?:[\s,./-]{{1,3}}(?:{_NO}[\s.:]{{0,2}})?\d{{1,4}}[A-Z]?(?![^\W_]))?"
_STREET_WORDS = r"(?:[ ](?!(?:no|nomor|nomer|nmr|kav|kavling|blok)\b)[\w'’./-]{1,20}){1,6}?"
_INSIDE = rf"(?:[ ,]{{1,2}}(?:kamar|unit|lantai|lt|blok|tower)[\s.]{{1,2}}(?:{_NO}[\s.]{{0,2}})?{_HOUSE})?"
_ADDRESS = _any(
    rf"\b{_STREET}\b\.?{_STREET_WORDS}[ ,]{{1,3}}(?:{_BLOCK}[ ,]{{1,3}})?{_NO}\b[\s.:]{{0,3}}(?:rumah\s)?{_HOUSE}{_INSIDE}"
    rf"|\b{_STREET}\b\.?{_STREET_WORDS}[ ,]{{1,3}}{_BLOCK}"
    rf"|\b{_STREET}\b\.?(?:[ ](?!{_NOT_STREET}\b)[^\W\d_][\w'’.]{{0,20}}){{1,4}}?[ ,]{{1,2}}(?:(?!{_NOT_STREET}\b)){_HOUSE}(?!\s{{0,2}}{_MANY}\b)(?!\s?%)"
    rf"|\b(?:{_STREET}\b\.?(?:[ ](?!{_NOT_STREET}\b)[^\W\d_][\w'’.]{{0,20}}){{1,4}}?[ ,]{{1,3}})?"
    r"(?<![^\W_])(?:rt|rukun\s+tetangga)[\s.:]{0,3}(?:\d{1,3}|(?:satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|sepuluh)\b)(?:[\s/.,\-&]{0,3}(?:dan\s)?(?:rw|rukun\s+warga)?[\s.:]{0,3}(?:\d{1,3}(?!\d)|(?<=rw\s)(?:satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|sepuluh)\b))?"
    r"|\b(?:rw|rukun\s+warga)[\s.:]{0,3}(?:\d{1,3}|(?:satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|sepuluh)\b)"
    rf"|{_BLOCK}(?<=\d)"
    rf"|\b(?:{_NO}[\s.:]{{0,2}}(?:rumah|kamar|kost?)|(?:rumah|kamar|unit|kost?|kontrakan|pintu|lantai)(?:\s(?:saya|sy|kami))?\s{_NO})[\s.:]{{0,3}}{_HOUSE}"
    r"|\bkode\s?pos[\s.:]{0,3}\d{5}\b"
)
_AT = r"(?:di|samping|sebelah|seberang|dekat|deket|depan|belakang|pojok|tepat|persis|pas|ada\sdi|berada\sdi|terletak\sdi|masuk|no|nomor|jl|jln|jalan|gang|gg|perum\w*|blok)"
_HOME = _any(
    rf"\b(?:rumah|kost?|kosan|kontrakan|toko|warung|kedai|bengkel)(?:ku|\s(?:saya|sy|aku|kami|pelapor))\s(?:itu\s|ini\s|yang\s|yg\s)?(?P<hide>{_AT}\b[^.,;\n]{{1,60}})"
    rf"|\b(?:saya|sy|aku|kami|gue|gw)\s(?:(?:yang|yg|sekarang|warga|ini|dan\skeluarga)\s)?(?:ber)?(?:tinggal|domisili|kos|kost|ngekos|ngontrak|menetap|mukim)\s(?:saya\s)?(?P<home>{_AT}\b[^.,;\n]{{1,60}})"
    r"|(?<!\w)(?:alamat(?:nya|ku)?(?:\s(?:rumah|lengkap|saya|sy|kami|pelapor|tinggal|ktp|korban|pelaku))*\s?(?:[:=]|\s(?:di|adalah|yaitu)\b|\s(?=(?:jl|jln|jalan|gg|gang|perum|komp|kp|dusun|desa|br|blok)\b))|beralamat(?:kan)?\sdi|berdomisili\sdi|domisili\s?:|address\s?[:=])\s?(?P<place>[^;\n]{3,100}?)(?=[;\n]|\.\s|\Z|,?\s(?:jalan\srusak|mohon|tolong|hp|no\.?\shp|telp|nik|wa)\b)"
)

_CLOCK = r"\d{1,2}[.:]\d{2}(?:[.:]\d{2})?"
_CALENDAR = r"(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|(?:19|20)\d\d)"
_TIME = re.compile(
    rf"[\s(]*(?:{_CLOCK}|{_CALENDAR})(?:[\s,–/-]{{1,3}}(?:{_CLOCK}|{_CALENDAR}))*[\s).,]*"
)
_MONEY_BEFORE = _any(
    r"(?:\brp\.?|\bidr|\brupiah|\bsebesar|\bsenilai|\bdana|\banggaran|\bbiaya|\bharga|\bnilai|\btotal|\bpagu|\bdenda|\bbayar)\s{0,2}\Z"
)
_MONEY_AFTER = _any(r"\s?(?:rupiah|juta|ribu|miliar|milyar|,-)")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3}){2,4}(?:,\d{2})?")
_LEAST = 7


def _is_no_sum(match: re.Match[str]) -> bool:
    """Tell whether a number is no date, hour or sum of money."""
    start, end = _span(match)
    text, said = match.string, match.string[start:end]
    if _TIME.fullmatch(said):
        return False
    before = text[max(0, start - 12) : start]
    money = _MONEY_BEFORE.search(before) or _MONEY_AFTER.match(text, end)
    return not (money and _GROUPED.fullmatch(said.strip()))


def _is_number(match: re.Match[str]) -> bool:
    """Tell whether a long number may be somebody's."""
    said = match[0]
    if not _is_no_sum(match):
        return False
    figures = sum(map(str.isdigit, said))
    return figures >= _LEAST or figures + len(re.findall(r"[^\W\d_]{3,}", said)) > _LEAST


class MaskingRule(NamedTuple):
    """A pattern that finds one kind; what is hidden is its named group, or the whole."""

    kind: str
    pattern: re.Pattern[str]
    fits: Callable[[re.Match[str]], bool] = bool
    cased: bool = False
    """Whether capitals count; else the text is looked through in small letters."""


NUMBERS = (
    MaskingRule("link", _LINK),
    MaskingRule("email", _MAIL),
    MaskingRule("handle", _AT_NAME),
    MaskingRule("number", _NUMBER, _is_number),
    MaskingRule("plate", _PLATE),
    MaskingRule("plate", _SHORT_PLATE, cased=True),
)
"""What names somebody without a cue: hidden wherever it stands."""
CUED = (
    MaskingRule("handle", _HANDLE),
    MaskingRule("handle", _PAGE, cased=True),
    MaskingRule("number", _CUED_NUMBER, _is_no_sum),
    MaskingRule("document", _PASSPORT),
    MaskingRule("birth", _BIRTH),
    MaskingRule("address", _ADDRESS),
    MaskingRule("address", _HOME),
)
"""What needs a cue."""


def masked_self(text: str) -> str:
    """Return ``text`` without what its writer says of themselves: name, home, numbers, accounts.

    Names are found only after the usual cues and in signatures; whom the text is about stays.
    """
    return _masked(text[:_LONGEST], own=True)


def masked_all(text: str) -> str:
    """Return ``text`` as anybody may read it: without whom it is about, too."""
    return _masked(text[:_LONGEST], own=False)


def personal_spans(text: str, *, own: bool = False) -> list[MaskedSpan]:
    """List what names somebody; with ``own`` only what is said of the writer."""
    people = [MaskedSpan(start, end, "name") for start, end in names(text, own=own)]
    return [*people, *_matches(text, (*NUMBERS, *CUED))]


def _masked(text: str, *, own: bool) -> str:
    return _hidden(text, personal_spans(text, own=own))


def _matches(text: str, rules: Sequence[MaskingRule]) -> list[MaskedSpan]:
    small = lower_in_place(text)
    return [
        MaskedSpan(*_span(match), rule.kind)
        for rule in rules
        for match in rule.pattern.finditer(text if rule.cased else small)
        if rule.fits(match)
    ]


def _span(match: re.Match[str]) -> Span:
    """Return where the group that took part is, or the whole match."""
    return match.span(match.lastgroup) if match.lastgroup else match.span()


def _hidden(text: str, places: Iterable[MaskedSpan]) -> str:
    """Put the mark where the places are, once where they overlap."""
    parts: list[str] = []
    at = 0
    for start, end, _ in sorted(places):
        if start >= at:
            parts += [text[at:start], HIDDEN]
        at = max(at, end)
    return "".join((*parts, text[at:]))
