"""Finds the names of people in a text, where they follow the usual cues, sign it or stand out.

A cue is a row of ``CUES``: what stands before a name, how much that proves, and whether who follows
is the writer (or their family) or anybody. How a name goes on is the same everywhere.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from normalizer.given_names import ALSO_WORDS, GIVEN, PLACE_CUES, ROLES, STOP

# ruff: noqa: E501 - a pattern is easier to read on one line

Span = tuple[int, int]


class NameProof(IntEnum):
    """What must follow a cue to be taken for a name."""

    KNOWN = 1
    """A given name of the list; one that is a word as well only with a capital."""
    CAPITAL = 2
    """That, or any word with a capital that is no common word."""
    ANY = 3
    """Any word that is no common word."""


class Cue(NamedTuple):
    """What stands before a name."""

    before: str
    proof: NameProof
    own: bool
    """Whether it is the writer's name, or that of somebody by whom the writer is known."""


_ME = r"(?:saya|sy|sya|aku|ak|gue|gua|gw|kami|abdi|kuring|kula|kulo|ulun|unda|ambo|awak|den|beta|tiang|sa|torang|pelapor|pengirim|me)"
_KIN = r"(?:anak|putra|putri|istri|isteri|suami|ibu|mama|emak|ayah|bapak|papa|kakak|abang|adik|adek|paman|bibi|om|tante|nenek|kakek|mertua|menantu|keponakan|ponakan|cucu|sepupu|saudara|tetangga|teman|kawan|rekan|orang\s?tua|majikan|bos|atasan|mantan|pacar)"
_PARTY = r"(?:korban|pelaku|terlapor|saksi|oknum(?:nya)?|petugas(?:nya)?|pemilik(?:nya)?|orang(?:nya)?|guru(?:nya)?|ketua(?:nya)?|lurah(?:nya)?|kades(?:nya)?|sopir(?:nya)?|dokter(?:nya)?|beliau|dia|yang\s+bersangkutan|pejabat(?:nya)?|siswa|murid|pasien|almarhum(?:ah)?|penerima|pemohon)"
HONORIFIC = r"(?:bapak|bpk|bp|pak|ibuk?|bu|sdri|sdra|sdr|saudara|saudari|mas|mbak|mba|mbok|bang|bg|kang|teteh|uda|uni|om|tante|tuan|nyonya|ny|tn|haji|hajah|hj|ustadzah|ustadz|ustaz|ustad|ust|kyai|kiai|gus|drg|drs|dra|prof|bli|daeng|almarhumah|almarhum|alm|mister|mr|mrs|ms)"
CUES = (
    Cue(rf"(?:nama|nm|namo|name|asma|jeneng|nami|ngaran|aran|adan|wastan|aseng)\s+(?:lengkap\s+|panggilan\s+|asli\s+)?{_ME}(?:\s+(?:adalah|yaitu|ialah|ini|is))?", NameProof.ANY, True),
    Cue(r"(?:namaku|namaq|namane\s+kula|jenengku|ngaranku|arengku|asekku|my\s+name(?:\s+is|'s|’s)?|(?:i\s+am|i'm|i’m|this\s+is)(?!\s+(?:a|an|the|not|very|so|in|from|at)\b))", NameProof.ANY, True),
    Cue(rf"(?:perkenalkan|kenalkan|dengan\s+hormat|izin\s+lapor|ijin\s+lapor|mohon\s+izin)[\s,:]+(?:nama\s+)?{_ME}?", NameProof.CAPITAL, True),
    Cue(rf"nama\s+(?:lengkap\s+)?{_KIN}\s?(?:ku|nya|{_ME})?(?:\s+(?:adalah|yaitu))?", NameProof.ANY, True),
    Cue(rf"{_KIN}(?:ku|\s{_ME})\s+(?:yang\s+|yg\s+)?(?:bernama|namanya|nama|an\.|a\.n\.)", NameProof.ANY, True),
    Cue(rf"{_KIN}(?:ku|\s{_ME})", NameProof.CAPITAL, True),
    Cue(r"(?:a\.\s?n\.?|a/n|an\.|atas\s+nama|ttd|tertanda|bertanda\s?tangan(?:\s+di\s?bawah\s+ini)?)", NameProof.ANY, True),
    Cue(rf"\b{_ME}(?:\s+(?:yang\s+)?bernama|\s+ini|\s+dengan|\s+atas\s+nama)?", NameProof.CAPITAL, True),
    Cue(rf"nama\s+{_PARTY}(?:\s+(?:adalah|yaitu|itu|tersebut|tsb))?", NameProof.ANY, False),
    Cue(r"(?:bernama|namanya|nama\s+nya|nama|inisial(?:nya)?|berinisial|dipanggil|disapa|panggil(?:\s+(?:aja|saja|saya|aku|ae|wae))+|panggilannya|named|called)(?:\s+(?:adalah|yaitu|itu))?", NameProof.CAPITAL, False),
    Cue(r"(?:bernama|namanya|berinisial|named)", NameProof.ANY, False),
    Cue(r"(?:dari|oleh|kepada|bersama|sama|dengan|dgn|ini|untuk|terhadap|cc|with|by)", NameProof.KNOWN, False),
)  # fmt: skip
"""A cue is followed by at most a few separators, maybe a title, and the name."""

_TITLES = rf"(?:(?:{HONORIFIC}|h|ir|dr|hjh|r|kh|k\.h|i|ni|si|mbah)\b\.?(?:\s?/\s?{HONORIFIC})?\s{{1,2}}){{0,3}}"
_AFTER = rf"(?![^\W_])[\s:=,\"'“”(\[]{{1,4}}(?P<title>{_TITLES})"
_BY_CUE = tuple((re.compile(rf"(?<!\w){cue.before}\.?{_AFTER}"), cue) for cue in CUES)
_TITLED = re.compile(
    rf"\b{HONORIFIC}\b\.?[ ]{{0,2}}(?:/[ ]?{HONORIFIC}\b\.?[ ]{{0,2}})?{_TITLES}(?P<role>(?:(?:{'|'.join(sorted(ROLES))}|desa|dusun|pkk|sekolah)[ ]{{1,2}}){{0,2}})(?=[^\W\d_])"
)
_ROLE = re.compile(
    rf"\b(?:kepala[ ](?:sekolah|desa|dusun)|{'|'.join(sorted(ROLES))})(?:nya)?[ ]{{1,2}}(?:bernama[ ]|atas nama[ ]|(?:rt|rw)[ ]?\d{{1,3}}[ ,]{{1,2}})?(?=[^\W\d_])"
)
_TITLE = re.compile(r"\b(?:(?:[Dd]r|H|Hj|KH|Ir|R|Kh|DR|IR|HJ)\.\s{0,2}|(?:[Ss]i|I|Ni)\s)(?=[A-Z])")
_LABEL = re.compile(
    r"(?:^|\n|[;|,.]\s)[ \t>*-]{0,4}(?:nama(?:\s+(?:lengkap|pelapor|pemohon|korban|anak|saya|ktp))?|from|dari|pengirim|pelapor|pemohon|korban|saksi|oleh|name|sender)\s{0,3}[:=]\s{0,3}"
)
_OWNER = re.compile(
    r"(?:\b|\")([A-Z][\w.'’]{1,20}(?:[ ][A-Z][\w.'’]{0,20}){0,4})\"?[ ]?<[^<>\s]{1,80}@"
)
_ADDRESSEE = re.compile(
    r"(?:^|\n)[ \t>*]{0,4}(?:to|kepada|untuk|cc|bcc)[ *]{0,3}:[ *\"]{0,3}([^\W\d_][^\n<>\"@]{1,60}?)[ \"]{0,3}<[^<>\s]{1,80}@"
)
"""In the head of a mail: a report that brings one along is often by whom the mail was written to."""
_CLOSING = re.compile(
    r"\b(?:(?:hormat|salam)\s+(?:saya|kami|kulo|kula|hormat|hangat|takzim|sejahtera|kenal|sehat)(?:\s+(?:selalu|dari|kami))?|salam"
    r"|(?:terima\s?kasih|trima\s?kasih|trimakasih|trims|makasih|makasi|mksh|mksih|tks|thx|thanks|thank\s+you|ma?tur\s+s?e?m?b?a?h?\s?nuwun|suwun|hatur\s+nuhun|nuhun|matur\s+suksma|suksma|tarimo\s+kasih|tarima\s+kasih|mauliate|bujur|kurre\s+sumanga)"
    r"(?:\s+(?:banyak|pisan|godang|sebelumnya|ya|pak|pa|bu|min|admin|kak|atas\s+\w{1,15}(?:\s+\w{1,15}nya)?)){0,3}"
    r"|ttd|tertanda|wassalam\w{0,12}(?:\s+wr\.?\s?wb\.?)?|wass?(?:\.|\b)(?:\s?wr\.?\s?wb\.?)?|(?:best\s+|kind\s+|warm\s+)?regards|sincerely|yours|yang\s+melapor(?:kan)?|pelapor|pengirim|pemohon|sian\s+hami|saking\s+kula)\b"
    r"[\s,.:;!~()–—-]{1,8}"
    r"|\n--\s{1,4}"
)  # fmt: skip
_ENDED = re.compile(
    r"[\s.!]*(?:\Z|\n|[,(/|;–—)\[-]|\+?\d|(?:hp|wa|no|telp|rt|warga|alamat|jl|jln|umur|di|dari|nik)\b)"
)
_DASHED = re.compile(r"(?:\s[-–—~]{1,2}\s?|[~(])(?=[^\W\d_][^\n()]{1,40}\)?\.?\Z)")
_LAST_LINE = re.compile(r"[ \t]*[-–—~*]{0,2}[ ]?(?=[^\W\d_][^\n,\d:]{1,40}\Z)")
_LAST_WORDS = re.compile(r"[.!?]\s{1,3}(?=[A-Z][^\W\d_]+(?: [A-Z][^\W\d_]*){0,3}\.?\Z)")
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’`-](?=[^\W\d_]))*")
_GAP = re.compile(r"\.?[ ]{1,2}|\.(?=[A-Z])")
_DEGREE = re.compile(
    r"(?:,?[ ]{0,2}\b(?:[SMA]\.\s?(?:Pd|H|E|T|P|Sos|Si|Kom|Ag|Kes|Kep|Farm|Ked|Psi|IP|M|Hum|Md|STP|Ak)(?:\.\s?(?:I|Kep|Keb|Sc))?\b\.?|SH|SE|ST|MM|MH|MSi|SPd|SKM|SIP|Ph\.?D)\b\.?){1,3}"
)
_LINKS = frozenset({"bin", "binti", "al", "el", "as", "van", "der", "de", "da", "so", "nur"})
_VERB = re.compile(
    r"(?:me(?:m|n|l|r|w|y)|ber|ter|pe[mnrl]|di(?![aem]|n[ao])|ke\w{2}|se\w{2})\w{3,}|\w{2,}(?:nya|kan|kah|lah|ku|mu|2|an)"
)
"""What verbs look like; only asked of words without a capital."""
_LONGEST_NAME = 5
_LONGEST_WORD = 20
_ACRONYM = 4
"""Letters up to which a word in capitals is no name among others that are not."""
_MOSTLY = 0.6
"""Of the words of a text with a capital, from which capitals tell nothing."""
_FEW = 8
_SHORT = 60
"""Characters at the end of a text in which a name after a dash signs it."""


def names(text: str, *, own: bool = False) -> list[Span]:
    """Return where people are named; with ``own`` only the writer and those by whom they are known."""
    return list(_Finder(text).find(own=own))


def lower_in_place(text: str) -> str:
    """Return a text in small letters, each in its place."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


class _Finder:
    """One text; capitals count where it does not capitalise everything."""

    def __init__(self, text: str) -> None:
        words = _WORD.findall(text)
        capitals = sum(word[0].isupper() for word in words)
        self._text = text
        self._small = lower_in_place(text)
        self._cased = len(words) < _FEW or capitals < _MOSTLY * len(words)

    def find(self, *, own: bool) -> Iterator[Span]:
        """List the names, in no order; they may overlap."""
        yield from self._by_cue(own=own)
        yield from self._signed(own=own)
        yield from (match.span(1) for match in _ADDRESSEE.finditer(self._small))
        if own:
            return
        for match in _TITLED.finditer(self._small):
            if match["role"]:
                yield from self._name(match.end(), NameProof.CAPITAL)
            elif not self._names_a_place(match.start()):
                yield from self._name(match.end(), NameProof.ANY, match.start())
        for match in _ROLE.finditer(self._small):
            if not self._names_a_place(match.start()):
                yield from self._name(match.end(), NameProof.CAPITAL)
        for match in _TITLE.finditer(self._text):
            if not self._names_a_place(match.start()):
                yield from self._name(match.end(), NameProof.CAPITAL, match.start())
        yield from self._standing_out()

    def _by_cue(self, *, own: bool) -> Iterator[Span]:
        for pattern, cue in _BY_CUE:
            if cue.own or not own:
                for match in pattern.finditer(self._small):
                    yield from self._name(match.end(), cue.proof, match.start("title"))
        for match in _LABEL.finditer(self._small):
            yield from self._name(match.end(), NameProof.ANY)
        for match in _OWNER.finditer(self._text):
            yield match.span(1)

    def _signed(self, *, own: bool) -> Iterator[Span]:
        for match in _CLOSING.finditer(self._small):
            yield from self._signature(match.end(), NameProof.ANY)
        text = self._text.rstrip()
        line = text.rfind("\n") + 1
        ends = (
            _DASHED.search(text, max(0, len(text) - _SHORT)),
            _LAST_LINE.match(text, line) if line else None,
            _LAST_WORDS.search(text, max(0, len(text) - _SHORT)),
        )
        for match in filter(None, ends):
            yield from self._signature(match.end(), NameProof.KNOWN if own else NameProof.CAPITAL)

    def _names_a_place(self, at: int) -> bool:
        """Tell whether the word before is what places are called by: "jalan H. Nawi"."""
        before = _WORD.findall(self._small, max(0, at - _LONGEST_WORD), at)
        return bool(before) and before[-1] in PLACE_CUES

    def _signature(self, at: int, proof: NameProof) -> Iterator[Span]:
        title = _TITLE_AT.match(self._small, at)
        for start, end in self._name(title.end() if title else at, proof, at):
            if _ENDED.match(self._small, end):
                yield start, end

    def _standing_out(self) -> Iterator[Span]:
        """Given names with a capital that no place is called by, and two of them in a row."""
        before, end = "", 0
        last: re.Match[str] | None = None
        for match in _WORD.finditer(self._text):
            if match.start() < end:
                before = match[0].lower()
                continue
            word = match[0].lower()
            if before in PLACE_CUES and word not in STOP:
                end = self._run(match.end())
            elif self._stands_out(match, word):
                for span in self._name(
                    match.start(), NameProof.KNOWN, self._first_name(last, match)
                ):
                    yield span
                    end = span[1]
            before, last = word, match

    def _stands_out(self, match: re.Match[str], word: str) -> bool:
        if word not in GIVEN or word in ALSO_WORDS or word in STOP:
            return False
        if self._cased and match[0][0].isupper():
            return True
        return self._given_follows(match)

    def _is_acronym(self, word: str) -> bool:
        return word.isupper() and 1 < len(word) <= _ACRONYM

    def _given_follows(self, match: re.Match[str]) -> bool:
        gap = _GAP.match(self._text, match.end())
        after = _WORD.match(self._text, gap.end()) if gap else None
        return after is not None and after[0].lower() in GIVEN and after[0].lower() not in STOP

    def _first_name(self, before: re.Match[str] | None, match: re.Match[str]) -> int:
        """Return where a name begins whose second word is the one that is known."""
        unknown = (
            before is not None
            and self._cased
            and before[0][0].isupper()
            and before.end() + 1 == match.start()
            and not self._is_acronym(before[0])
            and not _is_common(before[0].lower())
        )
        return before.start() if before and unknown else match.start()

    def _run(self, at: int) -> int:
        """Return the end of the words with a capital from ``at`` on: the rest of a place's name."""
        for _ in range(_LONGEST_NAME):
            gap = _GAP.match(self._text, at)
            word = _WORD.match(self._text, gap.end()) if gap else None
            if word is None or not (word[0][0].isupper() or word[0].lower() in GIVEN):
                break
            at = word.end()
        return at

    def _name(self, at: int, proof: NameProof, start: int | None = None) -> Iterator[Span]:
        """Yield the name at a place, with the title before it that begins at ``start``."""
        first = _WORD.match(self._text, at)
        if first is None or not self._begins(first, proof):
            return
        end, capital = first.end(), first[0][0].isupper() and self._cased
        loose = not capital and (proof is NameProof.ANY or first[0].lower() in GIVEN)
        for _ in range(1, _LONGEST_NAME):
            gap = _GAP.match(self._text, end)
            word = _WORD.match(self._text, gap.end()) if gap else None
            if word is None or not self._goes_on(word, loose=loose, sure=proof):
                break
            loose = loose and word[0].lower() in GIVEN
            end = word.end()
        if degree := _DEGREE.match(self._text, end):
            end = degree.end()
        yield first.start() if start is None else start, end

    def _begins(self, match: re.Match[str], proof: NameProof) -> bool:
        word = match[0].lower()
        capital = match[0][0].isupper() and self._cased
        if word in GIVEN and not (word in STOP and not capital):
            sure = capital or proof is NameProof.ANY or word not in ALSO_WORDS
            return sure or (proof is NameProof.CAPITAL and self._given_follows(match))
        if proof is NameProof.KNOWN or _is_common(word):
            return False
        if len(word) == 1:
            sure = capital or (proof is NameProof.ANY and self._given_follows(match))
            return sure and self._text[match.end() : match.end() + 1] == "."
        if capital:
            return not self._is_acronym(match[0])
        return proof is NameProof.ANY and len(word) > 2 and not _VERB.fullmatch(word)

    def _goes_on(self, match: re.Match[str], *, loose: bool, sure: NameProof) -> bool:
        word = match[0].lower()
        capital = self._cased and match[0][0].isupper()
        if word in _LINKS or (word in GIVEN and (capital or word not in STOP)):
            return True
        if _is_common(word):
            return False
        if capital:
            return not self._is_acronym(match[0])
        if not loose or len(word) <= 2 or _VERB.fullmatch(word):
            return False
        return sure is NameProof.ANY or self._small[match.end() : match.end() + 1] in ("", *",.;\n")


def _is_common(word: str) -> bool:
    return word in STOP or word in PLACE_CUES or word in ROLES or word in _HONORIFICS


_HONORIFICS = frozenset(
    re.findall(r"\w+", HONORIFIC.replace("(?:", "").replace("ibuk?", "ibuk|ibu"))
)
_TITLE_AT = re.compile(_TITLES)
