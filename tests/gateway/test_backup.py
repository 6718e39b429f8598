"""Backup and restore: all that was accepted comes back whole, in either database, and once."""

import asyncio
import contextlib
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import Settings, load
from gateway import checks, components
from gateway.access.roles import system
from gateway.assembly import build_store
from gateway.broker import topology
from gateway.broker.rabbit import Rabbit
from gateway.cli import app
from gateway.media.objects import Folder
from gateway.operations import manifest as manifests
from gateway.operations import restore as restoring
from gateway.operations.backup import make_backup
from gateway.operations.manifest import BackupError, BackupReader
from gateway.platform.identity import opened_reporter
from gateway.platform.seal import Seal
from gateway.store import migrate
from gateway.store.engine import Unavailable
from gateway.store.store import Store
from gateway.wire.queues import MEDIA, REPORTS
from tests.gateway import migrated
from tests.gateway.making import (
    KEY,
    LAMP,
    OTHER,
    ROAD,
    URL,
    WHO,
    Clock,
    House,
    house,
    made_parts,
    note,
    until_drained,
)
from tests.gateway.pictures import photo
from tests.gateway.processes import surroundings
from tests.services import RabbitNode

CALLER = "+6281300000000"


@dataclass
class Place:
    """A machine on which nothing is yet, where a backup can be put back."""

    url: str
    folder: Path
    keys: tuple[bytes, ...] = (KEY,)

    @property
    def settings(self) -> Settings:
        keys = [b64encode(key).decode() for key in self.keys]
        return load(
            database={"url": self.url, "timeout": 20},
            server={"public_url": URL, "data_dir": self.folder},
            seal={"keys": keys},
        )

    @contextlib.asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        clock = Clock()
        store = build_store(self.settings, clock, clock)
        try:
            yield store
        finally:
            await store.close()

    async def restore(self, backup: Path, *, hold: bool = False) -> restoring.RestoreResult:
        async with self.store() as store:
            return await restoring.restore(
                backup, store, self.settings, hold=hold, tell=lambda _: None
            )

    def house(self) -> contextlib.AbstractAsyncContextManager[House]:
        """Open the gateway there."""
        return house(self.url, self.folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty machine with SQLite."""
    return Place(f"{migrated.SQLITE}{tmp_path / 'new' / 'kanal.sqlite3'}", tmp_path / "new")


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, place: Place) -> Place:
    """An empty machine with a database of either kind."""
    if request.param == "postgres":
        place.url = request.getfixturevalue("postgres_url")
    return place


@pytest.fixture
def across(request: pytest.FixtureRequest, database_url: str, place: Place) -> Place:
    """An empty machine with a database of the other kind than the house's."""
    if database_url.startswith(migrated.SQLITE):
        place.url = request.getfixturevalue("postgres_url")
    return place


def settings_of(old: House) -> Settings:
    return load(**old._settings)


async def backup_of(old: House, name: str = "backup") -> Path:
    target = old.spool.folder.parent / name
    await make_backup(target, old.store, settings_of(old), lambda _: None)
    return target


async def spooled(old: House, **what: Any) -> None:
    """Let a message come while the database is away."""

    async def away(*_: object) -> set[str]:
        raise Unavailable("gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(old.store, "take_in", away)
        assert (await old.take(note(**what))).status == 200
    assert old.commits.spooled


async def everything(of: House) -> dict[str, Any]:
    """Return what people would miss."""
    reports = {report.id: report async for report in of.store.reports.every()}
    return {
        "reports": {id: report.model_dump_json() for id, report in reports.items()},
        "who wrote": {
            id: opened_reporter(of.seal, id, report.reporter.sealed)
            for id, report in reports.items()
        },
        "files": {
            file.sha256: await of.attachments.get(file.sha256)
            for report in reports.values()
            for file in report.attachments
            if file.sha256
        },
        "log": [tuple(row) for row in await of.rows("SELECT hash FROM events ORDER BY 1")],
        "raw": {
            id: of.seal.open(bytes(raw), "message raw")
            for id, raw in await of.rows("SELECT id, raw FROM messages")
        },
    }


def assert_same(after: dict[str, Any], before: dict[str, Any]) -> None:
    """Compare what people would miss; more messages may have come meanwhile."""
    raw = after.pop("raw")
    assert before["raw"].items() <= raw.items()
    assert after == {name: values for name, values in before.items() if name != "raw"}


async def test_the_drill(house: House, across: Place) -> None:
    """A gateway at work is backed up while messages come, and goes on in an empty place."""
    old, told = house, []
    told.append(await old.say(ROAD, photos=[("a.jpg", b64encode(photo()).decode())]))
    assert await old.work(MEDIA, old.media) == {}
    told.append(await old.say(LAMP + " ANONIM", OTHER))
    await old.work_all()
    before, numbers = await everything(old), await old.rows("SELECT tracking FROM reports")
    assert any(before["files"].values())
    await old.take(note(f"{ROAD} di RT 5", CALLER))  # accepted, not routed
    await spooled(old, text=f"{LAMP} di RT 6", who=CALLER)

    done = asyncio.Event()

    async def keep_coming() -> None:
        while not done.is_set():
            await old.take(note(f"{ROAD} lagi", OTHER))

    coming = asyncio.create_task(keep_coming())
    backup = await backup_of(old)
    done.set()
    await coming
    assert [str(p) for p in (backup, *backup.rglob("*")) if p.stat().st_mode & 0o077] == []

    await across.restore(backup)
    async with across.house() as new:
        new.clock.at = old.clock.at
        assert_same(await everything(new), before)
        assert await new.store.events.audit() == (2, [])
        for (number,) in numbers:
            assert number in {report.report.tracking for report in [await new.file(number)]}
        assert await new.notify() == {}
        assert new.paper.carried == [], "what was sent before the backup is not sent again"
        await until_drained(new.commits)
        assert await new.work_all() == {}
        assert new.paper.told(CALLER), "what waited goes on"
        texts = [report.text async for report in new.store.reports.every()]
        assert any("RT 5" in text for text in texts)
        assert any("RT 6" in text for text in texts), "and what waited in the spool"
        assert (await new.store.events.audit())[1] == []


async def test_a_backup_is_of_one_moment(house: House) -> None:
    await house.take(note(ROAD))
    async with house.store.snapshot() as snapshot:
        shapes = {shape.name: shape for shape in snapshot.tables}
        counts = []
        for name in ("messages", "queue", "messages"):
            counts.append(sum([len(rows) async for rows in snapshot.rows(shapes[name])]))
            await house.take(note(LAMP, OTHER))
        assert counts == [1, 1, 1]
    assert await house.counted("messages") == 4


async def test_texts_that_waited_count_as_doubts(house: House, across: Place) -> None:
    old = house
    await old.take(note(ROAD), note(LAMP, OTHER))
    await old.work(REPORTS, old.route)
    first = (await old.rows("SELECT min(id) FROM notifications"))[0][0]
    claimed = f"SET state = 'sending', lease = 'x', send_at = 0 WHERE id = '{first}'"
    await old.change(f"UPDATE notifications {claimed}")
    backup = await backup_of(old)
    assert (await across.restore(backup)).waiting == 2
    async with across.house() as new:
        doubts = "SELECT state, doubts FROM notifications ORDER BY state"
        assert [tuple(row) for row in await new.rows(doubts)] == [("sending", 0), ("waiting", 1)]
        assert await new.notify() == {}
        assert {text for (text,) in await new.rows("SELECT doubts FROM notifications")} == {1}
        assert len(new.paper.carried) == 2, "this channel cannot be asked: once more at most"


async def test_texts_that_waited_can_be_held_for_a_person(house: House, across: Place) -> None:
    old = house
    await old.take(note(ROAD), note(LAMP, OTHER))
    await old.work(REPORTS, old.route)
    backup = await backup_of(old)
    await across.restore(backup, hold=True)
    async with across.house() as new:
        assert await new.work_all() == {}
        assert new.paper.carried == []
        letters = await new.services.operators.dead_letters(10, actor=system("sari"))
        assert {letter.error for letter in letters} == {restoring.HELD}
        assert await new.services.operators.replay(None, actor=system("siti")) == 2
        assert await new.work("notifications", new.services.notify.resume) == {}
        assert await new.notify() == {}
        assert len(new.paper.carried) == 2


async def test_new_rows_are_numbered_after_those_that_were_put_back(
    house: House, across: Place
) -> None:
    await house.take(note(ROAD), note(LAMP, OTHER))
    backup = await backup_of(house)
    await across.restore(backup)
    async with across.house() as new:
        await new.take(note(f"{ROAD} juga", CALLER))
        assert await new.counted("queue") == 3


async def test_a_backup_of_an_older_version_is_brought_to_this_one(
    lite: House, either: Place, tmp_path: Path
) -> None:
    old = Place(f"{migrated.SQLITE}{tmp_path / 'old.sqlite3'}", tmp_path)
    async with old.store() as store:
        async with store.database.write(within=60) as connection:
            await connection.run_sync(migrate.upgrade_to, "0016")
            row = "'n', 'r', 'paper', 'x', 'm', 'text', '[]', '[]', '', false, 'waiting', ''"
            await connection.exec_driver_sql(
                "INSERT INTO notifications (id, report_id, channel, sealed_to, message_id, text, "
                "thread, choices, reader, urgent, state, detail, created_at) "
                f"VALUES ({row}, '2026-03-02 03:04:05.000678')"
            )
        made = await make_backup(tmp_path / "b", store, old.settings, lambda _: None)
    assert made.revision == "0016"
    await either.restore(tmp_path / "b")
    async with either.house() as new:
        ((doubts, at),) = await new.rows("SELECT doubts, created_at FROM notifications")
        assert (doubts, str(at)[:26]) == (1, "2026-03-02 03:04:05.000678")


# What is not whole, not ours, or not welcome


async def made(lite: House) -> Path:
    """Back up a house with a report, a file, something in the spool, and a model."""
    await lite.report(ROAD, photos=[("a.jpg", b64encode(photo()).decode())])
    await lite.work(MEDIA, lite.media)
    await spooled(lite, text=LAMP)
    models = lite.spool.folder.parent / "models" / "agency"
    models.mkdir(parents=True)
    (models / "active").write_text("1\n")
    return await backup_of(lite)


def signed(backup: Path, seal: Seal | None = None, **changes: Any) -> None:
    """Change the manifest as who has the key could."""
    values = json.loads((backup / "manifest.json").read_text()) | changes
    values["sums"] = hashlib.sha256((backup / "sums.sha256").read_bytes()).hexdigest()
    written = json.dumps(values).encode()
    (backup / "manifest.json").write_bytes(written)
    (backup / "manifest.hmac").write_text((seal or Seal([KEY])).proof(written))


def untouched(place: Place) -> bool:
    """Tell whether nothing was put back, and no key made."""
    there = {path.name for path in place.folder.rglob("*") if path.is_file()}
    return there <= {"kanal.sqlite3", "kanal.sqlite3-wal", "kanal.sqlite3-shm"}


async def test_a_changed_byte_in_any_file_is_found(lite: House, place: Place) -> None:
    backup = await made(lite)
    names = [path for path in sorted(backup.rglob("*")) if path.is_file()]
    rooms = {path.relative_to(backup).parts[0] for path in names}
    assert rooms >= {"database", "files", "spool", "models", "manifest.json", "sums.sha256"}
    for path in names:
        whole = path.read_bytes()
        for damaged in (whole[:-1], whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:]):
            path.write_bytes(damaged)
            if path.name == "manifest.hmac" and damaged.strip() == whole.strip():
                continue  # only the line end is gone
            with pytest.raises(BackupError, match="changed, cut short"):
                BackupReader(backup).verify(Seal([KEY]))
        path.unlink()
        with pytest.raises(BackupError):
            BackupReader(backup).verify(Seal([KEY]))
        path.write_bytes(whole)
    names[0].write_bytes(b"")
    with pytest.raises(BackupError):
        await place.restore(backup)
    assert untouched(place)


OUTSIDE = ("../outside", "files/../../outside", "/etc/passwd", "files//x", "spool/new/.x", "x/y")


@pytest.mark.parametrize("name", OUTSIDE)
async def test_nothing_outside_the_backup_is_read_or_written(
    lite: House, place: Place, name: str
) -> None:
    backup = await made(lite)
    (backup.parent / "outside").write_text("x")
    line = f"{hashlib.sha256(b'x').hexdigest()}  {name}\n"
    with (backup / "sums.sha256").open("a") as file:
        file.write(line)
    signed(backup)
    with pytest.raises(BackupError, match=r"sums\.sha256 of the backup was changed"):
        await place.restore(backup)
    assert untouched(place)


async def test_a_link_or_a_pipe_is_not_followed(lite: House, place: Place) -> None:
    backup = await made(lite)
    path = next((backup / "files").rglob("*/*/*"))
    away = backup.parent / "away"
    path.rename(away)
    path.symlink_to(away)
    with pytest.raises(BackupError, match="put there by somebody else"):
        await place.restore(backup)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BackupError, match="put there by somebody else"):
        await place.restore(backup)
    path.unlink()
    away.rename(path)
    (backup / "database").rename(away)
    (backup / "database").symlink_to(away)
    with pytest.raises(BackupError, match="put there by somebody else"):
        await place.restore(backup)


FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "a newer format": ({"format": 2}, "manifest"),
    "a newer schema": ({"revision": "9999"}, "newer version"),
    "a revision that is a path": ({"revision": "../../x"}, "manifest"),
    "a table that is none": ({"rows": {"x; DROP TABLE y": 1}}, "manifest"),
    "more than there is": ({"rows": {"messages": 77}}, "instead of 77"),
    "a table that is not there": ({"rows": {"nothing": 0}}, "missing|cannot be read|changed"),
}


@pytest.mark.parametrize("case", FOREIGN)
async def test_a_manifest_that_makes_no_sense(lite: House, place: Place, case: str) -> None:
    changes, said = FOREIGN[case]
    backup = await made(lite)
    signed(backup, **changes)
    with pytest.raises(BackupError, match=said):
        await place.restore(backup)
    async with place.store() as store:
        assert await store.row_counts() is None


async def test_keys_that_are_missing_are_named_and_none_is_made(lite: House, place: Place) -> None:
    backup = await made(lite)
    (id,) = Seal([KEY]).key_ids
    for keys in ((), (b"x" * 32,)):
        place.keys = keys
        with pytest.raises(BackupError, match=f"without the seal keys {id}"):
            await place.restore(backup)
    place.keys = (KEY, b"n" * 32)
    with pytest.raises(BackupError, match=f"{id} must be the last"):
        await place.restore(backup)
    assert untouched(place)
    place.keys = (b"n" * 32, KEY)  # a key that was added since
    await place.restore(backup)


async def test_who_lacks_the_key_cannot_make_a_backup_that_is_believed(
    lite: House, place: Place
) -> None:
    backup = await made(lite)
    signed(backup, Seal([b"x" * 32]), kanal="9")
    with pytest.raises(BackupError, match=r"manifest\.json of the backup was changed"):
        await place.restore(backup)


async def test_neither_key_nor_citizen_is_in_the_manifest_or_readable(
    lite: House, place: Place
) -> None:
    backup = await made(lite)
    secrets = (KEY, b64encode(KEY), WHO.encode(), WHO[3:].encode())
    for path in backup.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content += gzip.decompress(content) if path.suffix == ".gz" else b""
            assert [s for s in secrets if s in content] == [], path


async def migrated_already(place: Place) -> None:
    async with place.store() as store:
        await store.migrate()


async def spool_used(place: Place) -> None:
    (place.folder / "spool" / "new").mkdir(parents=True)
    (place.folder / "spool" / "new" / "x.json").write_text("[]")


async def files_used(place: Place) -> None:
    await components.objects(place.settings).put("a" * 64, b"x")


USED: dict[str, tuple[Callable[[Place], Any], str]] = {
    "tables": (migrated_already, "database has tables"),
    "spool": (spool_used, "something in .*spool"),
    "files": (files_used, "something in .*files"),
}


@pytest.mark.parametrize("case", USED)
async def test_a_place_in_use_is_left_alone(lite: House, place: Place, case: str) -> None:
    use, said = USED[case]
    backup = await made(lite)
    await use(place)
    before = {p: p.read_bytes() for p in place.folder.rglob("*.json") if p.is_file()}
    with pytest.raises(BackupError, match=said):
        await place.restore(backup)
    assert {p: p.read_bytes() for p in place.folder.rglob("*.json") if p.is_file()} == before


async def test_a_backup_overwrites_nothing_and_leaves_nothing_half(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = await made(lite)
    with pytest.raises(BackupError, match="there already"):
        await backup_of(lite)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackupError, match="No backup was made: No space left"):
        await backup_of(lite, "another")
    assert [path.name for path in backup.parent.glob("*another*")] == []


# Cut off by kill -9

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from config.settings import load
from gateway.media.objects import Folder
from gateway.operations.backup import make_backup
from gateway.operations.manifest import BackupWriter
from gateway.operations.restore import restore
from gateway.platform.clock import wall
from gateway.store.copies import Filling
from gateway.store.engine import Database
from gateway.store.store import Store

backup, old, new = Path(sys.argv[1]), sys.argv[2:4], sys.argv[4:6]
seal = {"keys": [sys.argv[6]]}

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def opened(url, folder):
    settings = load(database={"url": url}, server={"data_dir": folder}, seal=seal)
    return Store(Database(url, pool_size=1, timeout=20), wall), settings

async def back_up():
    await make_backup(Path(f"{backup}-cut"), *opened(*old), lambda _: None)

async def put_back():
    await restore(backup, *opened(*new), hold=False, tell=lambda _: None)

for what, owner, name in (
    (back_up, BackupWriter, "put"),
    (back_up, BackupWriter, "finish"),
    (put_back, Folder, "put"),
    (put_back, Filling, "put"),
    (put_back, Filling, "finish"),
    (put_back, Path, "unlink"),
):
    if os.fork() == 0:
        setattr(owner, name, die)
        asyncio.run(what())
    print(os.WTERMSIG(os.wait()[1]), flush=True)
"""


async def test_what_was_killed_is_never_taken_for_whole(
    lite: House, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, before = await made(lite), await everything(lite)
    here = f"{migrated.SQLITE}{tmp_path / 'kanal.sqlite3'}"
    where = (str(backup), here, str(tmp_path), place.url, str(place.folder))
    key = b64encode(KEY).decode()
    run = subprocess.run  # one process is imported, and another one forked for each line
    done = await asyncio.to_thread(
        lambda: run(
            [sys.executable, "-c", KILLED, *where, key],
            env=surroundings(None),
            capture_output=True,
            text=True,
        )
    )
    # A restore that found a database half filled would have stopped, and not been killed.
    assert done.stdout.split() == [str(signal.SIGKILL.value)] * 6, done.stderr

    left = [name for name in os.listdir(tmp_path) if name.startswith("backup-cut")]
    assert len(left) == 2
    for name in left:
        assert manifests.UNFINISHED in name
        with pytest.raises(BackupError, match="no whole backup: it is unfinished"):
            await place.restore(tmp_path / name)

    monkeypatch.setattr(components, "load", lambda _: made_parts())  # which takes a second
    faults = [fault.message for fault in checks.faults(place.settings, None)]
    assert any("a restore was begun" in said for said in faults), "so that nothing starts"
    another = await backup_of(lite, "another")
    with pytest.raises(BackupError, match="another backup was begun"):
        await place.restore(another)
    await place.restore(backup)
    assert checks.faults(place.settings, None) == []
    async with place.house() as new:
        assert_same(await everything(new), before)


# What goes with it


async def test_the_broker_takes_the_definitions_and_kanal_its_queues(
    lite: House, rabbit_node: RabbitNode, tmp_path: Path
) -> None:
    await lite.report(ROAD)
    for agency, state in (("read", "read"), ("not-looked-at", "unseen"), ("left", "left")):
        values = f"VALUES ('{agency}', '{state}', 0)"
        await lite.change(f"INSERT INTO agency_queues (agency_id, state, unknown) {values}")
    url = rabbit_node.vhost()
    delivery = {"named": {"method": "queue"}, "api": {"method": "inbox"}, "token": {}}
    settings = load(**lite._settings, broker={"url": url}, delivery=delivery)
    await make_backup(tmp_path / "backup", lite.store, settings, lambda _: None)
    told = tmp_path / "backup" / "broker" / "definitions.json"
    rabbit_node.ctl("import_definitions", str(told))
    listed = rabbit_node.ctl("list_queues", "-p", topology.vhost_of(url), "name").split()
    assert {"reports", "reports.retry.5", "reports.dead"} <= set(listed)
    agencies = ["agency.named", "agency.not-looked-at", "agency.read"]
    assert sorted(filter(topology.is_agency, listed)) == agencies
    broker = Rabbit(url, retry_after=[5, 30])
    await broker.start()  # another argument of a queue would be refused here
    await broker.subscribe(agencies[0], prefetch=1)
    await broker.close()


async def test_files_in_a_bucket_are_left_there_and_named(lite: House) -> None:
    await lite.report(ROAD)
    media = {"url": "s3://kanal-files/lapor", "access_key": "a", "secret": "hush"}
    settings = load(**lite._settings, media=media, broker={"url": "amqp://localhost/kanal"})
    target = lite.spool.folder.parent / "backup"
    made = await make_backup(target, lite.store, settings, lambda _: None)
    assert (made.files, made.bucket) == (0, "s3://kanal-files/lapor")
    assert "hush" not in (target / "manifest.json").read_text()
    told = json.loads((target / "broker" / "definitions.json").read_text())
    assert told["vhosts"] == [{"name": "kanal"}]


async def test_a_file_that_cannot_be_read_is_named(lite: House) -> None:
    await lite.report(ROAD, photos=[("a.jpg", b64encode(photo()).decode())])
    await lite.work(MEDIA, lite.media)
    files = Folder(lite.spool.folder.parent / "files")
    (name,) = files.names()
    path = files.home / name[:2] / name[2:4] / name
    path.unlink()
    path.mkdir()  # which gives an error to root, too
    with pytest.raises(BackupError, match=rf"{name} cannot be read \(.*Is a directory\)"):
        await backup_of(lite)
    assert not (lite.spool.folder.parent / "backup").exists()


async def test_settings_of_an_agency_that_are_wrong_are_named(lite: House) -> None:
    wrong = load(**lite._settings, delivery={"pln": {"method": "pigeon"}})
    target = lite.spool.folder.parent / "backup"
    with pytest.raises(BackupError, match=r"\[delivery\] are wrong"):
        await make_backup(target, lite.store, wrong, lambda _: None)
    assert not target.exists()


async def test_what_no_key_opens_is_said(lite: House, place: Place) -> None:
    await lite.report(ROAD)
    said: list[str] = []
    strange = Place("", lite.spool.folder.parent, (b"o" * 32,))
    target = lite.spool.folder.parent / "backup"
    await make_backup(target, lite.store, strange.settings, said.append)
    (id,) = Seal([KEY]).key_ids
    assert any("cannot be opened" in line and line.endswith(id[:2]) for line in said)


def test_the_commands_say_what_is_done_and_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seal = b64encode(KEY).decode()
    (tmp_path / "var").mkdir()
    migrated.sqlite(f"{migrated.SQLITE}{tmp_path / 'var' / 'kanal.sqlite3'}")

    def run(*arguments: str, **settings: str) -> tuple[int, str]:
        names = {f"KANAL_{name.upper()}": value for name, value in settings.items()}
        done = CliRunner().invoke(app, arguments, env=names)
        return done.exit_code, done.output

    assert "no seal key" in run("backup", "b")[1]
    (tmp_path / "var" / "seal.key").write_text(seal)
    status, said = run("backup", "b")
    (id,) = Seal([KEY]).key_ids
    assert (status, id in said, seal in said) == (0, True, False)
    assert run("backup", "b")[0] == 1
    status, said = run("restore", "b", server__data_dir="new")
    assert (status, f"without the seal keys {id}" in said) == (1, True)
    settings = {"server__data_dir": "new", "seal__keys": json.dumps([seal])}
    status, said = run("restore", "b", **settings)
    assert (status, "Next:" in said, "kanal audit verify" in said) == (0, True, True)
    assert run("audit", "verify", **settings) == (0, "0 reports checked, 0 faults.\n")
    assert run("restore", "b", **settings)[0] == 1
