"""What citizens are told: ``config/replies/*.toml``, checked for missing keys and fields."""

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

YES = frozenset({"ya", "iya", "y", "betul", "benar", "yes", "yup", "ok", "oke"})
KEYS: Mapping[str, frozenset[str]] = {
    "received": frozenset({"nomor", "instansi"}),
    "triage": frozenset({"nomor"}),
    "ask_place": frozenset({"nomor"}),
    "ask_topic": frozenset({"nomor"}),
    "ask_place_which": frozenset({"nomor", "pilihan"}),
    "ask_topic_which": frozenset({"nomor", "pilihan"}),
    "ask_earlier": frozenset({"nomor", "lama"}),
    "join": frozenset({"lama"}),
    "joined": frozenset({"nomor", "lama"}),
    "kept_apart": frozenset({"nomor"}),
    "anonymous": frozenset({"nomor"}),
    "confidential": frozenset({"nomor"}),
    "choice_join": frozenset({"lama"}),
    "choice_new": frozenset(),
    "choice_anonymous": frozenset(),
    "choice_confidential": frozenset(),
    "scope": frozenset({"nomor"}),
    "scope_court": frozenset({"nomor"}),
    "scope_greeting": frozenset(),
    "scope_praise": frozenset({"nomor"}),
    "scope_quarrel": frozenset({"nomor"}),
    "archived": frozenset({"nomor", "alasan"}),
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
    "privacy": frozenset(),
    "received_brief": frozenset({"nomor", "instansi"}),
    "privacy_page": frozenset({"alamat"}),
    "privacy_word": frozenset(),
    "no_agency": frozenset(),
    "subject": frozenset({"nomor"}),
    "paused": frozenset(),
    "danger_beside": frozenset({"telepon"}),
    "danger_fire": frozenset({"nomor", "telepon"}),
    "danger_electricity": frozenset({"nomor", "telepon"}),
    "danger_rescue": frozenset({"nomor", "telepon"}),
    "danger_medical": frozenset({"nomor", "telepon"}),
    "danger_crime": frozenset({"nomor", "telepon"}),
    "danger_violence": frozenset({"nomor", "telepon"}),
    "danger_violence_home": frozenset({"nomor", "telepon"}),
    "danger_child": frozenset({"nomor", "telepon"}),
    "danger_suicide": frozenset({"nomor", "telepon"}),
    "danger_other": frozenset({"nomor", "telepon"}),
    "danger_where": frozenset(),
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


def choices(options: Sequence[str]) -> str:
    """Write the likely answers to a question: one as it is, several numbered."""
    if len(options) < 2:
        return "".join(options)
    return " ".join(f"({number}) {option}" for number, option in enumerate(options, 1))


def chosen(options: Sequence[str], reply: str) -> str | None:
    """Return the option a reply picks: its words, "2", "nomor 2", or "ya" to a single one."""
    if same := next((each for each in options if each.casefold() == reply.casefold()), None):
        return same
    said = re.findall(r"\w+", reply.casefold())
    if len(options) == 1 and set(said) & YES and len(said) <= 3:
        return options[0]
    numbers = [int(word) for word in said if word.isdecimal() and len(word) == 1]
    if len(said) <= 3 and len(numbers) == 1 and 0 < numbers[0] <= len(options):
        return options[numbers[0] - 1]
    return None


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
