"""``explain``, ``train`` and ``evaluate``: where a report goes, why, and how right."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.running import or_stop, read_settings, stop, with_kanal
from gateway.platform.collector import settle

if TYPE_CHECKING:
    from gateway.learning.rows import Rows
    from gateway.process import Kanal
    from normalizer.report import Report


def explain(
    text: Annotated[
        str, typer.Argument(help='the message, or "-" for NDJSON on standard input')
    ] = "-",
    region: Annotated[str, typer.Option(help="code of the region it was sent to")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per message")] = False,
) -> None:
    """Normalise and route a message without storing it, and say why."""
    from gateway import components
    from gateway.operations.explain import Explainer, Line, stream, write_for_people

    parts = or_stop(lambda: components.load(read_settings()))
    if region and not parts.gazetteer.region(region):
        stop(f"there is no region {region!r}", 2)
    settle()
    explainer = Explainer(parts)
    if text != "-":
        (found,) = explainer.explain([Line(text=text, region=region or None)])
        typer.echo(json.dumps(found, ensure_ascii=False) if as_json else write_for_people(found))
    elif not stream(explainer, sys.stdin.buffer, sys.stdout, region=region or None):
        raise typer.Exit(1)


def train(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="CSV", help="columns text, agency (or kind) [, region, received]"),
    ] = None,
    region: Annotated[str, typer.Option(help="code of the region where a row names none")] = "",
    address: Annotated[bool, typer.Option(help="learn from the column address too")] = False,
    from_history: Annotated[
        bool, typer.Option("--from-history", help="learn from what operators and agencies decided")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="go back to the model before")] = False,
    listing: Annotated[bool, typer.Option("--list", help="list what was trained")] = False,
    kind: Annotated[bool, typer.Option("--kind", help="with --undo: the model of kinds")] = False,
) -> None:
    """Learn from decided reports.

    The phrases and what was learned then decide together.
    """
    from gateway.learning import command

    if [file is not None, from_history, undo, listing].count(True) != 1:
        stop("name one of: a CSV, --from-history, --undo, --list", 2)
    settings = read_settings()
    try:
        if listing:
            said = command.versions(settings)
        elif undo:
            said = command.undo(settings, "kind" if kind else "agency")
        elif file:
            said = command.train(settings, file, region=region, address=address)
        else:
            said = command.train_from(settings, _history(), region=region)
    except command.CommandError as error:
        stop(str(error), 1)
    typer.echo(said)


def _history() -> "Rows":
    from gateway.learning.history import learnable

    found: list[Report] = []

    async def go(kanal: "Kanal") -> None:
        await kanal.services.store.migrate()
        found.extend([report async for report in kanal.services.store.reports.every()])

    with_kanal(go)
    return learnable(found)


def evaluate(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="columns as for train")],
    region: Annotated[str, typer.Option(help="code of the region where a row names none")] = "",
    holdout: Annotated[
        float, typer.Option(help="train on the older rows and measure this newest part (0.25)")
    ] = 0.0,
    untrained: Annotated[bool, typer.Option("--untrained", help="measure the phrases")] = False,
    keep_villages: Annotated[
        bool, typer.Option("--keep-villages", help="do not count all local offices as one")
    ] = False,
    address: Annotated[bool, typer.Option(help="read the column address too")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    html: Annotated[Path | None, typer.Option(help="write a page with diagrams")] = None,
) -> None:
    """Measure how right and how sure routing is.

    On reports whose agency is known.
    """
    from gateway.learning import command

    try:
        said = command.evaluate(
            read_settings(),
            file,
            region=region,
            holdout=holdout,
            untrained=untrained,
            keep_villages=keep_villages,
            address=address,
            as_json=as_json,
            html=html,
        )
    except command.CommandError as error:
        stop(str(error), 1)
    typer.echo(said)
