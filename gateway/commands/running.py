"""What every command does: read the settings, work on a gateway, and stop with a reason.

Imports are made where they are needed: ``kanal --help`` must be quick.
"""

import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from config.settings import Fault, Settings
    from gateway.process import Kanal
    from gateway.store.store import Store


def read_settings() -> "Settings":
    """Read the settings, or stop with their faults."""
    from config.settings import load
    from gateway.platform import logs

    logs.set_up("WARNING", "console")  # standard output is for what was asked
    settings: Settings = or_stop(load)
    return settings


def settings_file() -> Path | None:
    """Return the file of settings, if there is one."""
    chosen = Path(os.environ.get("KANAL_CONFIG", "kanal.toml"))
    return chosen if chosen.exists() else None


def make_kanal() -> "Kanal":
    """Wire the gateway, or stop with all faults of its configuration."""
    from gateway import checks
    from gateway.assembly import assemble
    from gateway.platform import logs
    from gateway.process import Kanal

    settings = read_settings()
    logs.set_up(settings.log.level, settings.log.format)
    parts, faults = checks.examine(settings, settings_file())
    if faults:
        print_faults(faults)
        stop("Nothing was started: mend the faults above (kanal check lists them again).", 1)
    kanal: Kanal = or_stop(lambda: Kanal(assemble(settings, settings_file(), parts=parts)))
    return kanal


def with_kanal(go: Callable[["Kanal"], Awaitable[None]]) -> None:
    """Do something with a gateway that is not started, and let go of its database."""

    async def whole() -> None:
        kanal = make_kanal()
        try:
            await go(kanal)
        finally:
            await kanal.services.store.close()

    _run(whole)


def with_store(go: Callable[["Store", "Settings"], Awaitable[None]]) -> None:
    """Do something with the database alone: channels, regions and models are not read."""
    from gateway.assembly import build_store
    from gateway.platform import logs
    from gateway.platform.clock import CaseClock, wall

    settings = read_settings()
    logs.set_up(settings.log.level, settings.log.format)

    async def whole() -> None:
        store = or_stop(lambda: build_store(settings, CaseClock.from_environment(), wall))
        try:
            await go(store, settings)
        finally:
            await store.close()

    _run(whole)


def _run(whole: Callable[[], Coroutine[Any, Any, None]]) -> None:
    from gateway.platform import loop
    from gateway.store.engine import NotMigrated, Unavailable

    try:
        loop.run(whole())
    except NotMigrated:
        stop("The database has no tables yet: run kanal up or kanal migrate first.", 1)
    except Unavailable as error:
        stop(f"The database does not answer ({error}). Is [database] url right?", 1)


def or_stop(make: Callable[[], Any]) -> Any:
    """Return what is made, or stop with the faults of the settings."""
    from config.settings import SettingsError

    try:
        return make()
    except SettingsError as error:
        print_faults(error.faults)
        stop(f"{len(error.faults)} fault(s) in the configuration.", 1)


def print_faults(faults: "Iterable[Fault]") -> None:
    """Print each fault on standard error."""
    for fault in faults:
        typer.echo(str(fault), err=True)


def stop(why: str, code: int) -> NoReturn:
    """Say why on standard error, and end with a status."""
    typer.echo(why, err=True)
    raise typer.Exit(code)
