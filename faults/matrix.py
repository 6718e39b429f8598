"""The rows: what is struck, on which stack, and what may come of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from faults.load import Soak, overload
from faults.senders import DOORS
from faults.strikes import (
    Fault,
    agency,
    alarm,
    backend_killed,
    clock_ahead,
    connections_closed,
    connections_ended,
    dead_link,
    disk_full,
    failover,
    kill,
    locked,
    mail_bomb,
    nodes_down,
    nothing,
    on_queue,
    poison,
    postgres_down,
    postgres_read_only,
    postgres_stands_still,
    provider_mute,
    rabbit_down,
    rabbit_stands_still,
    repeats,
    restart,
    rights_taken,
    slow_broker,
    slow_database,
    slow_loris,
    spool_blocked,
    spool_then_kill,
    stand_still,
)


@dataclass(frozen=True)
class Row:
    """One fault at one hop."""

    name: str
    title: str
    fault: Fault
    stack: str = "apart"
    messages: int = 200
    doors: Sequence[str] = DOORS
    hard: bool = False
    """It may cut a send: that is uncertain, and may be sent once more."""
    pause: float = 0.0
    """Seconds that providers and agencies take, so that the fault finds something under way."""
    quick: bool = False
    """Part of the short run that belongs to the tests."""
    after: tuple[str, ...] = ()
    """A command that an operator gives when all is over, as the documentation says."""
    parks: bool = False
    """It puts in what belongs among the dead letters."""
    needs_root: bool = False


ROWS: tuple[Row, ...] = (
    Row("control", "nothing", nothing),
    Row("kill-web", "kill -9 of the web door", kill("web"), hard=True),
    Row("kill-mail", "kill -9 of the mail door", kill("mail"), hard=True),
    Row("kill-poller", "kill -9 of the poller", kill("poller"), hard=True),
    Row(
        "kill-workers",
        "kill -9 of both workers, providers take 0.3 s",
        kill("worker-1", "worker-2"),
        hard=True,
        pause=0.3,
        quick=True,
    ),
    Row(
        "crash-loop",
        "both workers are killed ten times in a row, with work before them",
        kill("worker-1", "worker-2", times=10),
        hard=True,
        messages=120,
        pause=0.3,
    ),
    Row("clock-ahead", "the clock of the web door is 120 s ahead", clock_ahead),
    Row("kill-any", "kill -9 of any process, six times", kill(times=6), hard=True, messages=300),
    Row(
        "restart-all", "orderly restart of every process, providers take 1 s", restart(), pause=1.0
    ),
    Row(
        "worker-still",
        "a worker stands still for 45 s (SIGSTOP)",
        stand_still("worker-1", 45),
        hard=True,
        pause=0.3,
    ),
    Row(
        "postgres-crash",
        "PostgreSQL: immediate stop, back after 6 s",
        postgres_down(6, immediate=True),
    ),
    Row("postgres-restart", "PostgreSQL: orderly restart", postgres_down(0, immediate=False)),
    Row(
        "postgres-read-only",
        "PostgreSQL away 4 s, read-only 8 s, then back",
        postgres_read_only,
        quick=True,
    ),
    Row("postgres-still", "PostgreSQL stands still for 12 s", postgres_stands_still),
    Row("postgres-connections", "PostgreSQL ends all connections, five times", connections_ended),
    Row("postgres-backend", "kill -9 of one PostgreSQL backend", backend_killed),
    Row(
        "lock-notifications",
        "LOCK notifications SHARE 15 s (as CREATE INDEX)",
        locked("notifications", "SHARE"),
    ),
    Row("lock-messages", "LOCK messages EXCLUSIVE 15 s", locked("messages", "ACCESS EXCLUSIVE")),
    Row("lock-reports", "LOCK reports EXCLUSIVE 15 s", locked("reports", "ACCESS EXCLUSIVE")),
    Row(
        "lock-deliveries",
        "LOCK deliveries EXCLUSIVE 15 s",
        locked("deliveries", "ACCESS EXCLUSIVE"),
    ),
    Row(
        "lock-queue", "LOCK queue (the outbox) EXCLUSIVE 15 s", locked("queue", "ACCESS EXCLUSIVE")
    ),
    Row("rights", "the right to write is taken away for 10 s", rights_taken),
    Row(
        "rabbit-kill",
        "RabbitMQ: kill -9, back after 3 s",
        rabbit_down(3, orderly=False),
        quick=True,
    ),
    Row("rabbit-stop", "RabbitMQ: orderly stop, back after 3 s", rabbit_down(3, orderly=True)),
    Row("rabbit-still", "RabbitMQ stands still for 15 s", rabbit_stands_still),
    Row(
        "rabbit-connections",
        "RabbitMQ closes all connections three times, providers take 1 s",
        connections_closed,
        pause=1.0,
    ),
    Row("rabbit-memory", "RabbitMQ: memory alarm 12 s", alarm("memory")),
    Row("rabbit-disk", "RabbitMQ: disk alarm 12 s", alarm("disk")),
    *(
        Row(f"purge-{queue}", f"the queue {queue} is purged", on_queue("purge", queue))
        for queue in ("reports", "deliveries", "notifications")
    ),
    Row(
        "delete-queues",
        "the queues reports, deliveries and notifications are deleted",
        on_queue("delete", "reports", "deliveries", "notifications"),
    ),
    Row("poison", "24 poisoned messages on four queues", poison, parks=True),
    Row("agency-error", "an agency answers 500 for 8 s", agency("error")),
    Row(
        "agency-gone",
        "an agency answers 410 for 4 s, then replay",
        agency("gone", 4),
        after=("replay --yes",),
    ),
    Row(
        "agency-redirect",
        "an agency redirects for 4 s, then replay",
        agency("redirect", 4),
        after=("replay --yes",),
    ),
    Row("agency-mute", "an agency keeps reports and never says so, 8 s", agency("mute")),
    Row("agency-cut", "an agency cuts the connection after it read, 8 s", agency("cut")),
    Row("agency-huge", "an agency answers with 64 MB, 8 s", agency("huge")),
    Row(
        "provider-mute",
        "the SMS provider takes texts and never says so, 6 s",
        provider_mute,
        hard=True,
    ),
    Row("repeats", "providers bring every message ten times, all at once", repeats, messages=150),
    Row(
        "spool-kill",
        "PostgreSQL away, doors spool and are killed, all back",
        spool_then_kill,
        hard=True,
    ),
    Row(
        "spool-blocked",
        "PostgreSQL away, the first file of the spool cannot be read",
        spool_blocked,
    ),
    Row("slow-loris", "200 connections that never end their request", slow_loris),
    Row("mail-bomb", "mails with 3,000 nestings, 100,000 parts, 5,000 headers", mail_bomb),
    Row(
        "one-kill",
        "one process, SQLite: kill -9 three times in a burst",
        kill("gateway", times=3),
        "alone",
        hard=True,
        messages=300,
        quick=True,
    ),
    Row(
        "one-restart",
        "one process, SQLite: orderly restart, providers take 2 s",
        restart("gateway"),
        "alone",
        pause=2.0,
    ),
    Row("one-full", "one process, SQLite: disk full 12 s", disk_full, "alone", needs_root=True),
    Row("one-mute", "one process, SQLite: an agency hangs 8 s", agency("mute"), "alone"),
    Row("overload", "three times what the doors can take, for 8 s", overload, messages=40),
    Row(
        "one-overload",
        "one process, SQLite: three times what the doors can take, for 8 s",
        overload,
        "alone",
        messages=40,
    ),
    Row("failover", "PostgreSQL: the primary dies, the standby takes over", failover, "several"),
    Row("node-kill", "RabbitMQ: kill -9 of one node of three", nodes_down(1, 6), "several"),
    Row(
        "node-stop",
        "RabbitMQ: orderly stop of one node of three",
        nodes_down(1, 6, orderly=True),
        "several",
    ),
    Row(
        "quorum-lost",
        "RabbitMQ: kill -9 of two nodes of three, back after 12 s",
        nodes_down(2, 12),
        "several",
    ),
    Row("slow-broker", "the link to RabbitMQ is slow and narrow for 12 s", slow_broker, "several"),
    Row("slow-database", "the link to PostgreSQL is slow for 12 s", slow_database, "several"),
    Row(
        "dead-broker-link",
        "the link to RabbitMQ loses every byte for 10 s",
        dead_link(broker=True),
        "several",
    ),
    Row(
        "dead-database-link",
        "the link to PostgreSQL loses every byte for 10 s",
        dead_link(broker=False),
        "several",
    ),
)

SOAK = (
    Row("soak-apart", "a steady stream for minutes", Soak(0, 0)),
    Row("soak-alone", "a steady stream for minutes, one process", Soak(0, 0), "alone"),
)
"""Not struck at all; how long is said on the command line."""
