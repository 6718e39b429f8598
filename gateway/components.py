"""What settings and data files alone give: no connection is opened here.

Every builder raises ``SettingsError`` with all the faults it finds, each with its file and line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from yarl import URL

from adapters.contract import Channel, FormReceiver, Sender, SystemSender
from adapters.load import BadBlock, UnknownChannel, channel_class, kinds
from adapters.load import load as load_channel
from config import files, links, words
from config.settings import (
    DEFAULTS,
    Fault,
    Places,
    PostSettings,
    Settings,
    SettingsError,
    line_in,
    lines_of,
    read_toml,
)
from gateway.access.breaches import BreachList
from gateway.media.objects import AttachmentStore, Bucket, Folder, ObjectStore
from gateway.models.active import ActiveModels
from gateway.outbound.methods import load as load_method
from gateway.outbound.methods.base import Method
from gateway.outbound.notice import PAGE, Notice
from gateway.outbound.roster import DutyPost, Roster
from gateway.outbound.texts import Texts
from gateway.outbound.texts import faults as text_faults
from gateway.platform.seal import Seal, keys_from
from gateway.store.quarantine import QuarantineLimits as RoomLimits
from gateway.store.reactions import AnswerLimits as AnswerLimits
from normalizer.gazetteer import Gazetteer, GazetteerError
from normalizer.message import Kind
from normalizer.normalize import Normalizer
from router import assign
from router.data import DataError
from router.deadlines import Calendar, DeadlineLimits

T = TypeVar("T")
ALIKE = {"url": "to"}
"""What the settings of a ``SystemSender`` are called in the roster."""
REPLIES = DEFAULTS.with_name("replies")


@dataclass(frozen=True, slots=True)
class Components:
    """What can be built from files alone."""

    gazetteer: Gazetteer
    normalizer: Normalizer
    routing: assign.Router
    texts: Texts
    trained: ActiveModels


def load(settings: Settings) -> Components:
    """Build the components. Raises ``SettingsError`` with every fault of every file."""
    wrong: list[Fault] = []
    gazetteer = attempt(wrong, lambda: _gazetteer(files.REGIONS))
    texts = attempt(wrong, _texts)
    attempt(wrong, words.read_all)
    overrides = Path(settings.agencies.overrides) if settings.agencies.overrides else None
    data = attempt(wrong, lambda: files.read(overrides))
    if gazetteer is None or data is None:
        raise SettingsError(wrong)
    routing = attempt(wrong, lambda: _routing(settings, data, gazetteer))
    if routing is None or texts is None or wrong:
        raise SettingsError(wrong)
    trained = ActiveModels(settings, routing)
    trained.refresh()
    return Components(gazetteer, Normalizer(gazetteer), routing, texts, trained)


def breach_list(settings: Settings) -> BreachList:
    """Return the stolen passwords that no account may have."""
    named = settings.console.breached_passwords
    return BreachList(Path(named) if named else None)


def channels(settings: Settings, file: Path | None) -> dict[str, Channel]:
    """Build the channels. Raises ``SettingsError`` with the faults of every block."""
    wrong: list[Fault] = []
    built: dict[str, Channel] = {}
    places = Places(file)
    for name, block in settings.channels.items():
        if made := attempt(wrong, lambda n=name, b=block: channel(settings, n, b, places)):  # type: ignore[misc]
            built[name] = made
    if wrong:
        raise SettingsError(wrong)
    return built


def methods(settings: Settings, file: Path | None) -> dict[str, Method]:
    """Build how agencies with settings get their reports. Raises ``SettingsError``."""
    wrong: list[Fault] = []
    built: dict[str, Method] = {}
    places = Places(file)
    for agency, block in settings.delivery.agencies.items():
        try:
            built[agency] = load_method(agency, block, public_url=str(settings.server.public_url))
        except BadBlock as error:
            wrong += [
                places.fault(("delivery", agency, *keys), said) for keys, said in error.faults
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
    places = Places(file)
    for duty in settings.alerts.duty:
        if sender := attempt(wrong, lambda d=duty: _sender(settings, places, built, d)):  # type: ignore[misc]
            told = frozenset(duty.kinds), duty.regions, duty.language
            posts.append(DutyPost(duty.name, duty.channel, duty.to, sender, *told))
    if wrong:
        raise SettingsError(wrong)
    return Roster(posts, sealed)


def _sender(
    settings: Settings, places: Places, built: Mapping[str, Channel], duty: PostSettings
) -> Sender:
    """Return what carries alerts to a post. Raises ``SettingsError``."""
    if is_system(duty.channel):
        secret = duty.secret.get_secret_value() if duty.secret else ""
        values = {"type": duty.channel, "url": duty.to, "secret": secret, "timeout": 8.0}
        try:
            sender = load_channel(duty.name, values, public_url=str(settings.server.public_url))
        except BadBlock as error:
            said = "; ".join(f"{ALIKE.get(keys[0], keys[0])}: {why}" for keys, why in error.faults)
            raise _at_duty(places, duty, said) from None
    else:
        found = built.get(duty.channel)
        if found is None:
            senders = sorted(name for name, c in built.items() if isinstance(c, Sender))
            known = ", ".join((*filter(is_system, kinds()), *senders))
            said = f"there is no [channels.{duty.channel}]; there are: {known}"
            raise _at_duty(places, duty, said)
        sender = found
    if not isinstance(sender, Sender) or not sender.block.enabled:
        raise SettingsError(
            [duty_fault(places, duty, f"the channel {duty.channel} is off, or does not send")]
        )
    if sender.fetched or sender.overhears:
        raise SettingsError(
            [
                duty_fault(
                    places, duty, f"the channel {duty.channel} wakes nobody: SMS, Telegram, mail"
                )
            ]
        )
    if said := sender.alert_fault(duty.to):
        raise _at_duty(places, duty, said)
    return sender


def is_system(kind: str) -> bool:
    """Tell whether this is a type of channel that speaks to a program at a URL."""
    return kind in kinds() and issubclass(channel_class(kind), SystemSender)


def _at_duty(places: Places, duty: PostSettings, text: str) -> SettingsError:
    return SettingsError([duty_fault(places, duty, text)])


def duty_fault(places: Places, duty: PostSettings, text: str) -> Fault:
    """Return a fault of one post of the duty roster."""
    return places.fault(("alerts", "duty"), f"{duty.name}: {text}")


def seal(settings: Settings) -> Seal:
    """Build the seal; makes a key file on first use. Raises ``SettingsError``."""
    try:
        written = [key.get_secret_value() for key in settings.seal.keys]
        return Seal(keys_from(written, settings.server.data_dir))
    except (ValueError, OSError) as error:
        raise SettingsError([Fault("[seal] keys", 0, str(error))]) from None


def limits(settings: Settings) -> AnswerLimits:
    """Return how many automatic answers one reader gets."""
    chosen = settings.answers
    return AnswerLimits(
        chosen.receipts_per_10_minutes, chosen.receipts_per_day, chosen.same_text_times
    )


def notice(settings: Settings, built: Mapping[str, Channel]) -> Notice:
    """Return the privacy notice; it has a page where citizens reach a form."""
    server = settings.server.public_url
    open_ = any(isinstance(each, FormReceiver) and each.block.enabled for each in built.values())
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


def unfinished_restore(settings: Settings) -> Path:
    """Return the file that is there from the beginning of a restore until its end."""
    return settings.server.data_dir / "restore.unfinished"


def attachments(settings: Settings, sealed: Seal) -> AttachmentStore:
    """Build what keeps the files of reports."""
    return AttachmentStore(objects(settings), sealed)


def objects(settings: Settings) -> ObjectStore:
    """Return where the sealed bytes of files are kept."""
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


def channel(settings: Settings, name: str, block: Mapping[str, object], places: Places) -> Channel:
    """Build the channel of one block. Raises ``SettingsError``."""
    try:
        return load_channel(name, block, public_url=str(settings.server.public_url))
    except BadBlock as error:
        raise SettingsError(
            [places.fault(("channels", name, *keys), said) for keys, said in error.faults]
        ) from None
    except UnknownChannel as error:
        raise SettingsError([places.fault(("channels", name, "type"), str(error))]) from None


def _gazetteer(folder: Path) -> Gazetteer:
    try:
        return Gazetteer.load(folder)
    except GazetteerError as error:
        raise SettingsError([Fault(str(f), line, m) for f, line, m in error.faults]) from None


def _texts() -> Texts:
    wrong: list[Fault] = []
    languages: dict[str, dict[str, str]] = {}
    for path in sorted(REPLIES.glob("*.toml")):
        values, lines = read_toml(path), lines_of(path)
        wrong += [
            Fault(str(path), line_in(lines, (key,)), f"{key}: {said}")
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
        lines = {file: lines_of(file) for file in {each.file for each in error.faults}}
        raise SettingsError(
            [Fault(str(f.file), line_in(lines[f.file], f.keys), f.message) for f in error.faults]
        ) from None


def attempt(wrong: list[Fault], make: Callable[[], T]) -> T | None:
    """Make something; None when it cannot be, and then its faults are added to ``wrong``."""
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
