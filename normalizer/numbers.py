"""Which phone numbers a person writes from, and which are machines, or cost money to answer.

Sources: ITU-T E.164 (the shared codes +8xx and +979), and the numbering plan of each country as
libphonenumber has it. Where its data are older than a plan, the table of prefixes below decides.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType as Type

HOME = "ID"
"""Numbers written without a country are Indonesian."""

Party = Literal["person", "service", "premium", "foreign"]
"""Who is behind a number: ``service`` is a short code, the name of a sender, a call centre."""

SHARED_CODES = frozenset({800, 808, 870, 878, 881, 882, 883, 888, 979})
"""Codes that belong to no country: satellites, international networks and services."""
_PREMIUM = {Type.PREMIUM_RATE, Type.SHARED_COST}
_SERVICES = {Type.TOLL_FREE, Type.UAN, Type.PAGER, Type.VOICEMAIL}
PREFIXES: Mapping[str, Party] = {
    "62809": "premium",
    "62800": "service",
    "62803": "service",
    "62804": "service",
    "62807": "service",
    "6214": "service",
    "6215": "service",
    "6217": "service",
    "1900": "premium",
    "1976": "premium",
    "449": "premium",
    "60600": "premium",
    "611900": "premium",
    "651900": "premium",
}
"""What a number begins with, country first, whatever its length says about the rest."""
_LEAST = 7
"""Digits of a number that is written without "+"; what has fewer is a short code."""
_SCHEME = re.compile(r"(?:whatsapp|sms|rcs|tel):", re.IGNORECASE)
_DRESSING = re.compile(r"[\s().\-/]+")


def bare(address: str) -> str:
    """Write an address so that two ways of writing one number are the same."""
    plain = _SCHEME.sub("", address.strip(), count=1).casefold()
    digits = _DRESSING.sub("", plain)
    number = _parsed(digits)
    return f"+{number.country_code}{number.national_number}" if number else plain


def looks_like_one(address: str) -> bool:
    """Tell whether an address is a phone number, whatever channel it is on."""
    return _SCHEME.sub("", address.strip(), count=1).startswith("+")


def party(address: str, countries: Collection[str]) -> Party:
    """Tell who is behind the sender of a text message. ``countries`` are ours (ISO 3166)."""
    written = _DRESSING.sub("", _SCHEME.sub("", address.strip(), count=1))
    number = _parsed(written)
    if len(written.removeprefix("+")) < _LEAST or (number and _is_short(number)):
        return "service"
    if number is None:
        return "foreign" if written.startswith("+") else "service"
    return _by_plan(number) or ("person" if _is_of(number, countries) else "foreign")


def _by_plan(number: phonenumbers.PhoneNumber) -> Party | None:
    whole = f"{number.country_code}{number.national_number}"
    starts: Iterable[str] = (whole[:length] for length in range(6, 2, -1))
    if found := next((PREFIXES[start] for start in starts if start in PREFIXES), None):
        return found
    if number.country_code in SHARED_CODES:
        return "premium"
    kind = phonenumbers.number_type(number)
    if kind in _PREMIUM:
        return "premium"
    return "service" if kind in _SERVICES else None


def _is_short(number: phonenumbers.PhoneNumber) -> bool:
    """Tell whether a number is a short code that was written with our country."""
    home = number.country_code == phonenumbers.country_code_for_region(HOME)
    return home and len(str(number.national_number)) < _LEAST


def _is_of(number: phonenumbers.PhoneNumber, countries: Collection[str]) -> bool:
    region = phonenumbers.region_code_for_number(number)
    if region is not None:
        return region in countries
    code = number.country_code or 0
    return not set(countries).isdisjoint(phonenumbers.region_codes_for_country_code(code))


@lru_cache(maxsize=1_000)
def _parsed(digits: str) -> phonenumbers.PhoneNumber | None:
    """Read a number; a short code or the name of a sender is none.

    One message asks about its sender's number some ten times: the last answers are kept in memory.
    """
    plain = digits.removeprefix("+")
    if not (plain.isascii() and plain.isdigit()):
        return None
    international = digits.startswith("+") or (plain.startswith("62") and len(plain) > 9)
    if not international and len(plain) < _LEAST:
        return None
    if plain.startswith("00"):
        international, plain = True, plain[2:]
    try:
        return phonenumbers.parse(f"+{plain}" if international else plain, HOME)
    except phonenumbers.NumberParseException:
        return None


__all__ = ["HOME", "PREFIXES", "SHARED_CODES", "Party", "bare", "looks_like_one", "party"]
