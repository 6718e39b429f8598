"""Passwords that were stolen somewhere: a file that the deployer brings, looked up without a net.

It has one SHA-1 in hexadecimal digits a line, sorted, with or without ``:`` and a count behind it,
as the files of Have I Been Pwned have.
Source: https://haveibeenpwned.com/Passwords
"""

import hashlib
import os
from pathlib import Path

_DIGITS = 40


class BreachList:
    """Looks passwords up in a file; without one none is known."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    def holds(self, password: str) -> bool:
        """Tell whether a password is in the file. Raises ``OSError``."""
        if self._file is None:
            return False
        wanted = hashlib.sha1(password.encode("utf-8", "replace"), usedforsecurity=False)
        return _search(self._file, wanted.hexdigest().upper().encode())

    def check(self) -> None:
        """Raise ``OSError`` or ``ValueError`` where the file cannot be used."""
        if self._file is None:
            return
        with self._file.open("rb") as opened:
            first, second = (opened.readline()[:_DIGITS].upper() for _ in range(2))
        try:
            int(first, 16)
        except ValueError:
            first = b""
        if len(first) != _DIGITS or (second and second < first):
            raise ValueError("its lines are no sorted SHA-1")


def _search(file: Path, wanted: bytes) -> bool:
    """Halve the file between two places, each read from the next line's beginning on."""
    with file.open("rb") as opened:
        low, high = 0, os.fstat(opened.fileno()).st_size
        while low < high:
            middle = (low + high) // 2
            opened.seek(middle)
            if middle:
                opened.seek(middle - 1)
                opened.readline()
            line = opened.readline()[:_DIGITS].upper()
            if line == wanted:
                return True
            if line and line < wanted:
                low = middle + 1
            else:
                high = middle
    return False
