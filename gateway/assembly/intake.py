"""The intake: the doors of the channels, and the tasks that ask or hold a provider."""

from collections.abc import Mapping
from datetime import timedelta

from adapters.contract import ConnectionChannel, Poller, Reconciler
from config.settings import Settings
from gateway.access.machines import Machines
from gateway.assembly.ground import Ground
from gateway.intake import heavy
from gateway.intake.connections import BIND, ConnectionTask
from gateway.intake.heavy import Normalizing
from gateway.intake.pages import PageIntake
from gateway.intake.parsing import parse_in
from gateway.intake.polling import POLL, Polling
from gateway.intake.quarantine import Quarantine
from gateway.intake.receive import Intake
from gateway.intake.reconciling import RECONCILE, Reconciling
from gateway.intake.sealing import MessageSealer
from gateway.outbound.warning import Warning
from gateway.queues.leased_task import LeasedTask


def build_intake(ground: Ground) -> Intake:
    """Return what takes in what channels bring."""
    normalizing = Normalizing(ground.parts.normalizer, heavy.normalize_in(ground.sandboxes.texts))
    machines = Machines(ground.channels)
    return Intake(
        ground.channels,
        ground.store,
        ground.commits,
        parse_in(ground.sandboxes.mails),
        MessageSealer(normalizing, ground.seal, machines, ground.now),
        Quarantine(ground.store, ground.commits, ground.seal, ground.now),
        Warning(ground.parts.routing, ground.notifier),
    )


def build_pollings(ground: Ground, pages: PageIntake) -> dict[str, Polling]:
    """Return the polling of every channel that is polled."""
    return {
        name: Polling(channel, ground.cursor(name, POLL), pages, ground.store)
        for name, channel in ground.channels.items()
        if isinstance(channel, Poller) and channel.polling and channel.block.enabled
    }


def build_reconcilings(ground: Ground, pages: PageIntake) -> dict[str, Reconciling]:
    """Return the catching up of every channel that can list what it had."""
    wanted = ground.settings.reconcile
    return {
        name: Reconciling(
            channel,
            ground.cursor(name, RECONCILE),
            pages,
            ground.store,
            every=60 * wanted.every_minutes,
            overlap=timedelta(minutes=wanted.overlap_minutes),
        )
        for name, channel in ground.channels.items()
        if isinstance(channel, Reconciler) and channel.block.enabled
    }


def build_bindings(ground: Ground, intake: Intake) -> tuple[ConnectionTask, ...]:
    """Return the connections that channels keep themselves."""
    return tuple(
        ConnectionTask(channel, ground.cursor(name, BIND), intake)
        for name, channel in ground.channels.items()
        if isinstance(channel, ConnectionChannel) and channel.block.enabled
    )


def leased_tasks(
    settings: Settings,
    pollings: Mapping[str, Polling],
    bindings: tuple[ConnectionTask, ...],
    reconcilings: Mapping[str, Reconciling],
) -> list[LeasedTask]:
    """Return what a poller does: polling, keeping connections, and catching up if so set."""
    caught_up = reconcilings.values() if settings.reconcile.every_minutes > 0 else ()
    return [*pollings.values(), *bindings, *caught_up]
