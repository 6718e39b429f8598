"""Files that other users of the machine can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config.settings import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def readable_by_others(settings: Settings) -> list[Path]:
    """List what lies open in the folders of data, models and files.

    A folder that is shut hides what is in it, whatever the modes there.
    """
    folders = [settings.server.data_dir]
    if settings.routing.models:
        folders.append(Path(settings.routing.models))
    if settings.media.url.startswith("file://"):
        folders.append(Path(settings.media.url.removeprefix("file://")))
    return [path for folder in folders for path in _open(folder)]


def _open(path: Path) -> Iterator[Path]:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode) or not mode & _OTHERS:
        return
    yield path
    if stat.S_ISDIR(mode):
        for each in sorted(os.listdir(path)):
            yield from _open(path / each)
