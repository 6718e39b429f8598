"""How the sender of a text message is written: phone numbers in E.164, all else as it came."""

import phonenumbers

HOME = "ID"
"""Numbers written without a country are Indonesian."""
UNKNOWN, INTERNATIONAL, ALPHANUMERIC = 0, 1, 5
"""Types of number (3GPP TS 23.040, 9.1.2.5; SMPP 3.4, 5.2.5)."""


def address(text: str, ton: int = UNKNOWN) -> str:
    """Write a phone number in E.164; short codes and names of senders stay as they are."""
    digits = text.removeprefix("+")
    if ton == ALPHANUMERIC or not (digits.isascii() and digits.isdigit()) or len(digits) < 7:
        return text
    if ton == INTERNATIONAL:
        return f"+{digits}"
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
