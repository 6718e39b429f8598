"""What bodies are called: names folded so that the spellings of one name are one key."""

import re
import unicodedata
from difflib import get_close_matches

from normalizer.message import Level

_WORD = re.compile(r"[a-z0-9]+")
_CONNECTIVES = frozenset(("dan", "serta", "dengan", "and"))
_WRITTEN_OUT = {
    "ds": ("desa",),
    "kab": ("kabupaten",),
    "kec": ("kecamatan",),
    "kel": ("kelurahan",),
    "kem": ("kementerian",),
    "pemkab": ("pemerintah", "kabupaten"),
    "pemkot": ("pemerintah", "kota"),
    "pemprov": ("pemerintah", "provinsi"),
    "prov": ("provinsi",),
    "sudin": ("suku", "dinas"),
    "walikota": ("wali", "kota"),
}
_UNITS = frozenset(("suku", "upt", "uptd"))
"""Words that only say "a part of": UPTD Puskesmas, Suku Dinas Pendidikan."""
_OFFICES = frozenset(("balai", "kantor", "pemerintah"))
_DISTRICT = ("camat", "distrik", "kapanewon", "kecamatan", "kemantren")
_VILLAGE = (
    *("desa", "gampong", "kalurahan", "kampong", "kampung", "kelurahan", "kute", "lembang"),
    *("lurah", "nagari", "pekon", "tiyuh"),
)
PLACE_WORDS = dict.fromkeys(_DISTRICT, Level.DISTRICT) | dict.fromkeys(_VILLAGE, Level.VILLAGE)
"""Words before the name of a place that say whose office is meant."""
_NEAR = 0.85
"""How alike (difflib) a place's name must be to be taken for a spelling of it."""

Words = tuple[str, ...]


def words(name: str) -> Words:
    """Split a name into folded words: no case, accents, punctuation, "dan", abbreviations."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    found = (_WRITTEN_OUT.get(word, (word,)) for word in _WORD.findall(plain))
    spoken = tuple(word for many in found for word in many if word not in _CONNECTIVES)
    return spoken[1:] if spoken[1:] and spoken[0] in _UNITS else spoken


def place_words(office: Words) -> tuple[Level, Words] | None:
    """Split "Kantor Kelurahan Ploso" into the level of the place and the words of its name."""
    rest = office[1:] if office[:1] and office[0] in _OFFICES else office
    level = PLACE_WORDS.get(rest[0]) if len(rest) > 1 else None
    return (level, rest[1:]) if level else None


class Names:
    """Ids by what bodies are called; who claims a name first keeps it."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def add(self, name: str, id: str) -> str:
        """Let ``name`` mean ``id``, unless it is taken; return whom it means."""
        return self._ids.setdefault("".join(words(name)), id)

    def exactly(self, spoken: Words) -> str | None:
        """Return whom these very words mean."""
        return self._ids.get("".join(spoken))

    def nearly(self, spoken: Words) -> str | None:
        """Return the one whose name is spelled almost so."""
        near = get_close_matches("".join(spoken), self._ids, n=1, cutoff=_NEAR)
        return self._ids[near[0]] if near else None


def beginning(spoken: Words, *books: Names) -> str | None:
    """Return whom the longest known beginning of these words means, the first book's first."""
    sizes = range(len(spoken), 0, -1)
    found = (names.exactly(spoken[:size]) for size in sizes for names in books)
    return next(filter(None, found), None)
