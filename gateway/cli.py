"""The command ``kanal``. Imports are made where they are needed: ``--help`` must be quick."""

import asyncio
import contextlib
import getpass
import hashlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gateway.platform.collector import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from config.settings import Fault, Settings
    from gateway.casework.operators import OperatorService
    from gateway.learning.rows import Rows
    from gateway.process import Kanal
    from normalizer.report import Report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes twice as long to import as all the rest of --help
    help="Kanal: public reports in by any channel, the responsible agency out, the answer back.",
)
audit = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The append-only log of every report."
)
app.add_typer(audit, name="audit")
OPERATOR_COMMANDS = ("password", "list", "disable", "enable", "remove")
OperatorName = Annotated[str, typer.Argument(help="the name they log in with")]


class _Operators(TyperGroup):
    """``kanal operator NAME`` is short for ``kanal operator password NAME``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = (*OPERATOR_COMMANDS, "--help")
        return super().parse_args(
            ctx, ["password", *args] if args and args[0] not in known else args
        )


operators = typer.Typer(
    cls=_Operators, no_args_is_help=True, rich_markup_mode=None, help="Who may use the console."
)
app.add_typer(operators, name="operator")
ROLES = ("web", "mail", "worker", "poller")


def main() -> None:
    """Run the command. What it writes is its own user's: texts of reports, keys, models."""
    os.umask(0o077)
    app()


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"kanal {version('kanal')}")
        raise typer.Exit


@app.callback()
def kanal(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_say_version, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """Take the options that stand before every command."""


@app.command()
def up() -> None:
    """Run all roles in one process.

    Database and queue are embedded unless the settings name real services.
    """
    from gateway.process import ROLES as ALL

    _serve(ALL)


@app.command()
def run(role: Annotated[str, typer.Argument(help="web, mail, worker or poller")]) -> None:
    """Run one role in this process, for scaling out."""
    if role not in ROLES:
        _stop(f"there is no role {role!r}; choose one of: {', '.join(ROLES)}", 2)
    _serve((role,))


@app.command()
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
        _stop("the demonstration is in the source checkout only; there, run: make demo", 1)
    sys.exit(_or_stop(lambda: loop.run(show(once=once))))


@app.command()
def explain(
    text: Annotated[
        str, typer.Argument(help='the message, or "-" for NDJSON on standard input')
    ] = "-",
    region: Annotated[str, typer.Option(help="code of the region it was sent to")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per message")] = False,
) -> None:
    """Normalise and route a message without storing it, and say why."""
    from gateway import components
    from gateway.operations.explain import Explainer, Line, stream, told

    parts = _or_stop(lambda: components.load(_settings()))
    if region and not parts.gazetteer.region(region):
        _stop(f"there is no region {region!r}", 2)
    settle()
    explainer = Explainer(parts)
    if text != "-":
        (found,) = explainer.explain([Line(text=text, region=region or None)])
        typer.echo(json.dumps(found, ensure_ascii=False) if as_json else told(found))
    elif not stream(explainer, sys.stdin.buffer, sys.stdout, region=region or None):
        raise typer.Exit(1)


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check settings and data files.

    Agencies, topics, regions and texts: every fault at once.
    """
    from config.settings import SettingsError, load
    from gateway import checks, components
    from gateway.platform import logs

    logs.set_up("WARNING", "console")
    try:
        faults = checks.faults(load(), _file()) + checks.model_faults(load())
    except SettingsError as error:
        faults = error.faults + checks.faults_beside(_file())
    if as_json:
        found = [{"file": f.file, "line": f.line, "message": f.message} for f in faults]
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print_faults(faults)
    if faults:
        raise typer.Exit(1)
    for said in checks.all_warnings(load(), components.channels(load(), _file())):
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


@app.command()
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
        _stop("name one of: a CSV, --from-history, --undo, --list", 2)
    settings = _settings()
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
        _stop(str(error), 1)
    typer.echo(said)


def _history() -> "Rows":
    from gateway.learning.history import learnable

    found: list[Report] = []

    async def go(kanal: "Kanal") -> None:
        await kanal.services.store.migrate()
        found.extend([report async for report in kanal.services.queries.every()])

    _with_kanal(go)
    return learnable(found)


@app.command()
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
            _settings(),
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
        _stop(str(error), 1)
    typer.echo(said)


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""

    async def go(kanal: "Kanal") -> None:
        await kanal.migrate()
        typer.echo("The database is up to date.")

    _with_kanal(go)


@app.command()
def replay(
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List the dead letters and give all of them a fresh start."""

    async def go(kanal: "Kanal") -> None:
        operators = kanal.services.operators
        letters = await operators.dead_letters(1000)
        if not as_json:
            for letter in letters:
                typer.echo(f"{letter.at:%Y-%m-%d %H:%M} {letter.queue:<12} {letter.error}")
        if letters and not (yes or as_json):
            typer.confirm(f"Replay {len(letters)} dead letters?", abort=True)
        count = await operators.replay(None, by=f"cli:{getpass.getuser()}") if letters else 0
        typer.echo(json.dumps({"replayed": count}) if as_json else f"Replayed {count}.")

    _with_kanal(go)


@app.command()
def reconcile(
    channels: Annotated[
        list[str] | None, typer.Argument(help="names of channels; all that can, when left out")
    ] = None,
    since: Annotated[
        str, typer.Option(help="hours back, or an ISO time; else since the last time")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Fetch what providers hold and nobody brought us.

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

    _with_kanal(go)


@operators.command("password")
def operator(
    name: Annotated[str, typer.Argument(help="the name to log in with")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin")] = False,
) -> None:
    """Create an operator, or give one a new password: ``kanal operator NAME``.

    Every session of theirs ends.
    """
    from gateway.access.passwords import WeakPassword, check_password

    given = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    password = given or secrets.token_urlsafe(12)
    if name in OPERATOR_COMMANDS or not 0 < len(name) <= 64:
        _stop(f"{name!r} cannot be a name", 2)
    try:
        check_password(name, password)
    except WeakPassword as error:
        _stop(str(error), 2)

    async def go(kanal: "Kanal") -> None:
        its = kanal.services
        await its.store.migrate()
        await its.operators.set_password(name, password)
        typer.echo(f"Operator {name} may log in at {its.settings.server.public_url}console")
        if not given:
            typer.echo(f"Password: {password}")

    _with_kanal(go)


@operators.command("list")
def operator_list(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the operators: since when, whether disabled, and how many sessions are open."""

    async def go(kanal: "Kanal") -> None:
        await kanal.services.store.migrate()
        found = await kanal.services.operators.operators()
        if as_json:
            typer.echo(json.dumps([asdict(each) for each in found], default=str))
            return
        for each in found:
            off = f"disabled {each.disabled_at:%Y-%m-%d %H:%M}" if each.disabled_at else "active"
            typer.echo(f"{each.name:<20} {off:<26} {each.sessions} sessions")

    _with_kanal(go)


@operators.command("disable")
def operator_disable(name: OperatorName) -> None:
    """Keep an operator out; every session of theirs ends at once."""
    _with_operator(name, "disabled", lambda desk: desk.enable(name, may=False))


@operators.command("enable")
def operator_enable(name: OperatorName) -> None:
    """Let a disabled operator in again, with the password they had."""
    _with_operator(name, "enabled", lambda desk: desk.enable(name, may=True))


@operators.command("remove")
def operator_remove(name: OperatorName) -> None:
    """Remove an operator; every session ends at once. What they did stays in the reports' log."""
    _with_operator(name, "removed", lambda desk: desk.remove(name))


def _with_operator(
    name: str, done: str, change: "Callable[[OperatorService], Awaitable[bool]]"
) -> None:
    async def go(kanal: "Kanal") -> None:
        await kanal.services.store.migrate()
        if not await change(kanal.services.operators):
            _stop(f"there is no operator {name!r}", 1)
        typer.echo(f"Operator {name} is {done}.")

    _with_kanal(go)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="the partner: a-z, 0-9, - and _")],
    scope: Annotated[
        list[str] | None, typer.Option(help="report, read, update; repeat for several")
    ] = None,
    channel: Annotated[str, typer.Option(help="the [channels.NAME] it opens")] = "rest",
    per_minute: Annotated[int, typer.Option(help="calls in any minute")] = 60,
    agency: Annotated[str, typer.Option(help="whose words its updates are")] = "",
) -> None:
    """Make a key for a partner.

    It is shown once, with the settings that let it in.
    """
    from pydantic import TypeAdapter, ValidationError

    from adapters.contract import PartnerKey, PartnerName

    made = f"kanal_{secrets.token_urlsafe(32)}"
    table: dict[str, Any] = {
        "key_sha256": hashlib.sha256(made.encode()).hexdigest(),
        "scopes": scope or ["report"],
        "per_minute": per_minute,
    } | ({"agency": agency} if agency else {})
    try:
        TypeAdapter(dict[PartnerName, PartnerKey]).validate_python({name: table})
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
        _stop("\n".join(faults), 2)
    typer.echo(f"{made}\n\nThis key is not shown again. Let it in with:\n")
    typer.echo(f"[channels.{channel}.keys.{name}]")
    for field, value in table.items():
        typer.echo(f"{field} = {json.dumps(value)}")


@audit.command("verify")
def audit_verify(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check the hash chain of every report."""

    async def go(kanal: "Kanal") -> None:
        checked, faults = await kanal.services.queries.audit()
        if as_json:
            typer.echo(json.dumps({"checked": checked, "faults": faults}))
        else:
            for fault in faults:
                typer.echo(fault)
            typer.echo(f"{checked} reports checked, {len(faults)} faults.")
        if faults:
            raise typer.Exit(1)

    _with_kanal(go)


def _clear_links(settings: "Settings") -> list[str]:
    said = {
        "database": settings.database.insecure,
        "broker": settings.broker.insecure,
        "media": settings.media.insecure,
    }
    told = "insecure = true: a link to another machine may be read on its way"
    return [f"note   [{name}] {told}" for name, insecure in said.items() if insecure]


def _moment(written: str) -> datetime | None:
    """Read a number of hours back, or an ISO time (of this machine when it names no zone)."""
    now = datetime.now(UTC)
    with contextlib.suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(written) if "-" in written else None
        moment = moment or now - timedelta(hours=float(written or 0))
        if moment.astimezone(UTC) <= now:
            return moment.astimezone(UTC) if written else None
    _stop(f"{written!r} is neither a number of hours nor an ISO time in the past", 2)
    return None


@app.command()
def trace(
    number: Annotated[str, typer.Argument(help="a tracking number")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per line")] = False,
) -> None:
    """Print one report's whole way with times: what came, what was done, what left, what waits."""
    from gateway.store.traces import TraceLine, Traces
    from normalizer.tracking import mentions

    numbers = list(mentions(number))
    if len(numbers) != 1:
        _stop(f"{number!r} is no tracking number: twelve digits, the last one checks the others", 2)
    found: list[TraceLine] = []

    async def go(kanal: "Kanal") -> None:
        found.extend(await Traces(kanal.services.store).of(numbers[0]))

    _with_kanal(go)
    for line in found:
        if as_json:
            typer.echo(json.dumps(asdict(line) | {"at": line.at.isoformat()}))
        else:
            when = line.at.isoformat(timespec="milliseconds")
            typer.echo(f"{when}  {line.where:<17} {line.what}")
    if not found:
        _stop("There is nothing of this number. Is [database] url the one it was filed in?", 1)


def _settings() -> "Settings":
    from config.settings import load
    from gateway.platform import logs

    logs.set_up("WARNING", "console")  # standard output is for what was asked
    settings: Settings = _or_stop(load)
    return settings


def _file() -> Path | None:
    chosen = Path(os.environ.get("KANAL_CONFIG", "kanal.toml"))
    return chosen if chosen.exists() else None


def _kanal() -> "Kanal":
    from gateway import checks
    from gateway.assembly import assemble
    from gateway.platform import logs
    from gateway.process import Kanal

    settings = _settings()
    logs.set_up(settings.log.level, settings.log.format)
    if faults := checks.faults(settings, _file()):
        _print_faults(faults)
        _stop("Nothing was started: mend the faults above (kanal check lists them again).", 1)
    kanal: Kanal = _or_stop(lambda: Kanal(assemble(settings, _file())))
    return kanal


def _with_kanal(go: Any) -> None:
    from gateway.platform import loop
    from gateway.store.engine import Unavailable

    async def whole() -> None:
        kanal = _kanal()
        try:
            await go(kanal)
        finally:
            await kanal.services.store.close()

    try:
        loop.run(whole())
    except Unavailable as error:
        _stop(f"The database does not answer ({error}). Is [database] url right?", 1)


def _serve(roles: Sequence[str]) -> None:
    from gateway.broker.base import BrokerError
    from gateway.platform import loop
    from gateway.store.engine import Unavailable

    try:
        loop.run(_until_told(roles))
    except Unavailable as error:
        _stop(f"The database does not answer ({error}). Is [database] url right?", 1)
    except BrokerError as error:
        _stop(f"The broker does not answer ({error}). Is [broker] url right?", 1)
    except OSError as error:
        _stop(f"A door cannot be opened: {error.strerror or error}", 1)


async def _until_told(roles: Sequence[str]) -> None:
    from gateway.store.engine import Unavailable

    kanal = _kanal()
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
            if "web" in roles and not await kanal.services.operators.has_operators():
                typer.echo("note   nobody may log in yet: kanal operator NAME")
        typer.echo(f"ready  {', '.join(roles)}; stop with Ctrl-C")
        sys.stdout.flush()
        await told.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await kanal.stop()


def _or_stop(make: Any) -> Any:
    from config.settings import SettingsError

    try:
        return make()
    except SettingsError as error:
        _print_faults(error.faults)
        _stop(f"{len(error.faults)} fault(s) in the configuration.", 1)


def _print_faults(faults: "Iterable[Fault]") -> None:
    for fault in faults:
        typer.echo(str(fault), err=True)


def _stop(why: str, code: int) -> None:
    typer.echo(why, err=True)
    raise typer.Exit(code)
