"""A private RabbitMQ node in a folder of its own, with an epmd of its own."""

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.services.programs import alive, end, free_ports, program

SERVER = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
"""Not the wrapper in /usr/sbin: that one changes user and home and then misses the cookie."""
ERLANG = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
"""Erlang would start an epmd nobody ends when ours is slower to listen than the node is to boot."""
AMQP_HELLO = b"AMQP\x00\x00\x09\x01"
SETTINGS = """\
listeners.tcp.local = 127.0.0.1:{port}
log.file.level = warning
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
"""
BATCH = 32
"""Virtual hosts made at a time: each start of rabbitmqctl costs about a second."""


class RabbitNode:
    """One RabbitMQ node; started by ``start``, ended by ``close`` or at the end of Python.

    ``start`` raises ``ServiceMissing``.
    """

    def __init__(self) -> None:
        self.port, self._dist_port, self._epmd_port = free_ports(3)
        self._folder: Path | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._script: subprocess.Popen[bytes] | None = None
        self._vhosts: list[str] = []

    @property
    def running(self) -> bool:
        """Say whether the node's process runs."""
        pid = self._pid()
        return pid is not None and alive(pid)

    def start(self, *, timeout: float = 60) -> None:
        """Start the node on its own data and port and wait until it answers."""
        server = program(SERVER, "rabbitmq-server")
        if self._folder is None:
            self._prepare()
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "out").open("ab") as out:
            self._script = subprocess.Popen(
                [server], env=self._environment(), stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True,
            )  # fmt: skip
        self._wait(timeout)

    def kill(self) -> None:
        """End the node as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the node in an orderly way; its data stays."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop the node's clock: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        self._signal(signal.SIGCONT)

    def vhost(self) -> str:
        """Return the AMQP URL of an empty virtual host of the running node."""
        if not self._vhosts:
            self._vhosts = self._add_vhosts(BATCH)
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{self._vhosts.pop()}"

    def close(self) -> None:
        """End every process of the node and remove its folder."""
        self._end(signal.SIGKILL)
        if self._epmd is not None:
            end(self._epmd.pid, signal.SIGTERM)
            self._epmd.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._epmd = self._folder = None
        atexit.unregister(self.close)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against the node and return what it prints."""
        command = [str(Path(program(SERVER, "rabbitmq-server")).with_name("rabbitmqctl")), "-q"]
        done = subprocess.run(
            [*command, *arguments], env=self._environment(), capture_output=True, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {arguments}: {done.stdout!r} {done.stderr!r}")
        return done.stdout.decode()

    @property
    def folder(self) -> Path:
        """The node's own folder, with its data and log."""
        if self._folder is None:
            raise RuntimeError("the node was never started")
        return self._folder

    def _prepare(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kanal-rabbit-"))
        atexit.register(self.close)
        for name in ("home", "mnesia", "log"):
            (self._folder / name).mkdir()
        (self._folder / "rabbitmq.conf").write_text(SETTINGS.format(port=self.port))
        (self._folder / "enabled_plugins").write_text("[].\n")
        self._epmd = subprocess.Popen(
            ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"kanal{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_MNESIA_DIR": str(folder / "mnesia" / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self._answers():
            if (
                self._script is None
                or self._script.poll() is not None
                or time.monotonic() > deadline
            ):
                out = (self.folder / "out").read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"RabbitMQ did not start: {out}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Greet the node: an open port alone does not say that it has booted."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(AMQP_HELLO)
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def _add_vhosts(self, count: int) -> list[str]:
        names = [f"test-{secrets.token_hex(4)}" for _ in range(count)]
        everything = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": name} for name in names],
            "permissions": [{**everything, "vhost": name} for name in names],
        }
        file = self.folder / "definitions.json"
        file.write_text(json.dumps(definitions))
        self.ctl("await_startup")  # the port is open some moments earlier
        self.ctl("import_definitions", str(file))
        return names

    def _signal(self, which: signal.Signals) -> None:
        pid = self._pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def _end(self, how: signal.Signals) -> None:
        pid = self._pid()
        if pid is not None:
            self._signal(signal.SIGCONT)
            end(pid, how)
        if self._script is not None:
            self._script.wait()
        self._script = None

    def _pid(self) -> int | None:
        """Read the Erlang machine's own id, which is not that of the script that starts it."""
        if self._script is None:
            return None
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "pid").read_text())
        return self._script.pid
