"""Hides what identifies a person from texts that anybody may read."""

import re

HIDDEN = "[disembunyikan]"
"""Stands where an address, a number or an account name stood."""

_MAIL = r"[\w.+-]+\s?@\s?[\w-]+(?:\s?\.\s?[\w-]+)+"
_ACCOUNT = r"(?<![\w@])@\w[\w.]*"
_LINK = r"(?:https?://|www\.|wa\.me/|t\.me/)\S+"
_NUMBER = r"(?<!\d)\+?\(?\d(?:[\s().,/–-]{0,3}\d){7,}"
"""Eight digits and more, however they are grouped: telephones, NIK, NPWP, KK, bank accounts, and
now and then a sum of money or a date, which is the cheaper mistake."""
_PLATE = r"\b(?!RT|RW|KM|NO|GG|JL|SD|DI|KE|PT|CV)[A-Z]{1,2}\s?\d{1,4}\s?[A-Z]{2,3}\b"
_FOUND = re.compile("|".join((_LINK, _MAIL, _ACCOUNT, _NUMBER, _PLATE)))


def masked(text: str) -> str:
    """Return ``text`` without mail addresses, links, account names, long numbers and plates.

    Names of people stay: no pattern finds them.
    """
    return _FOUND.sub(HIDDEN, text)
