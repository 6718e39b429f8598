"""A private RabbitMQ node, or a cluster of them, in folders of their own with an epmd of its own.

The programs are Debian's of this machine. ``TEST_RABBITMQ=/some/root`` names the root folder of
another Debian instead, as ``python -m tests.services.trixie`` makes one with RabbitMQ 4: its
programs run by ``chroot``, which takes root. Nothing is ever installed there by a test.
"""

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
from collections.abc import Sequence
from pathlib import Path

from tests.services.programs import ServiceMissing, alive, end, free_ports, program

CHOSEN = "TEST_RABBITMQ"
"""The variable that names a root folder with another RabbitMQ."""
MACHINE = Path("/")
SERVER = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
"""Not the wrapper in /usr/sbin: that one changes user and home and then misses the cookie."""
ERLANG = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
"""Erlang would start an epmd nobody ends when ours is slower to listen than the node is to boot."""
TOGETHER = "+S 1:1 -kernel net_ticktime {tick}"
"""For nodes of a cluster: one scheduler each, and seconds until a silent peer counts as gone."""
AMQP_HELLO = b"AMQP\x00\x00\x09\x01"
SETTINGS = """\
listeners.tcp.local = 127.0.0.1:{port}
log.file.level = warning
disk_free_limit.absolute = {disk}
vm_memory_high_watermark.absolute = {memory}
"""
FORMATION = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_partition_handling = {partitions}
"""
PEER = "cluster_formation.classic_config.nodes.{number} = {name}\n"
ENOUGH = {"disk": "50MB", "memory": "1GB"}
SHORT = {"disk": "1000000GB", "memory": "1MB"}
"""By resource, the limit at which a node has enough of it, and one that sets off its alarm."""
LIMIT = {
    "disk": ("set_disk_free_limit",),
    "memory": ("set_vm_memory_high_watermark", "absolute"),
}
BATCH = 32
"""Virtual hosts made at a time: each start of rabbitmqctl costs about a second."""
ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
"""Run in mounts of its own; without /proc RabbitMQ does not know how full the disk is."""


def entering(root: Path) -> list[str]:
    """Return what comes before a command that runs in another root folder."""
    return ["unshare", "--mount", "sh", "-c", ENTER, str(root)]


class RabbitPeers:
    """What the nodes of one cluster share: programs, an epmd, a cookie, and each other's names.

    A node alone is a cluster of one. ``tick`` is the seconds until a silent node counts as gone,
    ``partitions`` what the others do about it (RabbitMQ's ``cluster_partition_handling``).
    """

    def __init__(self, *, tick: int = 8, partitions: str = "pause_minority") -> None:
        self.root = Path(os.environ.get(CHOSEN) or MACHINE)
        self.cookie = secrets.token_hex(16)
        self.names: list[str] = []
        (self.epmd_port,) = free_ports(1)
        self._tick, self._partitions = tick, partitions
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def formation(self) -> str:
        """The settings by which a node finds the others."""
        if len(self.names) == 1:
            return ""
        peers = (PEER.format(number=n, name=name) for n, name in enumerate(self.names, 1))
        return FORMATION.format(partitions=self._partitions) + "".join(peers)

    @property
    def erlang(self) -> str:
        """The arguments of a node's Erlang machine."""
        return ERLANG if len(self.names) == 1 else f"{ERLANG} {TOGETHER.format(tick=self._tick)}"

    def command(self, name: str) -> list[str]:
        """Return how a program of RabbitMQ is called. Raises ``ServiceMissing``."""
        if self.root == MACHINE:
            return [str(Path(program(SERVER, "rabbitmq-server")).with_name(name))]
        inside = Path(SERVER[0]).with_name(name)
        if os.geteuid() != 0 or not self.inner(inside).exists():
            raise ServiceMissing(f"{CHOSEN}={self.root}: no RabbitMQ there, or you are not root")
        return [*self._entering(), str(inside)]

    def inner(self, path: Path) -> Path:
        """Return where a path of the programs' own root is on this machine."""
        return self.root / path.relative_to("/")

    def start(self) -> None:
        """Start the epmd, if it does not run."""
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [*self._entering(), "epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def close(self) -> None:
        """End the epmd."""
        if self._epmd is not None:
            end(self._epmd.pid, signal.SIGTERM)
            self._epmd.wait()
        self._epmd = None

    def _entering(self) -> list[str]:
        return [] if self.root == MACHINE else entering(self.root)


class RabbitNode:
    """One RabbitMQ node; started by ``start``, ended by ``close`` or at the end of Python.

    ``start`` raises ``ServiceMissing``. ``peers`` are those of its cluster.
    """

    def __init__(self, peers: RabbitPeers | None = None) -> None:
        self.port, self._dist_port = free_ports(2)
        self.name = f"kanal{self.port}@localhost"
        self._peers, self._alone = peers or RabbitPeers(), peers is None
        self._peers.names.append(self.name)
        self._folder: Path | None = None
        self._script: subprocess.Popen[bytes] | None = None
        self._vhosts: list[str] = []

    @property
    def running(self) -> bool:
        """Say whether the node's process runs."""
        pid = self._pid()
        return pid is not None and alive(pid)

    def start(self, *, timeout: float = 60) -> None:
        """Start the node on its own data and port and wait until it answers."""
        self.launch()
        self.wait(timeout)

    def launch(self) -> None:
        """Begin to start the node; ``wait`` has the rest."""
        server = self._peers.command("rabbitmq-server")
        if self._folder is None:
            self._prepare()
        self._peers.start()
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "out").open("ab") as out:
            self._script = subprocess.Popen(
                server, env=self._environment(), stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True,
            )  # fmt: skip

    def wait(self, timeout: float) -> None:
        """Wait until the node answers. Raises ``RuntimeError`` with what it said."""
        deadline = time.monotonic() + timeout
        while not self.answers():
            if (
                self._script is None
                or self._script.poll() is not None
                or time.monotonic() > deadline
            ):
                out = (self.folder / "out").read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"RabbitMQ did not start: {out}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Greet the node: an open port alone does not say that it has booted."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(AMQP_HELLO)
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def kill(self) -> None:
        """End the node as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the node in an orderly way; its data stays."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop the node's clock: connections stay open and it does not answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        self._signal(signal.SIGCONT)

    def vhost(self) -> str:
        """Return the AMQP URL of an empty virtual host of the running node."""
        if not self._vhosts:
            self._vhosts = self.add_vhosts(BATCH)
        return self.url(self._vhosts.pop())

    def url(self, vhost: str) -> str:
        """Return the AMQP URL of a virtual host at this node."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{vhost}"

    def add_vhosts(self, count: int) -> list[str]:
        """Make empty virtual hosts on the running node; return their names."""
        names = [f"test-{secrets.token_hex(4)}" for _ in range(count)]
        everything = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": name} for name in names],
            "permissions": [{**everything, "vhost": name} for name in names],
        }
        file = self.folder / "definitions.json"
        file.write_text(json.dumps(definitions))
        self.ctl("await_startup")  # the port is open some moments earlier
        self.ctl("import_definitions", self._inside(file))
        return names

    def exhaust(self, resource: str) -> None:
        """Make the node short of ``disk`` or ``memory``: the whole cluster blocks publishers."""
        self._limit(resource, SHORT[resource], alarms=True)

    def relieve(self, resource: str) -> None:
        """Give the node enough of ``disk`` or ``memory`` again."""
        self._limit(resource, ENOUGH[resource], alarms=False)

    def close(self) -> None:
        """End every process of the node and remove its folder."""
        self._end(signal.SIGKILL)
        if self._alone:
            self._peers.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        atexit.unregister(self.close)

    def ctl(self, *arguments: str, within: float = 60) -> str:
        """Run rabbitmqctl against the node and return what it prints.

        Raises ``RuntimeError``, and ``subprocess.TimeoutExpired`` after ``within`` seconds.
        """
        command = [*self._peers.command("rabbitmqctl"), "-q", *arguments]
        done = subprocess.run(command, env=self._environment(), capture_output=True, timeout=within)
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
        where = self._peers.inner(Path(tempfile.gettempdir()))
        where.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="kanal-rabbit-", dir=where))
        atexit.register(self.close)
        for name in ("home", "mnesia", "log"):
            (self._folder / name).mkdir()
        cookie = self._folder / "home" / ".erlang.cookie"
        cookie.write_text(self._peers.cookie)
        cookie.chmod(0o400)
        settings = SETTINGS.format(port=self.port, **ENOUGH) + self._peers.formation
        (self._folder / "rabbitmq.conf").write_text(settings)
        (self._folder / "enabled_plugins").write_text("[].\n")

    def _inside(self, *names: str | Path) -> str:
        """Return a path of the node's folder as its programs see it."""
        return f"/{self.folder.joinpath(*names).relative_to(self._peers.root)}"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": self._inside("home"),
            "ERL_CRASH_DUMP": self._inside("erl_crash.dump"),
            "ERL_EPMD_PORT": str(self._peers.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": self._inside("mnesia"),
            "RABBITMQ_MNESIA_DIR": self._inside("mnesia", "db"),
            "RABBITMQ_LOG_BASE": self._inside("log"),
            "RABBITMQ_CONFIG_FILE": self._inside("rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self._inside("enabled_plugins"),
            "RABBITMQ_PID_FILE": self._inside("pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": self._peers.erlang,
        }

    def _limit(self, resource: str, limit: str, *, alarms: bool) -> None:
        self.ctl(*LIMIT[resource], limit)
        deadline = time.monotonic() + 30
        alarm = f"{{resource_limit, {resource}, node()}}"
        asked = f"lists:keymember({alarm}, 1, rabbit_alarm:get_alarms())."
        while (self.ctl("eval", asked).strip() == "true") is not alarms:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the alarm of {resource} did not become {alarms}")

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


class RabbitCluster:
    """Several RabbitMQ nodes joined into one cluster; every queue may have a replica on each.

    ``nodes`` are killed, stopped, frozen and started one by one; ``start`` starts those that do not
    run, all at once: nodes that were all down wait for each other. Raises ``ServiceMissing``.

    Measured on two busy cores with 3.10: 21 to 24 s to form a cluster of three, 4 to 9 s until one
    is back, 11 s for all after ``kill -9``; about 120 MB of memory for each node at rest.
    """

    def __init__(
        self, count: int = 3, *, tick: int = 8, partitions: str = "pause_minority"
    ) -> None:
        self._peers = RabbitPeers(tick=tick, partitions=partitions)
        self.nodes: Sequence[RabbitNode] = [RabbitNode(self._peers) for _ in range(count)]
        self._vhosts: list[str] = []

    def start(self, *, timeout: float = 120) -> None:
        """Start the nodes that do not run; return when all answer and see each other."""
        down = [node for node in self.nodes if not node.running]
        for node in down:
            node.launch()
        for node in down:
            node.wait(timeout)
        self.wait(timeout)

    def wait(self, timeout: float = 60) -> None:
        """Wait until every node answers and sees all others, as after a thaw."""
        deadline = time.monotonic() + timeout
        while not all(node.answers() and self._sees_all(node) for node in self.nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the nodes of the cluster do not see each other")
            time.sleep(0.1)

    def _sees_all(self, node: RabbitNode) -> bool:
        try:
            status = json.loads(node.ctl("cluster_status", "--formatter", "json", within=10))
        except (RuntimeError, subprocess.TimeoutExpired):  # it pauses, or comes back from a pause
            return False
        return len(status["running_nodes"]) == len(self.nodes) and not status["partitions"]

    def first(self) -> RabbitNode:
        """Return the first node that answers. Raises ``RuntimeError`` where none does."""
        for node in self.nodes:
            if node.answers():
                return node
        raise RuntimeError("no node of the cluster answers")

    def vhost(self) -> list[str]:
        """Return the AMQP URLs of one empty virtual host, one URL for each node."""
        if not self._vhosts:
            self._vhosts = self.first().add_vhosts(len(self.nodes))
        name = self._vhosts.pop()
        return [node.url(name) for node in self.nodes]

    def close(self) -> None:
        """End every process of the cluster and remove its folders."""
        for node in self.nodes:
            node.close()
        self._peers.close()
