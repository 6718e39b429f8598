"""``operator`` and ``key``: who may use the console, and which programs may call."""

import getpass
import hashlib
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gateway.commands.running import stop, with_store

if TYPE_CHECKING:
    from config.settings import Settings
    from gateway.store.accounts import AccountRepository
    from gateway.store.store import Store

OPERATOR_COMMANDS = ("password", "list", "disable", "enable", "remove")
OperatorName = Annotated[str, typer.Argument(help="the name they log in with")]


class Operators(TyperGroup):
    """``kanal operator NAME`` is short for ``kanal operator password NAME``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = (*OPERATOR_COMMANDS, "--help")
        return super().parse_args(
            ctx, ["password", *args] if args and args[0] not in known else args
        )


def operator(
    name: Annotated[str, typer.Argument(help="the name to log in with")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin")] = False,
) -> None:
    """Create an operator, or give one a new password: ``kanal operator NAME``.

    Every session of theirs ends.
    """
    from gateway import components
    from gateway.access.accounts import set_password
    from gateway.access.passwords import HASHER, WeakPassword, check_password

    given = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    password = given or secrets.token_urlsafe(12)
    if name in OPERATOR_COMMANDS or not 0 < len(name) <= 64:
        stop(f"{name!r} cannot be a name", 2)

    async def go(store: "Store", settings: "Settings") -> None:
        try:
            check_password(name, password, components.breach_list(settings))
        except WeakPassword as error:
            stop(str(error), 2)
        await store.migrate()
        await set_password(store, name, HASHER.hash(password))
        await _note(store, "set_password", name)
        typer.echo(f"Operator {name} may log in at {settings.server.public_url}console")
        if not given:
            typer.echo(f"Password: {password}")

    with_store(go)


def operator_list(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the operators: since when, whether disabled, and how many sessions are open."""

    async def go(store: "Store", _: "Settings") -> None:
        await store.migrate()
        found = await store.accounts.all()
        if as_json:
            typer.echo(json.dumps([asdict(each) for each in found], default=str))
            return
        for each in found:
            off = f"disabled {each.disabled_at:%Y-%m-%d %H:%M}" if each.disabled_at else "active"
            typer.echo(f"{each.name:<20} {off:<26} {each.sessions} sessions")

    with_store(go)


def operator_disable(name: OperatorName) -> None:
    """Keep an operator out; every session of theirs ends at once."""
    _with_operator(name, "disable", "disabled", lambda accounts: accounts.enable(name, may=False))


def operator_enable(name: OperatorName) -> None:
    """Let a disabled operator in again, with the password they had."""
    _with_operator(name, "enable", "enabled", lambda accounts: accounts.enable(name, may=True))


def operator_remove(name: OperatorName) -> None:
    """Remove an operator; every session ends at once. What they did stays in the reports' log."""
    _with_operator(name, "remove", "removed", lambda accounts: accounts.remove(name))


def _with_operator(
    name: str, did: str, done: str, change: "Callable[[AccountRepository], Awaitable[bool]]"
) -> None:
    from gateway.store.accounts import LastAdministrator

    async def go(store: "Store", _: "Settings") -> None:
        await store.migrate()
        try:
            there = await change(store.accounts)
        except LastAdministrator:
            stop(f"{name!r} is the last administrator: make another one first", 1)
        if not there:
            stop(f"there is no operator {name!r}", 1)
        await _note(store, did, name)
        typer.echo(f"Operator {name} is {done}.")

    with_store(go)


def link_first() -> None:
    """Print a new one-time link for the first administrator; it ends the one before.

    It works while there is no administrator who may log in.
    """
    from gateway.access.people import first_link, link_address

    async def go(store: "Store", settings: "Settings") -> None:
        await store.migrate()
        token = await first_link(store)
        if token is None:
            stop("there is an administrator, who invites others: kanal link first is over", 1)
        await _note(store, "first_link", "")
        typer.echo(link_address(str(settings.server.public_url), token))

    with_store(go)


def link_password(
    name: OperatorName,
    codes_off: Annotated[
        bool, typer.Option("--codes-off", help="turn two-step codes off: the phone is lost")
    ] = False,
) -> None:
    """Print a one-time link (30 minutes) by which somebody chooses a new password."""
    from gateway.access.accounts import FROM_COMMAND_LINE
    from gateway.access.people import PASSWORD, link_address, make_link

    async def go(store: "Store", settings: "Settings") -> None:
        await store.migrate()
        if await store.accounts.password_of(name, active=True) is None:
            stop(f"there is no account {name!r} that may log in", 1)
        token = await make_link(store, PASSWORD, FROM_COMMAND_LINE, account=name)
        await _note(store, "reset_password", name)
        if codes_off:
            await store.accounts.set_totp(name, None, 0, "[]")
            await _note(store, "take_codes", name)
        typer.echo(link_address(str(settings.server.public_url), token))

    with_store(go)


async def _note(store: "Store", did: str, name: str) -> None:
    """Log who changed what about an account; the console logs acts under the same event."""
    import structlog

    from gateway.store.views import AccessEntry

    by = f"cli:{getpass.getuser()}"
    log = structlog.get_logger(__name__)
    log.info("operator", did=did, by=by, name=name)
    await store.access_log.add(AccessEntry(store.wall(), by[:64], did, 200, target=name))


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
        stop("\n".join(faults), 2)
    typer.echo(f"{made}\n\nThis key is not shown again. Let it in with:\n")
    typer.echo(f"[channels.{channel}.keys.{name}]")
    for field, value in table.items():
        typer.echo(f"{field} = {json.dumps(value)}")
