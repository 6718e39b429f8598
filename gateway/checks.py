"""Look for faults and risks in the whole configuration.

``kanal check`` prints what ``faults`` finds; ``kanal up`` refuses to start while there is any.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapters.contract import Channel, Mounts, SmtpReceiver
from adapters.load import channel_class, kinds
from config import links
from config.emergency import emergency
from config.environment import OFFSET_FILE
from config.settings import (
    DEFAULTS,
    Fault,
    Places,
    Settings,
    SettingsError,
    merge,
    read_toml,
)
from gateway import components
from gateway.components import Components, attempt, duty_fault
from gateway.models import registry
from gateway.models.registry import ModelError
from gateway.outbound.roster import MISSING
from gateway.platform.clock import CaseClock, OffsetError
from gateway.platform.seal import Seal


def faults(settings: Settings, file: Path | None) -> list[Fault]:
    """List everything that is wrong with the configuration beyond the settings' own types."""
    return examine(settings, file)[1]


def examine(settings: Settings, file: Path | None) -> tuple[Components | None, list[Fault]]:
    """Return what the files give, built, and everything that is wrong with the configuration."""
    wrong: list[Fault] = []
    places = Places(file)
    built = attempt(wrong, lambda: components.load(settings))
    loaded = attempt(wrong, lambda: components.channels(settings, file))
    attempt(wrong, lambda: components.methods(settings, file))
    wrong += _breach_faults(settings, places) + _oidc_faults(settings, places)
    wrong += _mail_faults(settings, places) + clock_faults() + _restore_faults(settings)
    if loaded is not None:
        attempt(wrong, lambda: components.roster(settings, file, loaded, Seal([bytes(32)])))
    if built:
        wrong += _delivery_faults(settings, built, places)
        wrong += _mount_faults(settings, built, places)
        wrong += _duty_faults(settings, built, places)
    return built, wrong


def _breach_faults(settings: Settings, places: Places) -> list[Fault]:
    """Say that the file of stolen passwords cannot be used."""
    try:
        components.breach_list(settings).check()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return [places.fault(("console", "breached_passwords"), f"the file cannot be used: {why}")]
    return []


def _oidc_faults(settings: Settings, places: Places) -> list[Fault]:
    """Say that the libraries of a log-in provider are missing."""
    missing = [name for name in ("authlib", "httpx2") if find_spec(name) is None]
    if settings.console.oidc.issuer and missing:
        why = f"{', '.join(missing)} is not installed: pip install 'kanal[oidc]'"
        return [places.fault(("console", "oidc", "issuer"), why)]
    return []


def _restore_faults(settings: Settings) -> list[Fault]:
    """Say that a restore was cut off: what is there now is not whole."""
    mark = components.unfinished_restore(settings)
    said = "a restore was begun and has not ended: run kanal restore with the same backup again"
    return [Fault(str(mark), 0, said)] if mark.exists() else []


def clock_faults() -> list[Fault]:
    """List what is wrong with the file that moves the clock of a test system."""
    try:
        CaseClock.from_environment().check()
    except OffsetError as error:
        return [Fault(f"environment variable {OFFSET_FILE}", 0, f"the file it names: {error}")]
    return []


def faults_beside(file: Path | None) -> list[Fault]:
    """List what else is wrong when settings are: each faulty one counts as if it was not set."""
    try:
        written = read_toml(file) if file else {}
    except SettingsError:
        written = {}
    return faults(_sound(written), file)


def _sound(written: dict[str, Any]) -> Settings:
    values = read_toml(DEFAULTS)
    merge(values, written)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            _drop(written, [str(key) for key in fault["loc"]])
        return _sound(written)


def _drop(table: dict[str, Any], keys: Sequence[str]) -> None:
    """Forget a setting; of a list or another value, the whole."""
    inner = table.get(keys[0])
    if len(keys) > 1 and isinstance(inner, dict):
        _drop(inner, keys[1:])
    else:
        table.pop(keys[0], None)


def _delivery_faults(settings: Settings, built: Components, places: Places) -> list[Fault]:
    return [
        places.fault(("delivery", agency), f"there is no agency {agency!r} in the register")
        for agency in settings.delivery.agencies
        if built.routing.register.agency(agency) is None
    ]


def _duty_faults(settings: Settings, built: Components, places: Places) -> list[Fault]:
    """List kinds of danger and regions of the roster that there are not."""
    wrong: list[Fault] = []
    for duty in settings.alerts.duty:
        for kind in set(duty.kinds) - emergency().kinds.keys():
            known = ", ".join(emergency().kinds)
            wrong.append(duty_fault(places, duty, f"no kind of danger {kind!r}: {known}"))
        for code in duty.regions:
            if built.gazetteer.region(code) is None:
                wrong.append(duty_fault(places, duty, f"there is no region {code!r}"))
    return wrong


def _mount_faults(settings: Settings, built: Components, places: Places) -> list[Fault]:
    """List agencies named by channels that there are not, and second channels at one address."""
    wrong: list[Fault] = []
    first: dict[str, str] = {}
    for name, channel in _sound_channels(settings, places).items():
        if isinstance(channel, Mounts) and first.setdefault(channel.base, name) != name:
            said = (
                f"{first[channel.base]} is such a door already, and there is one address for them"
            )
            wrong.append(places.fault(("channels", name, "type"), said))
        for path, agency in channel.agencies.items():
            if built.routing.register.agency(agency) is None:
                said = f"there is no agency {agency!r} in the register"
                wrong.append(places.fault(("channels", name, *path), said))
    return wrong


def _sound_channels(settings: Settings, places: Places) -> dict[str, Channel]:
    """Build the enabled channels that have no fault of their own."""
    made = {
        name: attempt([], partial(components.channel, settings, name, block, places))
        for name, block in settings.channels.items()
    }
    return {name: each for name, each in made.items() if each and each.block.enabled}


def _mail_faults(settings: Settings, places: Places) -> list[Fault]:
    mail, wrong = settings.mail_server, []
    if mail.require_tls and not (mail.tls_certificate and mail.tls_key):
        said = "require_tls needs tls_certificate and tls_key"
        wrong.append(places.fault(("mail_server", "require_tls"), said))
    for key in ("tls_certificate", "tls_key"):
        path = getattr(mail, key)
        if path and not Path(path).is_file():
            wrong.append(places.fault(("mail_server", key), f"there is no file {path}"))
    takers = {name for name, block in settings.channels.items() if _is_smtp(str(block.get("type")))}
    if mail.enabled and takers and mail.channel not in takers:
        said = f"names no channel that takes mail: {mail.channel!r}"
        wrong.append(places.fault(("mail_server", "channel"), said))
    return wrong


def _is_smtp(kind: str) -> bool:
    return kind in kinds() and issubclass(channel_class(kind), SmtpReceiver)


def model_faults(settings: Settings) -> list[Fault]:
    """List the trained models that cannot be used; Kanal starts without them."""
    wrong = []
    folder = registry.folder(settings)
    loads: dict[str, Callable[[], object]] = {
        "agency": lambda: registry.load(folder, "agency"),
        "kind": lambda: registry.kinds(folder, settings.routing.reports),
    }
    for purpose, load in loads.items():
        try:
            load()
        except ModelError as error:
            wrong.append(Fault(str(folder / purpose), 0, str(error)))
    return wrong


def all_warnings(settings: Settings, built: Mapping[str, Channel]) -> list[str]:
    """List what works and should all the same be seen to, for every start and ``kanal check``."""
    return [
        *warnings(built),
        *link_warnings(settings),
        *list_unconfirmed(built),
        *duty_warnings(settings),
        *queue_warnings(settings),
        *clock_warnings(),
        *unsaid(settings),
    ]


def warnings(built: Mapping[str, Channel]) -> list[str]:
    """List what works and is unsafe all the same, in words that say what to do."""
    return [
        f"channels.{name}: {said}"
        for name, channel in built.items()
        if channel.block.enabled
        for said in channel.warnings()
    ]


def list_unconfirmed(built: Mapping[str, Channel]) -> list[str]:
    """List emergency numbers that are not confirmed in the regions of the channels, in one line."""
    regions = [each.block.region for each in built.values() if each.block.enabled]
    everywhere = not all(regions)
    numbers = emergency().unverified([] if everywhere else filter(None, regions))
    if not (built and numbers):
        return []
    return [
        "config/emergency.toml: people in danger are told to call "
        f"{', '.join(numbers)}, which nobody has confirmed to answer in your region. Call them, "
        "then set verified = true and the date"
    ]


def unsaid(settings: Settings) -> list[str]:
    """List what the privacy notice lacks, where strangers can reach the deployment."""
    if links.is_own(settings.server.public_url.host or ""):
        return []
    said = "privacy.{}: the privacy notice must say {} (UU 27/2022 article 21); set it"
    wanted = {"controller": "who answers for the data", "contact": "where people ask about it"}
    return [
        said.format(key, what) for key, what in wanted.items() if not getattr(settings.privacy, key)
    ]


def link_warnings(settings: Settings) -> list[str]:
    """Say so where callers cannot be counted by network address."""
    server = settings.server
    if server.public_url.scheme != "https" or server.client_header:
        return []
    return [
        "server.client_header is not set, and an https public_url means a proxy: nobody is "
        "counted by network address. Let the proxy put the caller's address into a header of "
        'its own and name it, for example client_header = "X-Real-IP" (docs/nginx.conf)'
    ]


def duty_warnings(settings: Settings) -> list[str]:
    """Say so where no person is told of danger to life."""
    return [] if settings.alerts.duty else [MISSING]


def queue_warnings(settings: Settings) -> list[str]:
    """Say so where agencies are given queues that nothing could read."""
    if settings.broker.url:
        return []
    return [
        f'delivery.{agency}: method = "queue" needs RabbitMQ ([broker] url); without it '
        'nothing can read the queue, and the agency sees its reports by the API: set "inbox"'
        for agency, block in settings.delivery.agencies.items()
        if "queue" in (block.get("method"), *block.get("methods", ()))
    ]


def clock_warnings() -> list[str]:
    """Say so where the clock is moved."""
    clock = CaseClock.from_environment()
    if not clock.is_moved:
        return []
    return [
        f"{OFFSET_FILE} moves the clock by {clock.offset:+g} seconds now: this is a test system, "
        "and no time that a citizen or an agency is told is true"
    ]
