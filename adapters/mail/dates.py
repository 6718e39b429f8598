"""The Date header, with the zones and months that Indonesian programs write.

RFC 5322 section 4.3 lets a reader use what it knows of a zone that mail does not: WIB is not UTC.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

_YEARS = range(2000, 2100)
_MAX = 100
_ZONES = {
    "wib": "+0700",
    "wita": "+0800",
    "wit": "+0900",
    "waktu indonesia barat": "+0700",
    "waktu indonesia tengah": "+0800",
    "waktu indonesia timur": "+0900",
    "western indonesia time": "+0700",
    "western indonesian time": "+0700",
    "west indonesia time": "+0700",
    "central indonesia time": "+0800",
    "central indonesian time": "+0800",
    "eastern indonesia time": "+0900",
    "eastern indonesian time": "+0900",
    "east indonesia time": "+0900",
    "se asia standard time": "+0700",
    "n. central asia standard time": "+0700",
    "indochina time": "+0700",
    "ict": "+0700",
    "singapore standard time": "+0800",
    "singapore time": "+0800",
    "malay peninsula standard time": "+0800",
    "china standard time": "+0800",
    "taipei standard time": "+0800",
    "w. australia standard time": "+0800",
    "sgt": "+0800",
    "myt": "+0800",
    "hkt": "+0800",
    "pht": "+0800",
    "awst": "+0800",
    "tokyo standard time": "+0900",
    "korea standard time": "+0900",
    "jst": "+0900",
    "kst": "+0900",
    "coordinated universal time": "+0000",
}
"""What programs write for the zones of Indonesia and its neighbours: abbreviations, and the names
of Windows' own list."""
_MONTHS = {
    "januari": "Jan", "februari": "Feb", "pebruari": "Feb", "peb": "Feb", "maret": "Mar",
    "april": "Apr", "mei": "May", "juni": "Jun", "juli": "Jul", "agustus": "Aug", "agu": "Aug",
    "agt": "Aug", "agst": "Aug", "ags": "Aug", "september": "Sep", "sept": "Sep",
    "oktober": "Oct", "okt": "Oct", "november": "Nov", "nopember": "Nov", "nop": "Nov",
    "desember": "Dec", "des": "Dec",
}  # fmt: skip
_DAYS = {
    "sen", "senin", "sel", "selasa", "rab", "rabu", "kam", "kamis", "jum", "jumat", "jum'at",
    "sab", "sabtu", "min", "minggu", "ahad",
}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z']{2,8}\.?,?", re.IGNORECASE)
_COMMENT = re.compile(r"\(([^()]*)\)")
_TIME = re.compile(r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,]\d+)?")
_TAIL = re.compile(r"[\s,;\"']*(.*?)[\s.,;\"']*(\b20\d\d)?\s*")
_OFFSET = re.compile(r"(?:gmt|utc|ut|z)?\s*([+-])\s*(\d{1,2})(?:[:.]?([0-5]\d))?", re.IGNORECASE)
_REGION = re.compile(r"[A-Za-z_]{2,20}/[A-Za-z_]{2,30}")
_STANDARD = re.compile(r"[+-]\d{4}|UT|GMT|[ECMP][SD]T|[A-Z]|", re.IGNORECASE)


def read(value: str) -> tuple[datetime | None, bool]:
    """Read a Date header as an aware time; tell whether its zone is none that mail knows.

    None when it is missing, broken or absurd. A time without a zone (``-0000``) counts as UTC, RFC
    5322 section 3.3. Never raises.
    """
    said = value[:_MAX].strip()
    time = _TIME.search(said)
    tail = _TAIL.fullmatch(_COMMENT.sub(" ", said[time.end() :])) if time else None
    if time is None or tail is None:
        return _iso(said), False
    aside = _COMMENT.search(said, time.end())
    zone = tail[1] or (aside[1].strip() if aside else "")
    start = _NAME.sub(_in_english, said[: time.end()])
    end = f" {tail[2]}" if tail[2] else ""
    if _STANDARD.fullmatch(zone):
        return _parsed(f"{start} {zone}{end}") or _iso(said), False
    if _REGION.fullmatch(zone):
        return _in_region(_parsed(f"{start} +0000{end}"), zone), True
    offset = _offset(zone)
    return _parsed(f"{start} {offset or zone}{end}") or _iso(said), bool(offset)


def _offset(zone: str) -> str:
    """Return the offset of a zone that is named otherwise, as mail writes it; "" if unknown."""
    plain = " ".join(zone.lower().split())
    if known := _ZONES.get(plain):
        return known
    match = _OFFSET.fullmatch(plain)
    return f"{match[1]}{int(match[2]):02}{match[3] or '00'}" if match else ""


def _in_region(moment: datetime | None, region: str) -> datetime | None:
    """Read a time as the clocks of a region of the zone database show it."""
    try:
        return moment and moment.replace(tzinfo=ZoneInfo(region))
    except (LookupError, ValueError, OSError):
        return moment


def _in_english(match: re.Match[str]) -> str:
    name = match[0].lower().rstrip(".,")
    return "" if name in _DAYS else _MONTHS.get(name, match[0])


def _parsed(said: str) -> datetime | None:
    try:
        return _sane(parsedate_to_datetime(said.strip()))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _iso(said: str) -> datetime | None:
    try:
        return _sane(datetime.fromisoformat(said))
    except (ValueError, OverflowError):
        return None


def _sane(moment: datetime) -> datetime | None:
    try:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware if aware.astimezone(UTC).year in _YEARS else None
    except (ValueError, OverflowError):
        return None
