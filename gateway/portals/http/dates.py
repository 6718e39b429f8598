"""Dates as people write them, in Western Indonesian time."""

from datetime import date, timedelta, timezone

from config.words import Language, words

WIB = timezone(timedelta(hours=7), "WIB")
"""Western Indonesian time, which has no summer time: no zone file needed."""


def day(value: date, language: Language) -> str:
    """Write a date: "21 Nov 2026"."""
    month = words("labels").say(f"months.{value.month - 1}", language)
    return f"{value.day} {month} {value.year}"
