"""Which passwords somebody may have (long ones, not tried first), and how they are kept."""

import re
import secrets
from base64 import b64encode
from enum import StrEnum
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.low_level import ARGON2_VERSION

from gateway.access.breaches import BreachList

HASHER = PasswordHasher()
"""How passwords are kept. Source: https://www.rfc-editor.org/rfc/rfc9106"""
SHORTEST = 12
_FEW = 5
"""Different characters; fewer are a repetition."""
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "01234567890123456789")
_COMMON = (
    "administrator|admin|alhamdulillah|assalamualaikum|bismillah|changeme|datang|default|ganti|"
    "guest|iloveyou|indonesia|jakarta|kanal|katasandi|kata|lapor|letmein|login|masuk|merdeka|"
    "operator|pancasila|passwd|password|pemerintah|petugas|qwerty|rahasia|root|samarinda|sandi|"
    "sayang|secret|selamat|super|test|user|welcome"
)
"""What is tried first, alone or one after the other, with digits and signs between."""
_WORDS = re.compile(f"(?:{_COMMON})+")


def hash_of_none() -> str:
    """Return a hash that no password fits; checking it takes as long as checking a real one.

    It is random, not computed: no start waits for it.
    """
    cost = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (HASHER.salt_len, HASHER.hash_len)
    )
    return f"$argon2{HASHER.type.name.lower()}$v={ARGON2_VERSION}${cost}${salt}${digest}"


class PasswordFault(StrEnum):
    """Why a password is weak; ``config/console`` has the words, under ``password``."""

    SHORT = "short"
    HOLDS_NAME = "holds_name"
    ROW = "row"
    DIGITS = "digits"
    COMMON = "common"
    STOLEN = "stolen"


_SAYS = {
    PasswordFault.SHORT: f"a password has at least {SHORTEST} characters",
    PasswordFault.HOLDS_NAME: "a password does not hold the name it belongs to",
    PasswordFault.ROW: "a password is no repetition and no row of keys",
    PasswordFault.DIGITS: "a password of digits only is guessed soon",
    PasswordFault.COMMON: "this password is one of the commonest",
    PasswordFault.STOLEN: "this password is in the list of stolen ones",
}


class WeakPassword(ValueError):
    """The password is one that others would guess; the message says why."""

    def __init__(self, fault: PasswordFault) -> None:
        super().__init__(_SAYS[fault])
        self.fault = fault


def check_password(name: str, password: str, breaches: BreachList | None = None) -> None:
    """Take a password or refuse it. Raises ``WeakPassword``."""
    if fault := _fault(name, password):
        raise WeakPassword(fault)
    if breaches and breaches.holds(password):
        raise WeakPassword(PasswordFault.STOLEN)


def _fault(name: str, password: str) -> PasswordFault | None:
    plain = password.casefold()
    letters = "".join(filter(str.isalpha, plain))
    faults = {
        PasswordFault.SHORT: len(password) < SHORTEST,
        PasswordFault.HOLDS_NAME: len(name) > 2 and name.casefold() in plain,
        PasswordFault.ROW: len(set(plain)) < _FEW or _is_sequence(plain),
        PasswordFault.DIGITS: not letters and len(password) < 2 * SHORTEST,
        PasswordFault.COMMON: _WORDS.fullmatch(letters) is not None,
    }
    return next((fault for fault, applies in faults.items() if applies), None)


def _is_sequence(text: str) -> bool:
    """Tell whether most of a text runs along the alphabet, the digits or a keyboard."""
    rows = [row + row for row in _ROWS]
    rows += [row[::-1] for row in rows]
    pairs = [a + b for a, b in pairwise(text)]
    return sum(any(pair in row for row in rows) for pair in pairs) > 0.7 * len(pairs)
