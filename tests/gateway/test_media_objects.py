"""Where files are kept: the same promises in a folder and in a bucket."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from gateway.media.objects import AttachmentStore, Bucket, Folder, ObjectStore, ObjectsUnavailable
from gateway.platform.seal import Seal
from tests.services.programs import free_ports

PHOTO = b"\xff\xd8\xff\xe0 a photo of a citizen"
NAME = sha256(PHOTO).hexdigest()


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """A private store that speaks S3, with the bucket ``kanal``."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).with_name("moto_server")
    command = [str(program), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _create(f"{url}/kanal", until=time.monotonic() + 60)
            yield url
        finally:
            server.kill()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _create(url: str, *, until: float) -> None:
    """Create a bucket, as soon as the server listens."""
    while True:
        try:
            with urlopen(Request(url, method="PUT")):
                return
        except URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def bucket(url: str, *, name: str = "kanal", secret: str = "secret") -> Bucket:
    return Bucket(
        name,
        "reports/files",
        endpoint=url,
        region="us-east-1",
        access_key="key",
        secret=secret,
        timeout=5.0,
    )


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return Folder(tmp_path / "files")
    return bucket(request.getfixturevalue("s3_url"))


async def test_what_is_put_is_got(objects: ObjectStore) -> None:
    assert not await objects.has(NAME)
    assert await objects.get(NAME) is None
    await objects.put(NAME, PHOTO)
    await objects.put(NAME, PHOTO)
    assert await objects.has(NAME)
    assert await objects.get(NAME) == PHOTO
    await objects.ping()


@pytest.mark.parametrize("name", ["", "a", "../../etc/passwd", "A" * 64, "g" * 64, "/" * 64])
async def test_a_name_is_a_hash_and_never_a_path(objects: ObjectStore, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        await objects.put(name, PHOTO)
    with pytest.raises(ValueError, match="SHA-256"):
        await objects.get(name)


async def test_an_attachment_store_seals_and_names_by_what_is_inside(objects: ObjectStore) -> None:
    content = PHOTO + os.urandom(8)
    attachments = AttachmentStore(objects, Seal([b"k" * 32]))
    name = await attachments.put(content)
    assert name == sha256(content).hexdigest()
    assert await attachments.put(content) == name
    sealed = await objects.get(name)
    assert sealed is not None
    assert PHOTO not in sealed
    assert await attachments.get(name) == content
    assert await attachments.get("0" * 64) is None
    assert await AttachmentStore(objects, Seal([b"x" * 32])).get(name) is None


async def test_a_file_that_was_exchanged_is_not_handed_out(tmp_path: Path) -> None:
    objects, seal = Folder(tmp_path), Seal([b"k" * 32])
    attachments = AttachmentStore(objects, seal)
    other = await attachments.put(b"another file")
    sealed = await objects.get(other)
    assert sealed is not None
    await objects.put(NAME, sealed)
    assert await attachments.get(NAME) is None


async def test_the_folder_is_as_documented(tmp_path: Path) -> None:
    await Folder(tmp_path / "files").put(NAME, PHOTO)
    kept = tmp_path / "files" / NAME[:2] / NAME[2:4] / NAME
    assert _files(tmp_path) == [kept]
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_takes_nothing_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = Folder(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ObjectsUnavailable, match="No space left"):
        await objects.put(NAME, PHOTO)
    monkeypatch.undo()
    assert _files(tmp_path) == []
    await objects.put(NAME, PHOTO)
    assert await objects.get(NAME) == PHOTO


@pytest.mark.parametrize("there", [True, False])
async def test_a_bucket_that_cannot_be_had_is_away(s3_url: str, there: bool) -> None:
    url = s3_url if there else f"http://127.0.0.1:{free_ports(1)[0]}"
    away = bucket(url, name="nothere", secret="SECRET")
    for call in (away.put(NAME, PHOTO), away.ping()):
        with pytest.raises(ObjectsUnavailable) as caught:
            await call
        assert "SECRET" not in str(caught.value)
