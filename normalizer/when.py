"""When it happened: Indonesian (and some English) words for days, relative to when it was said.

Jakarta's calendar decides what "kemarin" is. Western Indonesian Time has had no clock changes
since 1964, so a fixed offset serves (and needs no time zone files).
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone

from normalizer.text import has_any

WIB, WIT = timezone(timedelta(hours=7), "WIB"), timezone(timedelta(hours=9), "WIT")
OLDEST = timedelta(days=5 * 366)
"""Older dates are more likely birthdays and decree numbers than the day of an event."""
_LONGEST = 4_000

_MONTHS = {
    stem: number
    for number, stems in enumerate(
        (
            ("jan",), ("feb", "peb"), ("mar",), ("apr",), ("mei", "may"), ("jun",),
            ("jul",), ("agu", "ags", "agt", "aug"), ("sep",), ("okt", "oct"), ("nov", "nop"),
            ("des", "dec"),
        ),
        1,
    )
    for stem in stems
}  # fmt: skip
_MONTH = (
    r"(jan(?:uari|uary)?|feb(?:ruari|ruary)?|pebruari|mar(?:et|ch)?|apr(?:il)?|mei|may|jun[ie]?"
    r"|jul[iy]?|agustus|agus|agu|agst|ags|agt|aug(?:ust)?|sept?(?:ember)?|okt(?:ober)?|oct(?:ober)?"
    r"|nov(?:ember)?|nop(?:ember)?|des(?:ember)?|dec(?:ember)?)"
)
_WEEKDAYS = {
    "senin": 0, "selasa": 1, "rabu": 2, "kamis": 3, "jumat": 4, "jum'at": 4, "sabtu": 5,
    "ahad": 6, "hari minggu": 6,
}  # fmt: skip
_NUMBERS = {
    "se": 1, "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7,
    "delapan": 8, "sembilan": 9, "sepuluh": 10,
}  # fmt: skip
_UNITS = {"hari": 1, "hr": 1, "minggu": 7, "mgg": 7, "pekan": 7, "day": 1, "week": 7}

Reading = Callable[[re.Match[str], datetime], date | None]


def occurred_on(text: str, said_at: datetime) -> date | None:
    """Return the day ``text`` says it happened, None if it does not say or it cannot be.

    ``said_at`` is aware: when the message was sent, or received if that is not known.
    """
    now = said_at.astimezone(WIB)
    lowered = text[:_LONGEST].lower()
    return next((day for day in _days(lowered, now) if _possible(day, now)), None)


def _possible(day: date | None, now: datetime) -> bool:
    return day is not None and now.date() - OLDEST <= day <= now.date()


def _days(text: str, now: datetime) -> Iterator[date | None]:
    if _DATE.search(text):
        for pattern, reading in _DATES:
            yield from (reading(match, now) for match in pattern.finditer(text))
    for cues, pattern, reading in _RULES:
        if has_any(cues, text):
            yield from (reading(match, now) for match in pattern.finditer(text))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None


def _numeric(match: re.Match[str], _: datetime) -> date | None:
    return _date(int(match[4]), int(match[3]), int(match[1]))


def _iso(match: re.Match[str], _: datetime) -> date | None:
    return _date(int(match[1]), int(match[2]), int(match[3]))


def _named_month(match: re.Match[str], now: datetime) -> date | None:
    month, day = _MONTHS[match[2][:3]], int(match[1])
    if match[3]:
        return _date(int(match[3]), month, day)
    this_year = _date(now.year, month, day)
    past = this_year is not None and this_year <= now.date()
    return this_year if past else _date(now.year - 1, month, day)


def _day_of_month(match: re.Match[str], now: datetime) -> date | None:
    this_month = _date(now.year, now.month, int(match[1]))
    if this_month is not None and this_month <= now.date():
        return this_month
    last = now.date().replace(day=1) - timedelta(days=1)
    return _date(last.year, last.month, int(match[1]))


def _ago(match: re.Match[str], now: datetime) -> date | None:
    count = int(match[1]) if match[1].isdigit() else _NUMBERS[match[1]]
    return now.date() - timedelta(days=count * _UNITS[match[2]])


def _weekday(match: re.Match[str], now: datetime) -> date | None:
    since = (now.weekday() - _WEEKDAYS[match[1]]) % 7
    return now.date() - timedelta(days=since or 7)


def _last_night(_: re.Match[str], now: datetime) -> date | None:
    # Before evening "tadi malam" is the night that has gone; late at night it is still this one.
    return now.date() - timedelta(days=0 if now.hour >= 20 else 1)


def _before(days: int) -> Reading:
    return lambda _, now: now.date() - timedelta(days=days)


_NOT_A_NUMBER = r"(?<![\d/.\-])(?<!no )(?<!no\.)(?<!no\. )(?<!nomor )(?<!rt )(?<!rw )"
_DATE = re.compile(rf"\d(?:[/.\-]\d\d?[/.\-]\d|[ \-/]*(?:{'|'.join(_MONTHS)}))")
"""What every date has in it and no house number, quick to look for since it begins with a digit."""
_PAST = (" lalu", " ago", "kemar", "kmr", "kmar")
_TODAY = (
    "hari ini", "tadi", "barusan", "baru saja", "baru aja", "sekarang", "skrg", "skrng",
    "saat ini", "malam ini", "pagi ini", "siang ini", "sore ini", "today", "just now",
    "this morning",
)  # fmt: skip

# Most telling first: a date beats a weekday, a weekday beats "kemarin", that beats "tadi".
_DATES: tuple[tuple[re.Pattern[str], Reading], ...] = tuple(
    (re.compile(pattern), reading)
    for pattern, reading in (
        (_NOT_A_NUMBER + r"(20\d\d)-(\d\d)-(\d\d)(?![\d/\-])", _iso),
        (_NOT_A_NUMBER + r"(\d{1,2})([/.\-])(\d{1,2})\2(20\d\d|\d\d)(?![\d/\-])(?!\.\d)", _numeric),
        (rf"\b(\d{{1,2}})[ \-/]*{_MONTH}\b\.?(?:[ \-/,]*((?:20|19)\d\d)\b)?", _named_month),
    )
)
# (letters of which it has some, pattern, reading)
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], Reading], ...] = tuple(
    (cues, re.compile(pattern), reading)
    for cues, pattern, reading in (
        (_PAST,
         r"\b(\d{1,3}|se|satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|sepuluh) ?"
         r"(hari|hr|minggu|mgg|pekan|day|week)s? (?:yang |yg )?(?:lalu|ago|kemarin|kmrn)\b", _ago),
        (("lusa",),
         r"\b(?:kemarin|kemaren|kmrn|kmarin) lusa\b|\blusa (?:kemarin|lalu)\b", _before(2)),
        (_PAST,
         r"\b(?:hari )?(senin|selasa|rabu|kamis|jumat|jum'at|sabtu|ahad|hari minggu) "
         r"(?:kemarin|kemaren|kmrn|(?:yang |yg )?lalu)\b", _weekday),
        (("tgl", "tanggal"), r"\b(?:tgl|tanggal)\.? ?(\d{1,2})\b(?! *[/\-.]\d)", _day_of_month),
        (("tadi mal", "semal", "last night"),
         r"\b(?:tadi mal[ae]m|semal[ae]m|last night)\b", _last_night),
        ((*_PAST[2:], "yesterday"),
         r"\b(?:kemarin|kemaren|kmrn|kmarin|yesterday)\b", _before(1)),
        (_TODAY, rf"\b(?:{'|'.join(_TODAY)})\b", _before(0)),
    )
)  # fmt: skip
