"""``replay``, ``reconcile``, ``trace`` and ``audit``: where messages are, and that none is lost."""

import contextlib
import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.running import stop, with_kanal, with_store

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.process import Kanal
    from gateway.store.store import Store


def replay(
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List the dead letters and give all of them a fresh start, and what the spool set aside.

    The spool is this machine's own: run it where the doors run.
    """

    from gateway.access.roles import system

    async def go(kanal: "Kanal") -> None:
        operators = kanal.services.operators
        actor = system(f"cli:{getpass.getuser()}")
        batches = await kanal.services.commits.restore()
        letters = await operators.dead_letters(1000, actor=actor)
        if not as_json:
            for letter in letters:
                typer.echo(f"{letter.at:%Y-%m-%d %H:%M} {letter.queue:<12} {letter.error}")
        if letters and not (yes or as_json):
            typer.confirm(f"Replay {len(letters)} dead letters?", abort=True)
        count = await operators.replay(None, actor=actor) if letters else 0
        if as_json:
            typer.echo(json.dumps({"replayed": count, "spooled": batches}))
            return
        typer.echo(f"Replayed {count}.")
        if batches:
            typer.echo(f"Took up {batches} spooled batches that had been set aside.")

    with_kanal(go)


def reconcile(
    channels: Annotated[
        list[str] | None, typer.Argument(help="names of channels; all that can, when left out")
    ] = None,
    since: Annotated[
        str, typer.Option(help="hours back, or an ISO time; else since the last time")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Fetch what providers hold and did not bring us.

    Only what is missing is filed.
    """
    moment = _moment(since)

    async def go(kanal: "Kanal") -> None:
        try:
            found = await kanal.catch_up(channels or [], moment)
        finally:
            await kanal.services.close_channels()
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))
        else:
            for name, what in found.items():
                typer.echo(f"{name:<12} {what if isinstance(what, str) else f'{what} recovered'}")
            if not found:
                typer.echo("No channel of this configuration can be caught up with.")
        if any(isinstance(what, str) for what in found.values()):
            raise typer.Exit(1)

    with_kanal(go)


def _moment(text: str) -> datetime | None:
    """Read a number of hours back, or an ISO time (of this machine when it names no zone)."""
    from gateway.platform.clock import wall

    now = wall()
    with contextlib.suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text) if "-" in text else None
        moment = moment or now - timedelta(hours=float(text or 0))
        if moment.astimezone(UTC) <= now:
            return moment.astimezone(UTC) if text else None
    stop(f"{text!r} is neither a number of hours nor an ISO time in the past", 2)


def trace(
    number: Annotated[str, typer.Argument(help="a tracking number")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per line")] = False,
) -> None:
    """Print one report's whole way with times: what came, what was done, what left, what waits."""
    from gateway.store.traces import Trace
    from normalizer.tracking import mentions

    numbers = list(mentions(number))
    if len(numbers) != 1:
        stop(f"{number!r} is no tracking number: twelve digits, the last one checks the others", 2)
    found = Trace()

    async def go(store: "Store", _: "Settings") -> None:
        nonlocal found
        found = await store.traces.of(numbers[0])

    with_store(go)
    for line in found.lines:
        if as_json:
            typer.echo(json.dumps(asdict(line) | {"at": line.at.isoformat()}))
        else:
            when = line.at.isoformat(timespec="milliseconds")
            typer.echo(f"{when}  {line.where:<17} {line.what}")
    if not found.lines:
        stop("There is nothing of this number. Is [database] url the one it was filed in?", 1)
    typer.echo(f"Its log lines carry as correlation: {' '.join(found.ids)}", err=True)


def audit_verify(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check the hash chain of every report."""

    async def go(store: "Store", _: "Settings") -> None:
        checked, faults = await store.events.audit()
        if as_json:
            typer.echo(json.dumps({"checked": checked, "faults": faults}))
        else:
            for fault in faults:
                typer.echo(fault)
            typer.echo(f"{checked} reports checked, {len(faults)} faults.")
        if faults:
            raise typer.Exit(1)

    with_store(go)
