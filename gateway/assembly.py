"""Check the whole configuration and build the parts that need no connection from it.

``kanal check`` prints what ``faults`` finds; ``kanal up`` refuses to start while there is any.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from yarl import URL

from adapters.contract import Channel, Sender
from adapters.load import BadBlock, UnknownChannel
from adapters.load import load as load_channel
from adapters.web.channel import Web
from config import files, links
from config.emergency import emergency
from config.settings import (
    DEFAULTS,
    Fault,
    PostSettings,
    Settings,
    SettingsError,
    fault_at,
    line_of,
    merge,
    read_toml,
)
from gateway.media.blobs import Blobs, Bucket, Folder, Vault
from gateway.models import registry
from gateway.models.active import ActiveModels
from gateway.models.registry import ModelError
from gateway.outbound.notice import PAGE, Notice
from gateway.outbound.roster import MISSING, DutyPost, Roster
from gateway.outbound.texts import Texts
from gateway.outbound.texts import faults as text_faults
from gateway.platform.seal import Seal, keys_from
from gateway.store.quarantine import QuarantineLimits as RoomLimits
from gateway.store.reactions import AnswerLimits as AnswerLimits
from normalizer.gazetteer import Gazetteer, GazetteerError
from normalizer.normalize import Normalizer
from normalizer.report import Kind
from router import assign
from router.data import DataError
from router.deadlines import Calendar, DeadlineLimits

T = TypeVar("T")
WEBHOOK = "webhook"
ALIKE = {"url": "to"}
"""What a webhook's settings are called in the roster."""
REPLIES = DEFAULTS.with_name("replies")


@dataclass(frozen=True, slots=True)
class Components:
    """What can be built from files alone."""

    gazetteer: Gazetteer
    normalizer: Normalizer
    routing: assign.Router
    texts: Texts
    trained: ActiveModels


def parts(settings: Settings) -> Components:
    """Build the parts. Raises ``SettingsError`` with every fault of every file."""
    wrong: list[Fault] = []
    gazetteer = _try(wrong, lambda: _gazetteer(files.REGIONS))
    texts = _try(wrong, _texts)
    overrides = Path(settings.agencies.overrides) if settings.agencies.overrides else None
    data = _try(wrong, lambda: files.read(overrides))
    if gazetteer is None or data is None:
        raise SettingsError(wrong)
    routing = _try(wrong, lambda: _routing(settings, data, gazetteer))
    if routing is None or texts is None or wrong:
        raise SettingsError(wrong)
    trained = ActiveModels(settings, routing)
    trained.refresh()
    return Components(gazetteer, Normalizer(gazetteer), routing, texts, trained)


def channels(settings: Settings, file: Path | None) -> dict[str, Channel]:
    """Build the channels. Raises ``SettingsError`` with the faults of every block."""
    wrong: list[Fault] = []
    built: dict[str, Channel] = {}
    for name, block in settings.channels.items():
        if channel := _try(wrong, lambda n=name, b=block: _channel(settings, n, b, file)):  # type: ignore[misc]
            built[name] = channel
    wrong += _mail_faults(settings, built, file)
    if wrong:
        raise SettingsError(wrong)
    return built


def webhooks(settings: Settings, file: Path | None) -> dict[str, Sender]:
    """Build the senders of agencies that take reports by webhook. Raises ``SettingsError``."""
    wrong: list[Fault] = []
    built: dict[str, Sender] = {}
    for agency, block in settings.delivery.items():
        if block.method != "webhook":
            continue
        secret = block.secret.get_secret_value() if block.secret else ""
        values = {"type": "webhook", "url": str(block.url or ""), "secret": secret}
        try:
            sender = load_channel(agency, values, public_url=str(settings.server.public_url))
            assert isinstance(sender, Sender)
            built[agency] = sender
        except BadBlock as error:
            wrong += [
                fault_at(file, ("delivery", agency, *keys), said) for keys, said in error.faults
            ]
    if wrong:
        raise SettingsError(wrong)
    return built


def roster(
    settings: Settings, file: Path | None, built: Mapping[str, Channel], sealed: Seal
) -> Roster:
    """Build the duty roster. Raises ``SettingsError``."""
    wrong: list[Fault] = []
    posts: list[DutyPost] = []
    for duty in settings.alerts.duty:
        if sender := _try(wrong, lambda d=duty: _sender(settings, file, built, d)):  # type: ignore[misc]
            told = frozenset(duty.kinds), duty.regions, duty.language
            posts.append(DutyPost(duty.name, duty.channel, duty.to, sender, *told))
    if wrong:
        raise SettingsError(wrong)
    return Roster(posts, sealed)


def _sender(
    settings: Settings, file: Path | None, built: Mapping[str, Channel], duty: PostSettings
) -> Sender:
    """Return what carries alerts to a post. Raises ``SettingsError``."""
    if duty.channel == WEBHOOK:
        secret = duty.secret.get_secret_value() if duty.secret else ""
        values = {"type": "webhook", "url": duty.to, "secret": secret, "timeout": 8.0}
        try:
            sender = load_channel(duty.name, values, public_url=str(settings.server.public_url))
        except BadBlock as error:
            said = "; ".join(f"{ALIKE.get(keys[0], keys[0])}: {why}" for keys, why in error.faults)
            raise _at_duty(file, duty, said) from None
    else:
        channel = built.get(duty.channel)
        if channel is None:
            known = ", ".join(sorted(name for name, c in built.items() if isinstance(c, Sender)))
            said = f"there is no [channels.{duty.channel}]; there are: webhook, {known}"
            raise _at_duty(file, duty, said)
        sender = channel
    if not isinstance(sender, Sender) or not sender.block.enabled:
        raise _at_duty(file, duty, f"the channel {duty.channel} is off, or does not send")
    if sender.fetched or sender.overhears:
        raise _at_duty(file, duty, f"the channel {duty.channel} wakes nobody: SMS, Telegram, mail")
    if getattr(sender.block, "authserv_id", "") is None:
        said = "anybody can acknowledge by mail in its name: set authserv_id of the channel first"
        raise _at_duty(file, duty, said)
    if duty.channel != WEBHOOK and sender.block.type == "telegram" and duty.to.startswith("-"):
        said = "to: a group cannot acknowledge; name the chat of the post itself"
        raise _at_duty(file, duty, said)
    return sender


def _at_duty(file: Path | None, duty: PostSettings, said: str) -> SettingsError:
    return SettingsError([fault_at(file, ("alerts", "duty"), f"{duty.name}: {said}")])


def seal(settings: Settings) -> Seal:
    """Build the seal; makes a key file on first use. Raises ``SettingsError``."""
    try:
        written = [key.get_secret_value() for key in settings.seal.keys]
        return Seal(keys_from(written, settings.server.data_dir))
    except (ValueError, OSError) as error:
        raise SettingsError([Fault("[seal] keys", 0, str(error))]) from None


def limits(settings: Settings) -> AnswerLimits:
    """Return how many answers that nobody wrote one reader gets."""
    chosen = settings.answers
    return AnswerLimits(
        chosen.receipts_per_10_minutes, chosen.receipts_per_day, chosen.same_text_times
    )


def notice(settings: Settings, built: Mapping[str, Channel]) -> Notice:
    """Return the privacy notice; it has a page where citizens reach the one of type ``web``."""
    server = settings.server.public_url
    open_ = any(isinstance(each, Web) and each.block.enabled for each in built.values())
    reached = open_ and not links.is_own(server.host or "")
    return Notice(
        page=str(server).rstrip("/") + PAGE if reached else "",
        controller=settings.privacy.controller,
        contact=settings.privacy.contact,
    )


def room(settings: Settings) -> RoomLimits:
    """Return how much noise the quarantine keeps, and how long."""
    chosen = settings.quarantine
    return RoomLimits(chosen.max_bytes, chosen.max_rows, chosen.channel_share, chosen.keep_days)


def vault(settings: Settings, sealed: Seal) -> Vault:
    """Build what keeps the files of reports."""
    return Vault(_blobs(settings), sealed)


def _blobs(settings: Settings) -> Blobs:
    media, url = settings.media, URL(settings.media.url)
    if url.scheme != "s3":
        return Folder(Path(url.path) if media.url else settings.server.data_dir / "files")
    return Bucket(
        str(url.host),
        url.path.strip("/"),
        endpoint=media.endpoint,
        region=media.region,
        access_key=media.access_key,
        secret=media.secret.get_secret_value(),
        timeout=media.timeout,
    )


def faults(settings: Settings, file: Path | None) -> list[Fault]:
    """List everything that is wrong with the configuration beyond the settings' own types."""
    wrong: list[Fault] = []
    built = _try(wrong, lambda: parts(settings))
    doors = _try(wrong, lambda: channels(settings, file))
    _try(wrong, lambda: webhooks(settings, file))
    if doors is not None:
        _try(wrong, lambda: roster(settings, file, doors, Seal([bytes(32)])))
    if built:
        wrong += _delivery_faults(settings, built, file)
        wrong += _partner_faults(settings, built, file)
        wrong += _duty_faults(settings, built, file)
    return wrong


def duty_warnings(settings: Settings) -> list[str]:
    """Say so where nobody is told of danger to life."""
    return [] if settings.alerts.duty else [MISSING]


def warnings(built: Mapping[str, Channel]) -> list[str]:
    """List what works and is unsafe all the same, in words that say what to do."""
    return [
        f"channels.{name}: mail senders are UNPROVEN. Anybody can write in anybody's name; set "
        "authserv_id to the name your own mail server puts into Authentication-Results"
        for name, channel in built.items()
        if channel.block.enabled and getattr(channel.block, "authserv_id", "") is None
    ]


def unconfirmed(built: Mapping[str, Channel]) -> list[str]:
    """List emergency numbers that nobody confirmed in the regions of the channels, in one line."""
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


def link_warnings(settings: Settings, built: Mapping[str, Channel]) -> list[str]:
    """List the links that are set so that somebody on the way, or behind us, can deceive us."""
    said = [
        f'channels.{name}: smtp_tls = "if_offered" to {host} takes any certificate, or none: who '
        "is on the way can read the answers; set starttls or implicit"
        for name, channel in built.items()
        if channel.block.enabled and getattr(channel.block, "smtp_tls", "") == "if_offered"
        if not links.is_own(host := getattr(channel.block, "smtp_host", ""))
    ]
    server = settings.server
    if server.public_url.scheme == "https" and not server.client_header:
        said.append(
            "server.client_header is not set, and an https public_url means a proxy: nobody is "
            "counted by network address. Let the proxy put the caller's address into a header of "
            'its own and name it, for example client_header = "X-Real-IP" (docs/nginx.conf)'
        )
    return said


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


def _delivery_faults(settings: Settings, built: Components, file: Path | None) -> list[Fault]:
    return [
        fault_at(file, ("delivery", agency), f"there is no agency {agency!r} in the register")
        for agency in settings.delivery
        if built.routing.register.agency(agency) is None
    ]


def _duty_faults(settings: Settings, built: Components, file: Path | None) -> list[Fault]:
    """List kinds of danger and regions of the roster that there are not."""
    wrong: list[Fault] = []
    for duty in settings.alerts.duty:
        for kind in set(duty.kinds) - emergency().kinds.keys():
            known = ", ".join(emergency().kinds)
            wrong += _at_duty(file, duty, f"no kind of danger {kind!r}: {known}").faults
        for code in duty.regions:
            if built.gazetteer.region(code) is None:
                wrong += _at_duty(file, duty, f"there is no region {code!r}").faults
    return wrong


def _partner_faults(settings: Settings, built: Components, file: Path | None) -> list[Fault]:
    """List keys that speak for no agency there is, and second doors at one address."""
    wrong: list[Fault] = []
    doors: dict[str, str] = {}
    for name, block in settings.channels.items():
        kind = block.get("type")
        if kind not in ("open311", "rest") or block.get("enabled") is False:
            continue
        if (first := doors.setdefault(kind, name)) != name:
            said = f"{first} is such a door already, and there is one address for them"
            wrong.append(fault_at(file, ("channels", name, "type"), said))
        keys = block.get("keys")
        for partner, key in keys.items() if isinstance(keys, dict) else ():
            agency = key.get("agency") if isinstance(key, dict) else None
            if agency and built.routing.register.agency(str(agency)) is None:
                said = f"there is no agency {agency!r} in the register"
                wrong.append(fault_at(file, ("channels", name, "keys", partner, "agency"), said))
    return wrong


def _mail_faults(
    settings: Settings, built: Mapping[str, Channel], file: Path | None
) -> list[Fault]:
    mail, wrong = settings.mail_server, []
    if mail.require_tls and not (mail.tls_certificate and mail.tls_key):
        said = "require_tls needs tls_certificate and tls_key"
        wrong.append(fault_at(file, ("mail_server", "require_tls"), said))
    for key in ("tls_certificate", "tls_key"):
        path = getattr(mail, key)
        if path and not Path(path).is_file():
            wrong.append(fault_at(file, ("mail_server", key), f"there is no file {path}"))
    known = settings.channels.get(mail.channel, {}).get("type") == "mail"
    if mail.enabled and settings.channels and not known and _has_mail(settings):
        said = f"names no channel of type mail: {mail.channel!r}"
        wrong.append(fault_at(file, ("mail_server", "channel"), said))
    return wrong


def _has_mail(settings: Settings) -> bool:
    return any(block.get("type") == "mail" for block in settings.channels.values())


def _channel(
    settings: Settings, name: str, block: Mapping[str, object], file: Path | None
) -> Channel:
    try:
        return load_channel(name, block, public_url=str(settings.server.public_url))
    except BadBlock as error:
        raise SettingsError(
            [fault_at(file, ("channels", name, *keys), said) for keys, said in error.faults]
        ) from None
    except UnknownChannel as error:
        raise SettingsError([fault_at(file, ("channels", name, "type"), str(error))]) from None


def _gazetteer(folder: Path) -> Gazetteer:
    try:
        return Gazetteer.load(folder)
    except GazetteerError as error:
        raise SettingsError([Fault(str(f), line, m) for f, line, m in error.faults]) from None


def _texts() -> Texts:
    wrong: list[Fault] = []
    languages: dict[str, dict[str, str]] = {}
    for path in sorted(REPLIES.glob("*.toml")):
        values = read_toml(path)
        wrong += [
            Fault(str(path), line_of(path, (key,)), f"{key}: {said}")
            for key, said in text_faults(values)
        ]
        languages[path.stem] = values
    if wrong:
        raise SettingsError(wrong)
    return Texts(languages)


def _routing(settings: Settings, data: files.ConfigFiles, gazetteer: Gazetteer) -> assign.Router:
    limits = settings.deadlines
    rules = assign.RoutingRules(
        settings.routing.cost_of_wrong,
        DeadlineLimits(
            limits.forward,
            limits.first_response,
            {kind: getattr(limits.resolution, kind.value) for kind in Kind},
        ),
    )
    calendar = Calendar(limits.holidays, limits.working_days)
    try:
        return assign.build(data, gazetteer, rules, calendar)
    except DataError as error:
        raise SettingsError(
            [Fault(str(f.file), line_of(f.file, f.keys), f.message) for f in error.faults]
        ) from None


def _try(wrong: list[Fault], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except SettingsError as error:
        wrong += error.faults
        return None


def categories(built: Components) -> dict[str, str]:
    """Return the groups of topics that citizens choose from, id to name, by name."""
    topics = built.routing.topics
    used = {row.group for row in topics.rows.values()}
    named = [(group.name, id) for id, group in topics.groups.items() if id in used]
    return {id: name for name, id in sorted(named)}


def all_warnings(settings: Settings, built: Mapping[str, Channel]) -> list[str]:
    """List what works and should all the same be seen to, for every start and ``kanal check``."""
    return [
        *warnings(built),
        *link_warnings(settings, built),
        *unconfirmed(built),
        *duty_warnings(settings),
        *unsaid(settings),
    ]
