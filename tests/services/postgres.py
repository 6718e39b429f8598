"""A private PostgreSQL server, or a primary with a standby, each in a folder of its own.

They listen on the loopback and a Unix socket.
"""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.services.programs import ServiceMissing, alive, end, free_ports, program

INITDB = ("/usr/lib/postgresql/*/bin/initdb", "initdb")
OWNER = "postgres"
SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = {fsync}
max_connections = 100
shared_buffers = 64MB
max_wal_size = 128MB
wal_retrieve_retry_interval = 200ms
timezone = 'UTC'
"""
BACKENDS = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
WRITES = "-c default_transaction_read_only=off"
"""What our own connections ask for while the server refuses to be written."""


class PostgresServer:
    """One PostgreSQL server. Without ``fsync`` it loses nothing by a crash of its own processes:
    what they wrote is with the kernel. It is much faster, and no test cuts the power.

    ``start`` raises ``ServiceMissing``. ``disk`` is the size of a disk of its own in MB, which
    ``fill_disk`` fills; it is a tmpfs and takes root.
    """

    def __init__(self, *, fsync: bool = True, disk: int | None = None) -> None:
        (self.port,) = free_ports(1)
        self._fsync, self._disk = fsync, disk
        self._folder: Path | None = None

    @property
    def running(self) -> bool:
        """Say whether the server's process runs."""
        pid = self._pid()
        return pid is not None and alive(pid)

    def start(self) -> None:
        """Start the server on its own data and port and wait until it answers."""
        if self._folder is None:
            self._prepare()
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-t", "100", "start")

    def stop(self, *, immediate: bool = False) -> None:
        """End the server; ``immediate`` as a crash would, so that it recovers at its next start."""
        if self.running:
            mode = "immediate" if immediate else "fast"
            self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", "60", "stop")

    def kill(self) -> None:
        """End every process of the server as a power cut would."""
        running = self._processes()
        self.freeze()  # or some would see others die, and say goodbye to their clients
        self._signal(signal.SIGKILL)
        for process in running:
            end(process, signal.SIGKILL)
        if running:  # whose ids stay taken until the machine's first process has noticed
            for lock in ("data/postmaster.pid", f".s.PGSQL.{self.port}.lock"):
                (self.folder / lock).unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop the server's clock: connections stay open and it does not answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def database(self) -> str:
        """Create an empty database on the running server and return its SQLAlchemy URL."""
        name = self.create()
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{name}"

    def create(self) -> str:
        """Create an empty database on the running server and return its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.tell(f"CREATE DATABASE {name}")
        return name

    def tell(self, statement: str, *values: object, database: str = "postgres") -> list[Any]:
        """Run a statement as the owner of the server; return its rows."""
        with self._connect(database) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def end_backends(self, database: str) -> int:
        """Let the server end every connection to a database; return how many there were."""
        ended = self.tell(f"SELECT pg_terminate_backend(pid) {BACKENDS}", database)
        return len(ended)

    def kill_backend(self, database: str) -> bool:
        """Kill the process of one connection to a database: the server ends all, and recovers.

        Say whether there was one.
        """
        found = self.tell(f"SELECT pid {BACKENDS} LIMIT 1", database)
        for (pid,) in found:
            os.kill(pid, signal.SIGKILL)
        return bool(found)

    def only_read(self, only: bool) -> None:
        """Refuse every transaction that writes, or take them again; open ones go on."""
        self.set("default_transaction_read_only", "on" if only else "off")

    def set(self, name: str, value: str) -> None:
        """Change a setting of the running server."""
        self.tell(f"ALTER SYSTEM SET {name} = '{value}'")
        self.tell("SELECT pg_reload_conf()")

    @contextmanager
    def locked(self, database: str, table: str) -> Iterator[None]:
        """Hold a lock on a table that lets nobody read or write it."""
        with self._connect(database) as connection, connection.transaction():
            lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")
            connection.execute(lock.format(sql.Identifier(table)))
            yield

    def fill_disk(self) -> None:
        """Leave no byte on the server's own disk."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))

    def free_disk(self) -> None:
        """Give the disk its room back. A server that gave up over it must be started again."""
        self._ballast.unlink(missing_ok=True)

    def follow(self, primary: "PostgresServer") -> None:
        """Become a standby of a running server, with a copy of its data, and start."""
        self.kill()
        if self._folder is None:
            self._make_folder()
        shutil.rmtree(self._data, ignore_errors=True)
        self._run(
            "pg_basebackup", "-D", self._data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
            "-d", f"host=127.0.0.1 port={primary.port} user={OWNER}",
        )  # fmt: skip
        self._configure()
        self.start()

    def promote(self) -> None:
        """Make a primary of a standby and wait until it takes writes."""
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "promote")

    def close(self) -> None:
        """End the server and remove its folder."""
        self.thaw()
        pid = self._pid()
        if pid is not None and alive(pid):
            end(pid, signal.SIGQUIT)
        if self._folder is not None:
            if self._disk is not None:
                subprocess.run(["umount", "--lazy", str(self._folder)], check=False)
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        atexit.unregister(self.close)

    @property
    def folder(self) -> Path:
        """The server's own folder, with its data, log and socket."""
        if self._folder is None:
            raise RuntimeError("the server was never started")
        return self._folder

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _ballast(self) -> Path:
        if self._disk is None:
            raise RuntimeError("the server has no disk of its own")
        return self.folder / "ballast"

    @contextmanager
    def _connect(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        url = f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(url, autocommit=True, options=WRITES) as connection:
            yield connection

    def _prepare(self) -> None:
        program(INITDB, "postgresql")
        self._make_folder()
        self._run(
            "initdb", "-D", self._data, "-U", OWNER, "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        self._configure()

    def _make_folder(self) -> None:
        if self._disk is not None and os.geteuid() != 0:
            raise ServiceMissing("a disk of its own takes root")
        self._folder = Path(tempfile.mkdtemp(prefix="kanal-postgres-"))
        atexit.register(self.close)
        if self._disk is not None:
            size = f"size={self._disk}M"
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", size, "kanal", str(self._folder)], check=True
            )
        if os.geteuid() == 0:
            shutil.chown(self._folder, OWNER, OWNER)

    def _configure(self) -> None:
        settings = SETTINGS.format(
            port=self.port, folder=self.folder, fsync="on" if self._fsync else "off"
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)

    def _processes(self) -> list[int]:
        pid = self._pid()
        if pid is None or not alive(pid):
            return []
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def _signal(self, which: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, which)

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(Path(program(INITDB, "postgresql")).with_name(name)), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", OWNER, "--", *command]
        with tempfile.TemporaryFile() as out:  # a pipe would stay open in the server
            done = subprocess.run(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            out.seek(0)
            if done.returncode:
                raise RuntimeError(f"{name} failed: {out.read().decode(errors='replace')}")

    def _pid(self) -> int | None:
        if self._folder is None:
            return None
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self._folder / "data" / "postmaster.pid").read_text().split("\n")[0])
        return None


class PostgresPair:
    """A primary and a standby that follows it; the standby takes over at ``fail_over``.

    With ``synchronous`` a commit is on both before it is confirmed, so that a failover loses
    nothing; without, as is PostgreSQL's default, it may lose the last moments.
    Measured on two busy cores: 2 to 4 s to start both, 0.2 s to fail over, 0.6 s to rejoin.
    """

    def __init__(self, *, synchronous: bool = True, fsync: bool = False) -> None:
        self.primary, self.standby = PostgresServer(fsync=fsync), PostgresServer(fsync=fsync)
        self._synchronous = synchronous

    def start(self) -> None:
        """Start the primary, and the standby on a copy of it. Raises ``ServiceMissing``."""
        self.primary.start()
        self.rejoin()

    def database(self) -> str:
        """Create an empty database; return a SQLAlchemy URL that names both servers."""
        name = self.primary.create()
        hosts = "&".join(f"host=127.0.0.1:{s.port}" for s in (self.primary, self.standby))
        return f"postgresql+psycopg://{OWNER}@/{name}?{hosts}&target_session_attrs=read-write"

    def fail_over(self) -> None:
        """Kill the primary and make the standby the primary; they change names here, too.

        A proxy in front follows by ``point(pair.primary.port)``.
        """
        self.primary.kill()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Let the server that was killed follow the primary, on a new copy of its data."""
        self.primary.set("synchronous_standby_names", "")  # there is none while it is copied
        self.standby.follow(self.primary)
        deadline = time.monotonic() + 60
        while not self.primary.tell("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
            if time.monotonic() > deadline:
                raise RuntimeError("the standby does not follow the primary")
            time.sleep(0.02)
        if self._synchronous:
            self.primary.set("synchronous_standby_names", "*")

    def close(self) -> None:
        """End both servers and remove their folders."""
        self.primary.close()
        self.standby.close()
