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
    "anonymous": frozenset({"nomor", "instansi"}),
    "anonymous_unsent": frozenset({"nomor"}),
    "still_anonymous": frozenset({"nomor"}),
    "confidential": frozenset({"nomor"}),
    "hidden_anonymous": frozenset(),
    "hidden_confidential": frozenset(),
    "hidden_in_public": frozenset(),
    "needs_identity": frozenset(),
    "without_identity": frozenset(),
    "unhide_anonymous": frozenset({"nomor"}),
    "unhide_confidential": frozenset({"nomor"}),
    "unhidden_anonymous": frozenset({"nomor"}),
    "unhidden_confidential": frozenset({"nomor"}),
    "not_hidden": frozenset({"nomor"}),
    "choice_unhide": frozenset(),
    "choice_unhide_report": frozenset(),
    "choice_stay": frozenset(),
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
    "asked": frozenset({"nomor", "instansi", "teks"}),
    "operator_asked": frozenset({"nomor", "teks"}),
    "split": frozenset({"nomor", "lama"}),
    "refused": frozenset({"nomor", "lama"}),
    "refused_forwarded": frozenset({"nomor", "instansi", "lama"}),
    "status": frozenset({"nomor", "status", "instansi"}),
    "status_answered": frozenset({"nomor", "status", "instansi", "teks"}),
    "not_found": frozenset(),
    "mistyped": frozenset(),
    "none_yet": frozenset(),
    "help": frozenset(),
    "privacy": frozenset(),
    "received_brief": frozenset({"nomor", "instansi"}),
    "privacy_page": frozenset({"alamat"}),
    "privacy_word": frozenset(),
    "answer_to": frozenset({"alamat"}),
    "no_agency": frozenset(),
    "read": frozenset({"nomor", "instansi", "status", "teks"}),
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
    "lapsed": frozenset({"nomor"}),
    "neutral_received": frozenset({"nomor"}),
    "neutral_place": frozenset({"nomor"}),
    "neutral_more": frozenset({"nomor"}),
    "neutral_closed": frozenset({"nomor"}),
    "neutral_status": frozenset({"nomor"}),
    "neutral_news": frozenset({"nomor"}),
    "neutral_subject": frozenset({"nomor"}),
    "neutral_anonymous": frozenset({"nomor"}),
    "alert": frozenset({"jenis", "tempat", "menit", "nomor", "kode"}),
    "alert_subject": frozenset(),
    "alert_many": frozenset({"jumlah", "daftar"}),
    "alert_nowhere": frozenset(),
    "alert_kind_fire": frozenset(),
    "alert_kind_electricity": frozenset(),
    "alert_kind_rescue": frozenset(),
    "alert_kind_medical": frozenset(),
    "alert_kind_crime": frozenset(),
    "alert_kind_violence": frozenset(),
    "alert_kind_violence_home": frozenset(),
    "alert_kind_child": frozenset(),
    "alert_kind_suicide": frozenset(),
    "alert_kind_other": frozenset(),
    "alert_taken": frozenset({"daftar"}),
    "alert_which": frozenset({"jumlah", "daftar"}),
    "alert_none": frozenset(),
    "alert_not_filed": frozenset(),
}
"""Every text there must be, and the fields it may use."""

NEUTRAL: Mapping[str, str] = {
    **dict.fromkeys(("received", "triage", "completed", "scope_praise"), "neutral_received"),
    **dict.fromkeys(("ask_place", "ask_place_which"), "neutral_place"),
    **dict.fromkeys(("ask_topic", "ask_topic_which"), "neutral_more"),
    **dict.fromkeys(("scope", "scope_court", "scope_quarrel"), "neutral_closed"),
    **dict.fromkeys(
        ("status", "duplicate", "forwarded", "refused", "refused_forwarded"), "neutral_status"
    ),
    **dict.fromkeys(
        ("answer", "progress", "asked", "operator_asked", "status_answered", "archived"),
        "neutral_news",
    ),
    **dict.fromkeys(
        (
            "danger_fire", "danger_electricity", "danger_rescue", "danger_medical",
            "danger_crime", "danger_violence",
        ),
        "danger_other",
    ),
    "subject": "neutral_subject",
    "received_brief": "neutral_received",
    "anonymous": "neutral_anonymous",
}  # fmt: skip
"""What is said instead about a delicate report, on a phone that others may read."""
HARMLESS = frozenset(
    {
        "split",
        "ask_earlier", "join", "joined", "kept_apart", "follow_up", "confidential",
        "anonymous_unsent", "still_anonymous", "hidden_anonymous", "hidden_confidential",
        "hidden_in_public", "needs_identity", "without_identity", "unhide_anonymous",
        "unhide_confidential", "unhidden_anonymous", "unhidden_confidential", "not_hidden",
        "choice_unhide", "choice_unhide_report", "choice_stay", "privacy", "privacy_page",
        "privacy_word", "answer_to",
        "choice_join", "choice_new", "choice_anonymous", "choice_confidential", "scope_greeting",
        "not_found", "mistyped", "none_yet", "help", "no_agency", "paused", "danger_beside",
        "danger_where",
        "danger_other", "danger_violence_home", "danger_child", "danger_suicide", "lapsed",
        *(key for key in KEYS if key.startswith("neutral_")),
    }
)  # fmt: skip
"""What may be said about a delicate report as it is: it names a number at most."""
ASKED_FOR = frozenset({"read"})
"""What is told only to a reporter who asks for it by number."""
TO_POSTS = frozenset(key for key in KEYS if key.startswith("alert"))
"""What is told to posts on duty, never to a reporter."""


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


def match_option(options: Sequence[str], reply: str) -> str | None:
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
