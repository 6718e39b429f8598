"""What it takes for a new file to be its own user's alone, and to survive the machine."""

import os
from pathlib import Path
from typing import BinaryIO


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for its own user only."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)


def private_file(path: Path, *, new: bool = False) -> BinaryIO:
    """Open a file to be written that only its own user can read; ``new`` when it must not exist."""
    once = os.O_EXCL if new else os.O_TRUNC
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | once, 0o600), "wb")


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable: a rename or link is lost with the power until then."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
