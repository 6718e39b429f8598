"""``check`` and ``migrate``: is everything as it must be to start."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.running import print_faults, settings_file, with_kanal

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.process import Kanal


def check(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check settings and data files.

    Agencies, topics, regions and texts: every fault at once.
    """
    from config.settings import SettingsError, load
    from gateway import checks, components
    from gateway.platform import logs

    logs.set_up("WARNING", "console")
    try:
        faults = checks.faults(load(), settings_file()) + checks.model_faults(load())
    except SettingsError as error:
        faults = error.faults + checks.faults_beside(settings_file())
    if as_json:
        found = [{"file": f.file, "line": f.line, "message": f.message} for f in faults]
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        print_faults(faults)
    if faults:
        raise typer.Exit(1)
    for said in checks.all_warnings(load(), components.channels(load(), settings_file())):
        typer.echo(f"WARNING: {said}", err=True)
    for said in _queues_kept(load()):
        typer.echo(f"WARNING: {said}", err=True)
    if not as_json:
        from gateway.learning.command import versions
        from gateway.platform.modes import readable_by_others

        for path in readable_by_others(load()):
            typer.echo(f"note   others can read {path}: chmod go= {path}", err=True)
        for line in _clear_links(load()):
            typer.echo(line, err=True)

        typer.echo("Everything is in order.")
        typer.echo(versions(load()))


def _queues_kept(settings: "Settings") -> list[str]:
    """Say which queues agencies read that settings do not name, if there is a database yet."""
    from gateway.assembly import build_store
    from gateway.components import methods
    from gateway.operations.health import NAMED, said_of
    from gateway.outbound.methods import by_queue
    from gateway.platform import loop
    from gateway.platform.clock import wall
    from gateway.store.engine import Unavailable, has_database

    async def ask() -> list[str]:
        store = build_store(settings, wall, wall)
        try:
            named = by_queue(methods(settings, settings_file()))
            return [said_of(queue) for queue in await store.agency_queues.kept(named, NAMED)]
        except Unavailable:  # what the database lacks is no fault of the settings
            return []
        finally:
            await store.close()

    if not has_database(settings.database_url):
        return []
    return loop.run(ask())


def _clear_links(settings: "Settings") -> list[str]:
    said = {
        "database": settings.database.insecure,
        "broker": settings.broker.insecure,
        "media": settings.media.insecure,
    }
    told = "insecure = true: a link to another machine may be read on its way"
    return [f"note   [{name}] {told}" for name, insecure in said.items() if insecure]


def migrate() -> None:
    """Bring the database to this version's tables."""

    async def go(kanal: "Kanal") -> None:
        await kanal.migrate()
        typer.echo("The database is up to date.")

    with_kanal(go)
