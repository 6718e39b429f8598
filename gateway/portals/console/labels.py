"""What officers read: words for codes, moments in local time, evidence marked in a text.

The words stand in ``config/console``. Codes that a deployment may add to (channels, queues, event
kinds) fall back to the code itself.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime

from markupsafe import Markup, escape

from config.words import Language, words
from gateway.portals.http.dates import day, zone_of
from normalizer import masking

_ADDRESS = re.compile(r"[^\s@<>\"']+(?=@\w)|(?<!\w)(?:\+\d[\d -]{6,}|0\d{7,}|62\d{7,})\d(?!\w)")
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


class Labels:
    """The officers' words in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._words = words("console")
        self.tree = self._words.trees[language]
        """As the file has them, for templates."""

    def say(self, key: str, /, **values: object) -> str:
        """Fill in one text of ``config/console``."""
        return self._words.say(key, self.language, **values)

    def word(self, code: str, table: str) -> str:
        """Say a code in the officer's language; an unknown code says itself."""
        return self._words.table(table, self.language).get(code, code)

    def note(self, text: str) -> str:
        """Say what a channel noted as "code" or "code: value"; an unknown code says itself."""
        code, _, value = text.partition(": ")
        said = words("labels").table("note", self.language).get(code)
        if said is None and not _CODE.fullmatch(code):
            return text
        said = said or code.replace("_", " ")
        return f"{said} ({value})" if value else said

    def actor(self, code: str) -> str:
        """Say who did something: the system, the reporter, an agency, or an operator by name."""
        role, _, name = code.partition(":")
        if role in ("agency", "duty"):
            return self.say(f"actor.{role}", name=name)
        return name if role == "operator" else self.word(code, "actor")

    def age(self, moment: datetime, now: datetime) -> str:
        """Say how long ago ``moment`` was in its largest whole unit: "3 menit"."""
        seconds = max(0, int((now - moment).total_seconds()))
        size, unit = next((u for u in _UNITS if seconds >= u[0]), _UNITS[-1])
        return self.say(f"age.{unit}", count=seconds // size)

    def ago(self, moment: datetime, now: datetime) -> str:
        """Say when ``moment`` was, as people do: "baru saja", "3 menit lalu"."""
        if (now - moment).total_seconds() < 60:
            return self.say("age.now")
        return self.say("age.ago", age=self.age(moment, now))

    def day(self, value: date) -> str:
        """Write a date: "21 Nov 2026"."""
        return day(value, self.language)

    def moment(self, value: datetime, region: str = "") -> str:
        """Write a moment in the time of a region: "21 Nov 2026 19.30.05 WIB"."""
        zone = zone_of(region)
        local = value.astimezone(zone)
        return f"{self.day(local)} {local:%H.%M.%S} {zone}"

    def thousands(self, value: int) -> str:
        """Write a whole number: "12.345", in English "12,345"."""
        written = f"{value:,}"
        return written if self.language == "en" else written.replace(",", ".")

    def account_done(self, code: str) -> str:
        """Say what was changed about an account; "" for what is no code of ours."""
        return self._words.table("account_done", self.language).get(code, "")

    def closed(self) -> str:
        """Say why no text may be public at all; "" when an operator may release one."""
        names = words("labels").table("masked", self.language)
        kinds = ", ".join(names[kind] for kind in masking.UNTRUSTED)
        return self.say("conflict.masking", kinds=kinds) if kinds else ""


def mask_contacts(text: str) -> str:
    """Hide phone numbers and mailboxes: a provider's error often names the citizen."""
    return _ADDRESS.sub("•••", text)


def mark_evidence(text: str, words: Iterable[str]) -> Markup:
    """Escape a hostile ``text`` and put ``<mark>`` around each whole word of evidence in it."""
    pattern = _pattern(words)
    if pattern is None:
        return escape(text)
    html, done = Markup(), 0
    for match in pattern.finditer(text):
        html += escape(text[done : match.start()])
        html += Markup("<mark>{}</mark>").format(match[0])
        done = match.end()
    return html + escape(text[done:])


def distinct(words: Iterable[str]) -> list[str]:
    """List evidence once: "lampu jalan" stands for "lampu" too, "lampu … mati" adds "mati"."""
    parts = {part.casefold(): part for part in _parts(words)}
    return [p for low, p in parts.items() if sum(f" {low} " in f" {o} " for o in parts) == 1]


def _parts(words: Iterable[str]) -> list[str]:
    return [p for each in words for part in each.split("…") if (p := " ".join(part.split()))]


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(set(_parts(words)), key=len, reverse=True)
    if not longest_first:
        return None
    either = "|".join(r"\s+".join(map(re.escape, part.split())) for part in longest_first)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
