"""A private PostgreSQL server in a folder of its own, on the loopback and a Unix socket."""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.services.programs import alive, end, free_ports, program

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
timezone = 'UTC'
"""


class PostgresServer:
    """One PostgreSQL server. Without ``fsync`` it loses nothing by a crash of its own processes:
    what they wrote is with the kernel. It is much faster, and no test cuts the power.

    ``start`` raises ``ServiceMissing``.
    """

    def __init__(self, *, fsync: bool = True) -> None:
        (self.port,) = free_ports(1)
        self._fsync = fsync
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

    def database(self) -> str:
        """Create an empty database on the running server and return its SQLAlchemy URL."""
        name = f"test_{secrets.token_hex(6)}"
        server = f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        """End the server and remove its folder."""
        pid = self._pid()
        if pid is not None and alive(pid):
            end(pid, signal.SIGQUIT)
        if self._folder is not None:
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

    def _prepare(self) -> None:
        program(INITDB, "postgresql")
        self._folder = Path(tempfile.mkdtemp(prefix="kanal-postgres-"))
        atexit.register(self.close)
        if os.geteuid() == 0:
            shutil.chown(self._folder, OWNER, OWNER)
        self._run(
            "initdb", "-D", self._data, "-U", OWNER, "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        settings = SETTINGS.format(
            port=self.port, folder=self._folder, fsync="on" if self._fsync else "off"
        )
        with (self._folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)

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
