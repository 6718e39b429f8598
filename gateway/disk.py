"""What it takes for a new file to survive the machine, beside syncing the file itself."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable: a rename or link is lost with the power until then."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
