"""``up``, ``run`` and ``demo``: processes that stay."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.running import make_kanal, or_stop, stop
from gateway.platform.collector import settle

if TYPE_CHECKING:
    from gateway.process import Kanal

ROLES = ("web", "mail", "worker", "poller")


def up() -> None:
    """Run all roles in one process.

    Database and queue are embedded unless the settings name real services.
    """
    from gateway.process import ROLES as ALL

    serve(ALL)


def run(role: Annotated[str, typer.Argument(help="web, mail, worker or poller")]) -> None:
    """Run one role in this process, for scaling out."""
    if role not in ROLES:
        stop(f"there is no role {role!r}; choose one of: {', '.join(ROLES)}", 2)
    serve((role,))


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the samples; exit 1 if one went astray.")
    ] = False,
) -> None:
    """Start Kanal and send sample messages through its real doors."""
    from gateway.platform import loop

    try:
        from demo.show import show
    except ModuleNotFoundError:
        stop("the demonstration is in the source checkout only; there, run: make demo", 1)
    sys.exit(or_stop(lambda: loop.run(show(once=once))))


def serve(roles: Sequence[str]) -> None:
    """Run roles until a signal says otherwise."""
    from gateway.broker.base import BrokerError
    from gateway.platform import loop
    from gateway.store.engine import Unavailable

    try:
        loop.run(_until_told(roles))
    except Unavailable as error:
        stop(f"The database does not answer ({error}). Is [database] url right?", 1)
    except BrokerError as error:
        stop(f"The broker does not answer ({error}). Is [broker] url right?", 1)
    except OSError as error:
        stop(f"A door cannot be opened: {error.strerror or error}", 1)


async def _until_told(roles: Sequence[str]) -> None:
    from gateway.store.engine import Unavailable

    kanal = make_kanal()
    if tuple(roles) == ("poller",) and not kanal.services.duties:
        typer.echo("No channel of this configuration is polled; there is nothing to run.")
        await kanal.stop()
        return
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    try:
        ports = await kanal.start(roles)
        settle()
        if ports.web:
            page = "/console" if "web" in roles else "/health"
            typer.echo(f"web    http://{kanal.services.settings.server.host}:{ports.web}{page}")
        if ports.mail:
            typer.echo(f"mail   smtp://{kanal.services.settings.mail_server.host}:{ports.mail}")
        if not kanal.services.channels:
            typer.echo("note   no channel is set up yet: add a [channels.NAME] block to kanal.toml")
        with contextlib.suppress(Unavailable):
            if "web" in roles:
                await _tell_first_link(kanal)
        typer.echo(f"ready  {', '.join(roles)}; stop with Ctrl-C")
        sys.stdout.flush()
        await told.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await kanal.stop()


async def _tell_first_link(kanal: "Kanal") -> None:
    """Print the link by which the first administrator makes an account in the browser."""
    from gateway.access.people import link_address

    token = await kanal.services.access.people.first_link()
    if token:
        address = link_address(str(kanal.services.settings.server.public_url), token)
        typer.echo("note   there is no administrator yet; this link makes one (30 minutes, once):")
        typer.echo(f"       {address}")
