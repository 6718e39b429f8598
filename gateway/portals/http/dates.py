"""Dates as people write them, in the time of a region."""

from datetime import date, timedelta, timezone

from config.words import Language, words

WIB = timezone(timedelta(hours=7), "WIB")
"""Western Indonesian time, which has no summer time: no zone file needed."""
WITA = timezone(timedelta(hours=8), "WITA")
WIT = timezone(timedelta(hours=9), "WIT")
_CENTRAL = frozenset(["51", "52", "53", "63", "64", "65", "71", "72", "73", "74", "75", "76"])
_EASTERN = frozenset(["81", "82", "91", "92", "93", "94", "95", "96"])
"""Provinces: Keppres 41/1987, and those that were made of these since."""


def day(value: date, language: Language) -> str:
    """Write a date: "21 Nov 2026"."""
    month = words("labels").say(f"months.{value.month - 1}", language)
    return f"{value.day} {month} {value.year}"


def zone_of(region: str) -> timezone:
    """Return the time of a region by its code; WIB where that is open."""
    province = region[:2]
    return WITA if province in _CENTRAL else WIT if province in _EASTERN else WIB
