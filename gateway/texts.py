"""What citizens are told: ``config/replies/*.toml``, checked for missing keys and fields."""

import string
from collections.abc import Mapping
from typing import Any

KEYS: Mapping[str, frozenset[str]] = {
    "received": frozenset({"nomor", "instansi"}),
    "triage": frozenset({"nomor"}),
    "ask_place": frozenset({"nomor"}),
    "ask_topic": frozenset({"nomor"}),
    "completed": frozenset({"nomor", "instansi"}),
    "follow_up": frozenset({"nomor"}),
    "duplicate": frozenset({"nomor", "status"}),
    "answer": frozenset({"nomor", "instansi", "teks"}),
    "progress": frozenset({"nomor", "instansi", "teks"}),
    "forwarded": frozenset({"nomor", "instansi"}),
    "status": frozenset({"nomor", "status", "instansi"}),
    "status_answered": frozenset({"nomor", "status", "instansi", "teks"}),
    "not_found": frozenset(),
    "none_yet": frozenset(),
    "help": frozenset(),
    "no_agency": frozenset(),
}
"""Every text there must be, and the fields it may use."""


class Texts:
    """Texts by language; Indonesian where the language has none of its own."""

    def __init__(self, languages: Mapping[str, Mapping[str, str]]) -> None:
        self._languages = languages

    def say(self, key: str, language: str, **fields: str) -> str:
        """Fill in one text."""
        texts = self._languages.get(language, self._languages["id"])
        return texts[key].format(**fields)


def faults(texts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what is wrong with one language's texts as (key, message)."""
    wrong = [(key, "this text is missing") for key in KEYS.keys() - texts.keys()]
    for key, text in texts.items():
        if key not in KEYS:
            wrong.append((key, "no such text is used"))
        elif fault := _fault(text, KEYS[key]):
            wrong.append((key, fault))
    return wrong


def _fault(text: object, allowed: frozenset[str]) -> str | None:
    if not isinstance(text, str):
        return "a text in quotes is needed"
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return "a brace is open or closed that should not be"
    unknown = used - allowed
    return f"cannot fill in {{{', '.join(sorted(unknown))}}} here" if unknown else None
