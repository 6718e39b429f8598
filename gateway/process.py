"""One process of the gateway: the roles it plays, and the tasks it keeps alive."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from adapters.contract import ChannelError, SmtpReceiver
from gateway import checks
from gateway.assembly.services import Services
from gateway.assembly.site import site
from gateway.assembly.tasks import (
    LANE,
    LOOK_AGAIN,
    poller_tasks,
    relay_tasks,
    shared_tasks,
    worker_tasks,
)
from gateway.broker.base import BrokerError
from gateway.intake.connections import BIND
from gateway.intake.envelope import mail_hook
from gateway.intake.load import NotDurable
from gateway.intake.smtp.handler import Envelope, TryLater
from gateway.intake.smtp.server import SmtpServer
from gateway.portals.app import WebServer, monitor
from gateway.store.cursors import LeaseLost
from gateway.store.engine import Unavailable
from gateway.store.renaming import hide_names

log = structlog.get_logger(__name__)

ROLES = ("web", "mail", "worker", "poller")
AGAIN = 1.0
"""Seconds before a task that died is started again."""
GRACE = 25.0
"""Seconds that an orderly stop waits for doors and for what is leaving; systems kill after 30."""
INSIST = 5.0
"""Seconds a cancelled task gets before it is cancelled again."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the running gateway listens."""

    web: int | None
    mail: int | None


class Kanal:
    """One process of the gateway: it starts, keeps alive and stops what the services do."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.web: WebServer | None = None
        self.mail: SmtpServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def catch_up(self, names: Sequence[str], since: datetime | None) -> dict[str, int | str]:
        """Read the providers of channels (none named: all); tell how many were news, or why not.

        A polled channel goes on from its cursor, whatever ``since`` says.
        """
        its = self.services
        jobs: dict[str, Callable[[], Awaitable[int | None]]] = {
            **{name: partial(duty.once, since) for name, duty in its.reconcilings.items()},
            **{name: duty.once for name, duty in its.pollings.items()},
        }
        return {name: await _outcome(jobs.get(name)) for name in names or sorted(jobs)}

    async def start(self, roles: Sequence[str] = ROLES) -> Ports:
        """Start the roles; returns when its servers listen.

        Servers start even while database or broker are away: the spool stands in for the database.
        A worker raises ``Unavailable`` (of the store or the broker) instead.
        """
        its = self.services
        for said in checks.all_warnings(its.settings, its.channels):
            log.warning(said)
        patient = "worker" not in roles
        await self._reach("the database", self.migrate, patient=patient and its.spool.writable())
        await self._reach("the broker", its.broker.start, patient=patient)
        await its.commits.start()
        await self._start_tasks(roles)
        if "mail" in roles and its.settings.mail_server.enabled:
            await self._start_mail()
        if "web" in roles:
            await self._start_web()
        elif its.settings.server.monitor_port:
            await self._start_monitor()
        self._spawn("gauges", its.health.gauge_for_ever)
        self._spawn("count what is not kept", self._count_missed)
        self._spawn("write exchanges down", its.exchanges.run)
        return Ports(self.web.port if self.web else None, self.mail.port if self.mail else None)

    async def stop(self) -> None:
        """Close the servers, finish what is under way, then let go of everything."""
        its = self.services
        await self._close()
        await _end(task for task in self._tasks if task.get_name().startswith(BIND))
        await its.commits.stop()
        await _end(self._tasks)
        with contextlib.suppress(Unavailable):
            await its.intake.quarantine.write_missed()
        await its.sandboxes.close()
        await its.close_channels()
        await its.broker.close()
        await its.store.close()

    async def _close(self) -> None:
        """End the lanes and close the doors, all at once; what is left after ``GRACE`` is cut off.

        What is leaving arrives and is filed: cut off, it would be sent once more.
        """
        for lane in self.services.lanes:
            lane.end()
        lanes = {task for task in self._tasks if task.get_name().startswith(LANE)}
        doors = {asyncio.create_task(door.stop()) for door in (self.web, self.mail) if door}
        if not lanes | doors:
            return
        closed, late = await asyncio.wait(lanes | doors, timeout=GRACE)
        if cut := len(late & lanes):
            log.error("sends were cut off and count as uncertain", count=cut)
        await _end(late & doors)
        for task in closed:
            task.result()

    async def migrate(self) -> None:
        """Bring database and rows to this version. Raises ``Unavailable``."""
        await self.services.store.migrate()
        await hide_names(self.services.store, self.services.seal)

    async def _reach(
        self, what: str, connect: Callable[[], Awaitable[None]], *, patient: bool
    ) -> None:
        try:
            await connect()
        except (Unavailable, BrokerError) as error:
            if not patient:
                raise
            log.warning("away at the start", name=what, error=str(error))
            self._spawn(f"reach {what}", partial(_until_reached, connect))

    async def _start_tasks(self, roles: Sequence[str]) -> None:
        its, tasks = self.services, relay_tasks(self.services)
        if "worker" in roles:
            # Reading the calendar takes half a second: better now than under the first report.
            await asyncio.to_thread(its.parts.routing.calendar.is_working, its.now().date())
            tasks += worker_tasks(its)
        if "poller" in roles:
            tasks += poller_tasks(its)
        if {"worker", "poller"} & set(roles):
            tasks += shared_tasks(its)
        for task in tasks:
            self._spawn(task.name, task.run)

    async def _count_missed(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            with contextlib.suppress(Unavailable):
                await self.services.intake.quarantine.write_missed()

    async def _start_mail(self) -> None:
        settings = self.services.settings.mail_server
        channel = self.services.intake.receiver(settings.channel)
        if not isinstance(channel, SmtpReceiver):
            return
        load = self.services.intake.load
        self.mail = SmtpServer(
            settings,
            self._take_mail,
            accepts=channel.accepts,
            admit=partial(load.admit, channel.name),
        )
        await self.mail.start()
        log.info("mail door open", port=self.mail.port)

    async def _take_mail(self, envelope: Envelope) -> None:
        intake = self.services.intake
        channel = intake.receiver(self.services.settings.mail_server.channel)
        if channel is None:
            raise TryLater
        hook = mail_hook(envelope.peer, envelope.mail_from, envelope.rcpt_to, envelope.data)
        try:
            with intake.load.visit(channel.name) as visit:
                visit.grow(len(hook.body))
                visit.wait()
                await intake.receive_webhook(channel, hook)
        except NotDurable as error:
            raise TryLater from error

    async def _start_web(self) -> None:
        self.web = site(self.services)
        await self.web.start()
        log.info("web door open", port=self.web.port)

    async def _start_monitor(self) -> None:
        server = self.services.settings.server
        self.web = WebServer(monitor(self.services.health), server, server.monitor_port)
        await self.web.start()
        log.info("monitor open", port=self.web.port)

    def _spawn(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(self._keep(name, run), name=name))

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task until it ends by itself; one that dies is started again, and seen."""
        while True:
            try:
                await run()
                return
            except Exception:
                log.exception("a task died and is started again", task=name)
                self.services.health.died(name)
                await asyncio.sleep(AGAIN)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they are gone: a driver may turn one cancellation into its own error."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=INSIST)


async def _until_reached(connect: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(AGAIN)
        with contextlib.suppress(Unavailable, BrokerError):
            await connect()
            return


async def _outcome(job: Callable[[], Awaitable[int | None]] | None) -> int | str:
    if job is None:
        return "there is no such channel, or it cannot be asked"
    try:
        found = await job()
    except Unavailable:
        raise
    except (ChannelError, LeaseLost) as error:
        return f"failed: {error}"
    except Exception as error:  # a fault of the channel's own code; its words may quote anybody
        return f"failed: {type(error).__name__}"
    return "another process is reading it" if found is None else found
