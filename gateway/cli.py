"""The command ``kanal``. What each command does is in ``gateway.commands``."""

import os
from typing import Annotated

import typer

from gateway.commands import access, backups, configuration, messages, routing, serving
from gateway.platform import collector

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
operators = typer.Typer(
    cls=access.Operators,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who may use the console.",
)
links = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="One-time links: for the first administrator, or a new password.",
)
COMMANDS = (
    serving.up,
    serving.run,
    serving.demo,
    routing.explain,
    configuration.check,
    routing.train,
    routing.evaluate,
    configuration.migrate,
    messages.replay,
    messages.reconcile,
    access.key,
    messages.trace,
    backups.backup,
    backups.restore,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(audit, name="audit")
audit.command("verify")(messages.audit_verify)
app.add_typer(operators, name="operator")
operators.command("password")(access.operator)
operators.command("list")(access.operator_list)
operators.command("disable")(access.operator_disable)
operators.command("enable")(access.operator_enable)
operators.command("remove")(access.operator_remove)
app.add_typer(links, name="link")
links.command("first")(access.link_first)
links.command("password")(access.link_password)


def main() -> None:
    """Run the command. What it writes is its own user's: texts of reports, keys, models."""
    os.umask(0o077)
    collector.ease()
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
