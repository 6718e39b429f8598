"""Putting a backup back, into an empty place: files, spool and models first, the database last.

The database is filled in one transaction. From the first step to the last a mark lies in the data
folder: while it is there nothing starts, and the same backup may be put back once more.
"""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import error as ZlibError

from config.settings import Settings
from gateway import components
from gateway.media.objects import Folder, ObjectsUnavailable
from gateway.models import registry
from gateway.operations.backup import Progress
from gateway.operations.manifest import (
    DATABASE,
    FILES,
    MODELS,
    SPOOL,
    BackupError,
    BackupReader,
    Manifest,
    lack_keys,
    own_seal,
)
from gateway.platform.disk import private_file, private_folder, sync_folder
from gateway.store import migrate
from gateway.store.copies import Filling, NotEmpty, TableShape
from gateway.store.store import Store

HELD = "restored from a backup: may have been sent since it was made"
"""Why texts wait for a person after a restore with ``--hold``."""
_ROWS, _BYTES = 500, 4_000_000
"""What is written at a time at most; a single row may be larger."""
_LASTING = ("messages", "reports", "events")
"""Tables from which nothing is ever removed."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What was put back."""

    manifest: Manifest
    waiting: int
    """Texts to citizens that wait to be sent."""


async def restore(
    folder: Path, store: Store, settings: Settings, *, hold: bool, tell: Progress
) -> RestoreResult:
    """Put a backup back. Raises ``BackupError`` and ``Unavailable``."""
    backup = BackupReader(folder)
    seal = own_seal(settings)
    if seal is None:
        lack_keys(list(backup.manifest.keys))
    if not migrate.is_known(backup.manifest.revision):
        said = f"The backup was made by a newer version, kanal {backup.manifest.kanal}"
        raise BackupError(f"{said}: restore it with that one. Nothing was changed.")
    proof = backup.verify(seal)
    tell(f"the backup is whole: {backup.manifest.size:,} bytes")
    begun = _begun(components.unfinished_restore(settings))
    if begun and begun != proof:
        said = "A restore of another backup was begun here and has not ended"
        raise BackupError(f"{said}: end it with that one, or empty database and data_dir first.")
    if begun:
        tell("this restore was begun before and goes on")
    else:
        await _check_place(store, settings)
    try:
        return await _put_back(backup, proof, store, settings, hold=hold, tell=tell)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        said = f"The restore is not finished: {error.strerror or error}{where}"
        raise BackupError(f"{said}. Mend that and run it again.") from None
    except ObjectsUnavailable as error:
        raise BackupError(f"The restore is not finished: {error}. Run it again.") from None


async def _put_back(
    backup: BackupReader,
    proof: str,
    store: Store,
    settings: Settings,
    *,
    hold: bool,
    tell: Progress,
) -> RestoreResult:
    mark, manifest = components.unfinished_restore(settings), backup.manifest
    _write(mark, f"{proof}\n".encode())
    await _put_files(backup, settings, tell)
    for room, target in _targets(settings).items():
        for name in backup.names(room):
            with backup.open(name) as file:
                _write(target / name.removeprefix(f"{room}/"), file.read())
    try:
        async with store.filling(manifest.revision, hold=HELD if hold else "") as filling:
            for name, count in manifest.rows.items():
                await _fill(backup, filling, name, count)
                tell(f"{name}: {count:,} rows")
    except NotEmpty:
        # Cut off between its last step and the end of the mark, or somebody else's database.
        lasting = {name: manifest.rows[name] for name in _LASTING if name in manifest.rows}
        if await store.row_counts(*_LASTING) != lasting:
            raise _not_empty() from None
    mark.unlink()
    sync_folder(mark.parent)
    return RestoreResult(manifest, await store.notifications.waiting())


async def _check_place(store: Store, settings: Settings) -> None:
    """Refuse a place that is in use. Raises ``BackupError``."""
    if await store.row_counts() is not None:
        raise _not_empty()
    objects = components.objects(settings)
    used = [t for t in _targets(settings).values() if any(p.is_file() for p in t.rglob("*"))]
    if isinstance(objects, Folder) and any(objects.names()):
        used.append(objects.home)
    if used:
        said = f"There is something in {used[0]}, and a restore overwrites nothing"
        raise BackupError(f"{said}: name an empty place, or move that away. Nothing was changed.")


def _targets(settings: Settings) -> dict[str, Path]:
    """Return where the parts of a backup go that are copied as they are."""
    return {SPOOL: settings.server.data_dir / "spool", MODELS: registry.folder(settings)}


def _begun(mark: Path) -> str:
    """Return which backup's restore was begun and has not ended; "" where none was."""
    return mark.read_text().strip() if mark.exists() else ""


def _not_empty() -> BackupError:
    said = "The database has tables already, and a restore overwrites nothing"
    return BackupError(f"{said}: let [database] url name an empty one. Nothing was changed.")


async def _put_files(backup: BackupReader, settings: Settings, tell: Progress) -> None:
    objects, count = components.objects(settings), 0
    for name in backup.names(FILES):
        with backup.open(name) as file:
            await objects.put(name.rpartition("/")[2], file.read())
        count += 1
    tell(f"files: {count:,}")


async def _fill(backup: BackupReader, filling: Filling, name: str, count: int) -> None:
    try:
        lines = _lines(backup, f"{DATABASE}/{name}.ndjson.gz")
        shape = TableShape(name, tuple((column, kind) for column, kind in next(lines)[0]))
        found = 0
        for rows in lines:
            await filling.put(shape, rows)
            found += len(rows)
    except (ValueError, TypeError, KeyError, EOFError, ZlibError, StopIteration) as error:
        raise BackupError(f"{name} in the backup cannot be read: {type(error).__name__}.") from None
    if found != count:
        raise BackupError(f"{name} in the backup has {found:,} rows instead of {count:,}.")
    await filling.count_on(shape)


def _lines(backup: BackupReader, name: str) -> Iterator[list[Any]]:
    """Yield the lines of a table, the first by itself, then some at a time."""
    with backup.open(name) as file, gzip.GzipFile(fileobj=file, mode="rb") as packed:
        yield [json.loads(packed.readline())]
        rows, size = [], 0
        for line in packed:
            rows.append(json.loads(line))
            size += len(line)
            if len(rows) >= _ROWS or size >= _BYTES:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows


def _write(path: Path, content: bytes) -> None:
    """Write a file whole: beside its place, synced, and renamed."""
    private_folder(path.parent)
    aside = path.with_name(f"{path.name}.aside")
    with private_file(aside) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)
