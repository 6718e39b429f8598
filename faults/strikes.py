"""What is done to a gateway, and to what it stands on: each strikes and mends."""

import asyncio
import contextlib
import os
import signal
import smtplib
import time
from collections.abc import Awaitable, Callable

import aio_pika

from faults import senders
from faults.ground import full_disk
from faults.world import World, standing_still

OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)
"""The connections of the gateway to its database."""
Fault = Callable[[World], Awaitable[None]]
"""Strikes, and returns when all is mended again."""


async def nothing(_: World) -> None:
    """Strike nothing: what everything else is compared with."""


def kill(*names: str, times: int = 1) -> Fault:
    """Kill processes as a power cut would, and start them again; chosen by chance without names."""

    async def strike(world: World) -> None:
        for _ in range(times):
            chosen = names or (world.senders.random.choice(sorted(world.processes)),)
            for name in chosen:
                await world.processes[name].kill()
            await asyncio.gather(*(world.processes[name].start() for name in chosen))

    return strike


def restart(*names: str) -> Fault:
    """Stop processes in an orderly way, one after the other, and start each again."""

    async def strike(world: World) -> None:
        for name in names or tuple(world.processes):
            status = await world.processes[name].stop()
            if status:
                world.notes.append(f"{name} ended with status {status}")
            await world.processes[name].start()

    return strike


def stand_still(name: str, seconds: float) -> Fault:
    """Let a process stand still for a while: longer than others wait for a sign of life."""

    async def strike(world: World) -> None:
        with standing_still(world.processes[name].pid):
            await asyncio.sleep(seconds)

    return strike


async def clock_ahead(world: World) -> None:
    """Let the web door's clock be two minutes ahead of everybody else's."""
    door = world.processes["web"]
    file = world.folder / "clock"
    file.write_text("0")
    await door.stop()
    door.settings = {"KANAL_CLOCK_OFFSET_FILE": str(file)}
    await door.start()
    file.write_text("120")
    await asyncio.sleep(5)
    file.write_text("0")


# --- PostgreSQL


def postgres_down(seconds: float, *, immediate: bool) -> Fault:
    """Stop the database, as a crash or in an orderly way, and start it again."""

    async def strike(world: World) -> None:
        server = world.ground.primary
        await asyncio.to_thread(lambda: server.stop(immediate=immediate))
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)

    return strike


async def postgres_read_only(world: World) -> None:
    """Let the database come back read-only, as a standby or one that is nearly full does."""
    server = world.ground.primary
    with world.ground.administrator() as database:
        database.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await asyncio.to_thread(lambda: server.stop(immediate=True))
    await asyncio.sleep(4)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(8)
    with world.ground.administrator() as database:
        database.execute("ALTER SYSTEM RESET default_transaction_read_only")
        database.execute("SELECT pg_reload_conf()")


async def postgres_stands_still(world: World) -> None:
    """Let every process of the database stand still."""
    pid = int((world.ground.primary.folder / "data" / "postmaster.pid").read_text().split("\n")[0])
    with standing_still(pid):
        await asyncio.sleep(12)


async def connections_ended(world: World) -> None:
    """End every connection of the gateway to the database, several times."""
    for _ in range(5):
        with world.ground.administrator() as database:
            database.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}".encode())
        await asyncio.sleep(0.7)


async def backend_killed(world: World) -> None:
    """Kill one process of the database: all of it recovers, as after any crash of one."""
    with world.ground.administrator() as database:
        row = database.execute(f"SELECT pid {OTHERS} LIMIT 1".encode()).fetchone()
    if row:
        os.kill(int(row[0]), signal.SIGKILL)
    await asyncio.sleep(2)


def locked(table: str, mode: str, seconds: float = 15) -> Fault:
    """Lock a table, as building an index or a long change of it does."""

    async def strike(world: World) -> None:
        with world.ground.administrator() as database:
            database.autocommit = False
            database.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
            await asyncio.sleep(seconds)
            database.rollback()

    return strike


async def rights_taken(world: World) -> None:
    """Take the right to write from the gateway's user, and give it back."""
    tables = "ALL TABLES IN SCHEMA public"
    with world.ground.administrator() as database:
        database.execute(f"REVOKE INSERT, UPDATE, DELETE ON {tables} FROM kanal".encode())
        await asyncio.sleep(10)
        database.execute(f"GRANT INSERT, UPDATE, DELETE ON {tables} TO kanal".encode())


# --- RabbitMQ


def rabbit_down(seconds: float, *, orderly: bool) -> Fault:
    """Stop the broker, as a crash or in an orderly way, and start it again."""

    async def strike(world: World) -> None:
        node = world.ground.node
        await asyncio.to_thread(node.stop if orderly else node.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(node.start)

    return strike


async def rabbit_stands_still(world: World) -> None:
    """Let the broker stand still."""
    node = world.ground.node
    node.freeze()
    try:
        await asyncio.sleep(15)
    finally:
        node.thaw()


async def connections_closed(world: World) -> None:
    """Let the broker close every connection, several times."""
    for _ in range(3):
        await asyncio.to_thread(world.ground.ctl, "close_all_connections", "--global", "faults")
        await asyncio.sleep(1)


def on_queue(act: str, *queues: str) -> Fault:
    """Purge or delete queues while they are worked on."""

    async def strike(world: World) -> None:
        struck = 0
        for _ in range(3):
            for queue in queues:
                with contextlib.suppress(RuntimeError):  # deleted, and not yet declared again
                    await asyncio.to_thread(world.ground.ctl, f"{act}_queue", queue)
                    struck += 1
        world.notes.append(f"{struck} times")

    return strike


def alarm(resource: str) -> Fault:
    """Let the broker run out of "disk" or "memory": it takes nothing until it has it again."""

    async def strike(world: World) -> None:
        node = world.ground.node
        await asyncio.to_thread(node.exhaust, resource)
        await asyncio.sleep(12)
        await asyncio.to_thread(node.relieve, resource)

    return strike


async def poison(world: World) -> None:
    """Put nonsense on every queue of the gateway: it is parked, and holds up nothing."""
    bodies = (b"{", b"null", b"\xff\xfe", b"[" * 20_000, b'{"specversion": "9"}', b"x" * 4_000_000)
    async with await aio_pika.connect(world.ground.amqp()) as connection:
        channel = await connection.channel()
        for queue in ("reports", "deliveries", "notifications", "media"):
            for body in bodies:
                message = aio_pika.Message(body, delivery_mode=2)
                await channel.default_exchange.publish(message, routing_key=queue)


# --- several servers, and links


async def failover(world: World) -> None:
    """Kill the primary; the standby at another address takes over, and gets a standby again."""
    pair = world.ground.pair
    assert pair
    await asyncio.to_thread(pair.fail_over)
    await asyncio.sleep(5)
    await asyncio.to_thread(pair.rejoin)


def nodes_down(count: int, seconds: float, *, orderly: bool = False) -> Fault:
    """Take nodes of three from the cluster, as a crash or in an orderly way, and bring them back.

    Without two of three there is no quorum: nothing is confirmed.
    """

    async def strike(world: World) -> None:
        cluster = world.ground.cluster
        assert cluster
        chosen = world.senders.random.sample(list(cluster.nodes), count)
        await asyncio.gather(*(asyncio.to_thread(n.stop if orderly else n.kill) for n in chosen))
        await asyncio.sleep(seconds)
        await asyncio.to_thread(cluster.start)

    return strike


async def slow_broker(world: World) -> None:
    """Make the link to the broker slow and narrow: 0.3 s each way, 100 kB/s."""
    link = world.ground.to_broker
    assert link
    link.slow(latency=0.3, bandwidth=100_000)
    await asyncio.sleep(12)
    link.slow()


async def slow_database(world: World) -> None:
    """Make the links to the database slow: 0.05 s each way."""
    for link in world.ground.to_databases:
        link.slow(latency=0.05)
    await asyncio.sleep(12)
    for link in world.ground.to_databases:
        link.slow()


def dead_link(*, broker: bool, seconds: float = 10) -> Fault:
    """Lose every byte of a link while both ends believe that the connection is fine."""

    async def strike(world: World) -> None:
        assert world.ground.to_broker
        links = (world.ground.to_broker,) if broker else world.ground.to_databases
        for link in links:
            link.drop()
        await asyncio.sleep(seconds)
        for link in links:
            link.heal()

    return strike


# --- the other ends


def agency(behave: str, seconds: float = 8) -> Fault:
    """Let the agency's own system misbehave for a while."""

    async def strike(world: World) -> None:
        world.agency.behave = behave
        await asyncio.sleep(seconds)
        world.agency.behave = "well"

    return strike


async def provider_mute(world: World) -> None:
    """Let the SMS provider take texts and never say so."""
    world.sms.mute = True
    await asyncio.sleep(6)
    world.sms.mute = False


async def repeats(world: World) -> None:
    """Bring every message that was accepted so far nine times more, all at once."""
    again = [each for each in world.senders.sent if each.accepted and each.door != "poll"][-60:]
    await asyncio.gather(*(world.senders.try_once(each) for each in again for _ in range(9)))


# --- the disk


async def disk_full(world: World) -> None:
    """Fill the disk of database and spool."""
    with full_disk(world.folder / "data"):
        await asyncio.sleep(12)


async def spool_then_kill(world: World) -> None:
    """Take the database away, let the doors spool, kill them, and bring all back."""
    server = world.ground.primary
    await asyncio.to_thread(lambda: server.stop(immediate=True))
    await asyncio.sleep(5)
    doors = [world.processes[name] for name in ("web", "mail")]
    for door in doors:
        await door.kill()
    await asyncio.to_thread(server.start)
    await asyncio.gather(*(door.start() for door in doors))


async def spool_blocked(world: World) -> None:
    """Put something that cannot be read before what is spooled."""
    server = world.ground.primary
    folder = world.folder / "data" / "spool" / "new"
    await asyncio.to_thread(lambda: server.stop(immediate=True))
    await asyncio.sleep(3)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "00000000000000000000-0").mkdir()
    await asyncio.sleep(2)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(3)
    (folder / "00000000000000000000-0").rmdir()


# --- what strangers do


async def slow_loris(world: World) -> None:
    """Open many connections that never finish what they say."""
    port = int(world.base.rpartition(":")[2])
    opened = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", port) for _ in range(200)), return_exceptions=True
    )
    writers = [each[1] for each in opened if not isinstance(each, BaseException)]
    for writer in writers:
        writer.write(b"POST /in/sms HTTP/1.1\r\nHost: x\r\nContent-Le")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        await asyncio.sleep(1)
        for writer in writers:
            with contextlib.suppress(OSError):
                writer.write(b"n")
    for writer in writers:
        writer.close()


async def mail_bomb(world: World) -> None:
    """Send mails that are made to be hard to read."""
    await asyncio.to_thread(_bombs, world.mail_port)


def _bombs(port: int) -> None:
    head = f"From: bom@contoh.localhost\r\nTo: {senders.ADDRESS}\r\nSubject: bom\r\n"
    nested = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(3000)
    )
    parts = 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + "--b\r\n\r\nx\r\n" * 100_000
    headers = "".join(f"X-{n}: x\r\n" for n in range(5000)) + "\r\n"
    for text in (nested, parts, headers):
        with (
            contextlib.suppress(smtplib.SMTPException, OSError),
            smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp,
        ):
            smtp.sendmail("bom@contoh.localhost", [senders.ADDRESS], head + text)
