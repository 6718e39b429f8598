"""``backup`` and ``restore``: what is kept apart from this machine, and how it comes back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.running import stop, with_store

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.operations.restore import RestoreResult
    from gateway.store.store import Store


def backup(
    folder: Annotated[Path, typer.Argument(help="a folder that is not there yet")],
) -> None:
    """Write database, files, spool and models into a new folder, while the gateway runs.

    The seal keys and the settings are not in it: keep them apart from it.
    """

    async def go(store: "Store", settings: "Settings") -> None:
        from gateway.operations.backup import make_backup
        from gateway.operations.manifest import BackupError

        try:
            made = await make_backup(folder, store, settings, _tell)
        except BackupError as error:
            stop(str(error), 1)
        typer.echo(
            f"{folder}: a whole backup of {made.made_at:%Y-%m-%d %H:%M:%S} UTC, {made.summary}"
        )
        if made.bucket:
            typer.echo(f"The files of reports are not in it: they are kept in {made.bucket}")
        typer.echo("No seal key is in it, and without these ones nobody who wrote can be answered:")
        typer.echo(
            f"  {', '.join(made.keys)}  (keep them, and the settings, apart from the backup)"
        )

    with_store(go)


def restore(
    folder: Annotated[Path, typer.Argument(help="what kanal backup wrote")],
    hold: Annotated[
        bool, typer.Option("--hold", help="let a person decide of texts that waited to be sent")
    ] = False,
) -> None:
    """Put a backup back into an empty database and an empty data_dir.

    Either kind of database takes it. Start the gateway afterwards.
    """

    async def go(store: "Store", settings: "Settings") -> None:
        from gateway.operations import restore as restoring
        from gateway.operations.manifest import BackupError

        try:
            done = await restoring.restore(folder, store, settings, hold=hold, tell=_tell)
        except BackupError as error:
            stop(str(error), 1)
        typer.echo(f"Restored: {done.manifest.summary}")
        for line in _next_steps(done, hold=hold):
            typer.echo(line)

    with_store(go)


def _next_steps(done: "RestoreResult", *, hold: bool) -> list[str]:
    made = done.manifest
    steps = [
        "kanal audit verify: it must say 0 faults.",
        "kanal operator list: who was removed or disabled since then is back, with the old password"
        ". Everybody has to log in again.",
        "Start the gateway. Work that was under way is queued again by itself within two minutes.",
        f"What was accepted after {made.made_at:%Y-%m-%d %H:%M:%S} UTC is not here, and its "
        "tracking numbers are unknown. Providers that can be asked bring it again, under the same "
        f"numbers: kanal reconcile --since {made.made_at:%Y-%m-%dT%H:%M:%SZ} does so at once.",
    ]
    if hold:
        steps.append(
            "Texts to citizens that waited are among the dead letters: replay those that did not "
            "arrive, in the console or by kanal replay."
        )
    elif done.waiting:
        steps.append(
            f"{done.waiting:,} texts to citizens waited; some may have been sent since. Where the "
            "provider can be asked it is, else they are sent once more."
        )
    if made.bucket:
        steps.append(f"The files of reports are in {made.bucket}: [media] must name it.")
    return ["Next:", *(f"{number}. {step}" for number, step in enumerate(steps, 1))]


def _tell(line: str) -> None:
    typer.echo(line, err=True)
