"""The spool: where a door puts what it took while the database is away.

One file per batch, written beside its place, fsynced, renamed, and the folder fsynced: what is
acknowledged survives the machine. A file that makes no sense is set aside in ``bad``, not dropped;
``kanal replay`` puts it back. One that cannot be opened, or not be removed, stays where it is.
"""

import base64
import contextlib
import dataclasses
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.platform.clock import wall
from gateway.platform.disk import private_file, private_folder, sync_folder
from gateway.store.rows import AcceptedItem, IntakeItem, QuarantineItem, SegmentItem, StoredFile
from gateway.wire import events

_KINDS: dict[str, type[IntakeItem]] = {
    "accepted": AcceptedItem,
    "held": QuarantineItem,
    "piece": SegmentItem,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


COUNT_EVERY = 1.0
"""Seconds between two looks at how much the spool holds."""
PROBE = 4096
"""Bytes of the file by which it is tried whether the spool can be written."""
STALE = 3600.0
"""Seconds after which a file that was begun and never acknowledged is a leftover of a crash."""


class SpoolFull(Exception):
    """The spool cannot be written either; the provider must try again later."""


class Spool:
    """A folder of batches. Several processes may write and drain it at once.

    It takes nothing more when it holds ``most`` bytes, or its disk has less than ``free`` left:
    what else lives on that disk goes on, and the doors refuse instead.
    """

    def __init__(self, folder: Path, most: int = 2**30, free: int = 0) -> None:
        self.folder = folder
        self._most, self._free = most, free
        self._held, self._counted = 0, 0.0
        self._new, self._tmp, self._bad = (folder / name for name in ("new", "tmp", "bad"))
        for path in (self._new, self._tmp, self._bad):
            private_folder(path)
        self._drained: set[Path] = set()
        """What is in the database, and could not be removed."""

    def write(self, batch: Sequence[IntakeItem]) -> None:
        """Make a batch durable. Raises ``SpoolFull``."""
        first = batch[0]
        since = first.at if isinstance(first, QuarantineItem) else first.received_at
        name = f"{since:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex}.json"
        content = json.dumps([_packed(item) for item in batch]).encode()
        self._need_room(len(content))
        try:
            with private_file(self._tmp / name, new=True) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(self._tmp / name, self._new / name)
            sync_folder(self._new)
            self._held += len(content)
        except OSError as error:
            with contextlib.suppress(OSError):
                (self._tmp / name).unlink()
            raise SpoolFull(error.strerror or "cannot write") from error

    def waiting(self) -> list[Path]:
        """List the batches that are not in the database yet, oldest first."""
        for path in list(self._drained):
            with contextlib.suppress(OSError):
                self.done(path)
        return sorted(set(self._new.glob("*.json")) - self._drained)

    def age(self) -> float:
        """Return for how many seconds the oldest batch has waited; 0 where none waits."""
        for path in self.waiting():
            with contextlib.suppress(FileNotFoundError):
                return max(wall().timestamp() - path.stat().st_mtime, 0.0)
        return 0.0

    def batches(self) -> Iterator[tuple[str, bytes]]:
        """Yield what is not in the database yet, also what was set aside: its place, its content.

        What is moved meanwhile is found where it was moved to, or in the database.
        """
        seen: set[str] = set()
        for folder in (self._new, self._bad, self._new):
            for path in sorted(folder.glob("*.json")):
                with contextlib.suppress(FileNotFoundError):
                    if path.name not in seen:
                        content = path.read_bytes()
                        seen.add(path.name)
                        yield f"{folder.name}/{path.name}", content

    def try_write(self) -> None:
        """Write a file as a batch would be written, and remove it. Raises ``SpoolFull``."""
        self._need_room(PROBE)
        path = self._tmp / f"{uuid.uuid4().hex}.probe"
        try:
            with private_file(path, new=True) as file:
                file.write(b"?" * PROBE)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SpoolFull(error.strerror or "cannot write") from error
        finally:
            with contextlib.suppress(OSError):
                path.unlink()

    def writable(self) -> bool:
        """Tell whether a batch could be written now: it is tried."""
        return not self.fault()

    def fault(self) -> str:
        """Say why no batch could be written now, "" where one could: it is tried."""
        try:
            self.try_write()
        except SpoolFull as error:
            return str(error)
        return ""

    def _need_room(self, size: int) -> None:
        """Return when a file of so many bytes may be written. Raises ``SpoolFull``."""
        if time.monotonic() - self._counted > COUNT_EVERY:  # others write and drain it, too
            self._held, self._counted = _bytes_in(self._new), time.monotonic()
        if self._held + size > self._most:
            raise SpoolFull(f"it holds {self._held} bytes: no more than overload.spool_bytes")
        with contextlib.suppress(OSError):
            disk = os.statvfs(self.folder)
            if self._free and disk.f_bavail * disk.f_frsize - size < self._free:
                raise SpoolFull("its disk is nearly full: overload.free_bytes must stay free")

    def bad(self) -> int:
        """Count the files that were set aside."""
        return sum(1 for _ in self._bad.glob("*"))

    def restore(self) -> int:
        """Put what was set aside back to be drained; return how many files."""
        count = 0
        for path in sorted(self._bad.glob("*.json")):
            with contextlib.suppress(FileNotFoundError):
                path.rename(self._new / path.name)
                count += 1
        return count

    def tidy(self) -> int:
        """Remove what a crash left half written, which was never acknowledged; count it."""
        count = 0
        for path in self._tmp.glob("*"):
            with contextlib.suppress(OSError):
                if wall().timestamp() - path.stat().st_mtime > STALE:
                    path.unlink()
                    count += 1
        return count

    def read(self, path: Path) -> list[IntakeItem] | None:
        """Read one batch; None when another process has drained it or it was set aside.

        Raises ``OSError`` where the file cannot be opened.
        """
        try:
            return [_unpacked(item) for item in json.loads(path.read_bytes())]
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.set_aside(path)
            return None

    def set_aside(self, path: Path) -> None:
        """Move a batch to where a person must look at it."""
        with contextlib.suppress(FileNotFoundError):
            path.rename(self._bad / path.name)

    def done(self, path: Path) -> None:
        """Forget a batch that is in the database. Raises ``OSError`` where it cannot be removed.

        In this process it counts as drained all the same; again, after a start, changes nothing.
        """
        self._drained.add(path)
        path.unlink(missing_ok=True)
        self._drained.discard(path)


def _bytes_in(folder: Path) -> int:
    count = 0
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                count += file.stat().st_size
    return count


def _packed(item: IntakeItem) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(item), default=_plain))
    return values | {"kind": _NAMES[type(item)]}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    raise TypeError(type(value).__name__)


def _unpacked(packed: dict[str, Any]) -> IntakeItem:
    kind = _KINDS[packed.pop("kind")]
    values = {name: _value(value) for name, value in packed.items()}
    if kind is AcceptedItem:
        files = [{key: _value(v) for key, v in file.items()} for file in values["files"]]
        values["files"] = tuple(StoredFile(**file) for file in files)
        if "reporter_ref" not in values:  # an earlier version said whose it is only in the body
            values["reporter_ref"] = json.loads(values["body"])["reporter"]["ref"]
        if (
            '"history":' in values["body"]
        ):  # an earlier version wrote a message as if it were a case
            said = json.loads(values["body"])
            values["body"] = json.dumps(events.without_case(said))
    return kind(**values)


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"bytes"}:
        return base64.b64decode(value["bytes"])
    if isinstance(value, dict) and value.keys() == {"time"}:
        return datetime.fromisoformat(value["time"])
    return value
