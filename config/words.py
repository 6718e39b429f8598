"""What people read, in both languages: a folder for each kind of text, ``id.toml`` and ``en.toml``.

The replies to citizens (``config/replies``) are read by ``gateway/outbound/texts.py``, which knows
what each of them may say.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

from config.toml import Fault, SettingsError, line_in, lines_of, read_toml

FOLDER = Path(__file__).parent
Language = Literal["id", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("id", "en")
Kind = Literal["console", "errors", "labels", "pages", "reasons", "templates"]
"""A folder of ``config/``: who reads it, or what about."""
_FOLDERS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one folder."""

    trees: Mapping[Language, Mapping[str, Any]]
    """As the files have them, for templates."""
    texts: Mapping[Language, Mapping[str, str]]
    """By dotted key: "conflict.closed"."""

    def say(self, key: str, language: str = "id", /, **values: object) -> str:
        """Fill in one text, in Indonesian unless it is to be English."""
        return self.texts["en" if language == "en" else "id"][key].format(**values)

    def table(self, name: str, language: str = "id", /) -> Mapping[str, str]:
        """Return the words for the codes of one table."""
        table: Mapping[str, str] = self.trees["en" if language == "en" else "id"][name]
        return table


@cache
def words(kind: Kind) -> Words:
    """Read one folder, once. Raises ``SettingsError``."""
    return read(FOLDER / kind)


def mark(code: str, **values: object) -> str:
    """Return what is put into a citizen's text: "Ralat:"."""
    return words("labels").say(f"mark.{code}", **values)


def read_all() -> None:
    """Read every folder. Raises ``SettingsError`` with the faults of all."""
    faults: list[Fault] = []
    for kind in _FOLDERS:
        try:
            words(kind)
        except SettingsError as error:
            faults += error.faults
    if faults:
        raise SettingsError(faults)


def read(folder: Path) -> Words:
    """Read the files of a folder. Raises ``SettingsError`` where they are not alike."""
    trees: dict[Language, Mapping[str, Any]] = {
        language: read_toml(folder / f"{language}.toml") for language in LANGUAGES
    }
    texts = {language: dict(_flat(tree)) for language, tree in trees.items()}
    faults: list[Fault] = []
    for language, other in zip(LANGUAGES, reversed(LANGUAGES), strict=True):
        path = folder / f"{language}.toml"
        if found := [*_faults(texts[language], texts[other])]:
            lines = lines_of(path)
            faults += [Fault(str(path), line_in(lines, tuple(k.split("."))), m) for k, m in found]
    if faults:
        raise SettingsError(faults)
    return Words(trees, texts)


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list):
            yield from ((f"{above}{name}.{at}", str(each)) for at, each in enumerate(value))
        else:
            yield f"{above}{name}", str(value)


def _faults(texts: Mapping[str, str], others: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """List what one language's texts lack that the other's have."""
    yield from ((key, "this text is missing") for key in others if key not in texts)
    for key, text in texts.items():
        own = _fields(text)
        if own is None:
            yield key, "a brace is open or closed that should not be"
        elif lacks := (_fields(others.get(key, "")) or frozenset()) - own:
            yield key, f"{{{', '.join(sorted(lacks))}}} is filled in in the other language"


def _fields(text: str) -> frozenset[str] | None:
    try:
        return fields(text)
    except ValueError:
        return None


def fields(text: str) -> frozenset[str]:
    """Return the names in braces. Raises ``ValueError``."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
