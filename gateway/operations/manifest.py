"""The folder of a backup: what lies in it, and how it is known to be whole and our own.

    manifest.json      what was backed up, when, by which version, and which keys open it
    manifest.hmac      its HMAC by the oldest seal key: only who has that key could have written it
    sums.sha256        the SHA-256 of every other file, as ``sha256sum --check`` reads it
    database/ files/ spool/ models/ broker/

The folder has another name until it is whole. Nothing in it is believed before the HMAC fits the
manifest, the manifest the sums, and the sums each file.

BackupError      a backup cannot be made or put back; the message says why and what to do
"""

import hashlib
import hmac
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, NoReturn

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from config.settings import Settings, SettingsError
from gateway import components
from gateway.platform.disk import private_file, private_folder, sync_folder
from gateway.platform.seal import Seal, has_keys

MANIFEST, PROOF, SUMS = "manifest.json", "manifest.hmac", "sums.sha256"
DATABASE, FILES, SPOOL, MODELS = "database", "files", "spool", "models"
DEFINITIONS = "broker/definitions.json"
UNFINISHED = ".unfinished-"
_LINE = re.compile(
    r"([0-9a-f]{64})  ((?:database|files|spool|models|broker)(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+)\n"
)
_LARGEST = 1 << 20
"""Bytes of a manifest; it has a few lines per table."""
_CHUNK = 1 << 20
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Revision = Annotated[str, Field(pattern=r"^[0-9a-z_]{1,32}$")]
TableName = Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")]


class BackupError(Exception):
    """A backup cannot be made or put back; the message says why and what to do."""


class Manifest(BaseModel):
    """What is in a backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    made_at: AwareDatetime
    kanal: str
    revision: Revision
    """Of the tables."""
    database: Literal["sqlite", "postgresql"]
    """What it was read from; it can be put into either."""
    keys: Annotated[tuple[KeyId, ...], Field(min_length=1)]
    """Which keys open what is sealed in it, newest first; never a key itself."""
    rows: Mapping[TableName, int]
    """By table, those first that others point to."""
    files: int
    """Files of reports; None of them where they are kept in a bucket."""
    bucket: str
    """Where the files of reports are kept that are not in the backup."""
    spooled: int
    """Batches that waited for the database on the host where the backup was made."""
    size: int
    """Bytes of all that is listed in the sums."""
    sums: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the list of sums."""

    @property
    def summary(self) -> str:
        """Say for people how much is in it."""
        counts = {name: self.rows.get(name, 0) for name in ("reports", "messages", "events")}
        counts |= {"files": self.files, "spooled batches": self.spooled}
        return ", ".join(f"{count:,} {name}" for name, count in counts.items())


class SummedFile:
    """A file that is written, with the SHA-256 of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._made = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        """Write some bytes."""
        self._made.update(content)
        self.size += len(content)
        return self._file.write(content)

    def flush(self) -> None:
        """Hand over what is buffered."""
        self._file.flush()

    def digest(self) -> str:
        """Return the SHA-256 in hex."""
        return self._made.hexdigest()


class BackupWriter:
    """A backup while it is made: under another name until it is whole. Raises ``BackupError``."""

    def __init__(self, target: Path) -> None:
        self._target = target.absolute()
        if os.path.lexists(self._target):
            raise BackupError(f"{target} is there already, and a backup never overwrites: name one")
        self._work = self._target.with_name(
            f"{self._target.name}{UNFINISHED}{secrets.token_hex(4)}"
        )
        private_folder(self._work)
        self._listed = private_file(self._work / SUMS, new=True)
        self._sums = SummedFile(self._listed)
        self.size = 0

    @contextmanager
    def file(self, name: str) -> Iterator[SummedFile]:
        """Open a new file of the backup; it is durable and listed at the end."""
        path = self._work / name
        private_folder(path.parent)
        with private_file(path, new=True) as file:
            summed = SummedFile(file)
            yield summed
            _sync(file)
        line = f"{summed.digest()}  {name}\n"
        if not _LINE.fullmatch(line):
            raise BackupError(f"{name} cannot be in a backup: it has an unusual name")
        self._sums.write(line.encode())
        self.size += summed.size

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file."""
        with self.file(name) as file:
            file.write(content)

    def sums(self) -> str:
        """End the list of sums, and return its SHA-256."""
        _sync(self._listed)
        self._listed.close()
        return self._sums.digest()

    def finish(self, manifest: Manifest, seal: Seal) -> None:
        """Write the manifest, and give the folder its name."""
        written = manifest.model_dump_json(indent=1).encode() + b"\n"
        for name, content in ((MANIFEST, written), (PROOF, seal.proof(written).encode() + b"\n")):
            with private_file(self._work / name, new=True) as file:
                file.write(content)
                _sync(file)
        for folder, _, _ in os.walk(self._work):
            sync_folder(Path(folder))
        os.rename(self._work, self._target)
        sync_folder(self._target.parent)

    def abandon(self) -> None:
        """Remove what was written."""
        self._listed.close()
        shutil.rmtree(self._work, ignore_errors=True)


class BackupReader:
    """A backup that is to be put back. Raises ``BackupError`` for what is not whole or not ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._written = self._small(MANIFEST)
        try:
            self.manifest = Manifest.model_validate_json(self._written)
        except ValidationError:
            raise _damaged(MANIFEST) from None

    def verify(self, seal: Seal) -> str:
        """Check keys, manifest, sums, and every file; return what names this backup alone."""
        self._check_keys(seal)
        proof = seal.proof(self._written)
        if not hmac.compare_digest(proof.encode(), self._small(PROOF).strip()):
            raise _damaged(MANIFEST)
        if self._digest(SUMS) != self.manifest.sums:
            raise _damaged(SUMS)
        for digest, name in self._lines():
            if self._digest(name) != digest:
                raise _damaged(name)
        return proof

    def names(self, room: str) -> Iterator[str]:
        """Yield the names of the files of a part of the backup."""
        for _, name in self._lines():
            if name.startswith(f"{room}/"):
                yield name

    def open(self, name: str) -> BinaryIO:
        """Open a file of the backup, which must be in its place: no link leads out of it."""
        path = self.folder / name
        try:
            if path.resolve() != path or not path.is_file():
                raise _damaged(name)
            return path.open("rb")
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}.") from None

    def _check_keys(self, seal: Seal) -> None:
        if missing := [each for each in self.manifest.keys if each not in seal.key_ids]:
            lack_keys(missing)
        oldest = self.manifest.keys[-1]
        if seal.key_ids[-1] != oldest:
            said = f"The key {oldest} must be the last of [seal] keys: by it reporters are known"
            raise BackupError(f"{said}. Nothing was changed.")

    def _small(self, name: str) -> bytes:
        if not (self.folder / name).is_file():
            said = "it is unfinished, or none at all" if name == MANIFEST else f"{name} is missing"
            raise BackupError(f"{self.folder} is no whole backup: {said}.")
        with self.open(name) as file:
            return file.read(_LARGEST)

    def _lines(self) -> Iterator[tuple[str, str]]:
        with self.open(SUMS) as file:
            for line in file:
                found = _LINE.fullmatch(line.decode("ascii", "replace"))
                if not found:
                    raise _damaged(SUMS)
                yield found[1], found[2]

    def _digest(self, name: str) -> str:
        made = hashlib.sha256()
        with self.open(name) as file:
            while chunk := file.read(_CHUNK):
                made.update(chunk)
        return made.hexdigest()


def own_seal(settings: Settings) -> Seal | None:
    """Return the seal, None where there is no key: none is made. Raises ``BackupError``."""
    if not has_keys([k.get_secret_value() for k in settings.seal.keys], settings.server.data_dir):
        return None
    try:
        return components.seal(settings)
    except SettingsError as error:
        raise BackupError(str(error)) from None


def lack_keys(ids: list[str]) -> NoReturn:
    """Say which keys are missing. Raises ``BackupError``."""
    said = f"What is in the backup cannot be opened without the seal keys {', '.join(ids)}"
    how = "set them in [seal] keys, or put the seal.key that was kept apart into server.data_dir"
    raise BackupError(f"{said}: {how}. Nothing was changed.")


def _damaged(name: str) -> BackupError:
    said = f"{name} of the backup was changed, cut short or put there by somebody else"
    return BackupError(f"{said}; take another backup. Nothing was changed.")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
