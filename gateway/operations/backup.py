"""Making a backup, while the gateway runs: database, files, spool, models, broker definitions.

The spool is copied first, then the database at one moment, then the files: what leaves the spool
meanwhile is in the database, and what the database speaks of is in the files.
"""

import contextlib
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, cast

from config.settings import Settings, SettingsError
from gateway import components
from gateway.broker.topology import definitions, vhost_of
from gateway.media.objects import Folder, ObjectsUnavailable
from gateway.models import registry
from gateway.operations.manifest import (
    DATABASE,
    DEFINITIONS,
    FILES,
    MODELS,
    SPOOL,
    BackupError,
    BackupWriter,
    Manifest,
    own_seal,
)
from gateway.outbound.methods import by_queue
from gateway.platform.seal import Seal
from gateway.store.copies import Snapshot
from gateway.store.spool import Spool
from gateway.store.store import Store

Progress = Callable[[str], None]
"""Is told, in words, how far it is."""

OFTEN = 100_000
"""Rows and files after which progress is told."""
_SPEED = 1
"""Of gzip, 1 to 9: what is sealed cannot be made smaller, and texts become small at once."""


@dataclass
class _Copied:
    """What was copied, as the manifest says it."""

    spooled: int = 0
    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    key_names: set[bytes] = field(default_factory=set)


async def make_backup(target: Path, store: Store, settings: Settings, tell: Progress) -> Manifest:
    """Make a backup; returns what is in it.

    Raises ``BackupError``, ``Unavailable`` and ``NotMigrated``.
    """
    seal = own_seal(settings)
    if seal is None:
        said = "There is no seal key, neither in [seal] keys nor in server.data_dir"
        raise BackupError(f"{said}: is this where Kanal runs? No backup was made.")
    try:
        writer = BackupWriter(target)
    except OSError as error:
        raise _unwritten(error) from None
    try:
        return await _write(writer, store, settings, seal, tell)
    except OSError as error:
        writer.abandon()
        raise _unwritten(error) from None
    except BaseException:
        writer.abandon()
        raise


async def _write(
    writer: BackupWriter, store: Store, settings: Settings, seal: Seal, tell: Progress
) -> Manifest:
    copied, objects = _Copied(), components.objects(settings)
    _copy_spool(writer, Spool(settings.server.data_dir / "spool"), copied)
    _copy_models(writer, registry.folder(settings))
    agencies = _by_queue(settings)
    async with store.snapshot() as snapshot:
        made_at, revision, database = store.wall(), snapshot.revision, snapshot.backend
        agencies |= await snapshot.agencies_by_queue()
        await _copy_tables(writer, snapshot, copied, tell)
    if isinstance(objects, Folder):
        await _copy_files(writer, objects, copied, tell)
    if settings.broker.url:
        told = definitions(
            vhost_of(settings.broker.url), settings.work.retry_after, sorted(agencies)
        )
        writer.put(DEFINITIONS, json.dumps(told, indent=1).encode())
    _warn_of_keys(copied, seal, tell)
    manifest = Manifest(
        format=1,
        made_at=made_at,
        kanal=version("kanal"),
        revision=revision,
        database=database,
        keys=seal.key_ids,
        rows=copied.rows,
        files=copied.files,
        bucket="" if isinstance(objects, Folder) else settings.media.url,
        spooled=copied.spooled,
        sums=writer.sums(),
        size=writer.size,
    )
    writer.finish(manifest, seal)
    return manifest


def _by_queue(settings: Settings) -> frozenset[str]:
    """Return the agencies to which settings give a queue. Raises ``BackupError``."""
    try:
        return by_queue(components.methods(settings, None))
    except SettingsError:
        said = "No backup was made: the settings of an agency in [delivery] are wrong"
        raise BackupError(f"{said}. Mend them first: kanal check lists what is wrong.") from None


def _copy_spool(writer: BackupWriter, spool: Spool, copied: _Copied) -> None:
    for name, content in spool.batches():
        writer.put(f"{SPOOL}/{name}", content)
        copied.spooled += 1


def _copy_models(writer: BackupWriter, folder: Path) -> None:
    for path in sorted(folder.glob("*/*")) + sorted(folder.glob("*/*/*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and "/." not in name:  # one that is being written begins with a dot
            with contextlib.suppress(FileNotFoundError):
                writer.put(f"{MODELS}/{name}", path.read_bytes())


async def _copy_tables(
    writer: BackupWriter, snapshot: Snapshot, copied: _Copied, tell: Progress
) -> None:
    for shape in snapshot.tables:
        with writer.file(f"{DATABASE}/{shape.name}.ndjson.gz") as file, _packed(file) as packed:
            packed.write(_line(shape.columns))
            count = 0
            async for rows in snapshot.rows(shape):
                packed.write(b"".join(map(_line, rows)))
                _tell(tell, shape.name, count, len(rows))
                count += len(rows)
        copied.rows[shape.name] = count
        tell(f"{shape.name}: {count:,} rows")
    copied.key_names |= snapshot.key_names


def _packed(file: object) -> gzip.GzipFile:
    return gzip.GzipFile("", "wb", _SPEED, cast(BinaryIO, file), 0)


def _line(values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


async def _copy_files(
    writer: BackupWriter, folder: Folder, copied: _Copied, tell: Progress
) -> None:
    for name in folder.names():
        try:
            content = await folder.get(name)
        except ObjectsUnavailable as error:
            said = f"the file {name} cannot be read ({error})"
            raise BackupError(f"No backup was made: {said}. Mend that and run it again.") from None
        if content is None:
            continue
        copied.key_names.add(content[:1])
        writer.put(f"{FILES}/{name[:2]}/{name[2:4]}/{name}", content)
        _tell(tell, FILES, copied.files, 1)
        copied.files += 1
    tell(f"files: {copied.files:,}")


def _tell(tell: Progress, what: str, before: int, more: int) -> None:
    if before // OFTEN != (before + more) // OFTEN:
        tell(f"{what}: {before + more:,} so far")


def _warn_of_keys(copied: _Copied, seal: Seal, tell: Progress) -> None:
    known = {bytes.fromhex(id)[:1] for id in seal.key_ids}
    if missing := sorted(name.hex() for name in copied.key_names - known):
        said = "WARNING: some of it is sealed with keys that are not among [seal] keys, and cannot"
        tell(f"{said} be opened. Their ids begin with: {', '.join(missing)}")


def _unwritten(error: OSError) -> BackupError:
    where = f" ({error.filename})" if error.filename else ""
    return BackupError(f"No backup was made: {error.strerror or error}{where}.")
