"""Where the bytes of files are kept: content-addressed, sealed, in a folder or a bucket.

ObjectsUnavailable       the store of the files did not answer; nothing was lost, try again
"""

import asyncio
import os
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.platform.disk import private_file, private_folder, sync_folder
from gateway.platform.seal import BadSeal, Seal

_NAME = re.compile(r"[0-9a-f]{64}")
SEALED_FOR = "blob"
AWAY = (BaseError, OSError)
"""What obstore raises: its own errors, and for a missing bucket Python's."""


class ObjectsUnavailable(Exception):
    """The store of the files did not answer; nothing was lost, try again."""


class ObjectStore(ABC):
    """Bytes by name; a name is 64 hexadecimal digits and always means the same content."""

    @abstractmethod
    async def put(self, name: str, content: bytes) -> None:
        """Keep bytes durably; a known name changes nothing. Raises ``ObjectsUnavailable``."""

    @abstractmethod
    async def get(self, name: str) -> bytes | None:
        """Return the bytes, None when there are none. Raises ``ObjectsUnavailable``."""

    @abstractmethod
    async def has(self, name: str) -> bool:
        """Tell whether there are bytes of this name. Raises ``ObjectsUnavailable``."""

    @abstractmethod
    async def ping(self) -> None:
        """Return when the store answers. Raises ``ObjectsUnavailable``."""


class Folder(ObjectStore):
    """A folder: ``ab/cd/abcd…``, each file written aside, synced, and put in place whole."""

    def __init__(self, home: Path) -> None:
        self.home = home

    async def put(self, name: str, content: bytes) -> None:
        """Keep bytes."""
        try:
            await asyncio.to_thread(self._put, self._path(name), content)
        except OSError as error:
            raise ObjectsUnavailable(f"the folder of the files: {error.strerror}") from None

    async def get(self, name: str) -> bytes | None:
        """Return the bytes."""
        try:
            return await asyncio.to_thread(self._path(name).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ObjectsUnavailable(f"the folder of the files: {error.strerror}") from None

    async def has(self, name: str) -> bool:
        """Tell whether there are bytes of this name."""
        return await asyncio.to_thread(self._path(name).is_file)

    async def ping(self) -> None:
        """Return when the folder can be written."""
        try:
            await asyncio.to_thread(private_folder, self.home)
        except OSError as error:
            raise ObjectsUnavailable(f"the folder of the files: {error.strerror}") from None
        if not os.access(self.home, os.W_OK):
            raise ObjectsUnavailable("the folder of the files cannot be written")

    def names(self) -> Iterator[str]:
        """Yield the names of all that is kept; what comes meanwhile may be missing."""
        for path in self.home.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _NAME.fullmatch(path.name):
                yield path.name

    def _path(self, name: str) -> Path:
        return self.home / name[:2] / name[2:4] / _checked(name)

    def _put(self, path: Path, content: bytes) -> None:
        if path.exists():
            return
        private_folder(path.parent)
        aside = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with private_file(aside, new=True) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent, self.home):
            sync_folder(folder)


class Bucket(ObjectStore):
    """A bucket of S3 or of what speaks like it. ``endpoint`` "" is Amazon's own."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        endpoint: str,
        region: str,
        access_key: str,
        secret: str,
        timeout: float,
    ) -> None:
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config={"endpoint": endpoint} if endpoint else None,
            region=region,
            access_key_id=access_key,
            secret_access_key=secret,
            virtual_hosted_style_request=not endpoint,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "timeout": timedelta(seconds=timeout),
                "connect_timeout": timedelta(seconds=timeout),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=timeout)},
        )

    async def put(self, name: str, content: bytes) -> None:
        """Keep bytes."""
        try:
            await obstore.put_async(self._store, _key(name), content, use_multipart=False)
        except AWAY as error:
            raise _away(error) from None

    async def get(self, name: str) -> bytes | None:
        """Return the bytes."""
        try:
            found = await obstore.get_async(self._store, _key(name))
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except AWAY as error:
            raise _away(error) from None

    async def has(self, name: str) -> bool:
        """Tell whether there are bytes of this name."""
        try:
            await obstore.head_async(self._store, _key(name))
        except FileNotFoundError:
            return False
        except AWAY as error:
            raise _away(error) from None
        return True

    async def ping(self) -> None:
        """Return when the bucket is there: asked for one key, a missing one looks like no key."""
        try:
            await obstore.list_with_delimiter_async(self._store, "00/00")
        except AWAY as error:
            raise _away(error) from None


class AttachmentStore:
    """Files in plain on this side, sealed on the other; a file's name is the hash of its bytes."""

    def __init__(self, objects: ObjectStore, seal: Seal) -> None:
        self._objects = objects
        self._seal = seal

    async def put(self, content: bytes) -> str:
        """Keep a file and return its SHA-256. Raises ``ObjectsUnavailable``."""
        name = sha256(content).hexdigest()
        if not await self._objects.has(name):
            sealed = await asyncio.to_thread(self._seal.close, content, SEALED_FOR)
            await self._objects.put(name, sealed)
        return name

    async def get(self, name: str) -> bytes | None:
        """Return a file, None when it is not here or cannot be opened.

        Raises ``ObjectsUnavailable``.
        """
        sealed = await self._objects.get(name)
        if sealed is None:
            return None
        try:
            content = await asyncio.to_thread(self._seal.open, sealed, SEALED_FOR)
        except BadSeal:
            return None
        return content if sha256(content).hexdigest() == name else None

    async def has(self, name: str) -> bool:
        """Tell whether a file is kept. Raises ``ObjectsUnavailable``."""
        return await self._objects.has(name)

    async def ping(self) -> None:
        """Return when the store answers. Raises ``ObjectsUnavailable``."""
        await self._objects.ping()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a file is named by the SHA-256 of its bytes")
    return name


def _key(name: str) -> str:
    return f"{name[:2]}/{name[2:4]}/{_checked(name)}"


def _away(error: Exception) -> ObjectsUnavailable:
    """Name an error by its type: what it says may quote keys."""
    return ObjectsUnavailable(f"the bucket of the files: {type(error).__name__}")
