"""Typed settings: Kanal's defaults, then the deployment's TOML file, then ``KANAL_`` variables.

``load`` raises ``SettingsError``, which lists every fault at once, each with file and line.
"""

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from config import links
from config.environment import FILE, environment, variables_of
from config.toml import (
    Fault,
    Lines,
    SettingsError,
    line_in,
    line_of,
    lines_of,
    merge,
    read_toml,
)

DEFAULTS = Path(__file__).with_name("default.toml")
Days = Annotated[int, Field(ge=1, le=365)]
Contact = Annotated[str, Field(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+|tel:\+[0-9-]+)$")]
"""Where a weakness is told (RFC 9116)."""
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the settings; an unknown key in it is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """``[server]``: where the gateway is reached and where it keeps its files."""

    public_url: AnyHttpUrl
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    monitor_port: Annotated[int, Field(ge=0, le=65535)]
    """Health and metrics of a role that runs without the web; 0 for none."""
    data_dir: Path
    max_hook_bytes: Annotated[int, Field(ge=1024)]
    client_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")]
    """Header in which our own proxy puts the caller's address; "" for none."""
    max_connections: Annotated[int, Field(ge=1)]
    max_connections_per_peer: Annotated[int, Field(ge=1)]
    """Not counted where all connections are a proxy's: client_header set, or public_url https."""
    head_seconds: Seconds
    body_seconds: Seconds
    max_header_bytes: Annotated[int, Field(ge=1024, le=1_048_576)]
    max_headers: Annotated[int, Field(ge=10)]
    security_contact: tuple[Contact, ...]
    security_languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    security_days: Days


class DatabaseSettings(Section):
    """``[database]``."""

    url: Annotated[str, Field(pattern=r"^$|^(postgresql\+psycopg|sqlite\+aiosqlite)://")]
    pool_size: Annotated[int, Field(ge=1, le=100)]
    timeout: Seconds
    insecure: bool
    """Take a link to another machine that is not encrypted."""

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not self.insecure and not links.database_is_safe(self.url):
            raise ValueError(links.CLEAR.format("url", "sslmode=require (better: verify-full)"))
        return self


class BrokerSettings(Section):
    """``[broker]``."""

    url: Annotated[str, Field(pattern=r"^$|^amqps?://")]
    prefetch: Annotated[int, Field(ge=1, le=2000)]
    timeout: Seconds
    insecure: bool
    """Take a link to another machine that is not encrypted."""

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not self.insecure and not links.is_safe(self.url, "amqps"):
            raise ValueError(links.CLEAR.format("url", "amqps://"))
        return self


class WorkSettings(Section):
    """``[work]``: how queues are worked on and when a message is given up."""

    batch: Annotated[int, Field(ge=1, le=1000)]
    concurrency: Annotated[int, Field(ge=1, le=256)]
    retry_after: tuple[Seconds, ...]
    lease: Seconds


class ReconcileSettings(Section):
    """``[reconcile]``: catching up with what providers hold and no webhook brought."""

    every_minutes: Annotated[float, Field(ge=0, le=1440)]
    """0 for never."""
    overlap_minutes: Annotated[float, Field(ge=0, le=10_080)]


class MailServerSettings(Section):
    """``[mail_server]``: the SMTP and LMTP servers."""

    enabled: bool
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    hostname: str
    channel: str
    lmtp_socket: str
    tls_certificate: str
    tls_key: str
    require_tls: bool
    max_bytes: Annotated[int, Field(ge=1024)]
    max_connections: Annotated[int, Field(ge=1)]
    max_connections_per_peer: Annotated[int, Field(ge=1)]
    parse_seconds: Seconds

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key are set together or not at all")
        return self


class OverloadSettings(Section):
    """``[overload]``: when the doors ask to come again, before all are slow or a disk is full."""

    wait_seconds: Seconds
    """What a message may wait to become durable, at the pace of the moment."""
    body_bytes: Annotated[int, Field(ge=1_048_576)]
    spool_bytes: Annotated[int, Field(ge=1_048_576)]
    free_bytes: Annotated[int, Field(ge=0)]


class QuarantineSettings(Section):
    """``[quarantine]``: how much of what strangers and machines send is kept, and how long."""

    max_bytes: Annotated[int, Field(ge=1_048_576)]
    max_rows: Annotated[int, Field(ge=100)]
    channel_share: Annotated[float, Field(gt=0, le=1)]
    keep_days: Days


class MediaSettings(Section):
    """``[media]``: the files that come with reports."""

    url: Annotated[str, Field(pattern=r"^$|^file:///.|^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|$)")]
    """Where they are kept: "" is ``files`` in the data folder."""
    endpoint: Annotated[str, Field(pattern=r"^$|^https?://[^/]")]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    access_key: str
    secret: SecretStr
    max_bytes: Annotated[int, Field(ge=1024, le=100 * 2**20)]
    max_files: Annotated[int, Field(ge=0, le=1000)]
    timeout: Annotated[Seconds, Field(le=20)]
    clean_seconds: Annotated[Seconds, Field(le=20)]
    keep_original: bool
    gps_from_photos: bool
    insecure: bool
    """Take a link to a store on another machine that is not encrypted."""

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not self.insecure and not links.is_safe(self.endpoint, "https"):
            raise ValueError(links.CLEAR.format("endpoint", "https://"))
        return self

    @model_validator(mode="after")
    def _bucket_with_key(self) -> Self:
        bucket = self.url.startswith("s3://")
        if bucket and not (self.access_key and self.secret.get_secret_value()):
            raise ValueError("a bucket needs access_key and secret")
        if self.endpoint and not bucket:
            raise ValueError("endpoint is set, and url names no bucket (s3://bucket/prefix)")
        return self


class SealSettings(Section):
    """``[seal]``: the keys that seal who wrote."""

    keys: tuple[SecretStr, ...]


class RoutingSettings(Section):
    """``[routing]``."""

    cost_of_wrong: Annotated[float, Field(ge=1, le=1000)]
    """What a wrong assignment costs, counted in decisions of an operator."""
    models: str
    """Folder of the trained models; "" is ``models`` in the data folder."""
    reports: tuple[str, ...]
    """The kinds of message that are reports, by their names in the rows a model learned from."""
    waiting_days: Days
    ownership_days: Annotated[int, Field(ge=0, le=3_650)]
    """Days without a word of its reporter after which a report is no longer its phone number's."""


class Resolution(Section):
    """``[deadlines] resolution``: working days by kind of report."""

    complaint: Days
    supervised_complaint: Days
    aspiration: Days
    information_request: Days


class DeadlineSettings(Section):
    """``[deadlines]``: working days."""

    forward: Days
    first_response: Days
    close: Days
    resolution: Resolution
    holidays: tuple[date, ...]
    working_days: tuple[date, ...]


class DeliverySettings(BaseModel):
    """``[delivery]``, and ``[delivery.AGENCY]`` as written; the methods there check the blocks."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]]

    fetch_within_hours: Annotated[float, Field(ge=1, le=8_760)]
    """After so long without an agency's fetching it a report comes to a coordinator."""

    @property
    def agencies(self) -> dict[str, dict[str, Any]]:
        """The blocks of agencies."""
        return self.__pydantic_extra__


class AnswerSettings(Section):
    """``[answers]``: the automatic answers one person gets on one channel (receipts, help)."""

    receipts_per_10_minutes: Annotated[int, Field(ge=1, le=1000)]
    receipts_per_day: Annotated[int, Field(ge=1, le=10_000)]
    same_text_times: Annotated[int, Field(ge=2, le=100)]
    """The same text of theirs, or of ours, so many times running ends the answers."""


class PostSettings(Section):
    """``[[alerts.duty]]``: a post of the duty roster; posts are told in the order they stand in."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """What it is called in logs and on the console: a post, never a person."""
    channel: Annotated[str, Field(min_length=1)]
    """A ``[channels.NAME]`` that sends, or ``webhook``."""
    to: Annotated[str, Field(min_length=1, max_length=320, repr=False)]
    """A telephone number, a chat's id, or an https URL."""
    secret: SecretStr | None = None
    """Of a webhook: ``whsec_...``."""
    kinds: tuple[str, ...] = ()
    """Kinds of ``emergency.toml`` it is told of; () is all."""
    regions: tuple[str, ...] = ()
    """Codes of the regions it is told of; () is all."""
    language: Literal["id", "en"] = "id"


class AlertSettings(Section):
    """``[alerts]``: who is told when somebody reports danger to life, and how often."""

    duty: tuple[PostSettings, ...]
    acknowledge_within_seconds: Annotated[float, Field(ge=30, le=3600)]
    """After so long without a word the next post is told."""
    repeat: Annotated[int, Field(ge=1, le=20)]
    """How often the whole roster is gone through."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [post.name for post in self.duty]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"duty: two posts are called {min(twice)!r}; give each its own name")
        return self


class PrivacySettings(Section):
    """``[privacy]``: what the privacy notice says of the deployment."""

    controller: Annotated[str, Field(max_length=120)]
    """Who runs it and answers for the data."""
    contact: Annotated[str, Field(max_length=120)]
    """Where people write about their data: a mailbox, a number, or an address."""


class OidcSettings(Section):
    """``[console.oidc]``: people may log in by a provider of OpenID Connect."""

    issuer: str
    """"" is none."""
    client_id: str
    client_secret: SecretStr
    name_claim: Annotated[str, Field(min_length=1)]
    """What the provider says that is proposed as the name of a new account."""
    label: str
    """What the provider is called on the page."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not links.is_safe(self.issuer, "https"):
            raise ValueError("issuer: the log-in provider is asked by https only")
        if self.issuer and not (self.client_id and self.label):
            raise ValueError("issuer is set: client_id and label are needed too")
        return self


class ConsoleSettings(Section):
    """``[console]``."""

    session_hours: Annotated[int, Field(ge=1, le=720)]
    """A session lasts so long at most."""
    idle_minutes: Annotated[int, Field(ge=5, le=1440)]
    """It ends after so long without a page or an act."""
    totp: Literal["optional", "required"]
    """Whether administrators, and people who may open identities, must have two-step codes."""
    oidc: OidcSettings
    breached_passwords: str
    """A file of stolen passwords, as sorted SHA-1; "" is none."""


class LogSettings(Section):
    """``[log]``."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    format: Literal["console", "json"]


class AgencySettings(Section):
    """``[agencies]``."""

    overrides: str


class Settings(Section):
    """All that a deployment may set."""

    server: ServerSettings
    database: DatabaseSettings
    broker: BrokerSettings
    work: WorkSettings
    reconcile: ReconcileSettings
    mail_server: MailServerSettings
    overload: OverloadSettings
    quarantine: QuarantineSettings
    media: MediaSettings
    seal: SealSettings
    routing: RoutingSettings
    deadlines: DeadlineSettings
    delivery: DeliverySettings
    answers: AnswerSettings
    alerts: AlertSettings
    privacy: PrivacySettings
    console: ConsoleSettings
    log: LogSettings
    agencies: AgencySettings
    channels: dict[str, dict[str, Any]] = {}
    """The blocks as written; each is checked by the channel its ``type`` names."""

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL, with the embedded default filled in."""
        path = self.server.data_dir / "kanal.sqlite3"
        return self.database.url or f"sqlite+aiosqlite:///{path}"


@dataclass(frozen=True)
class _Layer:
    """One source of settings; a later one wins. ``path`` is set for a file."""

    name: str
    values: Mapping[str, Any]
    path: Path | None = None

    @cached_property
    def lines(self) -> Lines:
        """The lines of a file, looked for when the first fault is."""
        return lines_of(self.path) if self.path else {}


def load(file: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings. ``file`` stands in for ``KANAL_CONFIG``; ``overrides`` win over files.

    ``KANAL_SECTION__KEY`` wins over all; lists and tables in it are JSON. Raises
    ``SettingsError`` with every fault found.
    """
    layers = _layers(file, overrides)
    values: dict[str, Any] = {}
    for layer in layers:
        merge(values, layer.values)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError([_fault(layers, e) for e in error.errors()]) from None


class Places:
    """Where ``load(file)`` found each setting; it reads once, however many faults there are."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    @cached_property
    def _read(self) -> list[_Layer]:
        return _layers(self._file, {})

    def fault(self, keys: tuple[str, ...], message: str) -> Fault:
        """Return a fault of the setting ``keys``, with its place."""
        return _placed(self._read, keys, message)


def _layers(file: Path | None, overrides: Mapping[str, Any]) -> list[_Layer]:
    return [
        *(_Layer(str(path), read_toml(path), path) for path in _files(file)),
        _Layer("given at the start", copy.deepcopy(overrides)),
        _Layer("environment", environment()),
    ]


def _files(file: Path | None) -> Iterator[Path]:
    yield DEFAULTS
    chosen = file or Path(os.environ.get(FILE, "kanal.toml"))
    if file or FILE in os.environ or chosen.exists():
        yield chosen


_MESSAGES = {"extra_forbidden": "there is no such setting", "missing": "must be set"}


def _fault(layers: list[_Layer], error: Any) -> Fault:
    keys = tuple(str(key) for key in error["loc"])
    return _placed(layers, keys, _MESSAGES.get(error["type"], error["msg"]))


def _placed(layers: list[_Layer], keys: tuple[str, ...], message: str) -> Fault:
    layer = _source(layers, keys)
    if layer.path:
        return Fault(layer.name, line_in(layer.lines, keys), f"{'.'.join(keys)}: {message}")
    if layer.name == "environment":
        return Fault(f"environment variable {variables_of(keys)}", 0, message)
    return Fault(layer.name, 0, f"{'.'.join(keys)}: {message}")


def _source(layers: list[_Layer], keys: tuple[str, ...]) -> _Layer:
    """Return the last layer that sets ``keys``, or else a file with the nearest table around."""
    deepest = max(_depth(layer.values, keys) for layer in layers)
    near = [layer for layer in layers if _depth(layer.values, keys) == deepest]
    files = [layer for layer in near if layer.path]
    return near[-1] if deepest == len(keys) or not files else files[-1]


def _depth(values: Any, keys: tuple[str, ...]) -> int:
    """Count how many of ``keys`` are set; all of them where a value is no table."""
    for depth, key in enumerate(keys):
        if not isinstance(values, Mapping):
            break
        if key not in values:
            return depth
        values = values[key]
    return len(keys)


__all__ = [
    "DEFAULTS",
    "Fault",
    "Places",
    "PostSettings",
    "Settings",
    "SettingsError",
    "line_in",
    "line_of",
    "lines_of",
    "load",
    "merge",
    "read_toml",
]
